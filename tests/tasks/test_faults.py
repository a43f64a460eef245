"""Every fault of the service, with the state it ends in and the submits that were on the wire.

The last two numbers of each row are what the whole pack is about: how many submits left, and how
many the service took. What it took is paid for.
"""

from __future__ import annotations

import json
import socket
import sys
import threading

import pytest
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.errors import (
    AuthError,
    CreditError,
    NotSentError,
    RateLimitError,
    RejectedError,
    TaskUnknownError,
)
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import cut, instead, replaced
from apixo_wan_animate.utils.practice.service import PracticeService
from apixo_wan_animate.utils.tasks.agenda import Agenda
from clocks import FastClock
from patience import until

from .answers import RESULT, SOON, in_200, without_id
from .world import outcome, request

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
    world.plan.add("submit", instead(429, headers={"Retry-After": "1500"}))
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
    world.plan.add("submit", instead(429, headers={"Retry-After": "1500"}), times=9)
    watch = world.service().start(request())
    until(lambda: "busy" in watch.progress.note)
    watch.leave()
    until(lambda: world.rows() == [])
    assert (world.submits, world.accepted) == (1, 0)


@pytest.fixture
def silent_port():
    """A port where nobody listens, and that no other program is given meanwhile."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that it may be listened at
        kept.bind(("127.0.0.1", 0))
        port = int(kept.getsockname()[1])
        if not sys.platform.startswith("linux"):  # elsewhere nobody can listen beside it
            kept.close()
        yield port


def test_a_connection_that_is_never_made_is_tried_again_and_taken_once(
    world, tmp_path, silent_port
):
    port = silent_port
    world.environ["APIXO_BASE_URL"] = f"http://127.0.0.1:{port}"
    # The service is tried again for three minutes: at this pace, for 36 seconds.
    watch = world.service(clock=FastClock(5)).start(request())
    until(lambda: "cannot be reached" in watch.progress.note)
    assert world.only_row().state is State.PREPARING
    late = PracticeService(SystemClock(), folder=tmp_path / "late")
    late.start(port)
    try:
        assert outcome(watch).row.state is State.COLLECTED
        assert (late.counts["submit"], late.counts["accepted"]) == (1, 1)
    finally:
        late.stop()


def test_a_service_that_is_never_reached_is_given_up_after_minutes(world, silent_port):
    world.environ["APIXO_BASE_URL"] = f"http://127.0.0.1:{silent_port}"
    with pytest.raises(NotSentError):
        outcome(world.service(clock=FastClock(400)).start(request()))
    assert world.only_row().state is State.REFUSED


# The two replies that race


def test_a_callback_that_overtakes_the_answer_settles_the_row_when_the_answer_is_lost(world):
    world.environ |= {"APIXO_WAN_CALLBACK": "1", "APIXO_WAN_PUBLIC_URL": "https://comfy.test"}
    service = world.service()
    release = threading.Event()

    def held_then_lost(asked, handle):
        reply = faults.lost(asked, handle)
        release.wait(90)
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
            threading.Event().wait(1.0)
        return entry

    monkeypatch.setattr(Agenda, "after", stalled)
    world.plan.add("file", instead(404), times=2, path=RESULT)
    # The first try comes due after 0.6 s at most; the node is told after 15 s, and not before.
    watch = world.service(clock=FastClock(4)).start(request())
    assert outcome(watch).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(instead(400), RejectedError), (faults.lost, TaskUnknownError)],
    ids=["refused", "unknown"],
)
def test_how_long_was_waited_is_forgotten_once_a_fate_is_known(world, fault, error):
    world.plan.add("submit", instead(429, headers=SOON))
    world.plan.add("submit", fault)
    service = world.service()
    with pytest.raises(error):
        outcome(service.start(request()))
    assert service._house.submitter._patience == {}
