"""Chroma at the size of luma, exactly: 16 bits, from where H.264 and MPEG-2 place it.

That is between the rows of luma, and on the left of each pair of columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .opencv import opencv

Plane16 = NDArray[np.uint16]


def widen(plane: NDArray[Any], bits: int, out: Plane16) -> None:
    """Write numbers of `bits` bits as the high bits of 16; the largest is near 65535."""
    np.multiply(plane, np.uint16(1 << (16 - bits)), out=out, dtype=np.uint16)


class Chroma:
    """Brings planes of one shape to the size of luma; its memory serves frame after frame.

    All of it lies in one piece: OpenCV merges rows that lie apart five times as slowly.

    Args:
        rows: Rows of a plane.
        columns: Columns of a plane.
        bits: Of one number.
        down: Rows of luma to a row, 1 or 2.
        across: Columns of luma to a column, 1, 2 or 4.
    """

    def __init__(self, rows: int, columns: int, *, bits: int, down: int, across: int) -> None:
        self._bits = bits
        # A row above and one below repeat their neighbours: there is nothing beyond.
        self._padded = np.zeros((rows + 2, columns), np.uint16)
        self._doubled = np.zeros((rows, 2, columns), np.uint16) if down == 2 else None
        widths = [columns << turn for turn in range(across.bit_length() - 1)]
        self._between = [np.zeros((rows * down, width), np.uint16) for width in widths]
        self._pairs = [np.zeros((rows * down, width, 2), np.uint16) for width in widths]

    def of(self, plane: NDArray[Any]) -> Plane16:
        """A plane, at least as large as luma; what was returned before is overwritten."""
        full = self._padded[1:-1]
        widen(plane, self._bits, full)
        if self._doubled is not None:
            full = self._rows_doubled(self._doubled)
        for between, pairs in zip(self._between, self._pairs, strict=True):
            full = _columns_doubled(full, between, pairs)
        return full

    def _rows_doubled(self, doubled: Plane16) -> Plane16:
        cv2, padded = opencv(), self._padded
        padded[0], padded[-1] = padded[1], padded[-2]
        own = padded[1:-1]
        cv2.addWeighted(own, 0.75, padded[:-2], 0.25, 0.0, dst=doubled[:, 0])
        cv2.addWeighted(own, 0.75, padded[2:], 0.25, 0.0, dst=doubled[:, 1])
        return doubled.reshape(-1, doubled.shape[2])


def _columns_doubled(plane: Plane16, between: Plane16, pairs: Plane16) -> Plane16:
    cv2 = opencv()
    between[:, -1] = plane[:, -1]
    if plane.shape[1] > 1:
        cv2.addWeighted(plane[:, :-1], 0.5, plane[:, 1:], 0.5, 0.0, dst=between[:, :-1])
    return cv2.merge([plane, between], pairs).reshape(plane.shape[0], -1)
