"""Links that end with each cut: what has come counts for the next one, and is cleared away."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from apixo_wan_animate.utils.errors import TaskError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import instead
from apixo_wan_animate.utils.practice.wire import FilePart
from clocks import FastClock
from patience import until

from .answers import RESULT, with_data
from .world import outcome, request


class ShortLinks:
    """Each answer names a new link, by which a good third of the file comes, and no more.

    Args:
        most: So many links lead to anything.
    """

    def __init__(self, world, *, most: int = 99) -> None:
        self._most = most
        self._numbers = iter(range(1, 10**6))
        self._ended: set[str] = set()
        self.begins: list[str] = []
        world.plan.add("status", with_data(self._name), times=10**6)
        world.plan.add("file", self._serve, times=10**6, path=RESULT)

    def _name(self, data):
        if data["state"] != "success":
            return data
        (link,) = json.loads(data["resultJson"])["resultUrls"]
        named = {"resultUrls": [f"{link}?sig={next(self._numbers)}"]}
        return {**data, "resultJson": json.dumps(named)}

    def _serve(self, asked, handle):
        link = asked.query.get("sig", "")
        if link in self._ended or len(self._ended) == self._most:
            return instead(403)(asked, handle)
        self._ended.add(link)
        self.begins.append(asked.headers.get("range", ""))
        reply = handle()
        assert isinstance(reply.body, FilePart)
        return replace(reply, cut_after=reply.body.path.stat().st_size * 4 // 10)


def parts(world) -> list:
    return list(world.folders().output.rglob(".*part*"))


def test_a_file_comes_by_as_many_links_as_it_takes(world):
    links = ShortLinks(world)
    service = world.service()
    service.start(request())
    assert world.wait_for(State.COLLECTED, limit_s=40).file
    first, *others = links.begins
    assert (first, len(others)) == ("", 2)
    assert all(begin.startswith("bytes=") for begin in others)
    until(lambda: service._open().table.all() == [])
    assert parts(world) == []
    assert (world.submits, world.accepted) == (1, 1)


@pytest.fixture
def begun(world):
    """A service with a part of a result, which waits for its next try."""
    ShortLinks(world, most=1)
    service = world.service(clock=FastClock(4))
    watch = service.start(request())
    until(lambda: "not there yet" in watch.progress.note)
    assert len(parts(world)) == 1
    return service, watch


def test_a_forgotten_row_leaves_no_part(world, begun):
    service, watch = begun
    service.forget(world.only_row().id, force=True)
    with pytest.raises(TaskError):
        outcome(watch)
    assert parts(world) == []


def test_a_process_that_ends_leaves_no_part(world, begun):
    service, _ = begun
    service.stop()
    assert parts(world) == []
    assert world.only_row().state is State.SUCCEEDED
    world.heal()
    world.service()
    assert world.wait_for(State.COLLECTED).file
