"""What is due when: one thread for all tasks, and a limit on requests in total."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ..clock import Clock
from ..unexpected import report

_LONGEST_SLEEP_S = 60.0


@dataclass(order=True)
class Entry:
    """One thing that is due; `cancel` it, and it never happens."""

    due: float
    number: int
    call: Callable[[], object] | None = field(compare=False)

    def cancel(self) -> None:
        """Forget it."""
        self.call = None


class Agenda:
    """Calls things when they are due; each call must be short.

    Args:
        clock: Says what time it is.
        name: How the thread is called.
    """

    def __init__(self, clock: Clock, *, name: str) -> None:
        self._clock = clock
        self._name = name
        self._heap: list[Entry] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def after(self, delay_s: float, call: Callable[[], object]) -> Entry:
        """Call something later.

        Args:
            delay_s: When, in seconds from now.
            call: What; it runs in the thread of the agenda.
        """
        entry = Entry(self._clock.monotonic() + max(0.0, delay_s), next(self._numbers), call)
        with self._lock:
            heapq.heappush(self._heap, entry)
            first = self._heap[0] is entry
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        if first:
            self._wake.set()
        return entry

    def stop(self, *, timeout_s: float) -> None:
        """Call nothing more."""
        with self._lock:
            self._stopped = True
            self._heap.clear()
            thread = self._thread
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            call, delay_s = self._next()
            if call is None:
                self._clock.wait(self._wake, delay_s)
                continue
            try:
                call()
            except Exception as error:  # noqa: BLE001 - the top of a thread
                report(error)

    def _next(self) -> tuple[Callable[[], object] | None, float]:
        """What is due, or how long until something is."""
        with self._lock:
            while self._heap:
                entry = self._heap[0]
                delay_s = entry.due - self._clock.monotonic()
                if entry.call is not None and delay_s > 0:
                    return None, min(delay_s, _LONGEST_SLEEP_S)
                heapq.heappop(self._heap)
                if entry.call is not None:
                    return entry.call, 0.0
            return None, _LONGEST_SLEEP_S


class RequestBudget:
    """A bucket of requests that refills steadily; who finds it empty waits for his turn.

    Args:
        clock: Says what time it is.
        per_minute: How many requests a minute refill it.
        burst: How many it holds.
    """

    def __init__(self, clock: Clock, *, per_minute: float, burst: float) -> None:
        self._clock = clock
        self._per_s = per_minute / 60
        self._burst = burst
        self._left = burst
        self._at = clock.monotonic()
        self._lock = threading.Lock()

    def reserve_s(self) -> float:
        """Take one request out, and say how many seconds to wait until it may leave."""
        with self._lock:
            now = self._clock.monotonic()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
            self._at = now
            self._left -= 1
            return max(0.0, -self._left / self._per_s)
