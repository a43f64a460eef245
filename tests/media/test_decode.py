"""Every frame of an awkward clip comes out, once, in its place and its size."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
from apixo_wan_animate.utils.errors import DecodeError, InputError, MemoryShortError, Stopped
from apixo_wan_animate.utils.media import memory
from apixo_wan_animate.utils.media.decode import decode, decode_clip
from apixo_wan_animate.utils.media.selection import Selection
from apixo_wan_animate.utils.media.types import FileClip
from clips_made import (
    Recipe,
    Track,
    clicks,
    frame_of,
    numbered,
    numbered_pictures,
    numbers_of,
    shifted,
    turned,
    write_clip,
)

T, H, W = 31, 48, 80
B_FRAMES = {"crf": "6", "preset": "medium", "g": "12", "bf": "3"}
PLAIN = Recipe(options=B_FRAMES)
TICK = Fraction(1, 15360)

AWKWARD = {
    # file name: recipe, expected rate
    "b-frames.mp4": (PLAIN, 30),
    "fragmented.mp4": (
        replace(PLAIN, container={"movflags": "frag_keyframe+empty_moov+default_base_moof"}), 30,
    ),
    "23.976.mp4": (replace(PLAIN, rate=Fraction(24000, 1001)), Fraction(24000, 1001)),
    "23.976.mkv": (replace(PLAIN, rate=Fraction(24000, 1001)), Fraction(24000, 1001)),
    "odd rate.mp4": (replace(PLAIN, rate=Fraction(1237, 100)), Fraction(1237, 100)),
    "10 bit.mkv": (replace(PLAIN, codec="ffv1", pixel_format="yuv420p10le", options={}), 30),
    "4:4:4.mp4": (replace(PLAIN, pixel_format="yuv444p"), 30),
    "4:2:2 10 bit.mov": (
        replace(PLAIN, codec="prores_ks", pixel_format="yuv422p10le", options={}), 30,
    ),
    "full range.mp4": (replace(PLAIN, pixel_format="yuvj420p", range=2), 30),
    "rgb.mkv": (replace(PLAIN, codec="ffv1", pixel_format="bgr0", options={}), 30),
    "grey.mkv": (replace(PLAIN, codec="ffv1", pixel_format="gray", options={}), 30),
    "nv12.mkv": (replace(PLAIN, codec="rawvideo", pixel_format="nv12", options={}), 30),
    "packed.mkv": (replace(PLAIN, codec="rawvideo", pixel_format="uyvy422", options={}), 30),
    "palette.gif": (
        replace(PLAIN, codec="gif", pixel_format="rgb8", options={}, rate=Fraction(25)), 25,
    ),
    "vp9.webm": (
        replace(PLAIN, codec="libvpx-vp9", options={"crf": "10", "b": "0", "cpu-used": "8"}), 30,
    ),
    "stamps are decoding times.avi": (PLAIN, 30),
    "packed b-frames.avi": (
        replace(PLAIN, codec="mpeg4", options={"bf": "2", "b": "4000000"}), 30,
    ),
    "no stamps.h264": (PLAIN, 30),
    "starts at 1.4 s.ts": (PLAIN, 30),
    "motion jpeg.mov": (replace(PLAIN, codec="mjpeg", pixel_format="yuvj420p", options={}), 30),
}  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD)
def test_every_frame_comes_once_and_in_order(tmp_path, name):
    recipe, rate = AWKWARD[name]
    clip = write_clip(tmp_path / name.replace(":", "."), numbered_pictures(T, H, W), recipe)
    decoded = decode(clip)
    assert numbers_of(decoded.frames) == list(range(T))
    assert tuple(decoded.frames.shape) == (T, H, W, 3)
    assert (decoded.frame_rate, decoded.note) == (rate, "")


def test_one_frame_is_a_clip(tmp_path):
    clip = write_clip(tmp_path / "one.mp4", [numbered(5, H, W)], PLAIN)
    decoded = decode(clip)
    assert numbers_of(decoded.frames) == [5]
    assert decoded.frame_rate == 30


@pytest.mark.parametrize(("height", "width"), [(47, 80), (48, 81), (47, 81), (2, 2), (1, 1)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv411p"])
def test_odd_sides_keep_their_last_row_and_column(tmp_path, height, width, pixel_format):
    empty = av.VideoFrame(width, height, pixel_format)
    bits = empty.format.components[0].bits
    kind = np.uint8 if bits == 8 else np.uint16
    luma = np.random.default_rng(4).integers(16, 236, (height, width)).astype(kind) << (bits - 8)
    grey = [np.full((plane.height, plane.width), 128 << (bits - 8), kind)
            for plane in empty.planes[1:]]  # fmt: skip
    recipe = Recipe(codec="rawvideo", options={})
    frames = [frame_of([luma, *grey], pixel_format) for _ in range(3)]
    decoded = decode(write_clip(tmp_path / "odd.nut", frames, recipe))
    assert tuple(decoded.frames.shape) == (3, height, width, 3)
    want = (luma.astype(float)[..., None] / (1 << (bits - 8)) - 16) / 219
    assert np.abs(decoded.frames[2].numpy() - want).max() < 0.001


def test_a_content_in_memory_is_read_and_left_where_it_stands():
    content = write_clip(BytesIO(), numbered_pictures(T, H, W), PLAIN)
    content.seek(77)
    assert numbers_of(decode(content).frames) == list(range(T))
    assert content.tell() == 77


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_display_matrix_is_honoured(tmp_path, degrees, mirrored):
    clip = write_clip(tmp_path / "turned.mp4", numbered_pictures(3, H, W), PLAIN)
    straight = decode(clip).frames.numpy()
    got = decode(turned(clip, degrees, mirrored=mirrored)).frames.numpy()
    want = straight[:, :, ::-1] if mirrored else straight
    assert np.array_equal(got, np.rot90(want, degrees // 90, (1, 2)))


@pytest.mark.parametrize(
    ("aspect", "height", "width"),
    [(Fraction(4, 3), H, 107), (Fraction(8, 9), 54, W), (Fraction(1), H, W)],
)
def test_pixels_that_are_not_square_are_stretched_never_shrunk(tmp_path, aspect, height, width):
    recipe = replace(PLAIN, pixel_aspect=aspect)
    decoded = decode(write_clip(tmp_path / "sar.mp4", numbered_pictures(5, H, W), recipe))
    assert tuple(decoded.frames.shape) == (5, height, width, 3)
    assert numbers_of(decoded.frames) == list(range(5))


@pytest.mark.parametrize("hidden_s", [Fraction(1, 3), Fraction(1, 2), Fraction(7, 10)])
def test_frames_before_an_edit_lists_start_are_not_shown(tmp_path, hidden_s):
    whole = write_clip(tmp_path / "whole.mp4", numbered_pictures(T, H, W), PLAIN)
    decoded = decode(shifted(whole, tmp_path / "edited.mp4", hidden_s))
    assert numbers_of(decoded.frames) == list(range(round(hidden_s * 30), T))


def test_a_clip_in_which_the_size_changes_is_decoded_at_its_first_size(tmp_path):
    parts = []
    for first, (height, width) in ((0, (H, W)), (9, (72, 120))):
        part = tmp_path / f"{first}.h264"
        write_clip(part, [numbered(first + n, height, width) for n in range(9)], PLAIN)
        parts.append(part.read_bytes())
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(parts))
    decoded = decode(joined)
    assert numbers_of(decoded.frames) == list(range(18))
    assert tuple(decoded.frames.shape[1:]) == (H, W, 3)


SELECTIONS = {
    "all": (Selection(), list(range(T)), 30),
    "from the fourth": (Selection(start=3), list(range(3, T)), 30),
    "five": (Selection(count=5), [0, 1, 2, 3, 4], 30),
    "more than there are": (Selection(start=28, count=9), [28, 29, 30], 30),
    "every third": (Selection(every_nth=3), list(range(0, T, 3)), 10),
    "two of every seventh from the sixth": (
        Selection(start=5, count=2, every_nth=7), [5, 12], Fraction(30, 7),
    ),
    "the last": (Selection(start=30), [30], 30),
}  # fmt: skip


@pytest.mark.parametrize("name", SELECTIONS)
def test_only_what_is_selected_is_taken(tmp_path, name):
    selection, numbers, rate = SELECTIONS[name]
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), PLAIN)
    decoded = decode(clip, selection)
    assert numbers_of(decoded.frames) == numbers
    assert decoded.frame_rate == rate


@pytest.mark.parametrize(("side", "height", "width"), [(40, 24, 40), (33, 20, 33), (900, H, W)])
def test_the_longest_side_scales_down_and_never_up(tmp_path, side, height, width):
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(4, H, W), PLAIN)
    decoded = decode(clip, Selection(longest_side=side))
    assert tuple(decoded.frames.shape) == (4, height, width, 3)
    assert numbers_of(decoded.frames) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "wrong", [Selection(start=-1), Selection(count=-2), Selection(every_nth=0),
              Selection(longest_side=-5)],
)  # fmt: skip
def test_a_selection_that_means_nothing_is_refused(tmp_path, wrong):
    with pytest.raises(InputError, match="It must be at least"):
        decode(tmp_path / "never opened.mp4", wrong)


def test_a_selection_behind_the_end_is_an_error_with_both_numbers(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), PLAIN)
    with pytest.raises(DecodeError, match=r"31 frames.*starts at 31\. Start earlier"):
        decode(clip, Selection(start=31))


WINDOWS = {
    "from half a second": (0.5, 0.0, list(range(15, T))),
    "a fifth of a second": (0.5, 0.2, list(range(15, 21))),
    "edges typed with three digits": (0.333, 0.333, list(range(10, 20))),
    "an edge between frames": (0.51, 0.1, [16, 17, 18]),
    "longer than the clip": (0.9, 60.0, list(range(27, T))),
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_a_window_of_a_file_is_what_is_decoded(tmp_path, kind, name):
    start_s, duration_s, numbers = WINDOWS[name]
    clip = write_clip(tmp_path / f"clip.{kind}", numbered_pictures(T, H, W), PLAIN)
    decoded = decode_clip(FileClip(clip, start_s=start_s, duration_s=duration_s))
    assert numbers_of(decoded.frames) == numbers


def test_a_selection_counts_within_the_window(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), PLAIN)
    window = FileClip(clip, start_s=0.5, duration_s=0.4)
    assert numbers_of(decode_clip(window, Selection(start=2, every_nth=4)).frames) == [17, 21, 25]


def test_a_window_behind_the_end_is_an_error(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), PLAIN)
    with pytest.raises(DecodeError, match="0 are in its window"):
        decode_clip(FileClip(clip, start_s=5.0))


def test_a_late_window_of_a_long_clip_is_exact(tmp_path):
    recipe = replace(PLAIN, sound=Track(clicks(4.3)), options={**B_FRAMES, "preset": "veryfast"})
    clip = write_clip(tmp_path / "long.mp4", numbered_pictures(126, H, W), recipe)
    decoded = decode_clip(FileClip(clip, start_s=3.6, duration_s=0.3))
    assert numbers_of(decoded.frames) == list(range(108, 117))


def test_progress_is_told_up_to_the_end(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), PLAIN)
    told = []
    decode(clip, Selection(every_nth=2), progress=lambda done, total: told.append((done, total)))
    assert told == [(n + 1, 16) for n in range(16)]


def test_a_stop_is_felt_before_the_next_frame(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), PLAIN)
    stop = threading.Event()
    told = []

    def progress(done, total):
        told.append(done)
        stop.set()

    with pytest.raises(Stopped):
        decode(clip, stop=stop, progress=progress)
    assert max(told) < 8
    assert not [thread for thread in threading.enumerate() if thread.name == "apixo-frames"]


def test_frames_that_would_not_fit_are_refused_before_any_is_stored(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), PLAIN)
    needed = T * H * W * 12
    monkeypatch.setattr(memory, "_free_bytes", lambda: needed - 1)
    with pytest.raises(MemoryShortError, match="The 31 frames of 80×48 need") as caught:
        decode(clip)
    assert (caught.value.needed_bytes, caught.value.free_bytes) == (needed, needed - 1)
    assert len(decode(clip, Selection(every_nth=2)).frames) == 16


def test_a_reservation_does_not_outlive_the_decoding(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), PLAIN)
    decode(clip)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        decode(clip, stop=stop)
    assert memory.reserved_bytes() == 0


def test_frames_are_whole_numbers_of_nothing_but_the_clip(tmp_path):
    """The tensor is contiguous, float32 and nowhere outside 0…1."""
    clip = write_clip(tmp_path / "clip.mp4", numbered_pictures(T, H, W), PLAIN)
    frames = decode(clip).frames
    assert frames.is_contiguous()
    assert str(frames.dtype) == "torch.float32"
    assert 0 <= float(frames.min()) < 0.1
    assert 0.9 < float(frames.max()) <= 1
