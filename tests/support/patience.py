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
