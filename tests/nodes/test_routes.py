"""The pack's routes, met over real loopback HTTP with the server that ComfyUI uses."""

from __future__ import annotations

import json
import stat
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from aiohttp import web
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes import gates, session
from apixo_wan_animate.nodes.routes import PREFIX, register
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.hosting.selfserved import ROUTE as PUBLISHED
from apixo_wan_animate.utils.hosting.shelf import Shelf
from apixo_wan_animate.utils.practice.service import PracticeService
from apixo_wan_animate.utils.tasks.database import Database
from apixo_wan_animate.utils.tasks.fingerprint import token_digest
from apixo_wan_animate.utils.tasks.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.tasks.owners import Ownership
from apixo_wan_animate.utils.tasks.rows import NewTask
from apixo_wan_animate.utils.tasks.states import State
from pack_routes import outer_address, serving

SECRET = "marked-secret-key-0123456789"


@pytest.fixture
def server(tmp_path, monkeypatch):
    for name in ("APIXO_API_KEY", "APIXO_WAN_PRACTICE", "APIXO_WAN_STORE", "RUNPOD_POD_ID"):
        monkeypatch.delenv(name, raising=False)
    host.reset(tmp_path)
    with serving() as made:
        yield made


@pytest.fixture
def account(tmp_path, monkeypatch):
    """A service that answers the balance call for one key, in the place of APIXO."""
    service = PracticeService(SystemClock(), folder=tmp_path / "apixo")
    monkeypatch.setenv("APIXO_BASE_URL", service.start())
    yield service
    service.stop()


_opened: list[tuple[Ledger, Ownership]] = []


@pytest.fixture(autouse=True)
def _ledgers_are_closed():
    """Python 3.13 warns of a connection that nobody closes."""
    yield
    while _opened:
        ledger, ownership = _opened.pop()
        ledger.close()
        ownership.release()


def ledger_of(tmp_path) -> Ledger:
    """A ledger of another living ComfyUI: the rows of a dead one would be settled at any moment."""
    (tmp_path / "state").mkdir(exist_ok=True)
    ownership = Ownership(tmp_path / "state" / "owners")
    ownership.claim()
    database = Database(tmp_path / "state" / LEDGER_FILE)
    _opened.append((Ledger(database, SystemClock(), owner=ownership.name), ownership))
    return _opened[-1][0]


def add_row(ledger: Ledger, number: int, *, state: State = State.FAILED, **changes):
    new = replace(
        NewTask(origin="https://api.apixo.ai", practice=False, fingerprint=f"f{number}",
                kind="replace", resolution="480p", prompt="p" * 300, billable_s=7),
        **changes,
    )  # fmt: skip
    row, _ = ledger.admit(new)
    if state is State.PREPARING:
        return row
    row = ledger.sending(row.id, daily_limit_s=None)
    if state is State.UNKNOWN:
        return ledger.step(row.id, State.UNKNOWN)
    row = ledger.submitted(row.id, f"task-{number}")
    return ledger.step(row.id, State.FAILED, fail_code="NSFW", fail_message="No. Change it.")


def until(true, *, limit_s=10.0):
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Who may call

OWNER_ONLY = [
    ("GET", "/settings", None),
    ("POST", "/settings", {"changes": {"practice": True}}),
    ("POST", "/key", {"key": SECRET}),
    ("POST", "/key/forget", {}),
    ("POST", "/key/test", {}),
    ("POST", "/host/test", {}),
    ("POST", "/public_address/test", {}),
    ("POST", "/public_address/confirm", {"confirmed": True}),
]
EVERYBODY = [
    ("GET", "/status", None),
    ("GET", "/tasks", None),
    ("GET", "/spending", None),
    ("POST", "/tasks/collect", {"row": 1}),
    ("POST", "/tasks/adopt", {"row": 1, "task_id": "x"}),
    ("POST", "/tasks/abandon", {"row": 1}),
    ("POST", "/tasks/forget", {"row": 1}),
]


def call(server, method, path, body, **options):
    return server.http.request(
        method, server.origin + PREFIX + path, json=body, timeout=30, **options
    )


@pytest.mark.parametrize(("method", "path", "body"), OWNER_ONLY)
@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_secrets_and_settings_are_not_given_through_a_proxy(server, method, path, body, header):
    reply = call(server, method, path, body, headers={header: "127.0.0.1"})
    assert reply.status_code == 403
    assert "APIXO_API_KEY" in reply.json()["error"]
    assert not (host.state.folder / "state").exists()


