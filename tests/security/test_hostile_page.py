"""Pages of other sites and machines of the neighbourhood, against every route that there is.

The routes are read from the table, so that a new one is met by all of this before anybody thinks
of it.
"""

from __future__ import annotations

import json
import sqlite3

import pytest
import requests
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes import session
from apixo_wan_animate.nodes.routes import PREFIX
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.hosting.selfserved import ROUTE as PUBLISHED
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.rows import NewTask
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.settings import Secret
from apixo_wan_animate.utils.tasks.settle import CALLBACK_PATH
from pack_routes import every_route, outer_address, serving

SECRET = "marked-secret-key-0123456789"
BY_TOKEN = (CALLBACK_PATH, PUBLISHED)
"""Open to everybody on purpose: without the token in the path they answer 404."""

NEIGHBOURS = {
    ("GET", f"{PREFIX}/status"),
    ("GET", f"{PREFIX}/tasks"),
    ("GET", f"{PREFIX}/spending"),
    ("GET", f"{PREFIX}/tasks/thumbnail/{{row}}"),
    ("POST", f"{PREFIX}/tasks/collect"),
    ("POST", f"{PREFIX}/tasks/adopt"),
    ("POST", f"{PREFIX}/tasks/abandon"),
    ("POST", f"{PREFIX}/tasks/forget"),
}
"""What whoever may use this ComfyUI may do with its tasks; a decision, written in SECURITY.md."""

