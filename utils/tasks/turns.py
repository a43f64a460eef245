"""Few downloads run at once: one that is much slower than usual makes room when others wait."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import Clock

FIRST_TURN_S = 180.0
"""So long a slow download may go on at first; each further turn is twice as long, so that it comes
to its end even from a host that lets nobody go on where he was."""

_SLOW_BYTES_PER_S = 64 * 1024
"""A result of a minute is some tens of MB: at this pace it takes ten minutes."""


class GaveWayError(Exception):
    """A slow download has made room; it goes on when its turn has come again."""


class Turn:
    """One download's turn at a place.

    Args:
        clock: Says how long it has lasted.
        limit_s: How long it may last if it is slow.
        is_wanted: Whether others wait for the place.
    """

    def __init__(self, clock: Clock, *, limit_s: float, is_wanted: Callable[[], bool]) -> None:
        self._clock = clock
        self._limit_s = limit_s
        self._is_wanted = is_wanted
        self._began = clock.monotonic()
        self._first: int | None = None

    def look(self, received: int) -> None:
        """Note how many bytes there are by now.

        Raises:
            GaveWayError: It is slow, its time is over, and others wait.
        """
        if self._first is None or received < self._first:
            self._first = received
        lasted_s = self._clock.monotonic() - self._began
        if lasted_s < self._limit_s or received - self._first >= lasted_s * _SLOW_BYTES_PER_S:
            return
        if self._is_wanted():
            raise GaveWayError
