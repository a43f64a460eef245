"""Colours come out as the standards say, measured against a reference in floating point.

The numbers go into the file without loss (FFV1), so that every error is the decoder's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from apixo_wan_animate.utils.media.decode import decode
from clips_made import Recipe, frame_of, write_clip

T, H, W = 2, 96, 160
PATCH = 16
# Weights of red and blue in luma, and the code point of each matrix: ITU-T H.273, table 4.
MATRICES = {"601": (0.299, 0.114, 6), "709": (0.2126, 0.0722, 1), "2020": (0.2627, 0.0593, 9)}
RANGES = {"limited": 1, "full": 2}
LOSSLESS = Recipe(codec="ffv1", options={}, rate=25)


def reference(planes, *, matrix: str, range_: str, bits: int) -> np.ndarray:
    """RGB as 0…255, unrounded, of luma and chroma at the size of luma."""
    red, blue, _ = MATRICES[matrix]
    scale = 2 ** (bits - 8)
    luma, cb, cr = (np.asarray(plane, np.float64) for plane in planes)
    if range_ == "limited":
        y, pb, pr = (luma / scale - 16) / 219, (cb / scale - 128) / 224, (cr / scale - 128) / 224
    else:
        top = 2**bits - 1
        y, pb, pr = luma / top, (cb - 128 * scale) / top, (cr - 128 * scale) / top
    r = y + 2 * (1 - red) * pr
    b = y + 2 * (1 - blue) * pb
    g = (y - red * r - blue * b) / (1 - red - blue)
    return 255 * np.clip(np.stack([r, g, b], -1), 0, 1)


def coded(rgb, *, matrix: str, range_: str, bits: int) -> list[np.ndarray]:
    """Whole numbers of luma and chroma for RGB in 0…1."""
    red, blue, _ = MATRICES[matrix]
    r, g, b = (rgb[..., index] for index in range(3))
    y = red * r + (1 - red - blue) * g + blue * b
    pb, pr = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    scale, top = 2 ** (bits - 8), 2**bits - 1
    if range_ == "limited":
        numbers = [(16 + 219 * y) * scale, (128 + 224 * pb) * scale, (128 + 224 * pr) * scale]
    else:
        numbers = [y * top, pb * top + 128 * scale, pr * top + 128 * scale]
    return [np.clip(np.rint(number), 0, top) for number in numbers]


def patches(seed: int) -> np.ndarray:
    """Flat patches of random colours, the primaries, black and white among them."""
    random = np.random.default_rng(seed)
    rows, columns = H // PATCH, W // PATCH
    colours = random.random((rows * columns, 3))
    colours[:8] = [[bit >> 2 & 1, bit >> 1 & 1, bit & 1] for bit in range(8)]
    return colours.reshape(rows, columns, 3).repeat(PATCH, 0).repeat(PATCH, 1)


def ramps() -> np.ndarray:
    """Straight slopes of each colour across and down, so steep that chroma changes per pixel."""
    across = np.linspace(0.1, 0.9, W)[None, :].repeat(H, 0)
    down = np.linspace(0.2, 0.8, H)[:, None].repeat(W, 1)
    return np.stack([across, down, 1 - across], -1)


def decoded_levels(tmp_path, planes, *, pixel_format, matrix, range_, codec="ffv1"):
    kind = np.uint16 if max(plane.max() for plane in planes) > 255 else np.uint8
    kind = np.uint16 if "10" in pixel_format or "12" in pixel_format else kind
    frame = frame_of([plane.astype(kind) for plane in planes], pixel_format)
    code = MATRICES[matrix][2] if matrix in MATRICES else 2
    frame.colorspace, frame.color_range = code, RANGES[range_]
    recipe = replace(LOSSLESS, codec=codec, matrix=code, range=RANGES[range_])
    write_clip(tmp_path / "clip.mkv", [frame] * T, recipe)
    return decode(tmp_path / "clip.mkv").frames.numpy().astype(np.float64) * 255


def subsampled(plane, across: int, down: int) -> np.ndarray:
    """Chroma where H.264 places it: on the left pixel of each pair, between the rows."""
    rows = plane.reshape(plane.shape[0] // down, down, plane.shape[1]).mean(1)
    if across == 1:
        return rows
    padded = np.concatenate([rows[:, :1], rows, rows[:, -1:]], 1)
    smooth = 0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    return smooth[:, ::across]


def at_full_size(plane, across: int, down: int) -> np.ndarray:
    """Stored chroma at the size of luma, by straight lines between its places."""
    rows, columns = plane.shape
    if down == 2:
        places = np.arange(rows * 2) / 2 - 0.25
        plane = np.stack([np.interp(places, np.arange(rows), column) for column in plane.T], 1)
    if across == 2:
        places = np.arange(columns * 2) / 2
        plane = np.stack([np.interp(places, np.arange(columns), row) for row in plane])
    return plane


FORMATS = {
    # pixel format: bits, columns and rows for each sample of chroma
    "yuv420p": (8, 2, 2),
    "yuv420p10le": (10, 2, 2),
    "yuv422p": (8, 2, 1),
    "yuv422p10le": (10, 2, 1),
    "yuv444p": (8, 1, 1),
    "yuv444p10le": (10, 1, 1),
}


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("range_", RANGES)
@pytest.mark.parametrize("matrix", MATRICES)
def test_flat_patches_are_exact(tmp_path, matrix, range_, pixel_format):
    bits, across, down = FORMATS[pixel_format]
    numbers = coded(patches(3), matrix=matrix, range_=range_, bits=bits)
    stored = [numbers[0], *(plane[::down, ::across] for plane in numbers[1:])]
    got = decoded_levels(tmp_path, stored, pixel_format=pixel_format, matrix=matrix, range_=range_)
    want = reference(numbers, matrix=matrix, range_=range_, bits=bits)
    inner = (np.indices((H, W)) % PATCH >= 4) & (np.indices((H, W)) % PATCH < 12)
    error = np.abs(got - want)[:, inner.all(0)]
    assert error.max() <= 2
    assert error.mean() <= 0.5


@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize("range_", RANGES)
@pytest.mark.parametrize("matrix", MATRICES)
def test_ramps_are_exact(tmp_path, matrix, range_, pixel_format):
    bits, across, down = FORMATS[pixel_format]
    full = coded(ramps(), matrix=matrix, range_=range_, bits=bits)
    stored = [full[0], *(np.rint(subsampled(plane, across, down)) for plane in full[1:])]
    got = decoded_levels(tmp_path, stored, pixel_format=pixel_format, matrix=matrix, range_=range_)
    placed = [full[0], *(at_full_size(plane, across, down) for plane in stored[1:])]
    want = reference(placed, matrix=matrix, range_=range_, bits=bits)
    error = np.abs(got - want)[:, 4:-4, 4:-4]
    assert error.max() <= 2
    assert error.mean() <= 0.5
