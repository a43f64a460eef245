"""Our own threads: few, shared by every kind of work, gone again when nothing is to be done."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Mapping

from ..unexpected import report

LIMITS = {"ledger": 1, "submit": 3, "poll": 4, "fetch": 3, "upload": 3, "encode": 1, "admit": 2}
"""How much of each kind of work runs at once, the most urgent first.

What takes long (fetch, upload, encode) leaves three workers to the rest. One encoding at a time
is no loss: x264 has threads of its own.
"""

QUICK = frozenset({"ledger", "poll"})
"""Even while every submit hangs too, these have a worker."""

WORKERS = 10
"""However many tasks there are, sixteen threads in all: the agenda is the eleventh, an upload to
an object store takes one more (three at once), an encoding at most two more."""

_IDLE_S = 20.0
"""So long after all threads were last at work, those that have nothing to do end."""


class Pool:
    """Runs work in threads, never more of one kind at once than its limit says.

    Args:
        limits: How many pieces of each kind may run at once; earlier kinds go first.
        workers: The most threads.
        name: How the threads are called.
        quick: Kinds whose work is short; all others together leave a thread to them.
    """

    def __init__(
        self,
        limits: Mapping[str, int],
        *,
        workers: int,
        name: str,
        quick: frozenset[str] = frozenset(),
    ) -> None:
        self._limits = dict(limits)
        self._workers = workers
        self._slow = frozenset(limits) - quick if quick else frozenset[str]()
        self._name = name
        self._waiting: dict[str, collections.deque[Callable[[], None]]] = {
            kind: collections.deque() for kind in limits
        }
        self._running = dict.fromkeys(limits, 0)
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._all_busy_at = 0.0
        self._stopped = False
        self._changed = threading.Condition()

    def put(self, kind: str, work: Callable[[], None]) -> bool:
        """Run `work` as soon as its kind has room; False after `stop`, when it is dropped."""
        with self._changed:
            if self._stopped:
                return False
            self._waiting[kind].append(work)
            self._call()
            return True

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

    def is_full(self, kind: str) -> bool:
        """Whether one more piece of a kind would have to wait for others of it."""
        with self._changed:
            return self._running[kind] + len(self._waiting[kind]) >= self._limits[kind]

    def _call(self) -> None:
        """Have one thread more look at what waits."""
        if self._idle or len(self._threads) >= self._workers:
            self._changed.notify()
            return
        self._all_busy_at = time.monotonic()
        name = f"{self._name}-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        thread.start()
        self._threads.add(thread)

    def _runnable(self) -> str | None:
        """The first kind that has work, and room for it."""
        slow = sum(self._running[kind] for kind in self._slow)
        for kind, waiting in self._waiting.items():
            if not waiting or self._running[kind] >= self._limits[kind]:
                continue
            if kind in self._slow and slow >= self._workers - 1:
                continue
            return kind
        return None

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
            while not self._stopped:
                if (kind := self._runnable()) is not None:
                    self._running[kind] += 1
                    if not self._idle:
                        self._all_busy_at = time.monotonic()
                    work = self._waiting[kind].popleft()
                    # One call may have been for several pieces: an idle thread counts as idle
                    # until it has woken up.
                    if self._runnable() is not None:
                        self._call()
                    return kind, work
                # Not from its own last work on: small work goes round, and would keep them all.
                left_s = self._all_busy_at + _IDLE_S - time.monotonic()
                if left_s <= 0:
                    break
                self._idle += 1
                self._changed.wait(left_s)
                self._idle -= 1
            self._threads.discard(thread)
            return None
