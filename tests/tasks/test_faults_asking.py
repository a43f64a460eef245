"""Every fault while a task is asked about: none of them loses it, none buys it again."""

from __future__ import annotations

import json
import threading

import pytest
from apixo_wan_animate.utils.errors import TaskFailedError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import FaultPlan, cut, instead, replaced
from apixo_wan_animate.utils.tasks.rhythm import MISSING_FINAL_S
from clocks import FastClock, HandClock
from patience import until

from .answers import RESULT, SOON, ask_until, in_200, with_data, without_id
from .test_cancel import Gate
from .world import outcome, request

STATUS = [
    pytest.param(cut(30), id="cut"),
    pytest.param(faults.lost, id="no answer"),
    pytest.param(faults.reset_before, id="reset"),
    pytest.param(without_id(None), id="data null"),
    pytest.param(replaced(200, "<html>busy</html>", html=True), id="HTML in 200"),
    pytest.param(instead(404), id="404 at first"),
    pytest.param(instead(500), id="500"),
    pytest.param(instead(502, html=True), id="502 HTML"),
    pytest.param(instead(429, headers=SOON), id="429"),
    pytest.param(instead(400), id="400"),
    pytest.param(in_200(500), id="code 500 in 200"),
    pytest.param(with_data(lambda d: {**d, "state": "dreaming"}), id="unknown state"),
    pytest.param(with_data(lambda d: {**d, "state": "processing_r2"}), id="processing_r2"),
    pytest.param(instead(200, b"[]"), id="a list"),
]
LINKLESS = [
    pytest.param(
        with_data(lambda d: {"taskId": d["taskId"], "state": "success"}), id="success, no links"
    ),
    pytest.param(
        with_data(lambda d: {**d, "state": "success", "resultJson": "{}"}), id="links empty"
    ),
]


def ridden_out(world, fault, *, pace: float) -> None:
    world.plan.add("status", fault, times=3)
    service = world.service(clock=FastClock(pace))
    assert outcome(service.start(request())).row.state is State.COLLECTED
    assert world.plan.left == 0
    assert (world.submits, world.accepted) == (1, 1)


@pytest.mark.parametrize("fault", STATUS)
def test_trouble_while_asking_is_ridden_out(world, fault):
    ridden_out(world, fault, pace=60)


@pytest.mark.parametrize("fault", LINKLESS)
def test_a_success_that_names_no_file_is_ridden_out(world, fault):
    # A node is told after a minute without a file: at this pace, after ten seconds.
    ridden_out(world, fault, pace=6)


def let_a_second_pass(service, clock) -> None:
    """And everything that was due in it happen, questions and their answers included."""
    passed = threading.Event()
    service._agenda.after(1, passed.set)
    clock.advance(1)
    until(passed.is_set)
    pool = service._pool
    until(lambda: not pool.waiting("poll") and not pool._running["poll"])


def test_when_asking_is_too_much_all_tasks_are_quiet_for_as_long_as_was_asked(world):
    clock, gate = HandClock(), Gate()
    service = world.service(clock=clock)
    world.plan.add("submit", gate, times=3)
    watches = [service.start(request(n)) for n in range(3)]
    until(lambda: world.submits == 3)
    world.plan.add("status", instead(429, headers={"Retry-After": "120"}))
    gate.open()
    until(lambda: all(watch.accepted() for watch in watches))
    until(lambda: let_a_second_pass(service, clock) or world.remote.counts["status"])
    asked = world.remote.counts["status"]  # whoever was due in the same second, too
    for _ in range(118):
        let_a_second_pass(service, clock)
    assert world.remote.counts["status"] == asked <= 3
    ask_until(world, clock, step_s=9, over=lambda: all(watch.done for watch in watches))
    assert [outcome(watch).row.state for watch in watches] == [State.COLLECTED] * 3


@pytest.mark.parametrize(
    "change",
    [
        lambda d: {**d, "state": d["state"].upper()},
        lambda d: {**d, "resultJson": json.loads(d.get("resultJson") or "null")},
    ],
    ids=["letter case", "resultJson an object"],
)
def test_odd_spellings_are_understood(world, change):
    world.plan.add("status", with_data(change), times=1000)
    assert outcome(world.service().start(request())).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