@pytest.mark.parametrize(("method", "path", "body"), OWNER_ONLY)
def test_a_foreign_name_that_leads_here_gets_no_settings(server, method, path, body):
    reply = call(server, method, path, body, headers={"Host": "rebound.example.com:8188"})
    assert reply.status_code == 403


@pytest.mark.parametrize(("method", "path", "body"), OWNER_ONLY + EVERYBODY)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
    ids=str,
)
def test_a_page_of_another_site_is_refused_everywhere(server, method, path, body, headers):
    reply = call(server, method, path, body, headers=headers)
    assert reply.status_code == 403
    assert "another web site" in reply.json()["error"]


def test_the_page_itself_is_served(server):
    for headers in (
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": server.origin},
        {"Sec-Fetch-Site": "none"},
    ):
        assert server.get(f"{PREFIX}/settings", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
        ("LOCALHOST.", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False), ("", False),
        ("::ffff:10.0.0.1", False), ("localhost.example.com", False), ("0.0.0.0", False),
        ("127.0.0.1.example.com", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_near(name, near):
    assert gates.is_loopback(name) is near


def test_a_peer_on_the_network_gets_no_settings():
    request = SimpleNamespace(
        transport=SimpleNamespace(get_extra_info=lambda _: (outer_address() or "10.0.0.9", 5)),
        host="127.0.0.1:8188",
        headers={},
    )
    with pytest.raises(gates.RefusedError, match="APIXO_WAN_PRACTICE"):
        gates.refuse_other_machines(request)


# What a body may look like


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"changes": {}}', "text/plain", 415),
        (b'{"changes": {}}', "application/x-www-form-urlencoded", 415),
        (b'{"changes"', "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"[" * 15_000, "application/json", 400),
        (b'{"changes": {}, "other": 1}', "application/json", 400),
        (b'{"changes": []}', "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"changes": {"x": "' + b"a" * 20_000 + b'"}}', "application/json", 413),
    ],
)
def test_only_a_small_json_object_with_known_fields_is_read(server, content, kind, status):
    reply = server.http.post(
        f"{server.origin}{PREFIX}/settings",
        data=content, headers={"Content-Type": kind}, timeout=30,
    )  # fmt: skip
    assert reply.status_code == status
    assert reply.json()["error"]


@pytest.mark.parametrize("row", [True, "1", 1.5, None])
def test_a_row_is_named_by_a_number(server, row):
    reply = server.post(f"{PREFIX}/tasks/forget", {"row": row})
    assert reply.status_code == 400
    assert "row" in reply.json()["error"]


# Settings


def test_a_saved_setting_counts_at_once_and_is_told_to_every_page(server):
    reply = server.post(f"{PREFIX}/settings", {"changes": {"practice": True, "price_480p": "0.05"}})
    assert reply.json()["settings"]["practice"] is True
    assert reply.json()["ways"] == ["practice"]
    assert session.settings_store().load().practice is True
    assert ("apixo.settings", {}) in host.state.events
    assert server.get(f"{PREFIX}/status").json() == {"practice": True, "key_set": False}


@pytest.mark.parametrize(
    "changes",
    [{"api_key": SECRET}, {"base_url": "https://evil.example"}, {"nonsense": 1},
     {"daily_seconds": "-1"}, {"output": "../../x"}, {"public_url": "ftp://x"},
     {"practice": True, "store": "nowhere"}],
    ids=str,
)  # fmt: skip
def test_a_setting_that_may_not_be_written_changes_nothing(server, changes):
    reply = server.post(f"{PREFIX}/settings", {"changes": changes})
    assert reply.status_code == 400
    assert session.settings_store().load().practice is False


def test_what_the_environment_decides_is_named_and_kept(server, monkeypatch):
    monkeypatch.setenv("APIXO_WAN_DAILY_SECONDS", "90")
    view = server.get(f"{PREFIX}/settings").json()
    assert view["from_environment"] == ["daily_seconds"]
    assert view["variables"]["daily_seconds"] == "APIXO_WAN_DAILY_SECONDS"
    reply = server.post(f"{PREFIX}/settings", {"changes": {"daily_seconds": "9"}})
    assert "APIXO_WAN_DAILY_SECONDS" in reply.json()["error"]


# The key


def test_a_key_that_works_is_kept_in_a_file_of_its_owner_alone(server, account):
    reply = server.post(f"{PREFIX}/key", {"key": " practice "})
    assert reply.status_code == 200, reply.text
    assert reply.json()["key"]["set"] is True
    assert float(reply.json()["dollars"]) > 0
    file = host.state.folder / "state" / "credentials.json"
    assert json.loads(file.read_text())["api_key"] == "practice"
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert server.post(f"{PREFIX}/key/test", {}).json()["practice"] is False


def test_a_refused_key_leaves_the_old_one(server, account):
    server.post(f"{PREFIX}/key", {"key": "practice"})
    reply = server.post(f"{PREFIX}/key", {"key": SECRET})
    assert reply.status_code == 400
    assert "401" in reply.json()["error"]
    assert SECRET not in reply.text
    kept = session.settings_store().load().api_key
    assert kept is not None
    assert kept.reveal() == "practice"


def test_a_key_that_cannot_be_checked_is_not_kept(server, account):
    account.stop()
    reply = server.post(f"{PREFIX}/key", {"key": SECRET})
    assert reply.status_code == 502
    assert SECRET not in reply.text
    assert session.settings_store().load().api_key is None


def test_no_answer_ever_holds_the_key(server, monkeypatch):
    monkeypatch.setenv("APIXO_API_KEY", SECRET)
    for path in ("/settings", "/status", "/tasks", "/spending"):
        reply = server.get(PREFIX + path)
        assert reply.status_code == 200
        assert SECRET not in reply.text
    assert server.get(f"{PREFIX}/settings").json()["key"] == {"set": True, "tail": "…6789"}
    refusal = server.post(f"{PREFIX}/key", {"key": "other"})
    assert "APIXO_API_KEY" in refusal.json()["error"]


def test_a_key_can_be_forgotten(server, account):
    server.post(f"{PREFIX}/key", {"key": "practice"})
    assert server.post(f"{PREFIX}/key/forget", {}).json()["key"]["set"] is False
    assert session.settings_store().load().api_key is None


def test_practice_mode_needs_no_key_to_be_tested(server):
    server.post(f"{PREFIX}/settings", {"changes": {"practice": True}})
    assert server.post(f"{PREFIX}/key/test", {}).json()["practice"] is True


# Hosts


def test_without_a_host_the_test_names_every_way(server):
    reply = server.post(f"{PREFIX}/host/test", {})
    assert reply.status_code == 400
    for name in ("APIXO_WAN_STORE", "APIXO_WAN_PUBLIC_URL", "APIXO_WAN_TEMPORARY_HOST"):
        assert name in reply.json()["error"]


def test_the_public_address_is_proved_by_reading_a_file_under_it(server):
    server.post(f"{PREFIX}/settings", {"changes": {"public_url": server.origin}})
    reply = server.post(f"{PREFIX}/public_address/test", {}).json()
    assert reply["ok"] is True, reply
    assert server.post(f"{PREFIX}/host/test", {}).json()["ok"] is True


def test_a_public_address_of_somebody_else_is_found_out(server, account):
    server.post(f"{PREFIX}/settings", {"changes": {"public_url": account.origin}})
    reply = server.post(f"{PREFIX}/public_address/test", {}).json()
    assert reply["ok"] is False
    assert "404" in reply["message"]


def test_the_owner_can_confirm_an_address_and_take_it_back(server):
    assert server.post(f"{PREFIX}/public_address/confirm", {"confirmed": True}).status_code == 400
    server.post(f"{PREFIX}/settings", {"changes": {"public_url": "https://comfy.example.org"}})
    confirm = f"{PREFIX}/public_address/confirm"
    assert server.post(confirm, {"confirmed": True}).json()["address_confirmed"] is True
    assert server.post(confirm, {"confirmed": False}).json()["address_confirmed"] is False


# Tasks


def test_the_list_holds_every_row_and_then_only_what_is_new(server, tmp_path):
    ledger = ledger_of(tmp_path)
    for number in range(3):
        add_row(ledger, number)
    first = server.get(f"{PREFIX}/tasks").json()
    assert [first["count"], len(first["rows"]), first["whole"]] == [3, 3, True]
    row = first["rows"][0]
    assert (row["state"], row["fail_code"], len(row["prompt"])) == ("failed", "NSFW", 200)
    assert server.get(f"{PREFIX}/tasks?since={first['revision']}").json()["rows"] == []
    add_row(ledger, 9)
    news = server.get(f"{PREFIX}/tasks?since={first['revision']}").json()
    assert [news["count"], len(news["rows"]), news["whole"]] == [4, 1, False]


def test_the_newest_few_are_there_before_the_rest(server, tmp_path):
    ledger = ledger_of(tmp_path)
    ids = [add_row(ledger, number).id for number in range(4)]
    few = server.get(f"{PREFIX}/tasks?newest=2").json()
    assert [row["id"] for row in few["rows"]] == [ids[3], ids[2]]
    assert (few["count"], few["whole"]) == (4, False)
    assert server.get(f"{PREFIX}/tasks?newest=x").status_code == 400


def test_the_list_says_nothing_of_links_tokens_and_digests(server, tmp_path):
    add_row(ledger_of(tmp_path), 1, character="secretdigest", token_digest="secrettoken")
    text = server.get(f"{PREFIX}/tasks").text
    for word in ("secretdigest", "secrettoken", "result_urls", "fingerprint", "owner"):
        assert word not in text


def test_thousands_of_rows_are_listed_whole(server, tmp_path):
    ledger = ledger_of(tmp_path)
    row = add_row(ledger, 1)
    with ledger._database.write() as db:
        copy_row(db, row, count=2_499)
    listed = server.get(f"{PREFIX}/tasks").json()
    assert listed["count"] == len({row["id"] for row in listed["rows"]}) == 2_500


def copy_row(db, row, *, count):
    """Many rows like one that was written properly."""
    found = [column["name"] for column in db.execute("PRAGMA table_info(tasks)")]
    kept = [name for name in found if name not in {"id", "revision", "task_id"}]
    columns = ", ".join(kept)
    db.executemany(
        f"INSERT INTO tasks (revision, task_id, {columns}) "
        f"SELECT ?, ?, {columns} FROM tasks WHERE id = ?",
        [(10 + number, f"copy-{number}", row.id) for number in range(count)],
    )


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "9" * 30, "²"])
def test_a_revision_that_is_none_is_refused(server, since):
    assert server.get(f"{PREFIX}/tasks", params={"since": since}).status_code == 400


