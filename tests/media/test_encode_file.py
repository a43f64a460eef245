"""A clip that is a file, and not what the service takes, is decoded and encoded as it is read."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from threading import Event

import av
import numpy as np
import pytest
import torch
from apixo_wan_animate.utils.errors import Stopped
from apixo_wan_animate.utils.media.clipfile import EncodeOptions
from apixo_wan_animate.utils.media.decode import decode, decode_clip
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.types import FileClip, Size, Sound
from clips_made import (
    Recipe,
    Track,
    click_starts,
    clicks,
    numbered_pictures,
    numbers_of,
    write_clip,
)

T, H, W = 13, 208, 304
RATE = Fraction(25)
# Not H.264, so it must be encoded.
OTHER = Recipe(codec="mpeg4", options={"qscale": "2"}, rate=RATE)


def made(target: Path | BytesIO, recipe: Recipe = OTHER, *, height=H, width=W, **more):
    return write_clip(target, numbered_pictures(T, height, width), recipe, **more)


def sent(clip: FileClip | Path, folder: Path, **options):
    clip = clip if isinstance(clip, FileClip) else FileClip(clip)
    return encode_clip(clip, folder / "sent.mp4", options=EncodeOptions(**options))


AWKWARD = {
    "another codec": (OTHER, "a.mp4"),
    "10 bit": (replace(OTHER, codec="libx264", pixel_format="yuv420p10le", options={}), "a.mp4"),
    "4:4:4": (replace(OTHER, codec="libx264", pixel_format="yuv444p", options={}), "a.mp4"),
    "4:2:2 in ProRes": (replace(OTHER, codec="prores_ks", pixel_format="yuv422p10le"), "a.mov"),
    "RGB": (replace(OTHER, codec="ffv1", pixel_format="bgr0", options={}), "a.mkv"),
    "grey": (replace(OTHER, codec="ffv1", pixel_format="gray", options={}), "a.mkv"),
    "full range": (replace(OTHER, codec="libx264", options={}, matrix=1, range=2), "a.mp4"),
    "601": (replace(OTHER, matrix=6, range=1), "a.mp4"),
    "VP9 in WebM": (replace(OTHER, codec="libvpx-vp9", options={"deadline": "realtime"}), "a.webm"),
    "AVI": (OTHER, "a.avi"),
    "stream": (replace(OTHER, codec="mpeg2video", options={"qscale": "2"}), "a.ts"),
    "animated picture": (replace(OTHER, codec="gif", pixel_format="rgb8", options={}), "a.gif"),
}


@pytest.mark.parametrize(("recipe", "name"), AWKWARD.values(), ids=AWKWARD.keys())
def test_every_frame_of_a_file_arrives_as_the_decoder_sees_it(tmp_path, recipe, name):
    source = made(tmp_path / name, recipe)
    own = decode(source)

    done = sent(source, tmp_path, crf=4)

    seen = decode(done.path)
    assert not done.remuxed
    assert numbers_of(seen.frames) == numbers_of(own.frames) == list(range(T))
    assert (done.frame_count, done.frame_rate, done.size) == (T, own.frame_rate, Size(W, H))
    inner = (slice(None), slice(H // 2 + 12, -12), slice(12, W // 2 - 12))
    error = 255 * (seen.frames - own.frames)[inner].mean((0, 1, 2)).abs().max()
    assert error < 1.5


def test_b_frames_in_an_avi_come_in_the_right_order(tmp_path):
    recipe = Recipe(rate=RATE, options={"crf": "6", "bf": "2", "b_strategy": "0"})
    source = made(tmp_path / "a.avi", recipe)

    done = sent(source, tmp_path)

    assert numbers_of(decode(done.path).frames) == list(range(T))


@pytest.mark.parametrize(
    ("height", "width"), [(209, 304), (208, 303), (209, 303)], ids=["height", "width", "both"]
)
def test_odd_sides_become_even(tmp_path, height, width):
    recipe = replace(OTHER, codec="ffv1", pixel_format="yuv444p", options={})
    source = made(tmp_path / "a.mkv", recipe, height=height, width=width)

    done = sent(source, tmp_path)

    assert done.size == Size(304, 208 + 2 * (height == 209))
    assert numbers_of(decode(done.path).frames) == list(range(T))


def test_pixels_become_square(tmp_path):
    source = made(tmp_path / "a.mp4", replace(OTHER, pixel_aspect=Fraction(4, 3)))

    done = sent(source, tmp_path)

    assert done.size == Size(406, 208)
    assert numbers_of(decode(done.path).frames) == list(range(T))
    with av.open(str(done.path)) as file:
        assert file.streams.video[0].sample_aspect_ratio in (None, 0, 1)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_clip_stands_upright(tmp_path, degrees, turned):
    source = turned(made(tmp_path / "flat.mp4", Recipe(rate=RATE)), degrees)
    own = decode(source)

    done = sent(source, tmp_path)

    seen = decode(done.path)
    assert done.size == (Size(H, W) if degrees % 180 else Size(W, H))
    assert seen.frames.shape == own.frames.shape
    assert (seen.frames - own.frames).abs().mean() < 0.03


@pytest.fixture
def turned():
    """Write a rotation into the track header of an MP4 (ISO/IEC 14496-12, 8.3.2)."""

    def turn(file: Path, degrees: int) -> Path:
        a, b = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
        numbers = [a, b, 0, -b, a, 0, 0, 0, 0x4000]
        matrix = b"".join((0x10000 * n).to_bytes(4, "big", signed=True) for n in numbers)
        data = bytearray(file.read_bytes())
        at = data.index(b"tkhd") + 4 + 40
        data[at : at + 36] = matrix
        file.write_bytes(data)
        return file

    return turn


def test_a_varying_rate_becomes_constant_and_it_is_said(tmp_path):
    stamps, at = [], 0
    for index in range(T):
        stamps.append(at)
        at += 40 if index % 3 else 80
    recipe = Recipe(rate=RATE, stamps=stamps, time_base=Fraction(1, 1000), options={"bf": "0"})
    source = made(tmp_path / "a.mkv", recipe)
    own = decode(source)

    done = sent(source, tmp_path)

    assert numbers_of(decode(done.path).frames) == numbers_of(own.frames)
    assert done.frame_rate == own.frame_rate
    assert "varies" in done.warnings[0]
    with av.open(str(done.path)) as file:
        stamps = sorted(packet.pts for packet in file.demux(video=0) if packet.size)
    assert len(set(np.diff(stamps))) == 1


WINDOWS = {
    "from the middle": (0.2, 0.0),
    "up to the middle": (0.0, 0.24),
    "inside": (0.16, 0.2),
    "between frames": (0.17, 0.21),
    "one frame": (0.4, 0.04),
    "beyond the end": (0.4, 9.0),
}


@pytest.mark.parametrize(("start_s", "duration_s"), WINDOWS.values(), ids=WINDOWS.keys())
@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_a_window_is_cut_as_the_decoder_cuts_it(tmp_path, codec, start_s, duration_s):
    sound = Track(clicks(T / 25, every_s=0.1))
    options = {"qscale": "2"} if codec == "mpeg4" else {"crf": "6", "g": "5"}
    recipe = Recipe(codec=codec, options=options, rate=RATE, sound=sound)
    clip = FileClip(made(tmp_path / "a.mp4", recipe), start_s, duration_s)
    own = decode_clip(clip)

    done = sent(clip, tmp_path)

    seen = decode(done.path)
    assert not done.remuxed
    assert numbers_of(seen.frames) == numbers_of(own.frames)
    assert done.frame_count == len(own.frames)
    found, expected = click_starts(seen.sound.waveform), click_starts(own.sound.waveform)
    assert len(found) == len(expected)
    assert np.abs(np.array(found, int) - np.array(expected, int)).max(initial=0) <= 3


@pytest.mark.parametrize(
    "track",
    [
        Track(clicks(T / 25, every_s=0.1)),
        Track(clicks(T / 25, every_s=0.1, rate_hz=44_100, channels=1), 44_100, layout="mono"),
        Track(clicks(T / 25, every_s=0.1, channels=6), layout="5.1"),
        Track(clicks(T / 25, every_s=0.1), codec="libopus", format="flt"),
        Track(clicks(0.2, every_s=0.1)),
        Track(clicks(2.0, every_s=0.1)),
        Track(clicks(T / 25, every_s=0.1), start=4800),
    ],
    ids=["stereo", "mono 44.1", "5.1", "opus", "shorter", "longer", "later"],
)
def test_the_sound_of_a_file_keeps_its_place(tmp_path, track):
    if track.codec == "libopus":
        track = replace(track, waveform=np.ascontiguousarray(track.waveform), format="fltp")
        track = replace(track, codec="flac", format="s16")
    source = made(tmp_path / "a.mkv", replace(OTHER, sound=track))
    own = decode(source).sound

    done = sent(source, tmp_path)

    sound = decode(done.path).sound
    assert sound.sample_rate_hz == own.sample_rate_hz
    assert sound.waveform.shape[0] == own.waveform.shape[0]
    found, expected = click_starts(sound.waveform), click_starts(own.waveform)
    assert len(found) == len(expected) > 0
    assert np.abs(np.array(found) - expected).max() <= 3
    with av.open(str(done.path)) as file:
        stream = file.streams.audio[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(T / 25, abs=2e-3)


def test_another_sound_takes_the_place_of_the_files_own(tmp_path):
    source = made(tmp_path / "a.mp4", replace(OTHER, sound=Track(clicks(T / 25, every_s=0.1))))
    other = Sound(torch.from_numpy(clicks(2.0, rate_hz=44_100, every_s=0.25)), 44_100)

    done = sent(FileClip(source, sound=other), tmp_path)

    sound = decode(done.path).sound
    assert sound.sample_rate_hz == 44_100
    assert click_starts(sound.waveform) == pytest.approx([0, 11025, 22050], abs=3)


def test_a_sound_starts_with_the_window(tmp_path):
    other = Sound(torch.from_numpy(clicks(2.0, every_s=0.1)), 48_000)

    done = sent(FileClip(made(tmp_path / "a.mp4"), 0.2, 0.24, other), tmp_path)

    assert click_starts(decode(done.path).sound.waveform) == pytest.approx([0, 4800, 9600], abs=3)


def test_sound_that_is_not_wanted_is_left_out(tmp_path):
    source = made(tmp_path / "a.mp4", replace(OTHER, sound=Track(clicks(T / 25))))

    done = sent(source, tmp_path, keep_sound=False)

    with av.open(str(done.path)) as file:
        assert [stream.type for stream in file.streams] == ["video"]


def test_a_files_content_is_read_without_moving_it(tmp_path):
    content = made(BytesIO())
    content.seek(7)

    done = sent(FileClip(content), tmp_path)

    assert numbers_of(decode(done.path).frames) == list(range(T))
    assert content.tell() == 7


def test_a_file_beyond_what_the_resolution_can_use_is_scaled_down(tmp_path):
    source = made(tmp_path / "a.mp4", height=416, width=608)

    done = sent(source, tmp_path, max_pixels=W * H)

    assert done.size == Size(W, H)
    assert numbers_of(decode(done.path).frames) == list(range(T))


def test_planes_that_are_right_already_pass_untouched(tmp_path):
    """A trimmed clip in the service's own colours is decoded and encoded, never converted."""
    recipe = Recipe(rate=RATE, options={"crf": "10"}, matrix=1, range=1)
    random = np.random.default_rng(6)
    pictures = [random.integers(0, 256, (H // 8, W // 8, 3), np.uint8) for _ in range(T)]
    source = write_clip(
        tmp_path / "a.mp4", [one.repeat(8, 0).repeat(8, 1) for one in pictures], recipe
    )

    done = sent(FileClip(source, 0.2), tmp_path, crf=0)

    assert np.array_equal(luma_of(done.path)[0], luma_of(source)[5])


def luma_of(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as container:
        return [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]


def test_a_still_clip_of_one_frame(tmp_path):
    source = write_clip(tmp_path / "a.mp4", numbered_pictures(1, H, W), OTHER)

    assert sent(source, tmp_path).frame_count == 1


def test_a_file_over_the_limit_loses_quality(tmp_path):
    random = np.random.default_rng(1)
    pictures = [random.integers(0, 256, (H, W, 3), np.uint8) for _ in range(T)]
    source = write_clip(tmp_path / "a.mp4", pictures, Recipe(rate=RATE, options={"crf": "12"}))

    done = sent(source, tmp_path, limit_bytes=source.stat().st_size // 4)

    assert done.size_bytes <= source.stat().st_size // 4
    assert (done.remuxed, done.frame_count) == (False, T)


def test_progress_tells_how_many_there_are(tmp_path):
    seen = []

    encode_clip(
        FileClip(made(tmp_path / "a.mp4")),
        tmp_path / "sent.mp4",
        progress=lambda done, total: seen.append((done, total)),
    )

    assert seen[-1] == (T, T)


def test_a_stop_leaves_nothing_behind(tmp_path):
    stop = Event()
    stop.set()
    source = made(tmp_path / "a.mp4")

    with pytest.raises(Stopped):
        encode_clip(FileClip(source), tmp_path / "sent.mp4", stop=stop)

    assert list(tmp_path.iterdir()) == [source]


def test_the_source_may_be_deleted_at_once(tmp_path):
    source = made(tmp_path / "folder.mp4")

    sent(source, tmp_path)

    source.unlink()
    shutil.rmtree(tmp_path)
