"""The nodes over the real service and the practice service; only ComfyUI itself is stood in for."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from fractions import Fraction
from types import SimpleNamespace

import pytest
import torch
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes import session, waiting
from apixo_wan_animate.nodes.account import ApixoBalance, ApixoWanEstimate
from apixo_wan_animate.nodes.animate import ApixoWanAnimate
from apixo_wan_animate.nodes.frames import ApixoLoadFrames
from apixo_wan_animate.nodes.submit import ApixoWanCollect, ApixoWanSubmit
from apixo_wan_animate.nodes.uploads import ApixoUploadImage, ApixoUploadVideo
from apixo_wan_animate.utils.errors import (
    InputError,
    SettingsError,
    TaskFailedError,
    TaskTimeoutError,
)
from apixo_wan_animate.utils.media import memory
from apixo_wan_animate.utils.media.probe import probe
from apixo_wan_animate.utils.media.types import FileClip, FramesClip
from apixo_wan_animate.utils.practice.faults import FaultPlan, held
from patience import one_of_three
from practising import practising

T, H, W = 9, 208, 224
torch.manual_seed(7)
PICTURE = torch.rand(1, 256, 240, 3)
FRAMES = torch.rand(T, H, W, 3)
SOUND = {"waveform": torch.rand(1, 2, 9000) - 0.5, "sample_rate": 8000}
TASK = {
    "character": PICTURE, "character_mask": None, "motion": None, "motion_frames": FRAMES,
    "audio": None, "frame_rate": 12.0, "type": "replace", "resolution": "480p", "prompt": "",
    "seed": 0, "provider": "key default", "host": "auto", "sound": "keep", "character_url": "",
    "motion_url": "",
}  # fmt: skip
ALL_FRAMES = {"decode_frames": True, "first_frame": 0, "frame_count": 0, "every_nth": 1,
              "longest_side": 0}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One host, one ledger and one practice service for all tests of this file."""
    with practising(tmp_path_factory.mktemp("host")) as place:
        yield place


@pytest.fixture(autouse=True)
def fresh(folder):
    host.reset(folder)


def animate(**changes):
    return asyncio.run(ApixoWanAnimate.execute(**{**TASK, **ALL_FRAMES, **changes}))


@pytest.fixture(scope="module")
def result(folder):
    host.reset(folder)
    return animate(audio=SOUND)


def test_the_frames_are_as_many_as_went_in_and_the_rate_is_theirs(result):
    frames, video, audio, rate, task_id, _ = result.args
    assert frames.shape[0] == T
    assert rate == 12.0
    assert audio["waveform"].ndim == 3
    assert audio["sample_rate"] > 0
    assert task_id.startswith("practice-")
    assert probe(video.clip.source, exact=True).frame_count == T


def test_the_ui_shows_the_file_and_says_what_it_cost(result):
    assert result.ui["images"][0]["filename"].startswith("PRACTICE")
    assert "nothing was billed" in result.ui["text"][0]


def test_the_sidecar_says_what_it_is_and_holds_no_media(folder, result):
    video = result.args[1].clip.source
    sidecar = json.loads(video.with_suffix(".json").read_text())
    assert sidecar["practice"] is True
    assert sidecar["task_id"] == result.args[4]
    assert len(video.with_suffix(".json").read_bytes()) < 4000


def test_the_same_again_is_reused_and_submits_nothing(result):
    submits = session.service().submits
    again = animate(audio=SOUND, frame_count=4, every_nth=2, longest_side=112)
    assert session.service().submits == submits
    assert again.args[0].shape[0] == 4
    assert max(again.args[0].shape[1:3]) == 112
    assert again.args[3] == 6.0
    assert "reused task" in again.ui["text"][0]


def test_without_frames_the_output_is_blocked_silently_and_the_rest_flows(result):
    bare = animate(audio=SOUND, decode_frames=False)
    assert isinstance(bare.args[0], host.ExecutionBlocker)
    assert bare.args[0].message is None
    assert bare.args[2]["waveform"].shape[1] == result.args[2]["waveform"].shape[1]
    assert bare.args[3] == 12.0


