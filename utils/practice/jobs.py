"""Work that is due now or later, done by a few threads."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable

from ..clock import Clock

_LONGEST_WAIT_S = 5.0


class Jobs:
    """A heap of due work and the threads that do it."""

    def __init__(self, clock: Clock, *, threads: int) -> None:
        self.stopping = threading.Event()
        self._clock = clock
        self._thread_count = threads
        self._threads: list[threading.Thread] = []
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._wake = threading.Event()

    def start(self) -> None:
        """Start the threads."""
        for number in range(self._thread_count):
            name = f"practice-work-{number}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def add(self, job: Callable[[], None], *, delay_s: float = 0.0) -> None:
        """Have `job` done, once `delay_s` is over. It must not raise."""
        with self._lock:
            due_s = self._clock.now() + delay_s
            heapq.heappush(self._heap, (due_s, next(self._order), job))
            self._wake.set()

    def stop(self) -> None:
        """End the threads; what is not yet due is forgotten."""
        self.stopping.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while not self.stopping.is_set():
            job, delay_s = self._next()
            if job:
                job()
            else:
                self._clock.wait(self._wake, delay_s)

    def _next(self) -> tuple[Callable[[], None] | None, float]:
        """A job that is due, or how long to wait for one."""
        with self._lock:
            delay_s = self._heap[0][0] - self._clock.now() if self._heap else _LONGEST_WAIT_S
            if self._heap and delay_s <= 0:
                return heapq.heappop(self._heap)[2], 0.0
            if not self.stopping.is_set():
                self._wake.clear()
            return None, min(delay_s, _LONGEST_WAIT_S)
