"""Several ComfyUIs on one user folder, and one after the other."""

from __future__ import annotations

import contextlib
import json
import threading

import pytest
from apixo_wan_animate.utils.errors import InputError, TaskUnknownError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import instead
from apixo_wan_animate.utils.tasks.service import Surroundings
from patience import until

from .test_cancel import Gate
from .world import outcome, request


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open()


def test_a_second_comfyui_attaches_to_the_row_of_the_first(world):
    one, two = world.service(), world.service()
    watches = [service.start(request()) for service in (one, two)]
    assert outcome(watches[0]).file == outcome(watches[1]).file
    assert (world.submits, world.accepted) == (1, 1)


def test_thirty_races_of_two_comfyuis_make_thirty_submits_and_sixty_answers(world):
    services = [world.service(), world.service()]
    for n in range(30):
        watches = [service.start(request(n)) for service in services]
        assert len({outcome(watch).file for watch in watches}) == 1
    assert (world.submits, world.accepted) == (30, 30)


def test_when_the_first_cancels_the_second_goes_on_by_itself(world, gate):
    one, two = world.service(), world.service()
    world.plan.add("upload", gate, times=2)
    first = one.start(request())
    assert gate.reached.wait(90)
    second = two.start(request())
    until(lambda: "another ComfyUI" in second.progress.note)
    first.leave()
    gate.open()
    assert outcome(second).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


def test_when_the_first_ends_the_second_takes_its_tasks_over(world, gate):
    one, two = world.service(), world.service()
    world.plan.add("status", gate, times=99)
    first = one.start(request())
    until(lambda: first.accepted() is not None)
    second = two.start(request())
    until(lambda: "another ComfyUI" in second.progress.note)
    gate.open()
    one.stop()
    assert outcome(second).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


def test_a_living_submit_is_not_taken_for_a_crashed_one(world, gate):
    one, two = world.service(), world.service()
    world.plan.add("submit", gate)
    watch = one.start(request())
    assert gate.reached.wait(90)
    for _ in range(3):
        two._open().scan()
    assert world.only_row().state is State.SENDING
    gate.open()
    assert outcome(watch).row.state is State.COLLECTED


def test_what_was_accepted_is_collected_after_a_restart(world, gate):
    one = world.service()
    world.plan.add("status", gate, times=99)
    watch = one.start(request())
    until(lambda: watch.accepted() is not None)
    gate.open()
    one.stop()
    heard: list[State] = []
    two = world.service_unresumed()
    two.subscribe(lambda row, watched: heard.append(row.state))
    two.resume()
    assert world.wait_for(State.COLLECTED).file
    until(lambda: State.COLLECTED in heard)
    assert (world.submits, world.accepted) == (1, 1)


# Rows of unknown fate


def lose_one(world, service):
    world.plan.add("submit", faults.lost)
    with pytest.raises(TaskUnknownError):
        outcome(service.start(request()))
    (task,) = world.dashboard()
    return world.only_row(), task


def test_an_adopted_task_is_collected_and_answers_the_next_run(world):
    service = world.service()
    row, task = lose_one(world, service)
    assert service.adopt(row.id, task["taskId"]).state is State.SUBMITTED
    world.wait_for(State.COLLECTED)
    assert outcome(service.start(request())).reused
    assert (world.submits, world.accepted) == (1, 1)


def test_an_id_that_the_service_does_not_know_is_not_adopted(world):
    service = world.service()
    row, _ = lose_one(world, service)
    with pytest.raises(InputError, match="knows no task"):
        service.adopt(row.id, "practice-000000")
    assert world.only_row().state is State.UNKNOWN


def test_an_abandoned_row_lets_the_request_be_submitted_anew(world):
    service = world.service()
    world.plan.add("submit", faults.closed)
    with pytest.raises(TaskUnknownError):
        outcome(service.start(request()))
    service.abandon(world.only_row().id)
    assert outcome(service.start(request())).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (2, 1)


