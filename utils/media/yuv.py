"""RGB to the planes that H.264 takes: matrix of BT.709, limited range, 4:2:0.

OpenCV's own conversions know only BT.601, and swscale takes four times as long. Chroma is sited
left, as H.264 means it when it says nothing: 1-2-1 across, the mean of two down.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from .opencv import opencv
from .pixels import Floats, Levels, Pixels8, in_unit, strips
from .types import Size

BT709 = 1  # ITU-T H.273: matrix, primaries and transfer alike

_KR, _KB = 0.2126, 0.0722
_LUMA_LEVELS, _CHROMA_LEVELS = 219.0, 224.0


def _matrix() -> NDArray[np.float64]:
    """RGB in 0…1 to limited YCbCr levels, the offset in the last column."""
    luma = np.array([_KR, 1 - _KR - _KB, _KB])
    blue = (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - _KB))
    red = (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - _KR))
    weights = np.stack([luma * _LUMA_LEVELS, blue * _CHROMA_LEVELS, red * _CHROMA_LEVELS])
    return np.column_stack([weights, [16.0, 128.0, 128.0]])


class YuvFrames:
    """Makes frames of one size; not for two threads at once.

    Args:
        size: Even sides.
    """

    def __init__(self, size: Size) -> None:
        self._size = size
        self._from_unit = _matrix()
        self._strips = list(strips(size.height, size.width))
        shape = (self._strips[0].stop, size.width)
        self._values = np.empty((*shape, 3), np.float32)
        self._levels = np.empty((*shape, 3), np.uint8)
        self._chroma = [np.empty(shape, np.uint8) for _ in range(2)]
        self._halving = _Halving(Size(shape[1], shape[0]))

    def of_floats(self, rgb: Floats) -> tuple[VideoFrame, bool]:
        """A fresh, tagged yuv420p frame, and whether values had to be clipped.

        Args:
            rgb: Shape (H, W, 3) of this size, 0…1.
        """
        frame, planes = self._fresh()
        clipped = False
        for rows in self._strips:
            part, changed = in_unit(rgb[rows])
            clipped = clipped or changed
            self._convert(part, rows, self._from_unit, planes=planes)
        return frame, clipped

    def of_levels(self, rgb: Levels) -> VideoFrame:
        """A fresh, tagged yuv420p frame.

        Args:
            rgb: Shape (H, W, 3) of this size, whole numbers up to the largest of their type.
        """
        frame, planes = self._fresh()
        top = float(np.iinfo(rgb.dtype).max)
        matrix = self._from_unit / np.array([top, top, top, 1.0])
        for rows in self._strips:
            # OpenCV multiplies 8-bit pixels by whole 1/1024ths: too coarse for saturated colours
            self._convert(rgb[rows].astype(np.float32), rows, matrix, planes=planes)
        return frame

    def of_planes(self, frame: VideoFrame) -> VideoFrame:
        """A fresh frame with the planes of one that is already in this form, and nothing else."""
        fresh, planes = self._fresh()
        for source, target in zip(frame.planes, planes, strict=True):
            target[:] = _view(source)
        return fresh

    def _fresh(self) -> tuple[VideoFrame, list[Pixels8]]:
        frame = VideoFrame(self._size.width, self._size.height, "yuv420p")
        frame.colorspace = BT709
        frame.color_range = ColorRange.MPEG
        return frame, [_view(plane) for plane in frame.planes]

    def _convert(
        self, rgb: Floats, rows: slice, matrix: NDArray[np.float64], *, planes: list[Pixels8]
    ) -> None:
        """One strip: the matrix, one rounding, and the chroma halved."""
        cv2 = opencv()
        count = rows.stop - rows.start
        values, levels = self._values[:count], self._levels[:count]
        cv2.transform(rgb, matrix, dst=values)
        cv2.convertScaleAbs(values.reshape(count, -1), dst=levels.reshape(count, -1))
        luma, *chroma = planes
        full = [part[:count] for part in self._chroma]
        cv2.split(levels, [luma[rows], *full])
        for part, small in zip(full, chroma, strict=True):
            self._halving.halve(part, small[rows.start // 2 : rows.stop // 2])


class _Halving:
    """Chroma at half the width and height."""

    def __init__(self, size: Size) -> None:
        half = (size.height // 2, size.width // 2)
        self._negative = np.empty((size.height, size.width), np.uint8)
        self._right, self._left = np.empty(half, np.uint8), np.empty(half, np.uint8)

    def halve(self, full: Pixels8, small: Pixels8) -> None:
        """Two means of 2×2, one of them a pixel to the left, averaged: 1-2-1 across.

        OpenCV rounds a mean of four up; the left one is taken of the negative, so that both
        together lean to neither side.
        """
        cv2 = opencv()
        (height, width), (rows, columns) = full.shape, small.shape
        right, left = self._right[:rows], self._left[:rows]
        cv2.resize(full, (columns, rows), dst=right, interpolation=cv2.INTER_AREA)
        negative = cv2.bitwise_not(full, dst=self._negative[:height])
        cv2.addWeighted(negative[::2, :1], 0.5, negative[1::2, :1], 0.5, 0, dst=left[:, :1])
        if columns > 1:
            inner = negative[:, 1 : width - 1]
            left[:, 1:] = cv2.resize(inner, (columns - 1, rows), interpolation=cv2.INTER_AREA)
        cv2.addWeighted(right, 0.5, left, -0.5, 127.5, dst=small)


def _view(plane: object) -> Pixels8:
    """A plane's pixels, without a copy."""
    known = cast("Any", plane)
    rows = np.frombuffer(known, np.uint8).reshape(-1, known.line_size)
    return rows[: known.height, : known.width]
