"""How long something has lasted, also when the clock of this machine is set meanwhile."""

from __future__ import annotations

from ..clock import Clock

_JUMP_S = 60.0
"""The wall clock may run apart from the steady one by so much between two looks."""


class Elapsed:
    """The time since a moment that was written down as wall time.

    A wall clock that is set shifts the moment by as much. Sleep of the machine looks the same,
    and does not count: what is given up after days is given up later then, never earlier.

    Args:
        clock: Says what time it is.
        since: The moment, Unix seconds; one in the future counts as now.
    """

    def __init__(self, clock: Clock, since: float) -> None:
        self._clock = clock
        self._wall = clock.now()
        self._steady = clock.monotonic()
        self.since = min(since, self._wall)

    def seconds(self) -> float:
        """How long it is ago; `since` is right for the clock as it is now."""
        wall, steady = self._clock.now(), self._clock.monotonic()
        jump_s = (wall - self._wall) - (steady - self._steady)
        if abs(jump_s) > _JUMP_S:
            self.since += jump_s
        self._wall, self._steady = wall, steady
        return wall - self.since
