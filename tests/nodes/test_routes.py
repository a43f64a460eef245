"""The pack's routes, met over real loopback HTTP with the server that ComfyUI uses."""

from __future__ import annotations

import json
import os
import stat
from types import SimpleNamespace

import pytest
from aiohttp import web
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes import gates, session
from apixo_wan_animate.nodes.routes import PREFIX, register
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.practice.service import PracticeService
from pack_routes import outer_address

SECRET = "marked-secret-key-0123456789"


@pytest.fixture
def account(tmp_path, monkeypatch):
    """A service that answers the balance call for one key, in the place of APIXO."""
    service = PracticeService(SystemClock(), folder=tmp_path / "apixo")
    monkeypatch.setenv("APIXO_BASE_URL", service.start())
    yield service
    service.stop()


# Who may call

OWNER_ONLY = [
    ("GET", "/settings", None),
    ("POST", "/settings", {"changes": {"practice": True}}),
    ("POST", "/key", {"key": SECRET}),
    ("POST", "/key/forget", {}),
    ("POST", "/key/test", {}),
    ("POST", "/host/test", {}),
    ("POST", "/public_address/test", {}),
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
    status = {"practice": True, "key_set": False, "owner": True}
    assert server.get(f"{PREFIX}/status").json() == status


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "10.1.2.3"}, {"Host": "comfy.lan:8188"}])
def test_a_page_from_elsewhere_is_told_that_it_may_change_nothing(server, headers):
    reply = server.get(f"{PREFIX}/status", headers=headers)
    assert (reply.status_code, reply.json()["owner"]) == (200, False)


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
    if os.name == "posix":
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


def test_every_route_is_open_under_one_name_of_the_pack():
    routes = web.RouteTableDef()
    register(routes)
    paths = {route.path for route in routes}
    assert all(path.startswith(("/apixo_wan_animate/", "/apixo_wan/")) for path in paths)
    assert len(paths) == len({(route.method, route.path) for route in routes}) - 1