GATED = [(m, p) for m, p in every_route() if not p.startswith(BY_TOKEN)]
BODY = {"row": 1, "task_id": "x", "changes": {"practice": True}, "key": "sk-other-0123456789"}
FIELDS = {"collect": ["row"], "abandon": ["row"], "forget": ["row"], "adopt": ["row", "task_id"],
          "settings": ["changes"], "key": ["key"]}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A host with a key, a setting and a row of unknown fate, for all tests of this file."""
    patch = pytest.MonkeyPatch()
    for name in ("APIXO_API_KEY", "APIXO_WAN_PRACTICE", "APIXO_WAN_STORE", "RUNPOD_POD_ID"):
        patch.delenv(name, raising=False)
    patch.setenv("APIXO_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    tmp_path = tmp_path_factory.mktemp("host")
    host.reset(tmp_path)
    session.settings_store().save_key(Secret(SECRET))
    session.settings_store().save({"output": "mine"})
    ledger = Ledger(Database(tmp_path / "state" / LEDGER_FILE), SystemClock(), owner="test")
    row, _ = ledger.admit(NewTask("https://api.apixo.ai", False, fingerprint="f1"))
    ledger.sending(row.id, daily_limit_s=None)
    ledger.step(row.id, State.UNKNOWN)
    ledger.close()
    yield tmp_path
    patch.undo()


@pytest.fixture(autouse=True)
def same_host(place):
    host.reset(place)


@pytest.fixture(scope="module")
def server(place):
    with serving() as made:
        yield made


@pytest.fixture(scope="module")
def neighbour(place):
    """The same routes as a machine of the network meets them under `--listen`."""
    address = outer_address()
    if not address:
        pytest.skip("this machine has no address beside loopback")
    with serving(address) as made:
        yield made


def kept(place) -> tuple[object, ...]:
    """All that could have been changed: settings, key, and every row."""
    files = [
        (place / "state" / name).read_bytes() for name in ("settings.json", "credentials.json")
    ]
    with sqlite3.connect(place / "state" / LEDGER_FILE) as db:
        rows = db.execute("SELECT * FROM tasks").fetchall()
    db.close()
    return (*files, rows)


def body_of(path: str) -> dict[str, object]:
    return {name: BODY[name] for name in FIELDS.get(path.rsplit("/", 1)[-1], [])}


def call(server, method, path, **options) -> requests.Response:
    """Call a route as its own page would, but for the options."""
    if method == "POST" and not {"data", "json"} & set(options):
        options["json"] = body_of(path)
    url = server.origin + path.replace("{row}", "1")
    return server.http.request(method, url, timeout=30, allow_redirects=False, **options)


def test_there_are_routes_and_each_is_gated_or_asks_for_a_token():
    assert len(GATED) >= 15
    assert {m for m, _ in GATED} == {"GET", "POST"}
    assert set(GATED) > NEIGHBOURS


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "Cross-Site", "Origin": "http://127.0.0.1"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "null"},
    {"Origin": "file://"},
    {"Origin": "http://127.0.0.1:1"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_what_a_page_of_another_site_sends_is_refused_by_every_route(place, server, headers):
    before = kept(place)
    for method, path in GATED:
        reply = call(server, method, path, headers=headers)
        wanted = 404 if "thumbnail" in path else 403
        assert (method, path, reply.status_code) == (method, path, wanted)
        assert "Access-Control-Allow-Origin" not in reply.headers
    assert kept(place) == before


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
def test_a_form_that_needs_no_permission_to_be_sent_is_no_json(place, server, kind):
    before = kept(place)
    for method, path in GATED:
        if method == "POST":
            content = json.dumps(body_of(path)).encode()
            reply = call(server, method, path, data=content, headers={"Content-Type": kind})
            assert (path, reply.status_code) == (path, 415)
    assert kept(place) == before


def test_a_permission_that_a_browser_asks_for_is_never_given(server):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for _, path in every_route():
        reply = call(server, "OPTIONS", path, headers=asked)
        assert reply.status_code in {404, 405}
        assert not [name for name in reply.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    "name",
    ["rebound.example.com:8188", "rebound.example.com", "127.0.0.1.nip.example", "localhost.evil",
     "[::1].evil", "0.0.0.0", "10.0.0.1:8188", "", "a b", "127.0.0.1@evil.example",
     "evil.example@127.0.0.1", "127.0.0.1#.evil", "127.0.0.1/.evil", "127.0.0.1:80.evil"],
)  # fmt: skip
def test_a_name_that_was_made_to_lead_here_opens_no_owners_route(place, server, name):
    before = kept(place)
    for method, path in set(GATED) - NEIGHBOURS:
        reply = call(server, method, path, headers={"Host": name})
        assert (path, reply.status_code in {400, 403}) == (path, True)
        assert SECRET[-4:] not in reply.text
    assert kept(place) == before


def test_reading_changes_nothing(place, server):
    reads = [path for method, path in GATED if method == "GET"]
    server.get(f"{PREFIX}/tasks")  # the service starts with the first question, and looks around
    before = kept(place)
    for path in reads:
        for query in ("", "?since=0&newest=3", "?row=1&key=x&practice=1", "?since=-1"):
            call(server, "GET", path + query)
            server.http.head(server.origin + path.replace("{row}", "1") + query, timeout=30)
    assert kept(place) == before


CLAIMS = [
    {},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1;host=127.0.0.1"},
    {"Host": "127.0.0.1:8188"},
    {"Host": "localhost", "X-Forwarded-Host": "localhost", "X-Forwarded-For": "::1"},
    {"Host": "127.0.0.1", "Via": "1.1 localhost", "Origin": "http://127.0.0.1"},
]


@pytest.mark.parametrize("headers", CLAIMS, ids=str)
def test_a_neighbour_reads_and_writes_no_secret_and_no_setting(place, neighbour, headers):
    before = kept(place)[:2]
    answered = set()
    for method, path in GATED:
        reply = call(neighbour, method, path, headers=headers)
        assert SECRET not in reply.text
        assert SECRET[-4:] not in reply.text
        if reply.status_code != 403:
            answered.add((method, path))
    assert answered <= NEIGHBOURS
    assert kept(place)[:2] == before


def test_the_list_of_tasks_tells_a_neighbour_no_link_and_no_digest(place, neighbour):
    (row,) = call(neighbour, "GET", f"{PREFIX}/tasks").json()["rows"]
    assert not {"result_urls", "fingerprint", "token_digest", "character", "motion", "origin",
                "owner", "candidate"} & set(row)  # fmt: skip


# These change what is kept, so they are the last ones


def test_what_a_neighbour_may_do_is_this_and_nothing_else(neighbour):
    answered = {(m, p) for m, p in GATED if call(neighbour, m, p).status_code != 403}
    assert answered == NEIGHBOURS


@pytest.mark.parametrize(
    "value",
    [2**63, -(2**64), 10**4000, True, None, 1.5, "1", "\ud800", "a\0b", [], {}, "x" * 15_000,
     {"\ud800": "\0"}, {"output": "\ud800"}, {"store": "s3://a/\ud800"}, {"wait_minutes": 10**400},
     {"callback": "https://a/\x1b[31m"}, {"price_480p": "1e999999999"}],
    ids=lambda v: ascii(v)[:20],
)  # fmt: skip
def test_no_value_in_a_body_breaks_a_route(place, server, value):
    """Whatever it is, the answer is a sentence, never a fault of the server."""
    for method, path in GATED:
        for field in body_of(path) if method == "POST" else ():
            reply = call(server, method, path, json={**body_of(path), field: value})
            assert (path, reply.status_code < 500 or reply.status_code == 502) == (path, True)
            assert json.loads(reply.content) is not None
    assert SECRET in kept(place)[1].decode()
