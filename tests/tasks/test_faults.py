"""Every fault of the service, with the state it ends in and the submits that were on the wire.

The last two numbers of each row are what the whole pack is about: how many submits left, and how
many the service took. What it took is paid for.
"""

from __future__ import annotations

import gc
import json
import socket
import threading
import time

import pytest
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.errors import (
    AuthError,
    CreditError,
    NotSentError,
    RateLimitError,
    RejectedError,
    TaskError,
    TaskFailedError,
    TaskUnknownError,
)
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import corrupt, cut, edited, instead, replaced
from apixo_wan_animate.utils.practice.service import PracticeService
from apixo_wan_animate.utils.practice.wire import Reply
from apixo_wan_animate.utils.tasks.agenda import Agenda
from apixo_wan_animate.utils.tasks.rhythm import FILE_GONE_FINAL_S, MISSING_FINAL_S
from apixo_wan_animate.utils.tasks.states import State

from .clocks import FastClock, HandClock
from .test_cancel import Gate
from .world import outcome, request, until

RESULT = "/files/practice-"
"""Results lie here; uploads do not."""

SOON = {"Retry-After": "1"}


def in_200(code: int):
    """An error in the envelope of an HTTP 200."""
    return instead(200, {"code": code, "message": "no", "data": None})


def without_id(data: object):
    return edited(lambda answer: {**answer, "data": data})


REFUSED = [
    pytest.param(instead(400), RejectedError, id="400"),
    pytest.param(instead(400, html=True), RejectedError, id="400 HTML"),
    pytest.param(instead(401), AuthError, id="401"),
    pytest.param(instead(401, html=True), AuthError, id="401 HTML"),
    pytest.param(instead(402), CreditError, id="402"),
    pytest.param(instead(402, html=True), CreditError, id="402 HTML"),
    pytest.param(instead(403), AuthError, id="403"),
    pytest.param(instead(403, html=True), AuthError, id="403 HTML"),
    pytest.param(instead(404), RejectedError, id="404"),
    pytest.param(instead(413, html=True), RejectedError, id="413 HTML"),
    pytest.param(instead(422), RejectedError, id="422"),
    pytest.param(in_200(400), RejectedError, id="code 400 in 200"),
    pytest.param(in_200(401), AuthError, id="code 401 in 200"),
    pytest.param(in_200(402), CreditError, id="code 402 in 200"),
    pytest.param(in_200(403), AuthError, id="code 403 in 200"),
]


@pytest.mark.parametrize(("fault", "error"), REFUSED)
def test_what_is_refused_outright_ends_refused_after_one_submit(world, fault, error):
    world.plan.add("submit", fault)
    watch = world.service().start(request())
    with pytest.raises(error):
        outcome(watch)
    assert world.only_row().state is State.REFUSED
    assert (world.submits, world.accepted) == (1, 0)


@pytest.mark.parametrize("fault", [instead(402), in_200(402)], ids=["402", "code 402 in 200"])
def test_what_was_refused_may_be_asked_for_again(world, fault):
    service = world.service()
    world.plan.add("submit", fault)
    with pytest.raises(CreditError):
        outcome(service.start(request()))
    assert not outcome(service.start(request())).reused
    assert (world.submits, world.accepted) == (2, 1)


UNKNOWN = [
    pytest.param(faults.lost, 1, id="reply lost"),
    pytest.param(faults.reset_after, 1, id="reset after the body"),
    pytest.param(faults.reset_before, 0, id="reset before the body"),
    pytest.param(faults.closed, 0, id="closed without an answer"),
    pytest.param(cut(20), 1, id="reply cut"),
    pytest.param(instead(500), 0, id="500"),
    pytest.param(instead(500, html=True), 0, id="500 HTML"),
    pytest.param(replaced(500, {"code": 500, "message": "x", "data": None}), 1, id="500 accepted"),
    pytest.param(instead(502), 0, id="502"),
    pytest.param(instead(502, html=True), 0, id="502 HTML"),
    pytest.param(replaced(502, "<html>", html=True), 1, id="502 HTML accepted"),
    pytest.param(instead(503), 0, id="503"),
    pytest.param(instead(408), 0, id="408"),
    pytest.param(instead(409), 0, id="409"),
    pytest.param(faults.redirect("/api/v1/generateTask/wan-2-2-animate"), 0, id="redirect"),
    pytest.param(in_200(500), 0, id="code 500 in 200"),
    pytest.param(replaced(200, {"code": 500, "data": None}), 1, id="code 500 in 200 accepted"),
    pytest.param(without_id(None), 1, id="data null"),
    pytest.param(without_id({}), 1, id="no task id"),
    pytest.param(without_id({"taskId": ""}), 1, id="task id empty"),
    pytest.param(without_id({"taskId": "a/b c"}), 1, id="task id impossible"),
    pytest.param(replaced(200, "<html>hello</html>", html=True), 1, id="HTML in 200"),
    pytest.param(replaced(200, b""), 1, id="empty body"),
    pytest.param(replaced(200, b"[1, 2]"), 1, id="a list"),
    pytest.param(replaced(200, b"\xff\xfe{"), 1, id="not text"),
]


