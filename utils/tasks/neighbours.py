"""Rows that another process works on: watched in the ledger until they end or become ours."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import WanAnimateError
from ..ledger.rows import TaskRow
from ..ledger.states import UNFINISHED, State
from .desk import Desk
from .watch import Progress, Watch

LOOK_S = 1.0

_PHASES = {
    State.PREPARING: "uploading",
    State.SENDING: "submitting",
    State.SUBMITTED: "waiting",
    State.RUNNING: "waiting",
    State.SUCCEEDED: "downloading",
}
_NOTE = "another ComfyUI is working on it"


@dataclass
class _Seen:
    """One watch of a row of another process.

    Attributes:
        row: As it was last read.
        meet: Called when it has ended, is ours, or is gone.
    """

    row: TaskRow
    watch: Watch
    meet: Callable[[], None]


class Neighbours:
    """Watches rows of other processes.

    Args:
        desk: The tools.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._seen: list[_Seen] = []
        self._looking = False

    def add(self, row: TaskRow, watch: Watch, *, meet: Callable[[], None]) -> None:
        """Watch a row of another process.

        Args:
            row: The row, unfinished.
            watch: Who waits for it.
            meet: Called when it has ended, is ours, or is gone.
        """
        seen = _Seen(row, watch, meet)
        if not watch.attach(
            progress=lambda: _progress(seen.row),
            leave=lambda: None,
            goes_on=lambda: seen.row.state is not State.PREPARING,
        ):
            return
        if row.task_id:
            watch.accept(row)
        with self._lock:
            self._seen.append(seen)
            begin, self._looking = not self._looking, True
        if begin:
            self._later()

    def _later(self) -> None:
        self._desk.agenda.after(LOOK_S, lambda: self._desk.pool.put("ledger", self._look))

    def _look(self) -> None:
        with self._lock:
            self._seen = [seen for seen in self._seen if not seen.watch.left]
            watched = list(self._seen)
            if not watched:
                self._looking = False
                return
        try:
            self._compare(watched)
        finally:
            self._later()

    def _compare(self, watched: list[_Seen]) -> None:
        rows = self._desk.ledger.some({seen.row.id for seen in watched})
        over: list[_Seen] = []
        for seen in watched:
            row = rows.get(seen.row.id)
            if row is None or row.state not in UNFINISHED or row.owner == self._desk.ledger.owner:
                over.append(seen)
                continue
            if row.task_id and not seen.row.task_id:
                seen.watch.accept(row)
            seen.row = row
        with self._lock:
            self._seen = [seen for seen in self._seen if seen not in over]
        for seen in over:
            try:
                seen.meet()
            except WanAnimateError as error:
                seen.watch.fail(error)


def _progress(row: TaskRow) -> Progress:
    since = row.submitted_at if row.submitted_at is not None else row.created_at
    return Progress(_PHASES.get(row.state, "waiting"), since, note=_NOTE)