def test_an_unknown_row_is_abandoned_on_the_users_word_and_pages_hear_of_it(server, tmp_path):
    row = add_row(ledger_of(tmp_path), 1, state=State.UNKNOWN)
    assert server.post(f"{PREFIX}/tasks/abandon", {"row": row.id}).status_code == 200
    listed = server.get(f"{PREFIX}/tasks").json()["rows"]
    assert listed[0]["state"] == "abandoned"
    assert any(name == "apixo.tasks" for name, _ in host.state.events)


def test_an_unknown_row_is_not_forgotten_by_the_page(server, tmp_path):
    row = add_row(ledger_of(tmp_path), 1, state=State.UNKNOWN)
    reply = server.post(f"{PREFIX}/tasks/forget", {"row": row.id})
    assert reply.status_code == 400
    assert "abandon" in reply.json()["error"]


def test_a_failed_row_is_forgotten_and_its_seconds_stay(server, tmp_path):
    row = add_row(ledger_of(tmp_path), 1)
    before = server.get(f"{PREFIX}/spending").json()["days"]
    assert server.post(f"{PREFIX}/tasks/forget", {"row": row.id}).status_code == 200
    assert server.get(f"{PREFIX}/tasks").json()["count"] == 0
    assert server.get(f"{PREFIX}/spending").json()["days"] == before
    assert before[0]["seconds"] == 7


