"""Frames in memory, however they lie there and whatever their size, keep their pictures."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.types import Size
from clips_made import numbers_of
from encoded_frames import H, T, W, encoded, frames, noise

LAYOUTS = {
    "channels first": lambda x: x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1),
    "a part of something larger": lambda x: torch.cat([x, x], 2)[:, :, : x.shape[2]],
    "every second": lambda x: x.repeat_interleave(2, 0)[::2],
    "float64": lambda x: x.double(),
    "8-bit levels": lambda x: (x * 255).round().to(torch.uint8),
    "with gradient": lambda x: x.clone().requires_grad_(),
    "opaque alpha": lambda x: torch.cat([x, torch.ones(*x.shape[:3], 1)], -1),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_the_layout_of_frames_makes_no_difference(tmp_path, layout):
    plain, other = tmp_path / "plain.mp4", tmp_path / "other.mp4"
    source = noise(3)
    source = (source * 255).round() / 255
    encoded(plain, source)

    encoded(other, layout(source))

    assert planes_of(other) == planes_of(plain)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_as_the_values_it_stands_for(tmp_path, dtype):
    plain, other = tmp_path / "plain.mp4", tmp_path / "other.mp4"
    source = noise(3).to(dtype)
    encoded(plain, source.float())

    encoded(other, source)

    assert planes_of(other) == planes_of(plain)


def test_inference_mode_frames_can_be_read_outside_of_it(target):
    with torch.inference_mode():
        source = frames(3) * 1.0

    assert encoded(target, source).frame_count == 3


def planes_of(file: Path) -> list[bytes]:
    with av.open(str(file)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


def test_grey_frames_become_rgb(target):
    encoded(target, frames()[..., :1])

    seen = decode(target).frames
    assert numbers_of(seen) == list(range(T))
    assert (seen.amax(-1) - seen.amin(-1)).max() < 0.02


def test_alpha_is_laid_on_white(target):
    source = torch.zeros(3, H, W, 4)
    source[:, : H // 2, :, 3] = 1

    encoded(target, source)

    seen = decode(target).frames
    assert seen[:, : H // 2 - 8].max() < 0.02
    assert seen[:, H // 2 + 8 :].min() > 0.98


@pytest.mark.parametrize(
    ("wrong", "becomes"), [(float("nan"), 0), (float("inf"), 1), (1.5, 1), (-0.25, 0)]
)
def test_what_is_no_colour_is_clipped_with_one_warning(target, wrong, becomes):
    source = torch.full((T, H, W, 3), 0.5)
    source[2:, :64, :64] = wrong

    done = encoded(target, source)

    assert decode(target).frames[5, 16:48, 16:48].mean() == pytest.approx(becomes, abs=0.02)
    assert len(done.warnings) == 1
    assert "clipped" in done.warnings[0]


def test_what_rounding_hides_is_not_worth_a_warning(target):
    source = frames(2)
    source[0, 0, 0], source[1, 1, 1] = 1.0009, -0.0009

    assert encoded(target, source).warnings == ()


@pytest.mark.parametrize(("height", "width"), [(209, 304), (208, 303), (209, 303)])
def test_odd_sides_gain_a_row_of_edge_pixels(target, height, width):
    source = torch.zeros(2, height, width, 3)
    source[:, -1] = 1.0
    source[:, :, -1] = 1.0

    done = encoded(target, source, crf=1)

    assert done.size == Size(width + width % 2, height + height % 2)
    luma = planes(target)[0]
    assert luma[height - 1 :].min() > 225
    assert luma[:, width - 1 :].min() > 225
    assert luma[: height - 3, : width - 3].max() < 30


def planes(file: Path) -> list[np.ndarray]:
    with av.open(str(file)) as container:
        frame = next(container.decode(video=0))
        return [
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
            for plane in frame.planes
        ]


def test_frames_beyond_what_the_resolution_can_use_are_scaled_down(target):
    done = encoded(target, frames(T, 480, 640), max_pixels=320 * 240)

    assert done.size == Size(320, 240)
    assert numbers_of(decode(target).frames) == list(range(T))
    assert done.warnings == ()


def test_small_frames_are_enlarged_and_it_is_said(target):
    done = encoded(target, frames(T, 60, 84))

    assert done.size == Size(280, 200)
    assert numbers_of(decode(target).frames) == list(range(T))
    assert "84×60" in done.warnings[0]


def test_scaling_down_is_by_area(target):
    stripes = torch.zeros(2, 600, 600, 3)
    stripes[:, ::2] = 1.0

    encoded(target, stripes, max_pixels=300 * 300)

    assert np.abs(planes(target)[0].astype(int) - 126).max() <= 2


def test_texture_stays_near_transparent(target):
    random = np.random.default_rng(4)
    wall = random.normal(0.5, 0.12, (H + 20, W + 20, 3))
    source = np.stack([wall[n : n + H, n : n + W] for n in range(T)])
    import cv2

    source = np.stack([cv2.GaussianBlur(one, (0, 0), 1.2) for one in source]).astype(np.float32)
    clip = torch.from_numpy(np.clip(source, 0, 1))

    encoded(target, clip)

    grey = np.array([0.2126, 0.7152, 0.0722])
    error = (decode(target).frames.numpy() - clip.numpy()) @ grey
    assert 10 * np.log10(1 / np.mean(error**2)) > 40
