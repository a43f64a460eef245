"""What a frame's numbers mean as colour, and the matrix that turns them into RGB."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray


class Matrix(Enum):
    """How luma was made of red and blue: their weights (ITU-T H.273, table 4)."""

    RGB = (0.0, 0.0)
    BT709 = (0.2126, 0.0722)
    BT601 = (0.299, 0.114)
    FCC = (0.30, 0.11)
    SMPTE240M = (0.212, 0.087)
    BT2020 = (0.2627, 0.0593)


# Code points of H.273; anything else, and nothing said, is read as 601: machine-made clips
# without tags really are 601, and every other reader takes them so.
_MATRICES = {
    0: Matrix.RGB,
    1: Matrix.BT709,
    4: Matrix.FCC,
    5: Matrix.BT601,
    6: Matrix.BT601,
    7: Matrix.SMPTE240M,
    9: Matrix.BT2020,
    10: Matrix.BT2020,
}
_UNTOLD, _FULL_RANGE = 0, 2


@dataclass(frozen=True)
class Colour:
    """Matrix and range of a frame's numbers.

    Attributes:
        matrix: How luma was made.
        full: Whether black is 0 and white the largest number, not 16 and 235.
    """

    matrix: Matrix
    full: bool


def colour_of(frame: VideoFrame) -> Colour:
    """What a frame says of itself; untagged is 601 and limited, RGB and untagged grey are full."""
    name = frame.format.name
    if frame.format.is_rgb or name == "pal8":
        return Colour(Matrix.RGB, True)
    matrix = _MATRICES.get(int(frame.colorspace), Matrix.BT601)
    if matrix is Matrix.RGB:
        matrix = Matrix.BT601
    extent = int(frame.color_range)
    is_grey = len(frame.format.components) < 3
    untold = name.startswith("yuvj") or (is_grey and extent == _UNTOLD)
    return Colour(matrix, extent == _FULL_RANGE or untold)


@lru_cache(maxsize=16)
def yuv_to_rgb(colour: Colour, bits: int) -> NDArray[Any]:
    """Rows of R, G and B over columns Y, U, V and 1.

    Args:
        colour: What the numbers mean.
        bits: How many they had before they were shifted up to 16.

    Returns:
        A matrix from shifted numbers to 0…65535, shape (3, 4).
    """
    red, blue = colour.matrix.value
    green = 1 - red - blue
    to_rgb = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    # In 8 bits the limited range is 16…235, and chroma spans 224; all grow with the shift.
    white = float((1 << 16) - (1 << (16 - bits)))
    luma, chroma, black = (white, white, 0) if colour.full else (219 << 8, 224 << 8, 16 << 8)
    scaled = 65535 * to_rgb / np.array([luma, chroma, chroma])
    offset = -scaled @ np.array([black, 1 << 15, 1 << 15])
    return np.column_stack([scaled, offset])
