"""Time as an argument: what the pack asks of a clock, and how its waits grow."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """What the pack needs of time; tests bring one of their own."""

    def now(self) -> float:
        """Wall time as Unix seconds; may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow; for measuring."""
        ...

    def wait(self, stop: Event, delay_s: float) -> bool:
        """Wait until `stop` is set or `delay_s` is over; True when it was stopped."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Wall time as Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return time.monotonic()

    def wait(self, stop: Event, delay_s: float) -> bool:
        """Wait until `stop` is set or `delay_s` is over; True when it was stopped."""
        return stop.wait(max(0.0, delay_s))


def growing(first_s: float, *, factor: float, cap_s: float, spread: float = 0.1) -> Iterator[float]:
    """Delays that grow to a cap and never end, each spread at random.

    Args:
        first_s: The first delay in seconds.
        factor: What each delay is multiplied by.
        cap_s: The longest delay in seconds, before the spread.
        spread: The share by which a delay may be shorter or longer, 0…1.

    Yields:
        Seconds to wait.
    """
    delay_s = first_s
    while True:
        yield delay_s * random.uniform(1 - spread, 1 + spread)  # noqa: S311 - no secret
        delay_s = min(cap_s, delay_s * factor)