def test_frames_that_do_not_fit_block_with_the_numbers_and_the_video_flows(result, monkeypatch):
    monkeypatch.setattr(memory, "_free_bytes", lambda: 1000)
    blocked = animate(audio=SOUND)
    assert isinstance(blocked.args[0], host.ExecutionBlocker)
    assert "GB" in blocked.args[0].message or "MB" in blocked.args[0].message
    assert blocked.args[1].clip.source.is_file()
    assert blocked.args[0].message in blocked.ui["text"][0]


def test_no_sound_anywhere_gives_none(folder):
    assert animate(seed=5, sound="none").args[2] is None


def test_a_failed_task_says_why_in_two_sentences(folder):
    with pytest.raises(TaskFailedError, match="NSFW_DETECTED") as caught:
        animate(prompt="practice:fail NSFW_DETECTED")
    assert str(caught.value).count(". ") >= 1


@pytest.fixture
def until_told(folder):
    """The practice service tells nobody how far a task is before this is set."""
    told, plan = threading.Event(), FaultPlan()
    plan.add("status", held(told, limit_s=300), times=10**6)
    remotes = session.service()._remotes
    remotes.practice_origin()  # it runs from now on
    routes = remotes._practice._routes
    routes.faults = plan
    yield told
    told.set()
    routes.faults = None


def is_waiting() -> bool:
    """Whether the node says that it waits for a task."""
    return any(text.startswith("waiting") for _, text in host.state.texts)


def test_cancel_is_felt_at_once_and_the_next_run_attaches(folder, until_told):
    async def shown():
        while not is_waiting():  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def cancelled(seed):
        task = asyncio.ensure_future(
            ApixoWanAnimate.execute(**{**TASK, **ALL_FRAMES, "seed": seed})
        )
        await asyncio.wait_for(shown(), 90)
        host.state.interrupted = True
        began = time.monotonic()
        with pytest.raises(host.Interrupted):
            await task
        return time.monotonic() - began

    submits, seeds = session.service().submits, []

    def attempt() -> float:
        host.reset(folder)
        seeds.append(1000 + len(seeds))
        return asyncio.run(cancelled(seeds[-1]))

    one_of_three(attempt, within_s=1.0)
    [(event, told)] = host.state.told
    assert (event, told["node"], told["practice"]) == ("apixo.left", "12:7", True)
    assert told["task_id"].startswith("practice-")
    host.state.interrupted = False
    until_told.set()
    assert animate(seed=seeds[-1]).args[0].shape[0] == T
    assert session.service().submits == submits + len(seeds)


def test_after_cancel_before_the_submit_nobody_is_told_that_a_task_goes_on(folder):
    host.state.interrupted = True
    with pytest.raises(host.Interrupted):
        animate(seed=10)
    assert host.state.told == []


def test_the_wait_limit_lets_the_node_go_and_the_task_go_on(folder, until_told, monkeypatch):
    def monotonic() -> float:  # the limit passes once the task is waited for, and not before
        return time.monotonic() + (3600.0 if is_waiting() else 0.0)

    with monkeypatch.context() as patch:
        patch.setattr(waiting, "time", SimpleNamespace(time=time.time, monotonic=monotonic))
        patch.setenv("APIXO_WAN_WAIT_MINUTES", "30")
        with pytest.raises(TaskTimeoutError, match="goes on"):
            animate(seed=9)
    until_told.set()
    assert animate(seed=9).args[0].shape[0] == T


def test_a_list_of_characters_makes_its_tasks_at_once(folder):
    async def four():
        elements = [
            ApixoWanAnimate.execute(
                **{**TASK, **ALL_FRAMES, "character": PICTURE.roll(n, 1), "seed": 50}
            )
            for n in range(1, 5)
        ]
        return await asyncio.gather(*elements)

    submits = session.service().submits
    outputs = asyncio.run(four())
    assert session.service().submits == submits + 4
    assert len({output.args[4] for output in outputs}) == 4
    assert len({tuple(output.ui) for output in outputs}) == 1


