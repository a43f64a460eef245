"""Frames in memory become the file that the service takes."""

from __future__ import annotations

from fractions import Fraction
from threading import Event

import av
import psutil
import pytest
import torch
from apixo_wan_animate.utils.errors import EncodeError, InputError, Stopped
from apixo_wan_animate.utils.media import envelope
from apixo_wan_animate.utils.media.clipfile import EncodeOptions
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.encode import encode_clip
from apixo_wan_animate.utils.media.types import FramesClip, Size, Sound
from clips_made import clicks, numbers_of
from encoded_frames import RATE, H, T, W, encoded, frames, noise


def test_every_frame_arrives_once_and_in_order(target):
    done = encoded(target, frames())

    seen = decode(target)
    assert numbers_of(seen.frames) == list(range(T))
    assert (done.size, done.frame_count, done.frame_rate) == (Size(W, H), T, RATE)
    assert done.duration_s == pytest.approx(T / 25)
    assert done.size_bytes == target.stat().st_size
    assert (done.path, done.remuxed, done.warnings) == (target, False, ())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_clips_are_whole(target, count):
    encoded(target, frames(count))

    assert numbers_of(decode(target).frames) == list(range(count))


@pytest.mark.parametrize(
    "rate",
    [
        Fraction(24000, 1001),
        Fraction(60000, 1001),
        Fraction(25, 2),
        Fraction(1, 3),
        Fraction(30),
        Fraction(2997, 100),
        Fraction(144),
    ],
    ids=str,
)
def test_the_rate_is_exact(target, rate):
    done = encoded(target, frames(), rate)

    with av.open(str(target)) as file:
        stream = file.streams.video[0]
        stamps = sorted(p.pts for p in file.demux(stream) if p.size)
        assert stream.average_rate == rate
        assert [stamp * stream.time_base for stamp in stamps] == [n / rate for n in range(T)]
        assert stream.duration * stream.time_base == T / rate
    assert done.frame_rate == rate


@pytest.mark.parametrize("rate", [envelope.RATE_MOST, envelope.RATE_LEAST])
def test_the_fastest_and_the_slowest_clip_are_whole(target, rate):
    encoded(target, frames(25), rate)
    assert numbers_of(decode(target).frames) == list(range(25))


def test_a_rate_that_came_through_a_float_is_the_one_that_was_meant(target):
    assert encoded(target, frames(), Fraction(29.97)).frame_rate == Fraction(2997, 100)


def test_the_file_is_what_the_service_takes(target):
    encoded(target, frames())

    with av.open(str(target)) as file:
        context = file.streams.video[0].codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        tags = (context.colorspace, context.color_primaries, context.color_trc)
        assert tuple(int(tag) for tag in tags) == (1, 1, 1)
        assert int(context.color_range) == 1
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert not (tmp := target.with_name(target.name + ".part")).exists(), tmp


def test_groups_of_pictures_are_short_and_closed(target):
    encoded(target, frames(1).expand(130, -1, -1, -1), 30)

    with av.open(str(target)) as file:
        keys = [p.pts * p.time_base for p in file.demux(video=0) if p.is_keyframe]
    assert keys == [0, 2, 4]
    assert b"open_gop=0" in target.read_bytes()


def test_the_file_has_no_tags(target):
    encoded(target, frames(), sound=Sound(torch.from_numpy(clicks(0.5)), 48_000))

    with av.open(str(target)) as file:
        assert set(file.metadata) == {"major_brand", "minor_version", "compatible_brands"}
        for stream in file.streams:
            # what FFmpeg reads from fields of fixed length, set by itself
            assert set(stream.metadata) <= {"language", "handler_name", "vendor_id"}
            assert stream.metadata.get("vendor_id", "[0][0][0][0]") == "[0][0][0][0]"
            assert stream.metadata["handler_name"] in ("VideoHandler", "SoundHandler")
    assert b"Lavf" not in target.read_bytes()


