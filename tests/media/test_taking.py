"""Sound alone, and frames that are in memory already, agree with what the decoder gives."""

from __future__ import annotations

import threading
from fractions import Fraction

import pytest
import torch
from apixo_wan_animate.utils.errors import DecodeError, InputError, Stopped
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.encode import EncodeOptions, encode_clip
from apixo_wan_animate.utils.media.listening import decode_sound
from apixo_wan_animate.utils.media.selection import ALL, Selection
from apixo_wan_animate.utils.media.taking import take
from apixo_wan_animate.utils.media.types import FramesClip, Sound

T, H, W = 30, 216, 264
RATE = Fraction(15)


@pytest.fixture(scope="module")
def clip():
    frames = torch.rand(T, H, W, 3)
    sound = Sound(torch.rand(2, 2 * 8000) - 0.5, 8000)
    return FramesClip(frames, RATE, sound)


@pytest.fixture(scope="module")
def file(clip, tmp_path_factory):
    target = tmp_path_factory.mktemp("clips") / "a.mp4"
    return encode_clip(clip, target, options=EncodeOptions(keep_sound=True)).path


def test_the_sound_alone_is_the_sound_beside_the_frames(file):
    alone, beside = decode_sound(file), decode(file).sound
    assert alone.sample_rate_hz == beside.sample_rate_hz
    assert torch.equal(alone.waveform, beside.waveform)


def test_a_silent_file_has_no_sound(clip, tmp_path):
    silent = FramesClip(clip.frames[:3], RATE)
    path = encode_clip(silent, tmp_path / "b.mp4", options=EncodeOptions(keep_sound=True)).path
    assert decode_sound(path) is None


def test_frames_in_memory_are_not_copied(clip):
    taken = take(clip, ALL)
    assert taken.frames.data_ptr() == clip.frames.data_ptr()
    assert taken.frame_rate == RATE
    assert torch.equal(taken.sound.waveform, clip.sound.waveform)


@pytest.mark.parametrize(
    "selection",
    [Selection(start=4, count=6), Selection(every_nth=3), Selection(5, 4, 2), Selection(start=29)],
)
def test_memory_and_file_are_picked_alike(clip, file, selection):
    taken, decoded = take(clip, selection), decode(file, selection)
    assert taken.frames.shape == decoded.frames.shape
    assert taken.frame_rate == decoded.frame_rate
    assert taken.sound.waveform.shape[0] == decoded.sound.waveform.shape[0]
    assert torch.equal(taken.frames[0], clip.frames[selection.slots(T)[0]])


def test_frames_in_memory_are_scaled_to_the_longest_side(clip):
    seen = []
    wanted = Selection(count=5, longest_side=132)
    taken = take(clip, wanted, progress=lambda *done: seen.append(done))
    assert taken.frames.shape == (5, 108, 132, 3)
    assert torch.allclose(taken.frames.mean((1, 2, 3)), clip.frames[:5].mean((1, 2, 3)), atol=1e-3)
    assert seen[-1] == (5, 5)


def test_a_selection_of_nothing_is_an_error(clip):
    with pytest.raises(DecodeError, match="30 frames"):
        take(clip, Selection(start=30))
    with pytest.raises(InputError):
        take(clip, Selection(every_nth=0))


def test_scaling_stops_when_told(clip):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        take(clip, Selection(longest_side=100), stop=stop)