@pytest.mark.parametrize("verb", ["collect", "abandon", "forget"])
def test_a_row_that_is_not_there_is_404(server, verb):
    assert server.post(f"{PREFIX}/tasks/{verb}", {"row": 77}).status_code == 404


@pytest.mark.parametrize("task_id", ["", "a/b", "a b", "ä", "x" * 300])
def test_a_malformed_id_is_not_adopted(server, tmp_path, task_id):
    row = add_row(ledger_of(tmp_path), 1, state=State.UNKNOWN)
    reply = server.post(f"{PREFIX}/tasks/adopt", {"row": row.id, "task_id": task_id})
    assert reply.status_code == 400
    assert server.get(f"{PREFIX}/tasks").json()["rows"][0]["state"] == "unknown"


def test_prices_are_told_as_they_were_typed(server):
    server.post(f"{PREFIX}/settings", {"changes": {"price_720p": "0.080"}})
    assert server.get(f"{PREFIX}/spending").json()["prices"] == {"480p": None, "720p": "0.080"}


def test_a_thumbnail_is_given_and_nothing_else_of_the_folder(server, tmp_path):
    ledger = ledger_of(tmp_path)
    row = add_row(ledger, 1)
    folder = tmp_path / "state" / "thumbnails"
    folder.mkdir()
    (folder / "fox.jpg").write_bytes(b"\xff\xd8picture")
    path = f"{PREFIX}/tasks/thumbnail/{row.id}"
    assert server.get(path).status_code == 404
    ledger.note(row.id, thumbnail="fox.jpg")
    assert server.get(path).content == b"\xff\xd8picture"
    for name in ("../ledger.sqlite", "../credentials.json", str(folder / "fox.jpg")):
        (tmp_path / "state" / "credentials.json").write_text(SECRET)
        ledger.note(row.id, thumbnail=name)
        assert SECRET not in server.get(path).text
    for wrong in ("0", "-1", "x", "9" * 40, "1%2f.."):
        assert server.get(f"{PREFIX}/tasks/thumbnail/{wrong}").status_code == 404