@pytest.mark.parametrize(
    ("source", "rate", "what"),
    [
        (torch.zeros(0, H, W, 3), 25, "The clip is empty"),
        (torch.zeros(2, H, W, 3), 0, "frame rate is 0"),
        (torch.zeros(2, H, W, 3), -24, "frame rate is -24"),
        (torch.zeros(H, W, 3), 25, "shape"),
        (torch.zeros(2, H, W, 2), 25, "2 channels"),
        (torch.zeros(2, H, W, 3, dtype=torch.int32), 25, "int32"),
        (torch.zeros(2, 200, 604, 3), 25, "at most 3:1"),
        (torch.zeros(2, 20, 24, 3), 25, "24×20 px"),
    ],
    ids=["empty", "no rate", "negative rate", "picture", "channels", "whole", "long", "tiny"],
)
def test_what_is_no_clip_is_refused_in_two_sentences(target, source, rate, what):
    with pytest.raises(InputError, match=what) as caught:
        encoded(target, source, rate)

    assert str(caught.value).count(". ") == 1
    assert list(target.parent.iterdir()) == []


def test_x264_says_in_the_file_that_it_was_set_as_was_measured(target):
    encoded(target, frames())
    said = target.read_bytes()
    for setting in ("subme=2", "me=dia", "analyse=0x3:0x3", "crf=19.0", "deadzone=16,11"):
        assert setting.encode() in said


def test_pictures_are_encoded_side_by_side_and_not_in_slices_however_many_cores(
    target, monkeypatch
):
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    encoded(target, frames(height=720, width=1280))
    said = target.read_bytes()
    assert b" threads=5 " in said
    assert b"sliced_threads=0" in said


def test_quality_falls_until_the_file_fits(target):
    whole = encoded(target, noise(T)).size_bytes

    done = encoded(target, noise(T), limit_bytes=whole // 3)

    assert whole // 6 < done.size_bytes <= whole // 3
    assert done.frame_count == T
    assert "quality was lowered" in done.warnings[0]


def test_a_long_clip_is_given_up_early_when_it_will_not_fit(target):
    seen = []
    source = noise(4).repeat(60, 1, 1, 1)

    clip = FramesClip(source, RATE)
    options = EncodeOptions(limit_bytes=3_000_000)
    done = encode_clip(
        clip, target, options=options, progress=lambda done, total: seen.append((done, total))
    )

    restarts = [at for at, (count, _) in enumerate(seen) if at and count < seen[at - 1][0]]
    assert done.size_bytes <= 3_000_000
    assert seen[restarts[0] - 1][0] < 240
    assert seen[-1] == (240, 240)


def test_a_limit_that_nothing_fits_is_an_error(target):
    with pytest.raises(EncodeError, match=r"even in low quality\. Trim it"):
        encoded(target, noise(T), limit_bytes=10_000)

    assert list(target.parent.iterdir()) == []


def test_progress_counts_every_frame(target):
    seen = []
    encode_clip(
        FramesClip(frames(30), RATE),
        target,
        progress=lambda done, total: seen.append((done, total)),
    )

    assert seen == [(done, 30) for done in range(1, 31)]


def test_a_stop_leaves_nothing_behind(target):
    stop = Event()

    with pytest.raises(Stopped):
        encode_clip(
            FramesClip(noise(1).expand(2000, -1, -1, -1), RATE),
            target,
            stop=stop,
            progress=lambda done, total: stop.set(),
        )

    assert list(target.parent.iterdir()) == []


def test_a_stop_counts_before_the_first_packet_too(target):
    stop, seen = Event(), []

    def at_the_third(done: int, total: int) -> None:
        seen.append(done)
        if done == 3:
            stop.set()

    with pytest.raises(Stopped):
        encode_clip(FramesClip(frames(30), RATE), target, stop=stop, progress=at_the_third)
    assert seen == [1, 2, 3]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(EncodeError, match=r"clip\.mp4 could not be written"):
        encoded(tmp_path / "absent" / "clip.mp4", frames(2))


def test_a_file_that_is_there_already_is_replaced_whole(target):
    target.write_bytes(b"older")

    encoded(target, frames(3))

    assert numbers_of(decode(target).frames) == [0, 1, 2]


def test_a_long_clip_takes_no_more_memory_than_a_short_one(target):
    """1.1 GB of frames that share one frame's memory: a copy of them would be seen."""
    process = psutil.Process()
    before = process.memory_info().rss
    peak = 0

    def look(done: int, total: int | None) -> None:
        nonlocal peak
        peak = max(peak, process.memory_info().rss)

    clip = FramesClip(frames(1, 400, 600).expand(400, -1, -1, -1), RATE)
    encode_clip(clip, target, progress=look)

    assert peak - before < 150e6