@pytest.mark.parametrize(("fault", "accepted"), UNKNOWN)
def test_where_the_fate_is_open_the_row_is_unknown_and_is_never_sent_again(world, fault, accepted):
    service = world.service()
    world.plan.add("submit", fault)
    with pytest.raises(TaskUnknownError, match="adopt"):
        outcome(service.start(request()))
    assert world.only_row().state is State.UNKNOWN
    with pytest.raises(TaskUnknownError):
        outcome(service.start(request()))
    world.crash(service)
    with pytest.raises(TaskUnknownError):
        outcome(world.service().start(request()))
    assert (world.submits, world.accepted) == (1, accepted)


BUSY = [
    pytest.param(instead(429, headers=SOON), 1, id="429"),
    pytest.param(instead(429, html=True), 1, id="429 HTML"),
    pytest.param(in_200(429), 1, id="code 429 in 200"),
    pytest.param(instead(429, headers=SOON), 4, id="429 four times"),
]


@pytest.mark.parametrize(("fault", "times"), BUSY)
def test_a_submit_that_found_the_service_busy_is_sent_again_and_taken_once(world, fault, times):
    world.plan.add("submit", fault, times=times)
    assert outcome(world.service().start(request())).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (times + 1, 1)


def test_the_service_says_how_long_to_wait_and_is_obeyed(world):
    clock = FastClock(200)
    seen: list[float] = []

    def busy(_, handle):
        seen.append(clock.monotonic())
        return instead(429, headers={"Retry-After": "90"})(_, handle)

    world.plan.add("submit", busy, times=2)
    outcome(world.service(clock=clock).start(request()))
    assert seen[1] - seen[0] >= 90


def test_between_two_tries_the_row_is_durably_preparing_again(world):
    world.plan.add("submit", instead(429, headers={"Retry-After": "300"}))
    watch = world.service().start(request())
    until(lambda: "busy" in watch.progress.note)
    assert world.only_row().state is State.PREPARING
    assert world.only_row().sending_at is None


def test_a_service_that_stays_busy_is_given_up_with_its_own_words(world):
    world.plan.add("submit", instead(429), times=1000)
    watch = world.service(clock=FastClock(2000)).start(request())
    with pytest.raises(RateLimitError, match="nothing was submitted"):
        outcome(watch)
    assert world.only_row().state is State.REFUSED
    assert world.accepted == 0


def test_leaving_while_the_service_is_busy_leaves_no_row(world):
    world.plan.add("submit", instead(429, headers={"Retry-After": "300"}), times=9)
    watch = world.service().start(request())
    until(lambda: "busy" in watch.progress.note)
    watch.leave()
    until(lambda: world.rows() == [])
    assert (world.submits, world.accepted) == (1, 0)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_connection_that_is_never_made_is_tried_again_and_taken_once(world, tmp_path):
    port = free_port()
    world.environ["APIXO_BASE_URL"] = f"http://127.0.0.1:{port}"
    watch = world.service().start(request())
    until(lambda: "not reached" in watch.progress.note)
    assert world.only_row().state is State.PREPARING
    late = PracticeService(SystemClock(), folder=tmp_path / "late")
    late.start(port)
    try:
        assert outcome(watch).row.state is State.COLLECTED
        assert (late.counts["submit"], late.counts["accepted"]) == (1, 1)
    finally:
        late.stop()


def test_a_service_that_is_never_reached_is_given_up_after_minutes(world):
    world.environ["APIXO_BASE_URL"] = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(NotSentError):
        outcome(world.service(clock=FastClock(400)).start(request()))
    assert world.only_row().state is State.REFUSED


# Asking


