"""The mark on every frame that says: practice, not a result of the service."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..media.opencv import opencv
from ..media.types import Size
from .planes import Canvas, Colour, Sprite

cv2: Any = opencv()

WORD = "PRACTICE"
COMMENT = "PRACTICE: made offline by Wan Animate (APIXO); not a result of the service"
_FONT = cv2.FONT_HERSHEY_DUPLEX
_FINE = 4


@lru_cache(maxsize=4)
def marks_for(size: Size, colour: Colour) -> Marks:
    """The marks for pictures of this size; drawn once."""
    return Marks(size, colour)


class Marks:
    """A faint diagonal word across the picture and a small badge in its corner."""

    def __init__(self, size: Size, colour: Colour) -> None:
        self._light, self._dark = _watermark(size)
        self._badge = _badge(size, colour)
        inset = max(4.0, min(size.width, size.height) * 0.03)
        badge = self._badge.size
        self._left = int(size.width - inset - badge.width) // 2 * 2
        self._top = int(size.height - inset - badge.height) // 2 * 2

    def draw(self, canvas: Canvas) -> None:
        """Mark a picture."""
        cv2.add(canvas.luma, self._light, dst=canvas.luma)
        cv2.subtract(canvas.luma, self._dark, dst=canvas.luma)
        self._badge.stamp(canvas, self._left, self._top)


def _word(height_px: int) -> NDArray[np.uint8]:
    """The word as coverage 0…255, its letters just `height_px` high.

    Drawn large and shrunk: OpenCV 4 and 5 have different fonts under the same name.
    """
    scale = max(2.0, height_px * _FINE / 22)
    line = max(1, round(scale * 2))
    (width, height), base_px = cv2.getTextSize(WORD, _FONT, scale, line)
    picture = np.zeros((height + base_px + 4 * line, width + 4 * line), np.uint8)
    cv2.putText(picture, WORD, (2 * line, height + 2 * line), _FONT, scale, 255, line, cv2.LINE_AA)
    rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    inked = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width_px = max(1, round(inked.shape[1] * height_px / inked.shape[0]))
    return cv2.resize(inked, (width_px, height_px), interpolation=cv2.INTER_AREA)


def _watermark(size: Size) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What the diagonal word adds to the luma, and what its edge takes away."""
    diagonal = float(np.hypot(size.width, size.height))
    word = _word(max(8, round(diagonal * 0.085)))
    height, width = word.shape
    angle = -float(np.degrees(np.arctan2(size.height, size.width)))
    scale = 0.72 * diagonal / width
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -angle, scale)
    turn[:, 2] += (size.width / 2 - width / 2, size.height / 2 - height / 2)
    letters = cv2.warpAffine(word, turn, (size.width, size.height))
    ring = cv2.subtract(cv2.GaussianBlur(letters, (0, 0), max(1.0, diagonal / 400)), letters)
    light = cv2.convertScaleAbs(letters, alpha=18 / 255)
    dark = cv2.convertScaleAbs(ring, alpha=26 / 255)
    return light, dark


def _badge(size: Size, colour: Colour) -> Sprite:
    """White letters on a dark pill."""
    letter_px = max(7, round(min(size.width, size.height) * 0.030))
    word = _word(letter_px)
    pad_x, pad_y = round(letter_px * 0.85), round(letter_px * 0.62)
    letters = np.pad(word, ((pad_y, pad_y), (pad_x, pad_x))).astype(np.float32) / 255
    height, width = letters.shape
    pill = np.zeros((height * 4, width * 4), np.uint8)
    radius = height * 2
    cv2.circle(pill, (radius, radius), radius - 2, 255, -1)
    cv2.circle(pill, (width * 4 - radius, radius), radius - 2, 255, -1)
    cv2.rectangle(pill, (radius, 2), (width * 4 - radius, height * 4 - 3), 255, -1)
    shape = cv2.resize(pill, (width, height), interpolation=cv2.INTER_AREA)
    ground, ink = np.array([24, 26, 34], np.float32), np.array([255, 255, 255], np.float32)
    rgb = ground + letters[..., None] * (ink - ground)
    alpha = shape.astype(np.float32) * (0.72 + 0.28 * letters)
    return Sprite(rgb, np.rint(alpha).astype(np.uint8), colour)
