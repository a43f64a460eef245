"""Answers about a task in forms of their own: none ends a task that is paid for, none loses it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from apixo_wan_animate.utils.errors import TaskError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import edited, instead
from apixo_wan_animate.utils.tasks.rhythm import FILE_GONE_FINAL_S, MISSING_FINAL_S
from clips_made import Recipe, numbered_pictures, write_clip
from clocks import FastClock, HandClock
from patience import until

from .answers import RESULT, ask_until, with_data
from .test_neighbours import lose_one
from .world import outcome, request

PAGE = instead(404, html=True)
"""What a gateway says where it finds nobody behind it, or nothing at a path that has moved."""


def test_a_gateways_404_for_days_ends_no_task(world):
    clock = HandClock()
    world.plan.add("status", PAGE, times=10**6)
    service = world.service(clock=clock)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    began = clock.now()
    ask_until(world, clock, step_s=1400, over=lambda: clock.now() - began > 2 * MISSING_FINAL_S)
    assert world.only_row().state is State.SUBMITTED
    assert "no usable answer" in watch.progress.note
    world.heal()
    ask_until(world, clock, step_s=700, over=lambda: world.only_row().state is State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_gateways_404_does_not_speak_against_an_adopted_id(world):
    service = world.service()
    row, task = lose_one(world, service)
    world.plan.add("status", PAGE)
    assert service.adopt(row.id, task["taskId"]).state is State.SUBMITTED
    world.wait_for(State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_gateways_404_does_not_speak_against_a_typed_id(world):
    task_id = outcome(world.service().start(request())).row.task_id
    for service in list(world._services):
        service.stop()
    for file in world.folders().state.glob("ledger*"):
        file.unlink()
    world.plan.add("status", PAGE, times=10**6)
    clock = HandClock()
    watch = world.service(clock=clock).collect(task_id)
    until(lambda: world.remote.counts["status"] > 0)
    before = world.remote.counts["status"]
    ask_until(world, clock, step_s=90, over=lambda: world.remote.counts["status"] > before + 6)
    assert not watch.done
    world.heal()
    ask_until(world, clock, step_s=90, over=lambda: world.only_row().state is State.COLLECTED)
    assert outcome(watch).row.task_id == task_id


def test_a_gateways_404_does_not_end_a_result_whose_file_is_gone(world):
    clock = HandClock()
    world.plan.add("file", instead(503), times=10**6, path=RESULT)
    watch = world.service(clock=clock).start(request())
    until(lambda: watch.accepted() is not None)
    ask_until(world, clock, step_s=9, over=lambda: world.only_row().state is State.SUCCEEDED)
    world.plan.add("status", PAGE, times=10**6)
    began = clock.now()
    ask_until(
        world, clock, step_s=20_000, over=lambda: clock.now() - began > 1.3 * FILE_GONE_FINAL_S
    )
    assert world.only_row().state is State.SUCCEEDED
    world.heal()
    ask_until(world, clock, step_s=2400, over=lambda: world.only_row().state is State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


# Links


def picture() -> bytes:
    return cv2.imencode(".png", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()


def linked(world, change):
    """Change the link of a result, once there is one."""

    def of(data):
        if data["state"] != "success":
            return data
        (url,) = json.loads(data["resultJson"])["resultUrls"]
        return {**data, **change(url)}

    world.plan.add("status", with_data(of), times=10**6)


def listed(*urls):
    return {"resultJson": json.dumps({"resultUrls": urls})}


SHAPES = {
    "a gone link before it": lambda u: listed(u.replace(RESULT, "/files/gone"), u),
    "a forbidden link before it": lambda u: listed("http://10.0.0.1/a.mp4", u),
    "a list in a list": lambda u: listed([u]),
    "a list of objects": lambda u: listed({"url": u}),
    "a JSON text": lambda u: {"resultJson": json.dumps({"resultUrls": json.dumps([u])})},
    "a bare list": lambda u: {"resultJson": [u]},
    "under another name": lambda u: {"resultJson": {"resultUrl": u}},
    "beside an empty result": lambda u: {"resultJson": None, "resultUrls": [u]},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_result_is_fetched_by_whatever_link_leads_to_it(world, shape):
    linked(world, SHAPES[shape])
    service = world.service()
    service.start(request())
    row = world.wait_for(State.COLLECTED)
    assert RESULT in row.result_urls[0]
    assert (world.folders().output / row.file).stat().st_size > 1000
    assert not list(world.folders().output.rglob("*.part*"))
    assert (world.submits, world.accepted) == (1, 1)


def test_a_picture_beside_a_result_does_not_take_its_place(world):
    """A cover can be decoded like a clip of one frame."""
    world.plan.add("file", instead(503), times=8, path=RESULT)
    world.plan.add("file", instead(200, picture()), times=10**6, path="cover")
    linked(world, lambda u: listed(u.replace(RESULT, "/files/cover-"), u))
    world.service(clock=FastClock(200)).start(request())
    row = world.wait_for(State.COLLECTED)
    assert RESULT in row.result_urls[0]
    assert (world.submits, world.accepted) == (1, 1)


def test_a_clip_beside_a_result_does_not_take_its_place_while_trouble_may_pass(world, tmp_path):
    clip = write_clip(tmp_path / "preview.mp4", numbered_pictures(5, 48, 64)).read_bytes()
    world.plan.add("file", instead(404), times=2, path=RESULT)
    world.plan.add("file", instead(200, clip), times=10**6, path="preview")
    linked(world, lambda u: listed(u, u.replace(RESULT, "/files/preview-")))
    world.service(clock=FastClock(20)).start(request())
    assert RESULT in world.wait_for(State.COLLECTED).result_urls[0]


def test_a_deleted_file_comes_again_by_the_link_that_led_to_it(world):
    linked(world, SHAPES["a gone link before it"])
    service = world.service()
    service.start(request())
    row = world.wait_for(State.COLLECTED)
    (world.folders().output / row.file).unlink()
    assert outcome(service.start(request())).file.is_file()
    assert (world.submits, world.accepted) == (1, 1)


def test_a_success_whose_links_cannot_be_read_is_owed_however_long(world):
    clock = HandClock()
    linked(world, lambda u: {"resultJson": json.dumps({"movie": u})})
    watch = world.service(clock=clock).start(request())
    until(lambda: watch.accepted() is not None)
    ask_until(world, clock, step_s=9, over=lambda: "names no link" in watch.progress.note)
    began = clock.now()
    ask_until(
        world, clock, step_s=20_000, over=lambda: clock.now() - began > 1.3 * FILE_GONE_FINAL_S
    )
    with pytest.raises(TaskError, match="names no link"):
        outcome(watch)
    assert world.only_row().state is State.SUCCEEDED
    world.heal()
    ask_until(world, clock, step_s=2400, over=lambda: world.only_row().state is State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


KINDS = {
    "avi": Recipe(codec="mpeg4", options={}),
    "mov": Recipe(),
    "mkv": Recipe(),
    "webm": Recipe(codec="libvpx-vp9", options={"crf": "30", "b": "0", "cpu-used": "8"}),
    "gif": Recipe(codec="gif", pixel_format="rgb8", options={}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_bears_the_ending_of_what_it_is(world, tmp_path, kind):
    clip = write_clip(tmp_path / f"clip.{kind}", numbered_pictures(5, 48, 64), KINDS[kind])
    world.plan.add("file", instead(200, clip.read_bytes()), times=10**6, path=RESULT)
    assert outcome(world.service().start(request())).file.suffix == f".{kind}"


# States


def word(state):
    return with_data(lambda d: {**d, "state": d["state"].replace("success", state)})


STATES = {
    "succeeded": word("succeeded"),
    "completed": word("completed"),
    "finished": word("finished"),
    "another name": with_data(
        lambda d: {**{k: v for k, v in d.items() if k != "state"}, "status": d["state"]}
    ),
    "a list of one": edited(lambda a: {**a, "data": [a["data"]]}),
    "a JSON text": edited(lambda a: {**a, "data": json.dumps(a["data"])}),
}


@pytest.mark.parametrize("state", STATES)
def test_a_finished_task_is_noticed_by_its_links_whatever_its_state_is_called(world, state):
    world.plan.add("status", STATES[state], times=10**6)
    assert outcome(world.service().start(request())).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


def test_a_state_that_is_not_known_is_named_on_the_node(world):
    dreaming = with_data(lambda d: {"taskId": d["taskId"], "state": "dreaming"})
    world.plan.add("status", dreaming, times=10**6)
    watch = world.service().start(request())
    until(lambda: "“dreaming”" in watch.progress.note)
    world.heal()
    outcome(watch)
    assert "dreaming" not in watch.progress.note