def with_callback(world):
    world.environ |= {"APIXO_WAN_CALLBACK": "1", "APIXO_WAN_PUBLIC_URL": "https://comfy.test"}


def called_back(task, *, task_id: str = "") -> tuple[str, bytes]:
    token = task["callback_url"].rsplit("/", 1)[1]
    body = {"code": 200, "message": "ok", "data": {"taskId": task_id or task["taskId"]}}
    return token, json.dumps(body).encode()


def test_a_callback_settles_a_row_of_unknown_fate(world):
    with_callback(world)
    service = world.service()
    _, task = lose_one(world, service)
    assert service.callback(*called_back(task))
    assert world.wait_for(State.COLLECTED).task_id == task["taskId"]
    assert (world.submits, world.accepted) == (1, 1)


def test_a_late_callback_still_collects_for_an_abandoned_row(world):
    with_callback(world)
    service = world.service()
    row, task = lose_one(world, service)
    service.abandon(row.id)
    again = outcome(service.start(request()))
    assert service.callback(*called_back(task))
    until(lambda: [r.state for r in world.rows()] == [State.COLLECTED] * 2)
    assert outcome(service.start(request())).file == again.file
    assert world.accepted == 2


def test_a_callback_with_a_foreign_token_is_nobodys(world):
    with_callback(world)
    service = world.service()
    _, task = lose_one(world, service)
    _, body = called_back(task)
    assert not service.callback("x" * 32, body)
    assert world.only_row().state is State.UNKNOWN


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"data": {"taskId": "a/b"}}', b"\xff"])
def test_a_callback_whose_body_says_nothing_changes_nothing(world, body):
    with_callback(world)
    service = world.service()
    _, task = lose_one(world, service)
    assert service.callback(called_back(task)[0], body)
    assert world.only_row().candidate == ""


def test_a_candidate_that_the_service_does_not_know_is_not_bound(world):
    with_callback(world)
    service = world.service()
    _, task = lose_one(world, service)
    before = world.remote.counts["status"]
    assert service.callback(*called_back(task, task_id="practice-000000"))
    until(lambda: world.remote.counts["status"] > before + 1)
    assert world.only_row().state is State.UNKNOWN


def test_a_candidate_that_is_another_rows_task_is_not_bound(world):
    with_callback(world)
    service = world.service()
    other = outcome(service.start(request(2))).row
    world.plan.add("submit", faults.lost)
    with pytest.raises(TaskUnknownError):
        outcome(service.start(request(1)))
    (task,) = [t for t in world.dashboard() if t["taskId"] != other.task_id]
    before = world.remote.counts["status"]
    service.callback(*called_back(task, task_id=other.task_id))
    until(lambda: world.remote.counts["status"] > before)
    until(lambda: not any(row.candidate for row in world.rows()))
    service._open().scan()
    assert {row.state for row in world.rows()} == {State.COLLECTED, State.UNKNOWN}


def test_a_candidate_that_comes_while_a_wrong_one_is_asked_about_is_asked_about_too(world, gate):
    with_callback(world)
    service = world.service()
    other = outcome(service.start(request(2))).row
    world.plan.add("submit", faults.lost)
    with pytest.raises(TaskUnknownError):
        outcome(service.start(request(1)))
    (task,) = [t for t in world.dashboard() if t["taskId"] != other.task_id]
    world.plan.add("status", gate, times=1)
    service.callback(*called_back(task, task_id=other.task_id))
    assert gate.reached.wait(60)
    service.callback(*called_back(task))
    gate.open()
    until(lambda: {row.state for row in world.rows()} == {State.COLLECTED})
    assert (world.submits, world.accepted) == (2, 2)


def test_a_candidate_outlives_a_restart(world):
    with_callback(world)
    service = world.service()
    _, task = lose_one(world, service)
    world.plan.add("status", instead(500), times=10**6)
    assert service.callback(*called_back(task))
    until(lambda: world.only_row().candidate != "")
    service.stop()
    world.heal()
    world.service()
    assert world.wait_for(State.COLLECTED).task_id == task["taskId"]