def with_data(change):
    return edited(lambda answer: {**answer, "data": change(answer["data"])})


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
    pytest.param(
        with_data(lambda d: {"taskId": d["taskId"], "state": "success"}), id="success, no links"
    ),
    pytest.param(
        with_data(lambda d: {**d, "state": "success", "resultJson": "{}"}), id="links empty"
    ),
    pytest.param(instead(200, b"[]"), id="a list"),
]


@pytest.mark.parametrize("fault", STATUS)
def test_trouble_while_asking_is_ridden_out(world, fault):
    world.plan.add("status", fault, times=3)
    # A node is told after a minute without a file; slow machines need a real second for it.
    service = world.service(clock=FastClock(60))
    assert outcome(service.start(request())).row.state is State.COLLECTED
    assert world.plan.left == 0
    assert (world.submits, world.accepted) == (1, 1)


def test_when_asking_is_too_much_all_tasks_are_quiet_for_as_long_as_was_asked(world):
    clock = FastClock(100)
    service = world.service(clock=clock)
    gate = threading.Event()

    def not_yet(asked, handle):
        gate.wait(20)
        return handle()

    world.plan.add("submit", not_yet, times=3)
    watches = [service.start(request(n)) for n in range(3)]
    until(lambda: world.submits == 3)
    busy_at: list[float] = []
    asked_at: list[float] = []

    def busy(asked, handle):
        busy_at.append(clock.monotonic())
        return instead(429, headers={"Retry-After": "120"})(asked, handle)

    def seen(asked, handle):
        asked_at.append(clock.monotonic())
        return handle()

    world.plan.add("status", busy)
    world.plan.add("status", seen, times=99)
    gate.set()
    for watch in watches:
        outcome(watch)
    in_flight_s = 20
    assert not [at for at in asked_at if busy_at[0] + in_flight_s < at < busy_at[0] + 119]


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


def ask_until(world, clock, *, step_s: float, over) -> None:
    """Let time pass in steps, each long enough for a question and its answer."""

    def asked() -> int:
        return world.remote.counts["status"] + world.remote.counts["file"]

    pause, end = threading.Event(), time.monotonic() + 240
    while not over():
        assert time.monotonic() < end, "it did not come to that"
        before = asked()
        clock.advance(step_s)
        for _ in range(40):  # the next question may not have been planned yet
            if asked() > before or over():
                break
            pause.wait(0.005)


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
    world.heal()
    world.plan.add("file", instead(404), times=10**6, path=RESULT)
    world.plan.add("status", instead(404), times=10**6)
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
    world.heal()
    world.plan.add("file", instead(404), times=10**6, path=RESULT)

    def unknown_in_the_end(asked, handle):
        gate(asked, handle)
        return instead(404)(asked, handle)

    world.plan.add("status", unknown_in_the_end, times=10**6)
    ask_until(world, clock, step_s=2400, over=gate.reached.is_set)
    world.environ["APIXO_API_KEY"] = key
    gate.open()
    ends = {State.COLLECTED, State.FAILED}
    until(lambda: "trying again" in watch.progress.note or world.only_row().state in ends)
    world.heal()
    ask_until(world, clock, step_s=2400, over=lambda: world.only_row().state in ends)
    assert world.only_row().state is State.COLLECTED


# Fetching


def elsewhere(seen: list[str]):
    """A redirect to the same file under another address."""

    def fault(asked, handle):
        if "moved" in asked.query:
            return handle()
        seen.append(asked.path)
        return Reply(302, b"", {"Location": f"{asked.path}?moved=1"}, "text/html")

    return fault


