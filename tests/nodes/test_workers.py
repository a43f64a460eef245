"""What is slow waits alone: each kind of work has threads of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes import session
from apixo_wan_animate.nodes.account import ApixoBalance, ApixoWanEstimate
from apixo_wan_animate.nodes.routes import PREFIX
from apixo_wan_animate.nodes.waiting import in_thread
from apixo_wan_animate.nodes.workers import DECODING
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.tasks.fingerprint import token_digest
from patience import until
from rawserver import RawServer
from route_rows import add_row, ledger_of

from .test_routes_outside import CONTENT, publish

SLOW = 6
"""Calls at once: more than any kind of work has threads."""

SOON_S = 10
"""Far below what the slow ones wait, and far above what a quick one needs on a busy machine."""


class Silent:
    """A server that takes requests and answers none until it is let go."""

    def __init__(self) -> None:
        self._let_go = threading.Event()
        self.asked = threading.Semaphore(0)
        self.server = RawServer(self._hold)

    def _hold(self, wire) -> None:
        wire.request()
        self.asked.release()
        self._let_go.wait(120)

    def close(self) -> None:
        self._let_go.set()
        self.server.close()


@pytest.fixture
def silent(monkeypatch):
    """In the place of the service and of every host."""
    made = Silent()
    monkeypatch.setenv("APIXO_BASE_URL", made.server.origin)
    monkeypatch.setenv("APIXO_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("APIXO_WAN_TEMPORARY_HOST", "1")
    for name in ("LITTERBOX", "UGUU", "TMPFILES"):
        monkeypatch.setenv(f"APIXO_WAN_{name}_URL", made.server.origin)
    yield made
    made.close()


@pytest.mark.parametrize("path", ["/host/test", "/key/test", "/tasks/adopt"])
def test_slow_calls_keep_nothing_else_waiting(server, tmp_path, silent, path):
    ledger = ledger_of(tmp_path)
    row = add_row(
        ledger, 1, state=State.UNKNOWN, token_digest=token_digest("the-token"),
        origin=silent.server.origin,
    )  # fmt: skip
    link = publish(tmp_path, CONTENT)
    body = {"row": row.id, "task_id": "t-1"} if "adopt" in path else {}
    with ThreadPoolExecutor(SLOW) as callers:
        slow = [callers.submit(server.post, PREFIX + path, body) for _ in range(SLOW)]
        assert silent.asked.acquire(timeout=60)
        until(lambda: path != "/host/test" or sum(call.done() for call in slow) == SLOW - 1)
        try:
            for method, quick in (
                ("GET", link), ("POST", f"{PREFIX}/callback/the-token"), ("GET", f"{PREFIX}/tasks"),
                ("GET", f"{PREFIX}/settings"),
            ):  # fmt: skip
                reply = server.http.request(method, server.origin + quick, timeout=SOON_S)
                assert reply.status_code == 200, quick
            assert not all(call.done() for call in slow), "none of them was slow"
        finally:
            silent.close()


def test_a_second_test_of_a_host_is_told_that_one_is_running(server, silent):
    with ThreadPoolExecutor(1) as caller:
        first = caller.submit(server.post, f"{PREFIX}/host/test", {})
        assert silent.asked.acquire(timeout=60)
        try:
            second = server.post(f"{PREFIX}/public_address/test", {}).json()
        finally:
            silent.close()
        assert second == {"ok": False, "message": second["message"], "warnings": []}
        assert "running" in second["message"]
        assert first.result().json()["ok"] is False
    assert "running" not in server.post(f"{PREFIX}/host/test", {}).json()["message"]


def test_tests_of_the_address_at_once_do_not_wait_for_each_other_for_ever(server):
    server.post(f"{PREFIX}/settings", {"changes": {"public_url": server.origin}})
    with ThreadPoolExecutor(SLOW) as callers:
        calls = [
            callers.submit(server.post, f"{PREFIX}/public_address/test", {}) for _ in range(SLOW)
        ]
        replies = [call.result().json() for call in calls]
    assert any(reply["ok"] for reply in replies)
    assert all(reply["ok"] or "running" in reply["message"] for reply in replies)


def test_a_balance_and_an_estimate_do_not_wait_for_long_decodings(tmp_path, monkeypatch):
    monkeypatch.setenv("APIXO_WAN_PRACTICE", "1")
    monkeypatch.delenv("APIXO_API_KEY", raising=False)
    host.reset(tmp_path)
    over = threading.Event()
    frames = torch.rand(3, 208, 224, 3)
    inputs = {
        "character": torch.rand(1, 216, 208, 3), "character_mask": None, "motion": None,
        "motion_frames": frames, "audio": None, "frame_rate": 3.0, "type": "replace",
        "resolution": "480p", "prompt": "", "seed": 0, "provider": "key default", "host": "auto",
        "sound": "none", "character_url": "", "motion_url": "",
    }  # fmt: skip

    def wait(*_):
        return over.wait(120)

    async def work():
        decodings = [
            asyncio.create_task(in_thread(wait, phase="decoding", workers=DECODING))
            for _ in range(SLOW)
        ]
        await asyncio.sleep(0)
        try:
            balance = await asyncio.wait_for(ApixoBalance.execute(), 60)
            estimate = await asyncio.wait_for(ApixoWanEstimate.execute(**inputs), 60)
            assert not over.is_set()
        finally:
            over.set()
            await asyncio.gather(*decodings)
        return balance, estimate

    try:
        balance, estimate = asyncio.run(work())
    finally:
        session.stop_service()
    assert balance.args[0] > 0
    assert estimate.args[0] > 0
