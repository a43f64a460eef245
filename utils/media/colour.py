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
_FULL_RANGE = 2


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
    """What a frame says of itself; untagged is 601 and limited, RGB is full."""
    name = frame.format.name
    if frame.format.is_rgb or name == "pal8":
        return Colour(Matrix.RGB, True)
    matrix = _MATRICES.get(int(frame.colorspace), Matrix.BT601)
    if matrix is Matrix.RGB:
        matrix = Matrix.BT601
    full = int(frame.color_range) == _FULL_RANGE or name.startswith("yuvj")
    return Colour(matrix, full)


@lru_cache(maxsize=16)
def yuv_to_rgb(colour: Colour) -> NDArray[Any]:
    """Rows of R, G and B over columns Y, U, V and 1, for numbers of 8 bits."""
    red, blue = colour.matrix.value
    green = 1 - red - blue
    to_rgb = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    luma, chroma, black = (1.0, 1.0, 0.0) if colour.full else (255 / 219, 255 / 224, 16.0)
    scaled = to_rgb * np.array([luma, chroma, chroma])
    offset = -scaled @ np.array([black, 128.0, 128.0])
    return np.column_stack([scaled, offset])
