"""A few downloads that crawl keep no other result away for hours, and who waits says for what."""

from __future__ import annotations

import json
import threading
from urllib.request import urlopen

import pytest
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.tasks.turns import GaveWayError, Turn
from clocks import FastClock, HandClock
from patience import until
from rawserver import RawServer, Wire, reply_bytes

from .answers import with_data
from .test_starving import Hanging, other
from .world import World, outcome

SLOW, QUICK = 63 * 1024, 65 * 1024


def test_a_node_whose_file_has_to_wait_says_for_what(tmp_path):
    world = World(tmp_path, request_threads=9)
    hanging = Hanging(world)
    try:
        service = world.service()
        hanging.fetch(service)
        watch = service.start(other(1))
        until(lambda: "waiting for other downloads" in watch.progress.note)
        assert watch.progress.phase == "downloading"
        hanging.open()
        assert outcome(watch).file.is_file()
    finally:
        hanging.open()
        world.close()


# One turn


@pytest.mark.parametrize(
    ("bytes_per_s", "after_s", "wanted", "gives_way"),
    [
        (SLOW, 200.0, True, True),
        (SLOW, 200.0, False, False),
        (SLOW, 170.0, True, False),
        (QUICK, 200.0, True, False),
    ],
    ids=["slow", "nobody waits", "not for long", "quick enough"],
)
def test_a_download_gives_way_if_it_is_slow_and_others_wait(
    bytes_per_s, after_s, wanted, gives_way
):
    clock = HandClock()
    turn = Turn(clock, limit_s=180.0, is_wanted=lambda: wanted)
    turn.look(10**9)  # what came in earlier turns does not count
    clock.advance(after_s)
    gave_way = False
    try:
        turn.look(10**9 + int(bytes_per_s * after_s))
    except GaveWayError:
        gave_way = True
    assert gave_way is gives_way


# Three that crawl


class Crawling:
    """The first three results come from here, so slowly that each would take most of an hour."""

    PIECE, EACH_S, PADDING = 64 * 1024, 0.2, 16 * 1024 * 1024

    def __init__(self, world) -> None:
        self.hurry = threading.Event()
        self.server = RawServer(self._serve)
        self.tasks: dict[str, str] = {}
        world.plan.add("status", with_data(self._name), times=10**6)

    def _name(self, data):
        if data["state"] != "success":
            return data
        (link,) = json.loads(data["resultJson"])["resultUrls"]
        if len(self.tasks) < 3:
            self.tasks.setdefault(data["taskId"], link)
        if data["taskId"] not in self.tasks:
            return data
        named = {"resultUrls": [f"{self.server.origin}/{data['taskId']}"]}
        return {**data, "resultJson": json.dumps(named)}

    def content(self, task_id: str) -> bytes:
        """The result, with a box behind it that means nothing."""
        with urlopen(self.tasks[task_id]) as reply:
            clip = reply.read()
        return clip + self.PADDING.to_bytes(4, "big") + b"free" + bytes(self.PADDING - 8)

    def _serve(self, wire: Wire) -> None:
        while (asked := wire.request()) is not None:
            content, tag = self.content(asked.target[1:]), f'"{asked.target}"'
            at = int(asked.headers.get("range", "bytes=0-")[6:-1])
            where = {"Content_Range": f"bytes {at}-{len(content) - 1}/{len(content)}"} if at else {}
            rest = len(content) - at
            wire.send(reply_bytes(206 if at else 200, length=rest, ETag=tag, **where))
            while at < len(content):
                size = len(content) if self.hurry.wait(self.EACH_S) else self.PIECE
                wire.send(content[at : at + size])
                at += size


@pytest.fixture
def crawling(world):
    made = Crawling(world)
    yield made
    made.hurry.set()
    made.server.close()


def test_a_result_is_not_kept_waiting_by_three_that_crawl_and_these_go_on(world, crawling):
    service = world.service(clock=FastClock(400))
    slow = [service.start(other(10 + number)) for number in range(3)]
    until(lambda: service._pool._running["fetch"] == 3)
    assert outcome(service.start(other(1))).row.state is State.COLLECTED
    until(lambda: any("range" in asked.headers for asked in crawling.server.requests))
    assert not any(watch.done for watch in slow)
    crawling.hurry.set()
    for watch in slow:
        result = outcome(watch)
        assert result.file.read_bytes() == crawling.content(result.row.task_id)
    assert (world.submits, world.accepted) == (4, 4)
