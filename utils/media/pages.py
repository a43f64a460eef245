"""Memory that the system maps just before it is written.

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
_MOST_AT_ONCE = 4 << 20
"""Python lets no other thread run meanwhile: about a millisecond."""


class Unwritten:
    """An array that is filled from its start to its end.

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
    def floats(cls, shape: Sequence[int]) -> Unwritten:
        """New float32 memory, which lasts as long as any view of its array.

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
        """Rows of a place, about to be written; everything before their end is mapped."""
        slot = self.array[place]
        _, stop, _ = rows.indices(len(slot))
        self._ready(place * slot.nbytes + stop * slot[:1].nbytes)
        return slot[rows]

    def _ready(self, end: int) -> None:
        """Map what lies before a byte, and is not mapped yet."""
        while self._room is not None and self._mapped < end:
            self._room = self._map(self._room, min(end - self._mapped, _MOST_AT_ONCE))

    def _map(self, room: mmap.mmap, size: int) -> mmap.mmap | None:
        """Map the next pages; None where the system does not know how, and writing does it."""
        size = min(-(-size // mmap.PAGESIZE) * mmap.PAGESIZE, len(room) - self._mapped)
        try:
            room.madvise(_POPULATE_WRITE, self._mapped, size)
        except OSError:
            return None
        self._mapped += size
        return room
