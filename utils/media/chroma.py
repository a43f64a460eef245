"""Chroma at the size of luma, exactly: 16 bits, from where H.264 and MPEG-2 place it.

That is between the rows of luma, and on the left of each pair of columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .opencv import opencv

Plane16 = NDArray[np.uint16]


class Chroma:
    """Brings planes of one shape to the size of luma; its memory serves frame after frame.

    Whole numbers are added and not divided again: nothing is rounded, and it takes half the time
    of weighted sums. All of it lies in one piece: OpenCV merges rows that lie apart five times
    as slowly.

    Args:
        rows: Rows of a plane.
        columns: Columns of a plane.
        bits: Of one number.
        down: Rows of luma to a row, 1 or 2.
        across: Columns of luma to a column, 1, 2 or 4.

    Attributes:
        scale: How many times the stored numbers the returned ones are.
    """

    def __init__(self, rows: int, columns: int, *, bits: int, down: int, across: int) -> None:
        turns = across.bit_length() - 1
        growth = turns + (2 if down == 2 else 0)
        self._lost = max(0, bits + growth - 16)  # beyond 13 bits, so that the sums fit
        self.scale = 2.0 ** (growth - self._lost)
        # A row above and one below repeat their neighbours: there is nothing beyond.
        self._padded = np.zeros((rows + 2, columns), np.uint16)
        self._tripled = np.zeros((rows, columns), np.uint16)
        self._doubled = np.zeros((rows, 2, columns), np.uint16) if down == 2 else None
        widths = [columns << turn for turn in range(turns)]
        self._between = [np.zeros((rows * down, width), np.uint16) for width in widths]
        self._pairs = [np.zeros((rows * down, width, 2), np.uint16) for width in widths]

    def of(self, plane: NDArray[Any]) -> Plane16:
        """A plane, at least as large as luma; what was returned before is overwritten."""
        full = self._padded[1:-1]
        if self._lost:
            np.right_shift(plane, np.uint16(self._lost), out=full)
        else:
            np.copyto(full, plane)
        if self._doubled is not None:
            full = self._rows_doubled(self._doubled)
        for between, pairs in zip(self._between, self._pairs, strict=True):
            full = _columns_doubled(full, between, pairs)
        return full

    def _rows_doubled(self, doubled: Plane16) -> Plane16:
        """Four times each new row: three of its own and one of the nearer neighbour."""
        cv2, padded, tripled = opencv(), self._padded, self._tripled
        padded[0], padded[-1] = padded[1], padded[-2]
        np.multiply(padded[1:-1], np.uint16(3), out=tripled)
        cv2.add(tripled, padded[:-2], dst=doubled[:, 0])
        cv2.add(tripled, padded[2:], dst=doubled[:, 1])
        return doubled.reshape(-1, doubled.shape[2])


def _columns_doubled(plane: Plane16, between: Plane16, pairs: Plane16) -> Plane16:
    """Twice each column, and each with its right neighbour; the plane itself is doubled too."""
    cv2 = opencv()
    if plane.shape[1] > 1:
        cv2.add(plane[:, :-1], plane[:, 1:], dst=between[:, :-1])
    np.multiply(plane, np.uint16(2), out=plane)
    between[:, -1] = plane[:, -1]
    return cv2.merge([plane, between], pairs).reshape(plane.shape[0], -1)
