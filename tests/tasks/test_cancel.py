"""Leaving: felt at once, nothing bought is lost, nothing half done is left."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from apixo_wan_animate.utils.errors import Stopped, TaskTimeoutError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import instead
from apixo_wan_animate.utils.tasks import making
from apixo_wan_animate.utils.tasks import service as tasks_service
from apixo_wan_animate.utils.tasks.watch import timed_out
from patience import one_of_three, until

from .world import HURRY, World, clip, outcome, picture, request

AT_ONCE_S = 0.2


class Gate:
    """Holds requests of one route until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def __call__(self, asked, handle):
        self.reached.set()
        self._open.wait(300)
        return handle()

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open()


@pytest.fixture
def at_once(tmp_path):
    """Do something in a world of its own; it says how many seconds leaving took, and may be slow
    twice, as a machine that pauses makes it.
    """
    numbers = itertools.count()

    def hold(attempt) -> None:
        def once() -> float:
            made, gate = World(tmp_path / f"world-{next(numbers)}"), Gate()
            try:
                return attempt(made, gate)
            finally:
                gate.open()
                made.close()

        one_of_three(once, within_s=AT_ONCE_S)

    return hold


def leaving_s(watch) -> float:
    began = time.monotonic()
    watch.leave()
    return time.monotonic() - began


def nothing_is_left(world) -> bool:
    scratch = world.folders().temp / "apixo_wan_animate"
    state = world.folders().state
    return (
        world.rows() == []
        and not [p for p in scratch.glob("*/*") if p.exists()]
        and not list(state.glob("sounds/*"))
        and not list(state.glob("thumbnails/*"))
    )


def test_leaving_while_a_clip_is_encoded_leaves_nothing(at_once, monkeypatch):
    encode = making.encode_clip

    def held(*args, stop, progress, **options):
        """However fast the encoder is, it does not come to its end before somebody looks."""

        def slowly(done, total) -> None:
            progress(done, total)
            if done > 2:
                stop.wait(90)

        return encode(*args, stop=stop, progress=slowly, **options)

    monkeypatch.setattr(making, "encode_clip", held)

    @at_once
    def attempt(world, gate) -> float:
        watch = world.service().start(request(motion=clip(frames=400)))
        until(lambda: watch.progress.phase == "encoding" and (watch.progress.done or 0) > 2)
        took_s = leaving_s(watch)
        until(lambda: nothing_is_left(world))
        assert world.submits == 0
        return took_s


def test_leaving_while_a_file_goes_up_leaves_nothing(at_once):
    @at_once
    def attempt(world, gate) -> float:
        world.plan.add("upload", gate, times=9)
        watch = world.service().start(request(motion=clip(sound=True, frames=18)))
        assert gate.reached.wait(90)
        took_s = leaving_s(watch)
        gate.open()
        until(lambda: nothing_is_left(world))
        assert world.submits == 0
        return took_s


def test_who_leaves_in_the_last_moment_buys_nothing(world, gate):
    service, busy = world.service(), threading.Event()
    world.plan.add("upload", gate, times=9)
    watch = service.start(request())
    assert gate.reached.wait(90)
    service._pool.put("ledger", lambda: busy.wait(90))  # the row cannot be deleted yet
    watch.leave()
    gate.open()
    parts = [*world.folders().temp.glob("apixo_wan_animate/*/*")]
    until(lambda: not any(part.exists() for part in parts))
    service._pool.stop(timeout_s=0.5)
    busy.set()
    assert world.submits == 0


def test_leaving_while_the_submit_is_under_way_keeps_what_is_bought(at_once):
    @at_once
    def attempt(world, gate) -> float:
        service = world.service()
        world.plan.add("submit", gate)
        watch = service.start(request())
        assert gate.reached.wait(90)
        took_s = leaving_s(watch)
        gate.open()
        assert world.wait_for(State.COLLECTED).file
        assert outcome(service.start(request())).reused
        assert world.submits == 1
        return took_s


