"""One row at work in this process: who watches it, how far it is, and whether it may stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..clock import Clock
from ..errors import WanAnimateError
from ..ledger.rows import TaskRow
from ..ledger.states import State
from .parts import Part
from .request import Request
from .watch import Outcome, Progress, Watch


class Job:
    """What this process knows of a row beside the ledger.

    Args:
        row: The row as it was last read.
        clock: Says when a phase began.
        request: What the node wanted; None for a task of an earlier run.
        on_empty: Called when the last watch left while nothing was sent.
        tell: Hears of each change of the row, and whether anybody watches it here.
    """

    def __init__(
        self,
        row: TaskRow,
        clock: Clock,
        *,
        request: Request | None,
        on_empty: Callable[[Job], object],
        tell: Callable[[TaskRow, bool], None],
    ) -> None:
        self.row = row
        self.request = request
        self.stop = threading.Event()
        self.parts: list[Part] = []
        self.warnings: tuple[str, ...] = ()
        self.result_urls: tuple[str, ...] = ()
        self.callback_url = ""
        self._clock = clock
        self._on_empty = on_empty
        self._tell = tell
        self._lock = threading.Lock()
        self._watches: set[Watch] = set()
        self._committed = row.state is not State.PREPARING
        self._ended = False
        self._parts_complete = False
        self._kept: set[Part] = set()
        self._progress = Progress("checking", clock.now())

    # Who watches

    def join(self, watch: Watch) -> bool:
        """Let a watch see this job; False when the job is stopping or has ended."""
        with self._lock:
            if self._ended or self.stop.is_set():
                return False
            self._watches.add(watch)
        if not watch.attach(
            progress=lambda: self.progress,
            leave=lambda: self._leave(watch),
            goes_on=lambda: self._committed,
        ):
            self._leave(watch)
        elif self.row.task_id:
            watch.accept(self.row)
        return True

    def _leave(self, watch: Watch) -> None:
        with self._lock:
            self._watches.discard(watch)
            empty = not self._watches and not self._committed and not self._ended
            if empty:
                self.stop.set()
        if empty:
            self._on_empty(self)

    @property
    def watched(self) -> bool:
        """Whether anybody here waits for it."""
        with self._lock:
            return bool(self._watches)

    # Its media

    def complete_parts(self) -> None:
        """Say that `parts` holds all of them now."""
        with self._lock:
            self._parts_complete = True

    def keep(self, part: Part) -> None:
        """Say that a part has ended, and that what must outlive it lies in its place."""
        with self._lock:
            self._kept.add(part)

    def take_prepared(self) -> bool:
        """Whether every part has ended and is kept; True for the first who asks then."""
        with self._lock:
            if not self._parts_complete or not self._kept.issuperset(self.parts):
                return False
            self._parts_complete = False
            return True

    def lighten(self) -> None:
        """Let go of the media: the task has them, and they may be gigabytes."""
        with self._lock:
            self.request = None
            self.parts = []
            self._kept.clear()

    # The point of no return

    def commit(self) -> bool:
        """Pass the point after which nothing stops it; False when it is to stop."""
        with self._lock:
            if self.stop.is_set():
                return False
            self._committed = True
            return True

    def uncommit(self) -> bool:
        """Come back from it, since nothing was accepted; False when nobody waits any more."""
        with self._lock:
            self._committed = False
            if not self._watches:
                self.stop.set()
            return not self.stop.is_set()

    # How far it is

    @property
    def progress(self) -> Progress:
        """What its watches are shown: while there is one under way, the longest part."""
        for part in reversed(self.parts):  # the motion stands last
            if not part.done:
                return part.progress
        return self._progress

    def show(
        self,
        phase: str,
        *,
        done: int | None = None,
        total: int | None = None,
        started_at: float | None = None,
        note: str = "",
    ) -> None:
        """Say how far it is; bytes are the unit where numbers are given."""
        before = self._progress
        if started_at is None:
            started_at = before.started_at if before.phase == phase else self._clock.now()
        unit = "bytes" if done is not None else ""
        self._progress = Progress(phase, started_at, done, total, unit, note)

    def update(self, row: TaskRow) -> None:
        """Take over what the ledger says now."""
        changed = row.state is not self.row.state
        self.row = row
        if row.task_id:
            for watch in self._present():
                watch.accept(row)
        if changed:
            self._tell(row, self.watched)

    # How it ends

    def finish(self, outcome: Outcome) -> None:
        """Give every watch the result."""
        for watch in self._end():
            watch.finish(outcome)

    def fail(self, error: WanAnimateError) -> None:
        """Tell every watch what became of it instead, and end."""
        for watch in self._end():
            watch.fail(error)

    def disappoint(self, error: WanAnimateError) -> None:
        """Tell those who watch now that it takes longer than they should wait; go on."""
        for watch in self._present():
            watch.fail(error)
            with self._lock:
                self._watches.discard(watch)

    def _present(self) -> list[Watch]:
        with self._lock:
            return list(self._watches)

    def _end(self) -> list[Watch]:
        with self._lock:
            self._ended = True
            watches, self._watches = list(self._watches), set()
        self.lighten()
        return watches
