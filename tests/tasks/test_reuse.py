"""What was made, sent or uploaded once is used again, and bought once."""

from __future__ import annotations

import threading
from fractions import Fraction

import pytest
from apixo_wan_animate.utils.errors import TaskError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.media.probe import probe
from apixo_wan_animate.utils.media.types import FramesClip
from apixo_wan_animate.utils.practice.faults import instead
from apixo_wan_animate.utils.tasks.request import PictureCharacter, UrlCharacter, UrlMotion
from patience import until

from .world import clip, outcome, picture, request, uploads

# The same request again


def test_a_finished_request_answers_from_its_file(world):
    service = world.service()
    first = outcome(service.start(request()))
    second = outcome(service.start(request()))
    assert (first.reused, second.reused) == (False, True)
    assert second.file == first.file
    assert world.submits == 1


def test_a_finished_request_answers_in_the_next_comfyui_without_a_key(world):
    service = world.service()
    first = outcome(service.start(request()))
    service.stop()
    del world.environ["APIXO_API_KEY"]
    second = outcome(world.service().start(request()))
    assert (second.reused, second.file) == (True, first.file)


def test_ten_identical_requests_at_once_make_one_submit(world):
    service = world.service()
    watches = [service.start(request()) for _ in range(10)]
    assert len({outcome(watch).file for watch in watches}) == 1
    assert (world.submits, world.accepted) == (1, 1)


def test_an_equal_request_with_other_tensors_attaches(world):
    service = world.service()
    one = picture()
    other = PictureCharacter(one.image.clone().permute(1, 0, 2).contiguous().permute(1, 0, 2))
    watches = [service.start(request(character=c)) for c in (one, other)]
    assert len({outcome(watch).row.id for watch in watches}) == 1


@pytest.mark.parametrize(
    "other",
    [
        lambda: request(2),
        lambda: request(prompt="x"),
        lambda: request(character=picture(2)),
        lambda: request(motion=clip(2)),
        lambda: request(motion=FramesClip(clip().frames, Fraction(9001, 1000))),
    ],
    ids=["seed", "prompt", "character", "motion", "frame rate"],
)
def test_another_request_is_submitted_on_its_own(world, other):
    service = world.service()
    watches = [service.start(request()), service.start(other())]
    assert len({outcome(watch).row.id for watch in watches}) == 2
    assert world.submits == 2


def test_where_the_file_was_deleted_it_is_fetched_again(world):
    service = world.service()
    first = outcome(service.start(request()))
    first.file.unlink()
    second = outcome(service.start(request()))
    assert second.reused
    assert second.file.is_file()
    assert world.submits == 1


def test_a_dead_link_is_asked_for_anew_before_it_is_given_up(world):
    service = world.service()
    outcome(service.start(request())).file.unlink()
    world.plan.add("file", instead(404), path="/files/practice-")
    assert outcome(service.start(request())).file.is_file()
    assert world.submits == 1


def test_where_the_link_is_dead_too_the_error_offers_to_forget(world):
    service = world.service()
    outcome(service.start(request())).file.unlink()
    world.plan.add("file", instead(404), times=99, path="/files/practice-")
    with pytest.raises(TaskError, match="forget"):
        outcome(service.start(request()))
    assert world.only_row().state is State.COLLECTED
    service.forget(world.only_row().id)
    world.heal()
    assert not outcome(service.start(request())).reused
    assert world.submits == 2


def test_sound_is_put_back_also_when_a_deleted_file_is_fetched_again(world):
    service = world.service()
    wanted = request(prompt="practice:silent", motion=clip(sound=True, frames=18))
    first = outcome(service.start(wanted))
    assert probe(first.file).has_sound
    until(lambda: not list((world.folders().state / "sounds").iterdir()))
    first.file.unlink()
    assert probe(outcome(service.start(wanted)).file).has_sound


def test_a_link_that_we_made_stands_for_what_lies_behind_it(world):
    service = world.service()
    first = outcome(service.start(request()))
    (task,) = world.dashboard()
    links = {"character": UrlCharacter(task["image_url"]), "motion": UrlMotion(task["video_url"])}
    second = outcome(service.start(request(**links)))
    assert second.reused
    assert second.row.id == first.row.id


# Parts that are shared


def test_four_characters_with_one_clip_upload_the_clip_once(world):
    service = world.service()
    motion = clip()
    watches = [service.start(request(character=picture(n), motion=motion)) for n in range(4)]
    for watch in watches:
        outcome(watch)
    assert uploads(world) == 5
    assert world.accepted == 4


def test_a_second_run_uploads_nothing(world):
    service = world.service()
    outcome(service.start(request(1)))
    service.stop()
    before = world.remote.counts["upload_bytes"]
    outcome(world.service().start(request(2)))
    assert world.remote.counts["upload_bytes"] == before


def test_an_upload_that_died_is_noticed_and_replaced(world):
    service = world.service()
    outcome(service.start(request(1)))
    world.plan.add("file", instead(404), path="/files/")
    outcome(service.start(request(2)))
    assert uploads(world) == 3


def test_one_that_leaves_does_not_take_the_shared_clip_along(world):
    service = world.service()
    motion, release = clip(), threading.Event()

    def slow(_, handle):
        release.wait(90)
        return handle()

    world.plan.add("upload", slow, times=9)
    watches = [service.start(request(character=picture(n), motion=motion)) for n in range(2)]
    until(lambda: uploads(world) >= 2)
    watches[0].leave()
    release.set()
    assert outcome(watches[1]).row.state is State.COLLECTED
    until(lambda: len(world.rows()) == 1)
    assert world.accepted == 1


def test_when_an_upload_fails_all_who_wait_for_it_are_told_and_nothing_is_submitted(world):
    service = world.service()
    motion = clip()
    world.plan.add("upload", instead(500), times=99)
    watches = [service.start(request(character=picture(n), motion=motion)) for n in range(3)]
    for watch in watches:
        with pytest.raises(Exception, match="did not accept"):
            outcome(watch)
    assert world.rows() == []
    assert world.submits == 0
