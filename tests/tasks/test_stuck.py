"""Whatever breaks at a bad moment, no task is forgotten and no node waits for ever."""

from __future__ import annotations

import threading

import pytest
from apixo_wan_animate.utils.errors import (
    HostingError,
    LedgerError,
    SettingsError,
    Stopped,
    TaskError,
)
from apixo_wan_animate.utils.ledger import database
from apixo_wan_animate.utils.ledger.ledger import RowGoneError
from apixo_wan_animate.utils.ledger.states import ACCEPTED, State
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import instead
from apixo_wan_animate.utils.tasks import service as tasks_service
from apixo_wan_animate.utils.tasks.request import ShareWish
from clocks import FastClock, HandClock
from patience import until

from .test_cancel import Gate
from .test_trouble import Holder
from .world import HURRY, clip, outcome, picture, request

RESULT = "/files/practice-"


@pytest.fixture
def impatient(monkeypatch):
    """A write gives up quickly, so that the test need not wait for what a user would."""
    monkeypatch.setattr(database, "_BUSY_S", 0.05)


@pytest.fixture
def holder(world, impatient):
    """Another program that holds the ledger."""
    return Holder(world)


@pytest.fixture
def patient(monkeypatch):
    """The end of the process waits a real minute for the answer to a submit."""
    monkeypatch.setattr(tasks_service, "SUBMIT_GRACE_S", 60 * HURRY)


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open()


def test_a_404_that_cannot_be_noted_does_not_end_the_asking(world, holder):
    def unknown_and_held(asked, handle):
        holder.hold()
        return instead(404)(asked, handle)

    world.plan.add("status", unknown_and_held)
    watch = world.service().start(request())
    until(lambda: "ledger" in watch.progress.note)
    holder.release()
    assert outcome(watch).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


def test_all_who_wait_for_an_upload_are_told_that_the_ledger_is_held(world, holder):
    service, motion = world.service(), clip()

    def held(asked, handle):
        until(lambda: len(world.rows()) == 2)
        holder.hold()
        return handle()

    world.plan.add("upload", held, path=".mp4")
    watches = [service.start(request(character=picture(n), motion=motion)) for n in (1, 2)]
    for watch in watches:
        with pytest.raises(LedgerError, match="another program"):
            outcome(watch)
    holder.release()
    until(lambda: world.rows() == [])
    assert world.submits == 0


def test_a_ledger_that_is_held_just_before_the_submit_is_told_and_nothing_leaves(world, holder):
    clock = HandClock()
    service, again = world.service(clock=clock), request(2)
    world.plan.add("submit", instead(429, headers={"Retry-After": "20"}))
    watch = service.start(request())
    until(lambda: "busy" in watch.progress.note)
    holder.hold()
    until(lambda: clock.advance(1) or watch.done)
    with pytest.raises(LedgerError, match="another program"):
        outcome(watch)
    holder.release()
    until(lambda: clock.advance(1) or world.rows() == [])
    assert world.accepted == 0
    watch = service.start(again)
    until(lambda: clock.advance(1) or watch.done)
    assert outcome(watch).row.state is State.COLLECTED


def test_a_ledger_that_is_held_at_the_start_is_looked_through_later(world, holder, gate, caplog):
    world.plan.add("status", gate, times=99)
    one = world.service()
    watch = one.start(request())
    until(lambda: watch.accepted() is not None)
    gate.open()
    one.stop()
    holder.hold()
    world.service()
    until(lambda: "another program" in caplog.text)
    holder.release()
    assert world.wait_for(State.COLLECTED).file


def test_a_row_forgotten_while_its_submit_is_under_way_tells_the_id_of_what_was_bought(
    world, gate, caplog
):
    service = world.service()
    world.plan.add("submit", gate)
    watch = service.start(request())
    assert gate.reached.wait(90)
    service.forget(world.only_row().id, force=True)
    gate.open()
    with pytest.raises(TaskError, match="forgotten"):
        outcome(watch)
    until(lambda: world.accepted == 1)
    task_id = world.dashboard()[0]["taskId"]
    until(lambda: task_id in caplog.text)
    assert outcome(service.collect(task_id)).file.is_file()
    assert (world.submits, world.accepted) == (1, 1)


def test_forgetting_by_force_stops_an_upload_and_leaves_no_file(world, gate):
    service = world.service()
    world.plan.add("upload", gate, times=99)
    watch = service.start(request(motion=clip(sound=True, frames=18)))
    assert gate.reached.wait(90)
    service.forget(world.only_row().id, force=True)
    with pytest.raises(TaskError, match="forgotten"):
        outcome(watch)
    scratch = world.folders().temp / "apixo_wan_animate"
    until(lambda: not [p for p in scratch.glob("*/*") if p.exists()])
    assert world.submits == 0


def test_a_file_that_nobody_wants_any_more_is_asked_for_no_more(world):
    world.plan.add("file", instead(404), times=10**6, path=RESULT)
    service = world.service(clock=FastClock(400))
    watch = service.start(request())
    until(lambda: "not there yet" in watch.progress.note)
    ledger = world.ledger()
    ledger.forget(world.only_row().id, force=True)  # as the command does beside a running ComfyUI
    ledger.close()
    with pytest.raises((RowGoneError, TaskError)):
        outcome(watch)
    until(lambda: service._open().table.all() == [])
    asked = world.remote.counts["file"]
    threading.Event().wait(0.2)  # eighty seconds for the service
    assert world.remote.counts["file"] == asked


# The end of the process


def test_what_is_started_after_the_end_is_told_so(world):
    service = world.service()
    outcome(service.start(request()))
    service.stop()
    with pytest.raises(Stopped):
        outcome(service.start(request(2)))
    with pytest.raises(Stopped):
        outcome(service.collect("x"))
    share = service.share(ShareWish(picture(), "auto"))
    assert share.done
    with pytest.raises(Stopped):
        share.hosted()