@pytest.mark.parametrize(
    ("code", "advice"),
    [("CONTENT_VIOLATION", "refuses"), ("IMAGE_DOWNLOAD_FAILED", "host"), ("", "Run again")],
)
def test_a_failed_task_ends_failed_with_the_services_words(world, code, advice):
    def fail(data):
        return {**data, "state": "failed", "failCode": code, "failMsg": "as it happens"}

    world.plan.add("status", with_data(fail))
    with pytest.raises(TaskFailedError, match="as it happens") as caught:
        outcome(world.service().start(request()))
    assert advice in str(caught.value)
    row = world.only_row()
    assert (row.state, row.fail_code) == (State.FAILED, code)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_failure_message_is_kept_without_signed_links(world):
    def fail(data):
        link = "https://cdn.example.test/in.png?sig=topsecret"
        return {**data, "state": "failed", "failCode": "X", "failMsg": f"cannot read {link}"}

    world.plan.add("status", with_data(fail))
    with pytest.raises(TaskFailedError) as caught:
        outcome(world.service().start(request()))
    assert "topsecret" not in str(caught.value) + world.only_row().fail_message


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_stops_working_is_waited_out(world, status):
    service = world.service(clock=FastClock(400))
    world.plan.add("status", instead(status), times=1000)
    watch = service.start(request())
    until(lambda: "key" in watch.progress.note)
    world.heal()
    assert outcome(watch).row.state is State.COLLECTED


def test_a_task_without_a_trace_fails_after_a_day_and_not_before(world):
    clock = HandClock()
    world.plan.add("status", instead(404), times=10**6)
    watch = world.service(clock=clock).start(request())
    until(lambda: watch.accepted() is not None)
    began = clock.now()
    ask_until(world, clock, step_s=700, over=lambda: watch.done)
    with pytest.raises(TaskFailedError, match="24 hours"):
        outcome(watch)
    assert clock.now() - began >= MISSING_FINAL_S
    assert world.only_row().state is State.FAILED
    assert (world.submits, world.accepted) == (1, 1)


@pytest.mark.parametrize("route", ["status", "file"])
def test_a_task_that_another_key_submitted_waits_for_that_key_however_long(world, route):
    clock = HandClock()
    service = world.service(clock=clock)
    world.plan.add("status", instead(503), times=10**6)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    if route == "file":
        world.heal()
        world.plan.add("file", instead(404), times=10**6, path=RESULT)
        ask_until(world, clock, step_s=9, over=lambda: world.only_row().state is State.SUCCEEDED)
    key, world.environ["APIXO_API_KEY"] = world.environ["APIXO_API_KEY"], "another-accounts-key"
    unknown = FaultPlan()
    unknown.add("file", instead(404), times=10**6, path=RESULT)
    unknown.add("status", instead(404), times=10**6)
    world.plan = unknown  # at once: in between, a question would be answered well
    began, before = clock.now(), world.only_row().state
    ask_until(world, clock, step_s=9000, over=lambda: clock.now() - began > 9 * 86_400)
    assert world.only_row().state is before
    world.heal()
    world.environ["APIXO_API_KEY"] = key
    ask_until(world, clock, step_s=2400, over=lambda: world.only_row().state is State.COLLECTED)
    ledger = b"".join(p.read_bytes() for p in world.folders().state.glob("ledger.sqlite3*"))
    assert b"another-accounts-key" not in ledger
    assert (world.submits, world.accepted) == (1, 1)


def test_a_key_that_comes_back_while_another_one_is_being_answered_is_not_blamed(world):
    clock, gate = HandClock(), Gate()
    watch = world.service(clock=clock).start(request())
    until(lambda: watch.accepted() is not None)
    world.plan.add("file", instead(404), times=10**6, path=RESULT)
    ask_until(world, clock, step_s=9, over=lambda: world.only_row().state is State.SUCCEEDED)
    key, world.environ["APIXO_API_KEY"] = world.environ["APIXO_API_KEY"], "another-accounts-key"
    began = clock.now()
    world.plan.add("status", instead(404), times=10**6)
    ask_until(world, clock, step_s=9000, over=lambda: clock.now() - began > 9 * 86_400)

    def unknown_in_the_end(asked, handle):
        gate(asked, handle)
        return instead(404)(asked, handle)

    unknown = FaultPlan()
    unknown.add("file", instead(404), times=10**6, path=RESULT)
    unknown.add("status", unknown_in_the_end, times=10**6)
    world.plan = unknown  # at once: in between, a question would be answered well
    ask_until(world, clock, step_s=2400, over=gate.reached.is_set)
    world.environ["APIXO_API_KEY"] = key
    gate.open()
    ends = {State.COLLECTED, State.FAILED}
    until(lambda: "trying again" in watch.progress.note or world.only_row().state in ends)
    world.heal()
    ask_until(world, clock, step_s=2400, over=lambda: world.only_row().state in ends)
    assert world.only_row().state is State.COLLECTED
