"""Long work hangs: what needs none of it goes on, and Cancel gives a slot back at once."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time

import pytest
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import instead
from patience import one_of_three, until

from .test_cancel import Gate
from .world import World, clip, outcome, picture, request

RESULT = "/files/practice-"
BUSY = {"Retry-After": "8"}
"""A fifth of a second, at the pace of a world."""


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, request_threads=9)
    yield made
    made.close()


def other(number: int):
    """A request that shares no medium with another one."""
    return request(number, character=picture(number), motion=clip(number))


class Hanging:
    """Three uploads, three downloads and one encoding that do not end by themselves."""

    def __init__(self, world) -> None:
        self._world = world
        self.uploads, self.downloads, self.encoding = Gate(), Gate(), threading.Event()
        self.up: list = []

    def fetch(self, service) -> None:
        self._world.plan.add("file", self.downloads, times=3, path=RESULT)
        for number in range(3):
            service.start(other(10 + number))
        until(lambda: self._rows_in(State.SUCCEEDED) == 3)
        until(lambda: service._pool._running["fetch"] == 3)

    def upload_and_encode(self, service) -> None:
        before = self._world.remote.counts["upload"]
        self._world.plan.add("upload", self.uploads, times=10**6)
        self.up = [service.start(other(20 + number)) for number in range(3)]
        until(lambda: self._world.remote.counts["upload"] == before + 3)
        service._pool.put("encode", self.encoding.wait)
        until(lambda: service._pool._running["encode"] == 1)

    def _rows_in(self, state: State) -> int:
        return sum(row.state is state for row in self._world.rows())

    def open(self) -> None:
        self.uploads.open()
        self.downloads.open()
        self.encoding.set()


@pytest.fixture
def hanging(world):
    made = Hanging(world)
    yield made
    made.open()


def test_a_task_that_is_ready_is_submitted_asked_about_and_collected(world, hanging):
    service = world.service()
    hanging.fetch(service)
    world.plan.add("submit", instead(429, headers=BUSY), times=10**6)
    watch = service.start(request(1))
    until(lambda: "busy" in watch.progress.note)
    hanging.upload_and_encode(service)
    world.heal()
    until(lambda: watch.accepted() is not None)
    row_id = watch.accepted().id
    until(lambda: service.row(row_id).state is State.SUCCEEDED)
    assert not watch.done, "there is no slot to fetch it yet"
    hanging.downloads.open()
    assert outcome(watch).file.is_file()


@pytest.fixture
def in_worlds(tmp_path):
    """Do something in worlds of its own, where everything can be made to hang."""

    @contextlib.contextmanager
    def entered(name: str):
        world = World(tmp_path / name, request_threads=9)
        hanging = Hanging(world)
        try:
            yield world, hanging
        finally:
            hanging.open()
            world.close()

    numbers = itertools.count()
    return lambda: entered(f"world-{next(numbers)}")


def leave_all(hanging) -> float:
    """Every node whose upload hangs is cancelled; when that began."""
    began = time.monotonic()
    for watch in hanging.up:
        watch.leave()
    return began


def test_the_slot_of_an_upload_that_hangs_is_free_within_a_second_of_cancel(in_worlds):
    def attempt() -> float:
        with in_worlds() as (world, hanging):
            service = world.service()
            hanging.upload_and_encode(service)
            hanging.encoding.set()
            until(lambda: service._pool.waiting("upload") >= 1)
            world.heal()
            began = leave_all(hanging)
            until(lambda: service._pool._running["upload"] == 0)
            took_s = time.monotonic() - began
            assert outcome(service.start(request(1))).row.state is State.COLLECTED
            return took_s

    one_of_three(attempt, within_s=1.0)


def test_leaving_while_everything_hangs_is_felt_at_once(in_worlds):
    def attempt() -> float:
        with in_worlds() as (world, hanging):
            service = world.service()
            hanging.fetch(service)
            hanging.upload_and_encode(service)
            return time.monotonic() - leave_all(hanging)

    one_of_three(attempt, within_s=0.2)


def test_leaving_while_everything_hangs_removes_the_rows_within_a_second(in_worlds):
    def attempt() -> float:
        with in_worlds() as (world, hanging):
            service = world.service()
            hanging.fetch(service)
            hanging.upload_and_encode(service)
            began = leave_all(hanging)
            until(lambda: len(world.rows()) == 3)
            return time.monotonic() - began

    one_of_three(attempt, within_s=1.0)
