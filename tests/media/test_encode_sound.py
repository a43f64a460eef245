"""The sound of frames in the file that the service takes."""

from __future__ import annotations

import tracemalloc
from itertools import islice

import av
import numpy as np
import pytest
import torch
from apixo_wan_animate.utils.errors import InputError
from apixo_wan_animate.utils.media.aac import sound_track
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.pcm import PIECE_SAMPLES, Pcm
from apixo_wan_animate.utils.media.types import Sound
from clips_made import click_starts, clicks
from encoded_frames import T, encoded, frames


def test_a_sound_of_thirty_hertz_takes_no_memory_for_being_brought_to_a_usual_rate(tmp_path):
    piece = np.zeros((1, PIECE_SAMPLES), np.float32)
    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        packets = sound_track(output, Pcm(31, 1, [piece]))
        tracemalloc.start()
        for _ in islice(packets, 200):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8_000_000  # at once it would be 400 MB


@pytest.mark.parametrize("rate_hz", [48_000, 44_100, 22_050, 37_800, 192_000])
def test_sound_keeps_its_place_to_the_sample(target, rate_hz):
    waveform = clicks(2.2, rate_hz=rate_hz)

    encoded(target, frames(50), sound=Sound(torch.from_numpy(waveform), rate_hz))

    sound = decode(target).sound
    ratio = sound.sample_rate_hz / rate_hz
    expected = [round(at * ratio) for at in click_starts(waveform) if at < 2 * rate_hz]
    assert sound.waveform.shape == (2, 2 * sound.sample_rate_hz)
    found = click_starts(sound.waveform)
    assert len(found) == len(expected)
    assert np.abs(np.array(found) - expected).max() <= 2
    assert (sound.sample_rate_hz == rate_hz) == (rate_hz in (48_000, 44_100, 22_050))


@pytest.mark.parametrize("seconds", [0.1, 0.44, 3.0])
def test_sound_is_as_long_as_the_picture(target, seconds):
    waveform = torch.from_numpy(clicks(seconds, every_s=0.05))

    encoded(target, frames(T), sound=Sound(waveform, 48_000))

    with av.open(str(target)) as file:
        stream = file.streams.audio[0]
        length = stream.duration * stream.time_base
    assert float(length) == pytest.approx(T / 25, abs=1e-3)


@pytest.mark.parametrize(("channels", "written"), [(1, 1), (2, 2), (6, 6), (4, 2), (8, 2)])
def test_channels(target, channels, written):
    waveform = torch.from_numpy(clicks(0.6, channels=channels))

    encoded(target, frames(T), sound=Sound(waveform, 48_000))

    sound = decode(target).sound
    assert sound.waveform.shape[0] == written
    assert click_starts(sound.waveform)[0] <= 2


def test_sound_as_the_graph_holds_it_is_taken(target):
    waveform = torch.from_numpy(clicks(0.6))[None].double()

    encoded(target, frames(T), sound=Sound(waveform, 48_000))

    assert decode(target).sound is not None


def test_sound_beyond_its_range_is_clipped(target):
    waveform = torch.from_numpy(clicks(0.6)) * 9
    waveform[:, 5000:6000] = float("nan")

    encoded(target, frames(T), sound=Sound(waveform, 48_000))

    assert decode(target).sound.waveform.isfinite().all()


@pytest.mark.parametrize(
    ("sound", "kept"),
    [
        (None, True),
        (Sound(torch.zeros(2, 0), 48_000), True),
        (Sound(torch.zeros(2, 900), 48_000), False),
    ],
    ids=["none", "no samples", "not wanted"],
)
def test_a_clip_without_sound_has_no_sound_track(target, sound, kept):
    encoded(target, frames(2), sound=sound, keep_sound=kept)

    with av.open(str(target)) as file:
        assert len(file.streams) == 1


def test_what_is_no_sound_is_refused(target):
    with pytest.raises(InputError, match="shape"):
        encoded(target, frames(2), sound=Sound(torch.zeros(3, 2, 900), 48_000))