def shortened(asked, handle):
    """A file that ends too early, in a reply that is whole."""
    reply = handle()
    content = reply.body.path.read_bytes()
    return Reply(200, content[: len(content) * 6 // 10], {}, reply.media_type)


FILES = [
    pytest.param(shortened, 2, id="shortened"),
    pytest.param(cut(700), 2, id="cut"),
    pytest.param(faults.lost, 2, id="no answer"),
    pytest.param(instead(403, html=True), 2, id="refused"),
    pytest.param(instead(404), 2, id="gone at first"),
    pytest.param(instead(500), 2, id="500"),
    pytest.param(instead(200, html=True), 2, id="HTML"),
    pytest.param(corrupt, 2, id="corrupt"),
    pytest.param(instead(200, b""), 2, id="empty"),
    pytest.param(faults.redirect("http://10.0.0.1/result.mp4"), 1, id="redirect inwards"),
    pytest.param(faults.redirect("file:///etc/passwd"), 1, id="redirect to a file"),
]


@pytest.mark.parametrize(("fault", "times"), FILES)
def test_trouble_while_fetching_is_ridden_out(world, fault, times):
    world.plan.add("file", fault, times=times, path=RESULT)
    result = outcome(world.service(clock=FastClock(20)).start(request()))
    assert result.row.state is State.COLLECTED
    assert result.file.stat().st_size > 1000
    assert world.plan.left == 0
    assert not list(result.file.parent.glob("*.part*"))
    assert (world.submits, world.accepted) == (1, 1)


def test_a_redirected_result_is_followed(world):
    seen: list[str] = []
    world.plan.add("file", elsewhere(seen), times=100, path=RESULT)
    assert outcome(world.service().start(request())).file.is_file()
    assert len(seen) == 1


def test_a_file_that_is_gone_stays_owed_and_the_node_is_told(world):
    world.plan.add("file", instead(404), times=10**6, path=RESULT)
    watch = world.service(clock=FastClock(200)).start(request())
    with pytest.raises(TaskError, match="tried again by itself"):
        outcome(watch)
    assert world.only_row().state is State.SUCCEEDED
    world.heal()
    world.wait_for(State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_file_that_is_gone_for_a_week_ends_failed(world):
    clock = HandClock()
    world.plan.add("file", instead(410), times=10**6, path=RESULT)
    service = world.service(clock=clock)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    ask_until(world, clock, step_s=9, over=lambda: world.only_row().state is State.SUCCEEDED)
    began = world.only_row().succeeded_at
    ask_until(world, clock, step_s=2400, over=lambda: world.only_row().state is State.FAILED)
    assert clock.now() - began >= FILE_GONE_FINAL_S
    with pytest.raises(TaskError):
        outcome(watch)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_network_that_is_down_for_a_week_loses_nothing(world):
    clock = HandClock()
    world.plan.add("file", faults.reset_before, times=10**6, path=RESULT)
    service = world.service(clock=clock)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    ask_until(world, clock, step_s=9, over=lambda: world.only_row().state is State.SUCCEEDED)
    ask_until(
        world,
        clock,
        step_s=86_400.0,
        over=lambda: clock.now() - (world.only_row().created_at) > 9 * 86_400.0,
    )
    assert world.only_row().state is State.SUCCEEDED
    world.heal()
    ask_until(world, clock, step_s=2400, over=lambda: world.only_row().state is State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


# The two replies that race


def test_a_callback_that_overtakes_the_answer_settles_the_row_when_the_answer_is_lost(world):
    world.environ |= {"APIXO_WAN_CALLBACK": "1", "APIXO_WAN_PUBLIC_URL": "https://comfy.test"}
    service = world.service()
    release = threading.Event()

    def held_then_lost(asked, handle):
        reply = faults.lost(asked, handle)
        release.wait(20)
        return reply

    world.plan.add("submit", held_then_lost)
    watch = service.start(request())
    until(lambda: world.accepted == 1)
    (task,) = world.dashboard()
    token = task["callback_url"].rsplit("/", 1)[1]
    body = json.dumps({"code": 200, "data": {"taskId": task["taskId"]}}).encode()
    assert service.callback(token, body)
    assert world.only_row().state is State.SENDING
    release.set()
    with pytest.raises(TaskUnknownError):
        outcome(watch)
    world.wait_for(State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_thread_that_stalls_while_it_plans_the_next_try_forgets_no_result(world, monkeypatch):
    """The next try came due before it was written down what to try, and nobody came back to it."""
    planned = Agenda.after

    def stalled(agenda, delay_s, call):
        entry = planned(agenda, delay_s, call)
        if delay_s > 0 and call.__qualname__.startswith("Fetcher"):
            threading.Event().wait(0.2)
        return entry

    monkeypatch.setattr(Agenda, "after", stalled)
    world.plan.add("file", instead(404), times=2, path=RESULT)
    watch = world.service(clock=FastClock(200)).start(request())
    assert outcome(watch, limit_s=15).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(instead(400), RejectedError), (faults.lost, TaskUnknownError)],
    ids=["refused", "unknown"],
)
def test_how_long_was_waited_is_forgotten_once_a_fate_is_known(world, fault, error):
    world.plan.add("submit", instead(429, headers=SOON))
    world.plan.add("submit", fault)
    with pytest.raises(error):
        outcome(world.service().start(request()))
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing).__name__ == "_Patience"]
