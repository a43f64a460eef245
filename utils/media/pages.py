"""Memory made ready ahead of the one who writes into it.

The system maps and clears a page when it is first touched, which on virtual machines costs as
much as all arithmetic. Another core does it meanwhile, a little ahead: what is never written is
never touched. Where the system gives huge pages, one touch brings five hundred small ones, and
the rest would only be reads of memory that is not in the cache.
"""

from __future__ import annotations

import sys
from threading import Condition, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

if sys.platform == "linux":
    import resource

# Smaller than any system's pages, or as large.
_PAGE_BYTES = 4096
# As large as any system's huge pages, or smaller.
_HUGE_BYTES = 2 * 1024 * 1024
_CHECKED_EVERY = 16
"""Places; huge pages run out without a word."""
_AHEAD_BYTES = 64 * 1024 * 1024
_AHEAD_LEAST = 2


class PagesAhead:
    """Touches the places of an array in their order, ahead of the writer, between enter and exit.

    Args:
        places: Unwritten memory; the first axis counts the places, each of them contiguous.
    """

    def __init__(self, places: NDArray[Any]) -> None:
        self._places = places
        self._ahead = max(_AHEAD_LEAST, _AHEAD_BYTES // max(1, places[:1].nbytes))
        self._changed = Condition()
        self._wanted = 0
        self._touched = 0
        self._left = False
        self._thread = Thread(target=self._work, name="apixo-pages", daemon=True)

    def __enter__(self) -> PagesAhead:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()
        self._thread.join()

    def wait_for(self, end: int) -> None:
        """Return when all places before `end` may be written: this side touches them no more."""
        with self._changed:
            self._wanted = max(self._wanted, end)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._touched >= end or self._left)

    def _work(self) -> None:
        step = _PAGE_BYTES
        try:
            for index, place in enumerate(self._places):
                if not self._may_touch():
                    return
                bytes_wide = place.reshape(-1).view(np.uint8)
                if index % _CHECKED_EVERY:
                    bytes_wide[::step] = 0
                else:
                    step = _touch_and_judge(bytes_wide)
                with self._changed:
                    self._touched = index + 1
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._left = True
                self._changed.notify_all()

    def _may_touch(self) -> bool:
        """Wait for one's turn; False when it will not come."""
        with self._changed:
            self._changed.wait_for(lambda: self._left or self._touched < self._wanted + self._ahead)
            return not self._left


def _touch_and_judge(memory: NDArray[np.uint8]) -> int:
    """Touch every page, and give the step that would have been enough."""
    before = _faults()
    memory[::_PAGE_BYTES] = 0
    if before is None or (after := _faults()) is None:
        return _PAGE_BYTES
    huge = after - before <= memory.size // _HUGE_BYTES + 1
    return _HUGE_BYTES if huge else _PAGE_BYTES


def _faults() -> int | None:
    """How many pages this thread has had mapped; None where the system does not say."""
    if sys.platform != "linux":
        return None
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