def test_leaving_while_the_task_is_under_way_keeps_it_and_the_next_run_attaches(at_once):
    @at_once
    def attempt(world, gate) -> float:
        service = world.service()
        world.plan.add("status", gate, times=9)
        watch = service.start(request())
        assert gate.reached.wait(90)
        took_s = leaving_s(watch)
        with pytest.raises(Stopped):
            watch.outcome()
        again = service.start(request())
        gate.open()
        assert outcome(again).row.state is State.COLLECTED
        assert world.submits == 1
        return took_s


def test_leaving_while_the_result_comes_down_keeps_it(at_once):
    @at_once
    def attempt(world, gate) -> float:
        service = world.service()
        world.plan.add("file", gate, times=9, path="/files/practice-")
        watch = service.start(request())
        assert gate.reached.wait(90)
        took_s = leaving_s(watch)
        gate.open()
        world.wait_for(State.COLLECTED)
        assert world.submits == 1
        return took_s


def test_what_two_want_goes_on_when_one_leaves(world, gate):
    service = world.service()
    world.plan.add("upload", gate, times=9)
    first, second = service.start(request()), service.start(request())
    assert gate.reached.wait(90)
    first.leave()
    gate.open()
    assert outcome(second).row.state is State.COLLECTED
    assert world.submits == 1


def test_what_was_left_may_be_started_again_at_the_same_instant(world, gate):
    service = world.service()
    world.plan.add("upload", gate, times=2)
    for _ in range(5):
        watch = service.start(request())
        until(lambda watch=watch: watch.progress.phase != "checking")
        watch.leave()
    last = service.start(request())
    gate.open()
    assert outcome(last).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


def test_nodes_that_leave_before_their_requests_are_looked_at_leave_no_rows(world, gate):
    service = world.service()
    world.plan.add("upload", gate, times=99)
    wanted = [request(n, character=picture(n)) for n in range(20)]
    watches = [service.start(one) for one in wanted]
    for watch in watches:
        watch.leave()
    gate.open()
    until(lambda: nothing_is_left(world))
    assert world.submits == 0


def test_a_node_that_waited_long_enough_is_told_that_the_task_goes_on(world, gate):
    service = world.service()
    world.plan.add("status", gate, times=9)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    error = timed_out(watch, waited_minutes=60)
    assert isinstance(error, TaskTimeoutError)
    assert error.task_id == world.only_row().task_id
    assert "goes on" in str(error)


def test_a_node_that_waited_before_anything_was_sent_is_told_so(world, gate):
    world.plan.add("upload", gate, times=9)
    watch = world.service().start(request())
    assert gate.reached.wait(90)
    assert "not submitted" in str(timed_out(watch, waited_minutes=60))


def test_a_node_that_waited_while_the_service_is_busy_is_not_told_that_it_goes_on(world):
    world.plan.add("submit", instead(429, headers={"Retry-After": "1500"}), times=9)
    watch = world.service().start(request())
    until(lambda: "busy" in watch.progress.note)
    told = str(timed_out(watch, waited_minutes=5))
    assert "not submitted" in told
    assert "busy" in told
    watch.leave()
    until(lambda: world.rows() == [])
    assert world.accepted == 0


def test_a_node_that_waited_while_the_answer_is_outstanding_is_told_that_it_goes_on(world, gate):
    world.plan.add("submit", gate)
    watch = world.service().start(request())
    assert gate.reached.wait(90)
    assert "goes on" in str(timed_out(watch, waited_minutes=5))


def test_stopping_while_a_submit_is_under_way_waits_for_its_answer(world, gate, monkeypatch):
    monkeypatch.setattr(tasks_service, "SUBMIT_GRACE_S", 60 * HURRY)  # a real minute
    service = world.service()
    world.plan.add("submit", gate)
    service.start(request())
    assert gate.reached.wait(90)
    threading.Timer(0.05, gate.open).start()
    service.stop()
    assert world.only_row().state is State.SUBMITTED


def test_stopping_leaves_no_thread_behind(world):
    before = {thread.name for thread in threading.enumerate()}
    service = world.service()
    outcome(service.start(request()))
    service.stop()
    until(lambda: {t.name for t in threading.enumerate() if t.name.startswith("apixo")} <= before)