def test_a_link_that_is_still_being_made_is_told_of_the_end(world, gate):
    world.plan.add("upload", gate, times=99)
    service = world.service()
    share = service.share(ShareWish(picture(), "auto"))
    assert gate.reached.wait(90)
    service.stop()
    assert share.done
    with pytest.raises(Stopped):
        share.hosted()


@pytest.mark.parametrize(
    ("route", "bought"), [("upload", 0), ("submit", 1), ("status", 1), ("file", 1)]
)
def test_a_process_that_ends_in_any_phase_loses_nothing_and_the_next_goes_on(
    world, gate, patient, route, bought
):
    world.plan.add(route, gate, times=99, path=RESULT if route == "file" else "")
    one = world.service()
    watch = one.start(request())
    assert gate.reached.wait(90)
    threading.Timer(0.3, gate.open).start()
    one.stop()
    with pytest.raises(Stopped):
        outcome(watch)
    assert [row.state in ACCEPTED for row in world.rows()] == [True] * bought
    assert world.accepted == bought
    two = world.service()
    assert outcome(two.start(request())).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)
    output = world.folders().output / "wan_animate"
    assert sorted(p.suffix for p in output.iterdir()) == [".json", ".mp4"]


# Settings that change while tasks are under way


def test_a_key_that_is_taken_away_before_the_submit_is_told_and_nothing_leaves(world, gate):
    world.plan.add("upload", gate, times=99)
    watch = world.service().start(request())
    assert gate.reached.wait(90)
    key = world.environ.pop("APIXO_API_KEY")
    gate.open()
    with pytest.raises(SettingsError, match="no APIXO key"):
        outcome(watch)
    assert (world.rows(), world.submits) == ([], 0)
    world.environ["APIXO_API_KEY"] = key


def test_a_service_that_is_exchanged_before_the_submit_gets_nothing(world, tmp_path, gate):
    elsewhere = type(world)(tmp_path / "elsewhere")
    world.plan.add("upload", gate, times=99)
    watch = world.service().start(request())
    assert gate.reached.wait(90)
    world.environ["APIXO_BASE_URL"] = elsewhere.origin
    gate.open()
    try:
        with pytest.raises(SettingsError, match="APIXO_BASE_URL"):
            outcome(watch)
        assert world.rows() == []
        assert (world.submits, elsewhere.remote.counts.all()) == (0, {})
    finally:
        elsewhere.close()


def test_practice_mode_that_is_switched_on_meanwhile_leaves_a_real_task_real(world, gate):
    world.plan.add("upload", gate, times=99)
    service = world.service()
    watch = service.start(request())
    assert gate.reached.wait(90)
    world.environ["APIXO_WAN_PRACTICE"] = "1"
    gate.open()
    row = outcome(watch).row
    assert (row.practice, row.origin) == (False, world.origin)
    assert (world.submits, world.accepted) == (1, 1)


def test_practice_mode_that_is_switched_off_meanwhile_leaves_a_practice_task_here(world):
    world.environ["APIXO_WAN_PRACTICE"] = "1"
    service, release = world.service_with_own_hosts(), threading.Event()
    service.resume()
    until(lambda: service._house is not None)
    service._pool.put("encode", lambda: release.wait(90))  # so that nothing is uploaded yet
    watch = service.start(request())
    until(lambda: service._pool.waiting("encode") == 2)
    world.environ["APIXO_WAN_PRACTICE"] = "0"
    release.set()
    assert outcome(watch).row.practice
    assert world.remote.counts.all() == {}


# Locks


def test_locks_that_somebody_cleans_away_cost_nothing_twice(world, gate):
    one = world.service()
    world.plan.add("submit", gate)
    one.start(request())
    assert gate.reached.wait(90)
    for lock in (world.folders().state / "owners").glob("*.lock"):
        lock.unlink()
    two = world.service()
    until(lambda: world.only_row().state is State.UNKNOWN)
    with pytest.raises(TaskError):
        outcome(two.start(request()))
    gate.open()
    world.wait_for(State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


# Lists


def test_one_of_four_that_is_refused_leaves_the_others_alone(world):
    world.plan.add("submit", instead(402), skip=1)
    service, motion = world.service(), clip()
    watches = [service.start(request(character=picture(n), motion=motion)) for n in range(4)]
    until(lambda: all(watch.done for watch in watches))
    ended = [row.state for row in world.rows()]
    assert sorted(state.value for state in ended) == ["collected"] * 3 + ["refused"]
    assert (world.submits, world.accepted) == (4, 3)


def test_a_list_that_would_pass_the_daily_limit_stops_at_it(world):
    world.environ["APIXO_WAN_DAILY_SECONDS"] = "14"
    service, motion = world.service(), clip()
    watches = [service.start(request(character=picture(n), motion=motion)) for n in range(4)]
    until(lambda: all(watch.done for watch in watches))
    assert [row.state for row in world.rows()] == [State.COLLECTED] * 2
    assert (world.submits, world.accepted) == (2, 2)


def test_a_reset_upload_of_a_shared_clip_is_told_to_all_and_may_be_run_again(world):
    world.plan.add("upload", faults.reset_before, times=99, path=".mp4")
    service, motion = world.service(), clip()
    watches = [service.start(request(character=picture(n), motion=motion)) for n in range(3)]
    for watch in watches:
        with pytest.raises(HostingError):
            outcome(watch)
    assert (world.rows(), world.submits) == ([], 0)
    world.heal()
    assert outcome(service.start(request(character=picture(0), motion=motion))).file.is_file()
