"""Files that change, vanish or break at a bad moment: what is paid for is what was asked for."""

from __future__ import annotations

import threading
from fractions import Fraction

import pytest
import torch
from apixo_wan_animate.utils.errors import InputError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.probe import probe
from apixo_wan_animate.utils.media.types import FileClip, FramesClip
from apixo_wan_animate.utils.tasks.request import ShareWish
from patience import until

from .test_cancel import Gate
from .world import H, W, clip, outcome, request


class BusyEncoder:
    """Something else is encoded, so that a clip waits between its digest and its encoding."""

    def __init__(self) -> None:
        self.done = threading.Event()

    def hold(self, service) -> None:
        until(lambda: service._house is not None)
        service._pool.put("encode", lambda: self.done.wait(20))

    def until_waiting(self, service, parts: int) -> None:
        until(lambda: service._pool.waiting("encode") == parts)


@pytest.fixture
def encoder():
    made = BusyEncoder()
    yield made
    made.done.set()


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open()


def written(path, seed: int):
    """A clip of random colours, written over whatever was there."""
    torch.manual_seed(seed)
    frames = torch.rand(1, H, W, 3).expand(9, H, W, 3)
    return encode_clip(FramesClip(frames, Fraction(9)), path).path


def test_a_clip_that_is_written_anew_before_it_is_encoded_is_refused_and_not_bought(
    world, tmp_path, encoder
):
    file = written(tmp_path / "clip.mp4", 1)
    service = world.service()
    encoder.hold(service)
    watch = service.start(request(motion=FileClip(file)))
    encoder.until_waiting(service, 2)
    written(file, 2)
    encoder.done.set()
    with pytest.raises(InputError, match=r"clip\.mp4 was changed"):
        outcome(watch)
    assert (world.rows(), world.submits) == ([], 0)
    assert outcome(service.start(request(motion=FileClip(file)))).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


def test_a_clip_that_is_written_anew_is_not_given_away_as_the_old_one(world, tmp_path, encoder):
    file = written(tmp_path / "clip.mp4", 1)
    service = world.service()
    encoder.hold(service)
    share = service.share(ShareWish(FileClip(file), "auto"))
    encoder.until_waiting(service, 1)
    written(file, 2)
    encoder.done.set()
    until(lambda: share.done)
    with pytest.raises(InputError, match="was changed"):
        share.hosted()
    assert world.remote.counts["upload"] == 0


def test_a_clip_that_is_only_touched_is_sent(world, tmp_path, encoder):
    file = written(tmp_path / "clip.mp4", 1)
    service = world.service()
    encoder.hold(service)
    watch = service.start(request(motion=FileClip(file)))
    encoder.until_waiting(service, 2)
    file.write_bytes(file.read_bytes())
    encoder.done.set()
    assert outcome(watch).row.state is State.COLLECTED


def waiting_for_its_file(world, gate, service):
    """A task whose silent result is about to be fetched, with its sound beside the ledger."""
    world.plan.add("status", gate, times=99)
    wanted = request(prompt="practice:silent", motion=clip(sound=True, frames=18))
    watch = service.start(wanted)
    assert gate.reached.wait(90)
    (sound,) = (world.folders().state / "sounds").glob("*.m4a")
    return watch, sound


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sound: sound.write_bytes(b""),
        lambda sound: sound.write_bytes(b"\0" * sound.stat().st_size),
        lambda sound: sound.write_bytes(sound.read_bytes()[:90]),
    ],
    ids=["empty", "zeros", "cut"],
)
def test_a_result_whose_sound_cannot_be_put_back_is_delivered_without_it(world, gate, spoil):
    watch, sound = waiting_for_its_file(world, gate, world.service())
    spoil(sound)
    gate.open()
    result = outcome(watch)
    assert result.row.state is State.COLLECTED
    assert not probe(result.file).has_sound
    assert any("sound" in warning for warning in result.warnings)
    assert "sound" in world.only_row().note
    assert sorted(p.suffix for p in result.file.parent.iterdir()) == [".json", ".mp4"]


def test_a_result_whose_sound_has_vanished_is_delivered(world, gate):
    watch, sound = waiting_for_its_file(world, gate, world.service())
    sound.unlink()
    gate.open()
    result = outcome(watch)
    assert (result.row.state, result.warnings) == (State.COLLECTED, ())


def test_a_result_that_the_user_has_edited_is_never_written_over(world):
    service = world.service()
    first = outcome(service.start(request()))
    edited = written(world.folder / "edited.mp4", 5).read_bytes()
    first.file.write_bytes(edited)
    service.stop()
    again = outcome(world.service().start(request()))
    assert (again.reused, again.file) == (True, first.file)
    assert again.file.read_bytes() == edited
    assert world.submits == 1
