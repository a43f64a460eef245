"""Our own threads: few, shared by every kind of work, gone again when nothing is to be done."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Mapping

from .unexpected import report

_IDLE_S = 20.0


class Pool:
    """Runs work in threads, never more of one kind at once than its limit says.

    Args:
        limits: How many pieces of each kind may run at once; earlier kinds go first.
        workers: The most threads.
        name: How the threads are called.
    """

    def __init__(self, limits: Mapping[str, int], *, workers: int, name: str) -> None:
        self._limits = dict(limits)
        self._workers = workers
        self._name = name
        self._waiting: dict[str, collections.deque[Callable[[], None]]] = {
            kind: collections.deque() for kind in limits
        }
        self._running = dict.fromkeys(limits, 0)
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._stopped = False
        self._changed = threading.Condition()

    def put(self, kind: str, work: Callable[[], None]) -> None:
        """Run `work` as soon as its kind has room; after `stop` it is dropped."""
        with self._changed:
            if self._stopped:
                return
            self._waiting[kind].append(work)
            if self._idle == 0 and len(self._threads) < self._workers:
                name = f"{self._name}-{len(self._threads) + 1}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.add(thread)
                thread.start()
            else:
                self._changed.notify()

    def stop(self, *, timeout_s: float) -> None:
        """Drop what waits, and wait a little for what runs."""
        with self._changed:
            self._stopped = True
            for waiting in self._waiting.values():
                waiting.clear()
            self._changed.notify_all()
            threads = list(self._threads)
        deadline = time.monotonic() + timeout_s
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def waiting(self, kind: str) -> int:
        """How many pieces of a kind wait for room."""
        with self._changed:
            return len(self._waiting[kind])

    def _work(self) -> None:
        thread = threading.current_thread()
        while (found := self._next(thread)) is not None:
            kind, work = found
            try:
                work()
            except Exception as error:  # noqa: BLE001 - the top of a thread
                report(error)
            finally:
                del work, found  # no tensor is kept alive by an idle thread
                with self._changed:
                    self._running[kind] -= 1
                    self._changed.notify()

    def _next(self, thread: threading.Thread) -> tuple[str, Callable[[], None]] | None:
        """The next piece that may run; None when this thread shall end."""
        with self._changed:
            until = time.monotonic() + _IDLE_S
            while not self._stopped:
                for kind, waiting in self._waiting.items():
                    if waiting and self._running[kind] < self._limits[kind]:
                        self._running[kind] += 1
                        return kind, waiting.popleft()
                left_s = until - time.monotonic()
                if left_s <= 0:
                    break
                self._idle += 1
                self._changed.wait(left_s)
                self._idle -= 1
            self._threads.discard(thread)
            return None
