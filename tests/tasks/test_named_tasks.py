"""An answer to a submit that is no plain yes, but names the task: not bought twice, not lost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from apixo_wan_animate.utils.errors import TaskUnknownError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import edited, instead
from clocks import FastClock
from patience import until

from .world import outcome, request


def naming(status: int, body):
    """The submit is acted on; this is answered, with the task's id somewhere in it."""

    def fault(asked, handle):
        reply = handle()
        task_id = json.loads(reply.body)["data"]["taskId"]
        return replace(reply, status=status, body=json.dumps(body(task_id)).encode())

    return fault


def cut_short(asked, handle):
    """All of the answer comes, but for its last sign."""
    reply = handle()
    return replace(reply, cut_after=len(reply.body) - 1)


ANSWERS = {
    "HTTP 500": naming(500, lambda i: {"code": 500, "message": "x", "data": {"taskId": i}}),
    "code 500": naming(200, lambda i: {"code": 500, "message": "busy", "data": {"taskId": i}}),
    "code 0": naming(200, lambda i: {"code": 0, "message": "ok", "data": {"taskId": i}}),
    "code a word": naming(200, lambda i: {"code": "success", "data": {"taskId": i}}),
    "data a list": naming(200, lambda i: {"code": 200, "data": [{"taskId": i}]}),
    "data the id": naming(200, lambda i: {"code": 200, "data": i}),
    "data.task_id": naming(200, lambda i: {"code": 200, "data": {"task_id": i}}),
    "beside data": naming(200, lambda i: {"code": 200, "taskId": i, "data": None}),
    "HTTP 400": naming(400, lambda i: {"code": 400, "message": "no", "data": {"taskId": i}}),
    "HTTP 403": naming(403, lambda i: {"code": 403, "message": "no", "data": {"taskId": i}}),
    "code 402": naming(200, lambda i: {"code": 402, "message": "empty", "data": {"taskId": i}}),
    "HTTP 429": naming(429, lambda i: {"code": 429, "message": "busy", "data": {"taskId": i}}),
    "cut short": cut_short,
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_task_that_is_named_is_told_proved_and_collected(world, answer):
    service = world.service()
    world.plan.add("submit", ANSWERS[answer])
    watch = service.start(request())
    with pytest.raises(TaskUnknownError) as caught:
        outcome(watch)
    (task,) = world.dashboard()
    assert task["taskId"] in str(caught.value)
    assert "arrived" not in str(caught.value), "an answer came"
    assert world.wait_for(State.COLLECTED).task_id == task["taskId"]
    assert outcome(service.start(request())).row.task_id == task["taskId"]
    assert (world.submits, world.accepted) == (1, 1)


def test_a_task_that_is_named_is_asked_about_after_a_restart_too(world):
    world.plan.add("status", instead(503), times=10**6)
    world.plan.add("submit", ANSWERS["HTTP 400"])
    service = world.service()
    with pytest.raises(TaskUnknownError, match="adopt"):
        outcome(service.start(request()))
    (task,) = world.dashboard()
    row = world.only_row()
    assert (row.state, row.candidate) == (State.UNKNOWN, task["taskId"])
    with pytest.raises(TaskUnknownError, match=task["taskId"]):
        outcome(service.start(request()))
    world.crash(service)
    world.heal()
    world.service()
    world.wait_for(State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


NEVER_ITS_WORD = {
    "trouble": instead(503),
    "a gateway's page": instead(404, html=True),
    "another key": instead(401),
    "no answer": faults.reset_before,
}


@pytest.mark.parametrize("fault", NEVER_ITS_WORD)
def test_a_named_task_that_cannot_be_asked_about_for_days_is_not_given_up(world, fault):
    world.plan.add("submit", ANSWERS["HTTP 400"])
    world.plan.add("status", NEVER_ITS_WORD[fault], times=10**6)
    service = world.service(clock=FastClock(40_000))
    with pytest.raises(TaskUnknownError):
        outcome(service.start(request()))
    until(lambda: world.remote.counts["status"] > 60)  # forty denials are the end of a candidate
    world.heal()
    world.wait_for(State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_named_task_that_apixo_denies_for_a_day_is_told_and_the_row_stays_unknown(world):
    other = {"code": 500, "data": {"taskId": "practice-000000000000"}}
    world.plan.add("submit", instead(500, other))
    service = world.service(clock=FastClock(40_000))
    with pytest.raises(TaskUnknownError, match="practice-000000000000"):
        outcome(service.start(request()))
    until(lambda: world.only_row().candidate == "")
    with pytest.raises(TaskUnknownError, match=r"practice-000000000000.*knows nothing of it"):
        outcome(service.start(request()))
    assert world.only_row().state is State.UNKNOWN
    assert world.submits == 1


def test_an_id_that_another_row_has_is_told_as_what_it_is(world):
    service = world.service()
    first = outcome(service.start(request(1))).row
    again = edited(lambda answer: {**answer, "data": {"taskId": first.task_id}})
    world.plan.add("submit", again)
    with pytest.raises(TaskUnknownError, match=f"row {first.id} has already") as caught:
        outcome(service.start(request(2)))
    assert "arrived" not in str(caught.value), "an answer came"
    assert first.task_id in str(caught.value)


def test_an_answer_that_never_came_is_told_as_what_it_is(world):
    world.plan.add("submit", faults.lost)
    with pytest.raises(TaskUnknownError, match=r"row 1 .*broke.*adopt 1 TASK_ID"):
        outcome(world.service().start(request()))