# The outside world


def publish(tmp_path, content: bytes, *, seconds: float = 60.0) -> str:
    clock = SystemClock()
    shelf = Shelf(tmp_path / "state", clock)
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    ends = clock.now() + seconds
    name = shelf.publish(
        file, extension=".mp4", expires_at=ends + 60,
        progress=lambda *_: None, stop=threading.Event(),
    )  # fmt: skip
    token = shelf.token(name, expires_at=ends)
    assert token is not None
    return PUBLISHED + token


CONTENT = bytes(range(256)) * 3000


def test_a_published_file_comes_whole_to_whoever_has_its_link(server, tmp_path):
    reply = server.get(publish(tmp_path, CONTENT), headers={"Origin": "https://api.apixo.ai"})
    assert reply.status_code == 200
    assert reply.content == CONTENT
    assert reply.headers["Content-Type"] == "video/mp4"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-63", 0, 63), ("bytes=300000-", 300_000, 767_999), ("bytes=-9", 767_991, 767_999)],
)
def test_a_published_file_comes_in_ranges(server, tmp_path, asked, first, last):
    reply = server.get(publish(tmp_path, CONTENT), headers={"Range": asked})
    assert reply.status_code == 206
    assert reply.content == CONTENT[first : last + 1]
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/768000"


def test_a_head_tells_the_size_and_sends_nothing(server, tmp_path):
    reply = server.http.head(server.origin + publish(tmp_path, CONTENT), timeout=30)
    assert reply.status_code == 200
    assert reply.headers["Content-Length"] == "768000"
    assert reply.content == b""


def test_a_range_outside_is_416(server, tmp_path):
    reply = server.get(publish(tmp_path, CONTENT), headers={"Range": "bytes=900000-"})
    assert reply.status_code == 416


def test_everything_else_below_the_published_path_is_the_same_404(server, tmp_path):
    link = publish(tmp_path, CONTENT)
    ended = publish(tmp_path, CONTENT, seconds=-1)
    answers = [
        server.get(path)
        for path in (
            PUBLISHED, PUBLISHED + "x", link[:-1], link + "/", ended, link.replace(".mp4", ".png"),
            PUBLISHED + "%2e%2e%2fcredentials.json", PUBLISHED + "a/b/c",
        )
    ] + [
        server.http.request(method, server.origin + link, timeout=30)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS")
    ]  # fmt: skip
    assert {reply.status_code for reply in answers} == {404}
    assert len({reply.content for reply in answers}) == 1


def test_a_callback_with_the_token_of_a_row_is_taken_as_a_hint(server, tmp_path):
    ledger = ledger_of(tmp_path)
    row = add_row(ledger, 1, state=State.UNKNOWN, token_digest=token_digest("the-token"))
    body = {"code": 200, "message": "success", "data": {"taskId": "told-1", "state": "success"}}
    reply = server.post("/apixo_wan_animate/callback/the-token", body)
    assert reply.status_code == 200
    until(lambda: ledger.row(row.id).candidate == "told-1")
    assert ledger.row(row.id).state is State.UNKNOWN


@pytest.mark.parametrize("token", ["wrong", "x" * 500, "%00", "..%2f"])
def test_a_callback_with_another_token_is_nothing(server, tmp_path, token):
    ledger_of(tmp_path)
    body = {"code": 200, "data": {"taskId": "told-1"}}
    assert server.post(f"/apixo_wan_animate/callback/{token}", body).status_code == 404


def test_a_callback_is_small(server, tmp_path):
    ledger_of(tmp_path)
    reply = server.http.post(
        f"{server.origin}/apixo_wan_animate/callback/x", data=b"x" * 70_000, timeout=30
    )
    assert reply.status_code == 413


def test_every_route_is_open_under_one_name_of_the_pack():
    routes = web.RouteTableDef()
    register(routes)
    paths = {route.path for route in routes}
    assert all(path.startswith(("/apixo_wan_animate/", "/apixo_wan/")) for path in paths)
    assert len(paths) == len({(route.method, route.path) for route in routes}) - 1
