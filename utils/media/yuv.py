"""8-bit RGB to the planes that H.264 takes: matrix of BT.709, limited range, 4:2:0.

OpenCV's own conversions know only BT.601, and swscale is ten times slower. Chroma is sited
left, as H.264 means it when it says nothing: 1-2-1 across, the mean of two down.
"""

from __future__ import annotations

from typing import Any, cast

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from .opencv import opencv
from .pixels import Pixels8, strips
from .types import Size

BT709 = 1  # ITU-T H.273: matrix, primaries and transfer alike

_KR, _KB = 0.2126, 0.0722
_LUMA_SCALE, _CHROMA_SCALE = 219 / 255, 224 / 255
# OpenCV multiplies 8-bit pixels by whole 1/1024ths.
_STEPS = 1024


def _matrix() -> NDArray[np.float32]:
    """RGB levels to limited YCbCr levels, the offset in the last column."""
    luma = np.array([_KR, 1 - _KR - _KB, _KB])
    blue = (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - _KB))
    red = (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - _KR))
    exact = np.stack([luma * _LUMA_SCALE, blue * _CHROMA_SCALE, red * _CHROMA_SCALE])
    steps = np.round(exact * _STEPS)
    # Grey must stay grey, or the rounding of the weights tints it.
    steps[1, 1] -= steps[1].sum()
    steps[2, 1] -= steps[2].sum()
    offset = np.array([16.0, 128.0, 128.0])
    # What the rounded weights lose on middle grey goes into the offset.
    offset[0] += 127.5 * (exact[0].sum() - steps[0].sum() / _STEPS)
    return np.column_stack([steps / _STEPS, offset]).astype(np.float32)


class YuvFrames:
    """Makes frames of one size; not for two threads at once.

    Args:
        size: Even sides.
    """

    def __init__(self, size: Size) -> None:
        self._size = size
        self._matrix = _matrix()
        self._strips = list(strips(size.height, size.width))
        rows = self._strips[0].stop
        self._full = np.empty((rows, size.width, 3), np.uint8)
        self._chroma = [np.empty((rows, size.width), np.uint8) for _ in range(2)]
        half = (rows // 2, size.width // 2)
        self._right, self._left = np.empty(half, np.uint8), np.empty(half, np.uint8)

    def make(self, rgb: Pixels8) -> av.VideoFrame:
        """A fresh, tagged yuv420p frame.

        Args:
            rgb: Shape (H, W, 3) of the size given to the constructor.
        """
        cv2 = opencv()
        frame = av.VideoFrame(self._size.width, self._size.height, "yuv420p")
        luma, *chroma = (_view(plane) for plane in frame.planes)
        for rows in self._strips:
            count = rows.stop - rows.start
            full, parts = self._full[:count], [part[:count] for part in self._chroma]
            cv2.transform(rgb[rows], self._matrix, dst=full)
            cv2.split(full, [luma[rows], *parts])
            for part, small in zip(parts, chroma, strict=True):
                self._halve(part, small[rows.start // 2 : rows.stop // 2])
        return _tagged(frame)

    def copied(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A fresh frame with the planes of one that is already in this form, and nothing else."""
        fresh = av.VideoFrame(self._size.width, self._size.height, "yuv420p")
        for source, target in zip(frame.planes, fresh.planes, strict=True):
            _view(target)[:] = _view(source)
        return _tagged(fresh)

    def _halve(self, full: Pixels8, small: Pixels8) -> None:
        """Two means of 2×2, one of them a pixel to the left, averaged: 1-2-1 across."""
        cv2 = opencv()
        (height, width), (rows, columns) = full.shape, small.shape
        right, left = self._right[:rows], self._left[:rows]
        cv2.resize(full, (columns, rows), dst=right, interpolation=cv2.INTER_AREA)
        cv2.addWeighted(full[:height:2, :1], 0.5, full[1::2, :1], 0.5, 0, dst=left[:, :1])
        if columns > 1:
            inner = full[:, 1 : width - 1]
            left[:, 1:] = cv2.resize(inner, (columns - 1, rows), interpolation=cv2.INTER_AREA)
        cv2.addWeighted(right, 0.5, left, 0.5, 0, dst=small)


def _tagged(frame: av.VideoFrame) -> av.VideoFrame:
    frame.colorspace = BT709
    frame.color_range = ColorRange.MPEG
    return frame


def _view(plane: object) -> Pixels8:
    """A plane's pixels, without a copy."""
    known = cast("Any", plane)
    rows = np.frombuffer(known, np.uint8).reshape(-1, known.line_size)
    return rows[: known.height, : known.width]
