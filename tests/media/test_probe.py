"""A clip is described as it will be decoded, and a result is found whole or refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import cv2
import numpy as np
import pytest
from apixo_wan_animate.utils.errors import DecodeError
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.probe import probe, verify
from apixo_wan_animate.utils.media.types import Size
from clips_made import Recipe, Track, clicks, numbered_pictures, shifted, turned, write_clip

T, H, W = 33, 48, 80
PLAIN = Recipe(options={"crf": "6", "preset": "medium", "g": "12", "bf": "3"})


@pytest.fixture
def clip(tmp_path):
    sound = Track(clicks(T / 30, rate_hz=44_100, channels=1), rate_hz=44_100, layout="mono")
    recipe = replace(PLAIN, sound=sound, matrix=1, range=1)
    return write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), recipe)


@pytest.mark.parametrize("exact", [False, True])
def test_a_plain_clip_is_described(clip, exact):
    info = probe(clip, exact=exact)
    assert (info.size, info.has_sound) == (Size(W, H), True)
    assert (info.frame_rate, info.frame_count, info.duration_s) == (30, T, pytest.approx(T / 30))


def test_a_content_in_memory_is_described_the_same(clip):
    assert probe(BytesIO(clip.read_bytes())) == probe(clip)


def test_a_clip_without_sound_is_told(tmp_path):
    assert not probe(write_clip(tmp_path / "a.mp4", numbered_pictures(2, H, W), PLAIN)).has_sound


def test_a_turned_clip_is_as_tall_as_it_is_shown(clip):
    assert probe(turned(clip, 90)).size == Size(H, W)


def test_a_clip_is_as_wide_as_it_is_shown(tmp_path):
    recipe = replace(PLAIN, pixel_aspect=Fraction(4, 3))
    path = write_clip(tmp_path / "sar.mp4", numbered_pictures(2, H, W), recipe)
    assert probe(path).size == Size(107, H)


def test_the_exact_count_of_an_uneven_clip_is_of_its_even_grid(tmp_path):
    stamps = [512 * number for number in range(20) if number not in (7, 8, 13)]
    recipe = replace(PLAIN, stamps=stamps, time_base=Fraction(1, 15360))
    path = write_clip(tmp_path / "uneven.mp4", numbered_pictures(17, H, W), recipe)
    info = probe(path, exact=True)
    assert (info.frame_rate, info.frame_count) == (30, 20)


@pytest.mark.parametrize("kind", ["mp4", "mkv", "h264", "avi"])
def test_the_exact_count_is_what_decoding_gives(tmp_path, kind):
    path = write_clip(tmp_path / f"clip.{kind}", numbered_pictures(T, H, W), PLAIN)
    info = probe(path, exact=True)
    decoded = decode(path)
    assert (info.frame_count, info.frame_rate) == (len(decoded.frames), decoded.frame_rate)


def test_the_exact_count_is_not_the_headers_where_an_edit_list_hides_frames(tmp_path, clip):
    edited = shifted(clip, tmp_path / "edited.mp4", Fraction(1, 2))
    assert probe(edited).frame_count == T
    assert probe(edited, exact=True).frame_count == T - 15


def test_a_file_whose_header_says_nothing_is_looked_at(tmp_path):
    path = write_clip(tmp_path / "bare.h264", numbered_pictures(T, H, W), PLAIN)
    assert probe(path).duration_s == pytest.approx(T / 30)


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts", "avi", "webm"])
def test_a_whole_clip_is_verified(tmp_path, kind):
    vp9 = replace(PLAIN, codec="libvpx-vp9", options={"crf": "30", "b": "0", "cpu-used": "8"})
    recipe = vp9 if kind == "webm" else PLAIN
    path = write_clip(tmp_path / f"clip.{kind}", numbered_pictures(T, H, W), recipe)
    info = verify(path)
    assert (info.frame_count, info.size) == (T, Size(W, H))


@pytest.mark.parametrize(
    ("kind", "codec", "pixel_format"),
    [
        ("mp4", "libx264", "yuv420p"), ("mov", "libx264", "yuv420p"), ("3gp", "mpeg4", "yuv420p"),
        ("mkv", "libx264", "yuv420p"), ("webm", "libvpx-vp9", "yuv420p"),
        ("avi", "mpeg4", "yuv420p"), ("gif", "gif", "rgb8"), ("apng", "apng", "rgb24"),
        ("flv", "libx264", "yuv420p"), ("ts", "libx264", "yuv420p"),
        ("mpg", "mpeg2video", "yuv420p"),
    ],
)  # fmt: skip
def test_a_file_is_told_by_what_it_is_whatever_its_name(tmp_path, kind, codec, pixel_format):
    recipe = Recipe(codec=codec, pixel_format=pixel_format, options={})
    clip = write_clip(tmp_path / f"clip.{kind}", numbered_pictures(T, H, W), recipe)
    info = verify(clip.rename(tmp_path / "result.part"))
    assert (info.ending, info.is_still) == (f".{kind}", False)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp"])
def test_a_picture_is_told_from_a_clip(tmp_path, kind):
    cv2.imwrite(str(tmp_path / f"cover.{kind}"), np.full((H, W, 3), 90, np.uint8))
    assert verify(tmp_path / f"cover.{kind}").is_still


def test_a_clip_of_one_frame_is_no_picture(tmp_path):
    assert not verify(write_clip(tmp_path / "one.mp4", numbered_pictures(1, H, W), PLAIN)).is_still


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
def test_a_cut_clip_is_not_verified(tmp_path, share):
    random = np.random.default_rng(3)
    pictures = [random.integers(0, 256, (H, W, 3), np.uint8) for _ in range(T)]
    recipe = replace(PLAIN, container={"movflags": "faststart"})
    path = write_clip(tmp_path / "cut.mp4", pictures, recipe)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DecodeError):
        verify(path)


def test_a_clip_whose_last_picture_is_broken_is_not_verified(clip):
    import av

    with av.open(str(clip)) as container:
        last = [packet for packet in container.demux(video=0) if packet.size][-1]
        first, size = last.pos, last.size
    content = bytearray(clip.read_bytes())
    content[first : first + size] = b"\xff" * size
    clip.write_bytes(bytes(content))
    with pytest.raises(DecodeError, match="near its end"):
        verify(clip)


def test_a_page_is_not_verified(tmp_path):
    page = tmp_path / "result.mp4"
    page.write_bytes(b"<html>expired</html>" * 50)
    with pytest.raises(DecodeError, match="not a clip"):
        verify(page)
