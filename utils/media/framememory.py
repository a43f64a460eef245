"""Memory for frames that the system maps just before it is written.

The system maps and clears a page when it is first touched, which costs as much as all
arithmetic when it is done page by page. Asked for what the next pass writes, it does so in one
call, and what it cleared is still in the cache. What is never written is never mapped.
"""

from __future__ import annotations

import math
import mmap
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_POPULATE_WRITE = 23
"""MADV_POPULATE_WRITE of Linux 5.14 (asm-generic/mman-common.h), which Python has no name for."""
_MOST_AT_ONCE = 1 << 20
"""Python runs no other thread during a call: a third of a millisecond where memory is at hand."""


class FrameMemory:
    """An array whose rows are mapped as they are given out to be written.

    Args:
        array: Contiguous; places, and their rows.
        room: Where it lies, from the room's start on, if that can be mapped piece by piece.

    Attributes:
        array: As given.
    """

    def __init__(self, array: NDArray[Any], room: mmap.mmap | None = None) -> None:
        self.array = array
        self._room = room
        self._mapped = 0

    @classmethod
    def floats(cls, shape: Sequence[int]) -> FrameMemory:
        """New float32 memory, which lasts as long as any view of its array.

        Args:
            shape: No side is 0.

        Raises:
            MemoryError: The system refuses.
        """
        try:
            if sys.platform == "linux":
                size = math.prod(shape) * np.dtype(np.float32).itemsize
                room = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
                return cls(np.frombuffer(room, np.float32).reshape(shape), room)
            return cls(np.empty(shape, np.float32))
        except (OSError, OverflowError, ValueError) as error:  # ValueError is numpy's, of its own
            raise MemoryError from error

    def rows(self, place: int, rows: slice = slice(None)) -> NDArray[Any]:
        """Rows of a place, about to be written."""
        slot = self.array[place]
        first, stop, _ = rows.indices(len(slot))
        row_bytes = slot[:1].nbytes
        self._map(place * slot.nbytes + first * row_bytes, place * slot.nbytes + stop * row_bytes)
        return slot[rows]

    def _map(self, start: int, end: int) -> None:
        """Map bytes, but for those that lie before others that were mapped already."""
        page = mmap.PAGESIZE
        at = max(self._mapped, start // page * page)
        while self._room is not None and at < end:
            size = min(-(-(end - at) // page) * page, _MOST_AT_ONCE, len(self._room) - at)
            try:
                self._room.madvise(_POPULATE_WRITE, at, size)
            except OSError:  # an older system, or no memory: writing maps it, or says so
                self._room = None
            at += size
            self._mapped = at
