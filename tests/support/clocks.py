"""Clocks that tests own."""

from __future__ import annotations

import threading
import time


class HandClock:
    """Stands still until a test moves it; a wait ends when it has been moved far enough."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self._now = now
        self._ran = 0.0
        self._changed = threading.Condition()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._ran

    def advance(self, seconds: float) -> None:
        with self._changed:
            self._now += seconds
            self._ran += seconds
            self._changed.notify_all()

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock of the machine."""
        self._now += seconds

    def wait(self, stop: threading.Event, delay_s: float) -> bool:
        until = self._ran + delay_s
        while not stop.wait(0.002):
            with self._changed:
                if self._ran >= until:
                    return stop.is_set()
        return True


class FastClock:
    """Runs `factor` times as fast as the real one."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._began = time.monotonic()
        self._at = time.time()

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self._factor

    def now(self) -> float:
        return self._at + self.monotonic()

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock of the machine."""
        self._at += seconds

    def wait(self, stop: threading.Event, delay_s: float) -> bool:
        return stop.wait(max(0.0, delay_s / self._factor))


class RealtimeClock:
    """Waits a small part of what is asked, so that attempts follow quickly."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, stop: threading.Event, delay_s: float) -> bool:
        self.waits.append(delay_s)
        return stop.wait(delay_s / 500)
