"""How a decoded frame is turned and scaled to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from .opencv import opencv
from .selection import scaled
from .types import Size


@dataclass(frozen=True)
class Geometry:
    """The way from a coded frame to a shown one.

    Attributes:
        target: Size after scaling, before turning.
        turns: Quarter turns against the clock, 0…3.
        mirrored: Whether left and right change places, before turning.
    """

    target: Size
    turns: int
    mirrored: bool = False

    @property
    def upright(self) -> bool:
        """Whether frames are shown as they are stored."""
        return not self.turns and not self.mirrored

    @property
    def size(self) -> Size:
        """Size as shown."""
        width, height = self.target.width, self.target.height
        return Size(height, width) if self.turns % 2 else self.target

    def keeps(self, coded: Size) -> bool:
        """Whether frames of this size are shown just as they are stored."""
        return self.upright and coded == self.target

    def apply(self, rgb: NDArray[Any]) -> NDArray[Any]:
        """Scale, mirror and turn one frame, shape (H, W, 3), of any integer type."""
        cv2 = opencv()
        height, width = rgb.shape[:2]
        if (width, height) != (self.target.width, self.target.height):
            smaller = self.target.width <= width and self.target.height <= height
            how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
            rgb = cv2.resize(rgb, (self.target.width, self.target.height), interpolation=how)
        if self.mirrored:
            rgb = cv2.flip(rgb, 1)
        if self.turns:
            codes = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
            rgb = cv2.rotate(rgb, codes[self.turns - 1])
        return rgb


def geometry_of(stream: VideoStream, frame: VideoFrame, *, longest_side: int = 0) -> Geometry:
    """How the frames of a stream are shown, told by its first frame."""
    turns, mirrored = _orientation(frame)
    square = square_size(Size(frame.width, frame.height), stream.sample_aspect_ratio)
    return Geometry(scaled(square, longest_side), turns, mirrored)


def _orientation(frame: VideoFrame) -> tuple[int, bool]:
    """Quarter turns against the clock, and whether the frame is mirrored before.

    PyAV's own `rotation` takes a mirrored picture for one that stands on its head.
    """
    sides: Any = frame.side_data
    matrix = sides.get("DISPLAYMATRIX")
    if matrix is None:
        return 0, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(float)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return round(-np.degrees(np.arctan2(b, a)) / 90) % 4, bool(mirrored)


def square_size(coded: Size, pixel_aspect: Fraction | None) -> Size:
    """The size with square pixels; the shorter measure of a pixel is stretched, none is lost."""
    if not pixel_aspect or pixel_aspect <= 0 or pixel_aspect == 1:
        return coded
    if pixel_aspect > 1:
        return Size(round(coded.width * pixel_aspect), coded.height)
    return Size(coded.width, round(coded.height / pixel_aspect))