def test_a_callback_brings_the_result_sooner_than_asking_would(world):
    with_callback(world)
    service = world.service()
    release = threading.Event()

    def undone(asked, handle):
        release.wait(90)
        return handle()

    world.plan.add("status", undone, times=1)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    release.set()
    (task,) = world.dashboard()
    until(lambda: world.remote.tasks()[0].state == "success")
    assert service.callback(*called_back(task))
    assert outcome(watch).row.state is State.COLLECTED


def test_a_callback_that_overtakes_the_answer_leaves_no_trace_when_the_answer_comes(world, gate):
    with_callback(world)
    service = world.service()

    def answered_late(asked, handle):
        reply = handle()
        gate(asked, lambda: None)
        return reply

    world.plan.add("submit", answered_late)
    watch = service.start(request())
    assert gate.reached.wait(90)
    (task,) = world.dashboard()
    assert service.callback(*called_back(task))
    assert world.only_row().candidate == task["taskId"]
    gate.open()
    row = outcome(watch).row
    assert (row.candidate, row.task_id) == ("", task["taskId"])
    assert service.callback(*called_back(task)), "it is repeated up to three times"
    assert (world.only_row().candidate, world.submits) == ("", 1)


def test_callbacks_with_hundreds_of_candidates_bind_none_and_ask_for_one_at_a_time(world):
    with_callback(world)
    service = world.service()
    _, task = lose_one(world, service)
    before = world.remote.counts["status"]
    for n in range(300):
        assert service.callback(*called_back(task, task_id=f"practice-{n:06}"))
    assert world.only_row().state is State.UNKNOWN
    assert world.remote.counts["status"] - before < 60
    assert service.callback(*called_back(task))
    assert world.wait_for(State.COLLECTED).task_id == task["taskId"]
    assert (world.submits, world.accepted) == (1, 1)


def test_adopting_and_a_callback_and_abandoning_at_once_leave_one_row_and_one_file(world):
    with_callback(world)
    service = world.service()
    row, task = lose_one(world, service)
    start = threading.Barrier(3)

    def adopting():
        start.wait()
        with contextlib.suppress(InputError):
            service.adopt(row.id, task["taskId"])

    def calling():
        start.wait()
        service.callback(*called_back(task))

    def abandoning():
        start.wait()
        with contextlib.suppress(InputError):
            service.abandon(row.id)

    threads = [threading.Thread(target=work) for work in (adopting, calling, abandoning)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.wait_for(State.COLLECTED).task_id == task["taskId"]
    assert outcome(service.start(request())).reused
    assert (world.submits, world.accepted) == (1, 1)


def test_the_users_own_callback_address_is_passed_on_as_it_is(world):
    world.environ["APIXO_WAN_CALLBACK"] = "https://hooks.test/me?token=1"
    outcome(world.service().start(request()))
    assert world.dashboard()[0]["callback_url"] == "https://hooks.test/me?token=1"


@pytest.mark.parametrize("address", ["", "http://comfy.test"])
def test_without_a_public_address_of_https_no_callback_is_asked_for(world, address):
    world.environ |= {"APIXO_WAN_CALLBACK": "1", "APIXO_WAN_PUBLIC_URL": address}
    outcome(world.service().start(request()))
    assert not world.dashboard()[0]["callback_url"]


def test_an_address_that_was_found_is_called_back_as_one_that_was_typed_in(world, monkeypatch):
    monkeypatch.setenv("RUNPOD_POD_ID", "abc123xyz789")
    world.environ["APIXO_WAN_CALLBACK"] = "1"
    around = Surroundings(hosts=lambda settings, name: [world.host()], port=8188)
    outcome(world.service_around(around).start(request()))
    asked = world.dashboard()[0]["callback_url"]
    assert asked.startswith(
        "https://abc123xyz789-8188.proxy.runpod.net/apixo_wan_animate/callback/"
    )
