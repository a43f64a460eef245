"""Waiting for what other threads and processes bring about, on machines of any speed."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(what: Callable[[], object], *, limit_s: float = 90.0) -> None:
    """Wait until something is so; the limit only ends a test that would wait for ever."""
    deadline = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)


def one_of_three(attempt: Callable[[], float], *, within_s: float) -> None:
    """Hold a promise of speed, which a machine that pauses breaks once, and a defect each time.

    Args:
        attempt: Does it all anew, and says how many seconds it took.
        within_s: So fast it has to be, once.
    """
    took: list[float] = []
    while len(took) < 3:
        took.append(attempt())
        if took[-1] < within_s:
            return
    raise AssertionError(f"promised within {within_s:g} s, and took {took}")
