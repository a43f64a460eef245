"""The way of a request: from media to a file, or to a refusal before anything is sent."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from fractions import Fraction

import pytest
import torch
from apixo_wan_animate.utils.errors import (
    InputError,
    LimitError,
    RejectedError,
    SettingsError,
    TaskError,
)
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.probe import probe
from apixo_wan_animate.utils.media.types import FileClip, FramesClip, Sound
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import edited, instead
from apixo_wan_animate.utils.tasks import prepare
from apixo_wan_animate.utils.tasks.request import (
    PictureCharacter,
    UrlCharacter,
    UrlMotion,
)
from clocks import FastClock
from patience import until

from .world import H, W, clip, outcome, picture, request, uploads


def test_a_request_becomes_a_file_with_a_sidecar(world):
    result = outcome(world.service().start(request(prompt=" a cat ", seed=7)))
    assert result.row.state is State.COLLECTED
    assert result.file.parent == world.folders().output / "wan_animate"
    said = json.loads(result.file.with_suffix(".json").read_text())
    assert said["task_id"] == result.row.task_id
    assert said["request"]["prompt"] == "a cat"
    assert said["billable_seconds"] == 5
    assert said["create_time_ms"] < said["complete_time_ms"]
    assert {"character", "motion"} <= set(said["sources"])
    assert (world.submits, world.accepted) == (1, 1)


def test_a_clip_that_is_a_file_is_sent_too(world, tmp_path):
    file = encode_clip(clip(), tmp_path / "clip.mp4").path
    result = outcome(world.service().start(request(motion=FileClip(file))))
    assert result.row.state is State.COLLECTED


def test_the_row_tells_what_a_panel_wants_to_know(world):
    row = outcome(world.service().start(request())).row
    assert (row.kind, row.resolution, row.billable_s, row.clip_s) == ("replace", "480p", 5, 1.0)
    assert row.created_at <= row.sending_at <= row.submitted_at <= row.succeeded_at
    assert row.thumbnail
    assert (world.folders().state / "thumbnails" / row.thumbnail).stat().st_size > 200


@pytest.mark.parametrize("sides", [(216, 232), (1900, 2000)])
def test_picture_and_sound_are_kept_whichever_part_ends_first(world, sides):
    character = PictureCharacter(torch.rand(*sides, 3))
    wanted = request(
        prompt="practice:silent", character=character, motion=clip(sound=True, frames=18)
    )
    result = outcome(world.service().start(wanted))
    assert result.row.thumbnail
    assert probe(result.file).has_sound


def test_the_media_are_let_go_of_as_soon_as_the_task_is_accepted(world):
    release = threading.Event()

    def later(asked, handle):
        release.wait(90)
        return handle()

    world.plan.add("status", later, times=9)
    wanted = request()
    frames = weakref.ref(wanted.motion.frames)
    watch = world.service().start(wanted)
    until(lambda: watch.accepted() is not None)
    del wanted

    def let_go_of() -> bool:
        gc.collect()
        return frames() is None

    until(let_go_of)
    release.set()
    outcome(watch)


def test_sound_that_is_not_wanted_is_neither_sent_nor_put_back(world):
    motion = clip(sound=True, frames=18)
    wanted = request(prompt="practice:silent", motion=motion, keep_sound=False)
    assert not probe(outcome(world.service().start(wanted)).file).has_sound


def test_the_sound_that_is_put_back_is_the_sources(world):
    t = torch.arange(32_000) / 16_000
    tone = Sound(torch.sin(2 * torch.pi * 440 * t)[None] * 0.5, 16_000)
    motion = FramesClip(clip(frames=18).frames, Fraction(9), tone)
    file = outcome(world.service().start(request(prompt="practice:silent", motion=motion))).file
    heard = decode(file).sound
    assert heard is not None
    spectrum = torch.fft.rfft(heard.waveform[0][:16_000]).abs()
    assert abs(int(spectrum.argmax()) * heard.sample_rate_hz / 16_000 - 440) < 10


# Addresses


def test_media_that_lie_at_addresses_are_used_as_they_are(world, tmp_path):
    outcome(world.service().start(request()))
    (task,) = world.dashboard()
    links = {"character": UrlCharacter(task["image_url"]), "motion": UrlMotion(task["video_url"])}
    before = uploads(world)
    row = outcome(world.service().start(request(2, **links))).row
    assert uploads(world) == before
    assert row.billable_s == 5


@pytest.mark.parametrize(
    "url", ["http://10.1.2.3/clip.mp4", "http://169.254.169.254/clip.mp4", "ftp://x.test/c.mp4"]
)
def test_an_address_that_must_not_be_read_is_refused_before_anything_is_sent(world, url):
    with pytest.raises(InputError):
        outcome(world.service().start(request(motion=UrlMotion(url))))
    assert world.rows() == []
    assert (world.submits, uploads(world)) == (0, 1) or world.submits == 0


# Refusals of our own


def test_without_a_key_both_ways_on_are_named_before_anything_is_encoded(world):
    del world.environ["APIXO_API_KEY"]
    with pytest.raises(SettingsError, match=r"APIXO_API_KEY.*APIXO_WAN_PRACTICE"):
        outcome(world.service().start(request()))
    assert world.rows() == []
    assert uploads(world) == 0


def test_the_daily_limit_stops_a_submit_and_leaves_no_row(world):
    world.environ["APIXO_WAN_DAILY_SECONDS"] = "9"
    service = world.service()
    outcome(service.start(request(1)))
    with pytest.raises(LimitError, match="5 s of your daily limit of 9 s"):
        outcome(service.start(request(2)))
    assert [row.state for row in world.rows()] == [State.COLLECTED]
    assert world.submits == 1


def test_a_picture_that_the_service_does_not_take_is_refused_and_leaves_no_row(world):
    small = PictureCharacter(torch.rand(90, 120, 3))
    with pytest.raises(InputError, match="200 px"):
        outcome(world.service().start(request(character=small)))
    assert world.rows() == []
    assert world.submits == 0


# Nothing secret


def test_no_key_and_no_signed_link_is_written_down(world):
    key = "practice"

    def signed(answer):
        data = answer["data"]
        if "resultJson" in data:
            (url,) = json.loads(data["resultJson"])["resultUrls"]
            links = json.dumps({"resultUrls": [f"{url}?X-Signature=verysecret"]})
            return {**answer, "data": {**data, "resultJson": links}}
        return answer

    world.plan.add("status", edited(signed), times=99)
    service = world.service()
    result = outcome(service.start(request()))
    assert "verysecret" in result.result_url
    service.stop()  # nothing that is still being tidied away vanishes while it is read
    written = [p for p in world.folder.rglob("*") if p.is_file() and "remote" not in p.parts]
    assert any(p.name.startswith("ledger") for p in written)
    assert not [p for p in written if b"verysecret" in p.read_bytes()]
    ledger = (world.folders().state / "ledger.sqlite3").read_bytes()
    assert f"Bearer {key}".encode() not in ledger


def test_a_result_whose_link_was_signed_is_fetched_again_by_asking_anew(world):
    def signed(answer):
        data = answer["data"]
        if "resultJson" in data:
            (url,) = json.loads(data["resultJson"])["resultUrls"]
            links = json.dumps({"resultUrls": [f"{url}?X-Signature=verysecret"]})
            return {**answer, "data": {**data, "resultJson": links}}
        return answer

    world.plan.add("status", edited(signed), times=99)
    service = world.service()
    outcome(service.start(request())).file.unlink()
    assert outcome(service.start(request())).file.is_file()


# Typed ids


def test_a_task_id_alone_is_enough_on_another_machine(world, tmp_path):
    first = outcome(world.service().start(request()))
    other = type(world)(tmp_path / "elsewhere")
    other.environ = dict(world.environ)
    try:
        result = outcome(other.service().collect(first.row.task_id))
        assert result.file.read_bytes() == first.file.read_bytes()
        assert not result.reused
    finally:
        other.close()
    assert world.submits == 1


def test_a_task_id_of_ours_gives_the_file_that_is_there(world):
    service = world.service()
    first = outcome(service.start(request()))
    assert outcome(service.collect(first.row.task_id)).file == first.file


def test_an_id_that_the_service_does_not_know_is_told_after_a_minute(world):
    watch = world.service(clock=FastClock(200)).collect("no-such-task")
    with pytest.raises(TaskError, match="knows no task no-such-task"):
        outcome(watch)
    assert world.rows() == []


def test_an_id_that_the_service_does_not_know_at_first_is_collected(world, tmp_path):
    first = outcome(world.service().start(request()))
    other = type(world)(tmp_path / "elsewhere")
    other.environ = dict(world.environ)
    world.plan.add("status", instead(404), times=3)
    try:
        assert outcome(other.service().collect(first.row.task_id)).file.is_file()
    finally:
        other.close()


@pytest.mark.parametrize("typed", ["", "a b", "../x", "x" * 300, "ä"])
def test_an_id_that_can_be_none_is_refused_without_asking(world, typed):
    with pytest.raises(InputError):
        outcome(world.service().collect(typed))
    assert world.remote.counts["status"] == 0


# Practice


def test_practice_goes_to_its_own_service_and_is_marked(world):
    world.environ |= {"APIXO_WAN_PRACTICE": "1"}
    del world.environ["APIXO_API_KEY"]
    service = world.service_with_own_hosts()
    result = outcome(service.start(request()))
    assert result.row.practice
    assert result.row.task_id.startswith("practice-")
    assert "PRACTICE" in result.file.name
    said = json.loads(result.file.with_suffix(".json").read_text())
    assert (said["practice"], said["billable_seconds"]) == (True, 0)
    assert world.remote.counts.all() == {}


def test_practice_results_never_answer_for_real_requests(world):
    world.environ["APIXO_WAN_PRACTICE"] = "1"
    service = world.service_with_own_hosts()
    outcome(service.start(request()))
    service.stop()
    world.environ["APIXO_WAN_PRACTICE"] = "0"
    assert not outcome(world.service().start(request())).reused
    assert world.accepted == 1


def test_practice_does_not_meet_the_daily_limit(world):
    world.environ |= {"APIXO_WAN_PRACTICE": "1", "APIXO_WAN_DAILY_SECONDS": "1"}
    assert outcome(world.service_with_own_hosts().start(request())).row.practice


def test_sizes_in_these_tests_differ():
    assert len({H, W, *picture().image.shape[:2]}) == 4


def test_a_task_is_not_submitted_before_its_sound_is_kept(world, monkeypatch):
    """What is refused at once would leave its sound behind, and what is made at once lack it."""
    whole, copying, submits = prepare.copy_whole, threading.Event(), []

    def slow_disk(source, target):
        if target.suffix == ".m4a":
            copying.set()
            threading.Event().wait(0.4)
            submits.append(world.submits)
        whole(source, target)

    monkeypatch.setattr(prepare, "copy_whole", slow_disk)
    world.plan.add("upload", faults.held(copying), path=".png")
    watch = world.service().start(
        request(motion=clip(sound=True), prompt="practice:refuse 400 not like this")
    )
    with pytest.raises(RejectedError):
        outcome(watch)
    until(lambda: submits == [0])
    until(lambda: not list((world.folders().state / "sounds").iterdir()))
