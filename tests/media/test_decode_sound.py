"""Sound lies against the picture to the sample, at its own rate and with its own channels."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from apixo_wan_animate.utils.media.decode import decode, decode_clip
from apixo_wan_animate.utils.media.selection import Selection
from apixo_wan_animate.utils.media.types import FileClip, Sound
from clips_made import (
    Recipe,
    Track,
    click_starts,
    clicks,
    numbered_pictures,
    numbers_of,
    shifted,
    write_clip,
)

T, H, W = 37, 48, 80
RATE = 30
PCM = Track(clicks(T / RATE), codec="pcm_s16le", format="s16")
PLAIN = Recipe(options={"crf": "6", "preset": "medium", "g": "12", "bf": "3"})

FORMS = {
    # file name: track, largest distance of a burst from its place, in samples
    "aac.mp4": (Track(clicks(T / RATE)), 0),
    "aac mono 44.1 k.mp4": (
        Track(clicks(T / RATE, rate_hz=44_100, channels=1), rate_hz=44_100, layout="mono"), 0,
    ),
    "aac 5.1.mp4": (Track(clicks(T / RATE, channels=6), layout="5.1"), 0),
    "pcm 16.mov": (PCM, 0),
    "pcm 32.mov": (replace(PCM, codec="pcm_s32le", format="s32"), 0),
    "pcm float 5.1.mov": (
        replace(PCM, waveform=clicks(T / RATE, channels=6), codec="pcm_f32le", format="flt",
                layout="5.1"), 0,
    ),
    "flac 96 k.mkv": (
        Track(clicks(T / RATE, rate_hz=96_000), rate_hz=96_000, codec="flac", format="s16"), 0,
    ),
    "aac.mkv": (Track(clicks(T / RATE)), 0),
    "aac.ts": (Track(clicks(T / RATE)), 1),
    "mp3.mp4": (Track(clicks(T / RATE), codec="libmp3lame"), 4),
}  # fmt: skip


@pytest.mark.parametrize("bf", ["0", "3"])
@pytest.mark.parametrize("name", FORMS)
def test_every_burst_is_where_it_was_put(tmp_path, name, bf):
    track, slack = FORMS[name]
    recipe = replace(PLAIN, sound=track, options={**PLAIN.options, "bf": bf})
    decoded = decode(write_clip(tmp_path / name, numbered_pictures(T, H, W), recipe))
    waveform, rate_hz = decoded.sound.waveform, decoded.sound.sample_rate_hz
    assert rate_hz == track.rate_hz
    assert tuple(waveform.shape) == (len(track.waveform), round(T / RATE * rate_hz))
    assert waveform.dtype == torch.float32
    starts = click_starts(waveform)
    wanted = [0, rate_hz // 2, rate_hz]
    assert len(starts) == len(wanted)
    assert max(abs(a - b) for a, b in zip(starts, wanted, strict=True)) <= slack
    assert numbers_of(decoded.frames) == list(range(T))


def test_lossless_samples_come_out_as_they_went_in(tmp_path):
    noise = np.random.default_rng(6).uniform(-1, 1, (2, T * 1600)).astype(np.float32)
    recipe = replace(PLAIN, sound=replace(PCM, waveform=noise))
    decoded = decode(write_clip(tmp_path / "noise.mov", numbered_pictures(T, H, W), recipe))
    stored = np.rint(noise.astype(np.float64) * 32767).astype(np.float32) / 32768
    assert np.array_equal(decoded.sound.waveform.numpy(), stored)


def test_a_file_whose_first_stream_is_sound_keeps_its_last_frames(tmp_path):
    recipe = replace(PLAIN, sound=PCM, sound_first=True)
    decoded = decode(write_clip(tmp_path / "sound first.mov", numbered_pictures(T, H, W), recipe))
    assert numbers_of(decoded.frames) == list(range(T))
    assert click_starts(decoded.sound.waveform) == [0, 24_000, 48_000]


def test_no_sound_is_none(tmp_path):
    assert decode(write_clip(tmp_path / "a.mp4", numbered_pictures(3, H, W), PLAIN)).sound is None


def test_sound_longer_than_the_picture_ends_with_it(tmp_path):
    recipe = replace(PLAIN, sound=replace(PCM, waveform=clicks(3.0)))
    decoded = decode(write_clip(tmp_path / "long.mov", numbered_pictures(T, H, W), recipe))
    assert decoded.sound.waveform.shape[1] == round(T / RATE * 48_000)


def test_sound_shorter_than_the_picture_stays_as_short_as_it_is(tmp_path):
    recipe = replace(PLAIN, sound=replace(PCM, waveform=clicks(0.4)))
    decoded = decode(write_clip(tmp_path / "short.mov", numbered_pictures(T, H, W), recipe))
    assert decoded.sound.waveform.shape[1] == round(0.4 * 48_000)


def test_sound_that_starts_late_is_led_by_silence(tmp_path):
    recipe = replace(PLAIN, sound=replace(PCM, start=12_000))
    decoded = decode(write_clip(tmp_path / "late.mov", numbered_pictures(T, H, W), recipe))
    assert click_starts(decoded.sound.waveform) == [12_000, 36_000]
    assert not decoded.sound.waveform[:, :12_000].any()


def test_sound_that_starts_before_the_picture_is_cut_to_it(tmp_path):
    stamps = [7680 + 512 * number for number in range(T)]
    recipe = replace(PLAIN, sound=PCM, stamps=stamps, time_base=Fraction(1, 15360))
    decoded = decode(write_clip(tmp_path / "early.mov", numbered_pictures(T, H, W), recipe))
    assert click_starts(decoded.sound.waveform) == [0, 24_000]
    assert numbers_of(decoded.frames) == list(range(T))


@pytest.mark.parametrize("hidden_s", [Fraction(1, 3), Fraction(1, 2), Fraction(7, 10)])
@pytest.mark.parametrize("kind", ["mov", "mp4"])
def test_an_edit_list_moves_sound_and_picture_together(tmp_path, kind, hidden_s):
    track = PCM if kind == "mov" else Track(clicks(T / RATE))
    recipe = replace(PLAIN, sound=track)
    whole = write_clip(tmp_path / f"whole.{kind}", numbered_pictures(T, H, W), recipe)
    decoded = decode(shifted(whole, tmp_path / f"edited.{kind}", hidden_s))
    first = numbers_of(decoded.frames)[0]
    wanted = [at - first * 1600 for at in (0, 24_000, 48_000) if at >= first * 1600]
    assert first == round(hidden_s * RATE)
    assert click_starts(decoded.sound.waveform) == wanted


def test_a_hole_in_the_sound_is_silence_of_its_length(tmp_path):
    noise = np.full((2, 16_384), 0.5, np.float32)
    recipe = replace(PLAIN, sound=replace(PCM, waveform=noise))
    whole = write_clip(tmp_path / "whole.mov", numbered_pictures(T, H, W), recipe)
    holed = tmp_path / "holed.mkv"
    _without_sound(whole, holed, first_s=0.1, last_s=0.2)
    waveform = decode(holed).sound.waveform[0].numpy()
    silent = np.flatnonzero(waveform == 0)
    assert 4000 < len(silent) < 6000
    assert np.array_equal(silent, np.arange(silent[0], silent[-1] + 1))
    assert abs(len(waveform) - 16_384) <= 24  # half a millisecond, Matroska's tick


def _without_sound(source, target, *, first_s, last_s):
    """Copy a clip, leaving out the packets of sound between two times."""
    import av

    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        streams = [
            writing.add_stream_from_template(stream, opaque=True) for stream in reading.streams
        ]
        for packet in reading.demux():
            if packet.dts is None:
                continue
            inside = first_s <= packet.pts * packet.time_base < last_s
            if packet.stream.type == "audio" and inside:
                continue
            packet.stream = streams[packet.stream_index]
            writing.mux(packet)


SPANS = {
    "a window": (0.5, 0.4, Selection(), 15, 12),
    "a selection": (0.0, 0.0, Selection(start=15, count=12), 15, 12),
    "every third": (0.0, 0.0, Selection(start=15, count=4, every_nth=3), 15, 12),
    "a selection in a window": (0.2, 0.9, Selection(start=9, count=6), 15, 6),
    "up to the end": (0.5, 0.0, Selection(every_nth=5), 15, 22),
}


@pytest.mark.parametrize("name", SPANS)
@pytest.mark.parametrize("kind", ["mov", "mp4", "mkv"])
def test_sound_covers_what_is_selected_and_no_more(tmp_path, kind, name):
    start_s, duration_s, selection, first, frames = SPANS[name]
    track = PCM if kind == "mov" else Track(clicks(T / RATE))
    recipe = replace(PLAIN, sound=track)
    clip = write_clip(tmp_path / f"clip.{kind}", numbered_pictures(T, H, W), recipe)
    decoded = decode_clip(FileClip(clip, start_s=start_s, duration_s=duration_s), selection)
    assert numbers_of(decoded.frames)[0] == first
    assert decoded.sound.waveform.shape[1] == frames * 1600
    wanted = [at - 24_000 for at in (24_000, 48_000) if at < (first + frames) * 1600]
    assert click_starts(decoded.sound.waveform) == wanted


def test_a_sound_of_the_graph_takes_the_place_of_the_files_own(tmp_path):
    recipe = replace(PLAIN, sound=PCM)
    clip = write_clip(tmp_path / "clip.mov", numbered_pictures(T, H, W), recipe)
    ramp = torch.arange(3 * 8000, dtype=torch.float32).repeat(1, 1)
    window = FileClip(clip, start_s=0.5, sound=Sound(ramp, 8000))
    sound = decode_clip(window, Selection(start=3, count=6)).sound
    assert sound.sample_rate_hz == 8000
    assert torch.equal(sound.waveform, ramp[:, 800:2400])
