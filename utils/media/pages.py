"""Memory made ready ahead of the one who writes into it.

The system maps and clears a page when it is first touched, which on virtual machines costs as
much as all arithmetic. Another core does it meanwhile, a little ahead: what is never written is
never touched.
"""

from __future__ import annotations

from threading import Condition, Thread
from typing import Any

from numpy.typing import NDArray

# Smaller than any system's pages, or as large.
_PAGE_BYTES = 4096
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
        try:
            for index in range(len(self._places)):
                if not self._may_touch():
                    return
                self._places[index].reshape(-1)[:: _PAGE_BYTES // self._places.itemsize] = 0
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