def test_submit_and_collect_are_the_two_halves(folder):
    submitted = asyncio.run(ApixoWanSubmit.execute(**{**TASK, "seed": 70}))
    task, task_id = submitted.args
    by_wire = asyncio.run(ApixoWanCollect.execute(task=task, task_id="", **ALL_FRAMES))
    by_id = asyncio.run(ApixoWanCollect.execute(task_id=f" {task_id} ", **ALL_FRAMES))
    assert by_wire.args[4] == by_id.args[4] == task_id
    assert torch.equal(by_wire.args[0], by_id.args[0])


@pytest.mark.parametrize("words", [{"task_id": ""}, {"task": "practice-a", "task_id": "b"}])
def test_collect_wants_exactly_one_task(folder, words):
    with pytest.raises(InputError):
        asyncio.run(ApixoWanCollect.execute(**{**ALL_FRAMES, **words}))


def test_the_estimate_spends_nothing_and_knows_what_was_bought(folder, result):
    submits = session.service().submits
    new = asyncio.run(ApixoWanEstimate.execute(**{**TASK, "seed": 1234}))
    old = asyncio.run(ApixoWanEstimate.execute(**{**TASK, "audio": SOUND}))
    assert new.args[0] == 5
    assert "✗" not in new.args[2]
    assert old.args[0] == 0
    assert result.args[4] in old.args[2]
    assert session.service().submits == submits


def test_the_balance_is_a_number(folder):
    assert asyncio.run(ApixoBalance.execute()).args[0] > 0


def test_uploads_give_addresses_and_send_the_same_once(folder):
    def upload():
        picture = asyncio.run(ApixoUploadImage.execute(image=PICTURE.roll(9, 2), host="auto"))
        video = FramesClip(FRAMES.roll(3, 1), Fraction(25, 2))
        clip = asyncio.run(
            ApixoUploadVideo.execute(
                video=host.FakeVideo(video), frame_rate=0.0, host="auto", sound="keep"
            )
        )
        return picture.args[0], clip.args[0]

    first = upload()
    assert first[0].endswith(".png")
    assert first[1].endswith(".mp4")
    assert upload() == first
    by_url = {"character": None, "motion_frames": None, "character_url": first[0],
              "motion_url": first[1]}  # fmt: skip
    assert animate(**by_url, seed=90).args[3] == 12.5


def test_frames_are_loaded_from_a_video_a_file_and_a_url(folder, result):
    path = result.args[1].clip.source
    (folder / "input" / "clip.mp4").write_bytes(path.read_bytes())
    numbers = {"first_frame": 2, "frame_count": 3, "every_nth": 2, "longest_side": 0}

    def load(**source):
        words = {"url": "", "file": "", **source}
        return asyncio.run(ApixoLoadFrames.execute(**words, **numbers)).args

    by_video = load(video=host.FakeVideo(FileClip(path)))
    by_file = load(file="clip.mp4")
    by_tensors = load(video=host.FakeVideo(FramesClip(result.args[0], Fraction(12))))
    assert by_video[3] == by_file[3] == by_tensors[3] == 3
    assert by_video[2] == by_file[2] == by_tensors[2] == 6.0
    assert torch.equal(by_video[0], by_file[0])
    assert torch.equal(by_video[0], by_tensors[0])


@pytest.mark.parametrize("name", ["../escape.mp4", "missing.mp4"])
def test_a_file_outside_or_absent_is_refused(folder, name):
    with pytest.raises(InputError):
        asyncio.run(
            ApixoLoadFrames.execute(url="", file=name, first_frame=0, frame_count=0, every_nth=1,
                                    longest_side=0)
        )  # fmt: skip


def test_without_key_and_practice_the_error_names_both_ways_on(folder, monkeypatch):
    monkeypatch.setenv("APIXO_WAN_PRACTICE", "0")
    submits = session.service().submits
    with pytest.raises(SettingsError, match="APIXO_API_KEY") as caught:
        animate(seed=404)
    assert "practice" in str(caught.value)
    assert session.service().submits == submits
