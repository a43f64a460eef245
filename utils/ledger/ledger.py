"""The ledger: what was asked for, what was sent, what came of it; on disk before the money.

Every change is one short transaction that reads the row, checks the step against the table of
states and writes. Rows are changed by the process that owns them; rows that nobody owns may be
changed by anyone.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any

from ..clock import Clock
from ..errors import InputError, LedgerError
from .database import Database
from .reading import LedgerReader, marks, values
from .rows import NewTask, TaskRow, read_row
from .spending import check_daily_limit, remember, remember_no_longer
from .states import ACCEPTED, LIVE, UNFINISHED, State, is_legal

LEDGER_FILE = "ledger.sqlite3"

PRACTICE_ENDED = "The practice service ended before this task did"
_WITHOUT_ID = frozenset({State.SENDING, State.UNKNOWN, State.ABANDONED})
_KEPT = (
    "kind", "resolution", "prompt", "seed", "provider", "character", "motion", "keep_sound",
    "clip_s", "billable_s", "sending_at", "key_mark", "sound", "thumbnail",
)  # fmt: skip
_BESIDE = frozenset({"sound", "thumbnail"})
"""Names of files, which go with their row."""


class RowGoneError(LedgerError):
    """The row is no longer there: the user has forgotten it, or it is another process's now."""


class TaskTakenError(LedgerError):
    """The service gave the id of a task that another request has already."""


class Ledger(LedgerReader):
    """The tasks of this installation.

    Args:
        database: Where they lie.
        clock: Gives the times that are written.
        owner: Name of this process in the rows that it works on; "" for a bystander.
    """

    def __init__(self, database: Database, clock: Clock, *, owner: str = "") -> None:
        super().__init__(database, owner=owner)
        self._clock = clock

    # The way of a request

    def admit(self, new: NewTask) -> tuple[TaskRow, bool]:
        """The live row of a request, made where there is none.

        Returns:
            The row, and whether this call made it.

        Raises:
            LedgerError: The ledger cannot be written.
        """
        with self._database.write() as db:
            found = db.execute(
                f"SELECT * FROM tasks WHERE fingerprint = ? AND state IN ({marks(LIVE)})",  # noqa: S608
                (new.fingerprint, *values(LIVE)),
            ).fetchone()
            if found is not None:
                return read_row(found), False
            return self._insert(db, new, state=State.PREPARING), True

    def admit_typed(self, new: NewTask, task_id: str) -> tuple[TaskRow, bool]:
        """The row of a task id that somebody typed in, made where there is none.

        Returns:
            The row, and whether it was made.

        Raises:
            LedgerError: The ledger cannot be written.
        """
        with self._database.write(durable=True) as db:
            found = db.execute(
                "SELECT * FROM tasks WHERE origin = ? AND task_id = ?", (new.origin, task_id)
            ).fetchone()
            if found is not None:
                return read_row(found), False
            row = self._insert(db, new, state=State.SUBMITTED)
            now = self._clock.now()
            return self._update(db, row, {"task_id": task_id, "submitted_at": now}), True

    def restore(self, lost: TaskRow, task_id: str) -> TaskRow:
        """The row of a task whose own row was forgotten while its submit was out.

        A row that somebody made meanwhile, by typing the id into Collect, is it; its seconds count
        in it again, and no longer as forgotten.
        """
        with self._database.write(durable=True) as db:
            found = db.execute(
                "SELECT * FROM tasks WHERE origin = ? AND task_id = ?", (lost.origin, task_id)
            ).fetchone()
            if found is not None and found["sending_at"] is not None:
                return read_row(found)
            new = NewTask(lost.origin, lost.practice)
            row = read_row(found) if found else self._insert(db, new, state=State.SUBMITTED)
            known = {name: getattr(lost, name) for name in _KEPT if name not in _BESIDE}
            remember_no_longer(db, lost)
            now = row.submitted_at or self._clock.now()
            return self._update(db, row, {**known, "task_id": task_id, "submitted_at": now})

    def sending(self, row_id: int, *, daily_limit_s: int | None, key_mark: str = "") -> TaskRow:
        """Write, onto the disk, that the submit is about to leave.

        Raises:
            LimitError: It would pass the daily limit; the row is still preparing.
            RowGoneError: The row is not ours any more.
        """
        with self._database.write(durable=True) as db:
            row = self._own(db, row_id, State.SENDING)
            now = self._clock.now()
            if not row.practice:
                check_daily_limit(db, row, now=now, limit_s=daily_limit_s)
            changes = {"sending_at": now, "key_mark": key_mark}
            return self._update(db, row, {"state": State.SENDING, **changes})

    def submitted(self, row_id: int, task_id: str) -> TaskRow:
        """Write, onto the disk, the id that the service gave.

        A row that somebody made meanwhile, by typing the id into Collect, gives way.

        Raises:
            TaskTakenError: Another request bears the id already.
            RowGoneError: The row is not ours any more.
        """
        with self._database.write(durable=True) as db:
            row = self._own(db, row_id, State.SUBMITTED)
            found = db.execute(
                "SELECT * FROM tasks WHERE origin = ? AND task_id = ?", (row.origin, task_id)
            ).fetchone()
            if found is not None and found["fingerprint"]:
                raise TaskTakenError(
                    f"APIXO answered with task {task_id}, which row {found['id']} has already. "
                    "Look in APIXO's dashboard for another task of the same time."
                )
            if found is not None:
                db.execute("DELETE FROM tasks WHERE id = ?", (found["id"],))
            changes = {"task_id": task_id, "submitted_at": self._clock.now(), "candidate": ""}
            return self._update(db, row, {"state": State.SUBMITTED, **changes})

    def step(self, row_id: int, state: State, **changes: Any) -> TaskRow:
        """Take any other step of a row of ours.

        Raises:
            RowGoneError: The row is not ours any more.
            LedgerError: The table of states does not have the step.
        """
        with self._database.write(durable=state not in ACCEPTED) as db:
            row = self._own(db, row_id, state)
            times: dict[str, Any] = {}
            if state is State.SUCCEEDED:
                times["succeeded_at"] = self._clock.now()
            if state not in UNFINISHED:
                times |= {"finished_at": self._clock.now(), "owner": ""}
            return self._update(db, row, {"state": state, **times, **changes})

    def note(self, row_id: int, **changes: Any) -> TaskRow:
        """Change what is known of a row without a step.

        Raises:
            RowGoneError: The row is gone.
        """
        with self._database.write() as db:
            return self._update(db, self._read(db, row_id), changes)

    def suggest(self, row_id: int, candidate: str) -> TaskRow:
        """Note a task id that is not proved, for a row that still lacks one.

        Raises:
            RowGoneError: The row is gone.
        """
        with self._database.write() as db:
            row = self._read(db, row_id)
            lacks_it = not row.task_id and row.state in _WITHOUT_ID
            return self._update(db, row, {"candidate": candidate}) if lacks_it else row

    def vanish(self, row_id: int) -> bool:
        """Delete a row of ours from which nothing was sent; whether it was there."""
        with self._database.write() as db:
            gone = db.execute(
                "DELETE FROM tasks WHERE id = ? AND state = ? AND owner = ?",
                (row_id, State.PREPARING.value, self.owner),
            ).rowcount
            db.execute("DELETE FROM needs WHERE row_id = ?", (row_id,))
            return gone > 0

    # Rows of processes that are gone

    def inherit(self, owner: str) -> list[TaskRow]:
        """Settle the rows of a process that is known to be dead, or that nobody owns.

        What it was preparing vanishes; what it was sending has an unknown fate; what was
        accepted is ours from now on. Practice tasks ended with their process.

        Returns:
            The rows that are ours now.
        """
        with self._database.write(durable=True) as db:
            rows = [
                read_row(found)
                for found in db.execute(
                    f"SELECT * FROM tasks WHERE owner = ? AND state IN ({marks(UNFINISHED)})",  # noqa: S608
                    (owner, *values(UNFINISHED)),
                ).fetchall()
            ]
            return [heir for row in rows if (heir := self._settle(db, row)) is not None]

    def _settle(self, db: sqlite3.Connection, row: TaskRow) -> TaskRow | None:
        if row.state is State.PREPARING:
            db.execute("DELETE FROM tasks WHERE id = ?", (row.id,))
            db.execute("DELETE FROM needs WHERE row_id = ?", (row.id,))
            return None
        ended: dict[str, Any] = {"owner": "", "finished_at": self._clock.now()}
        if row.practice:
            lost = {"state": State.FAILED, "fail_message": PRACTICE_ENDED}
            self._update(db, row, {**lost, **ended})
            return None
        if row.state is State.SENDING:
            self._update(db, row, {"state": State.UNKNOWN, **ended})
            return None
        return self._update(db, row, {"owner": self.owner})

    def lose(self, row: TaskRow) -> TaskRow | None:
        """End a practice row of unknown fate, whose service is gone; None if it has changed."""
        with self._database.write() as db:
            fresh = self._read(db, row.id)
            if not fresh.practice or fresh.state is not State.UNKNOWN:
                return None
            ended = {"state": State.FAILED, "fail_message": PRACTICE_ENDED}
            return self._update(db, fresh, ended)

    # Settling by hand

    def bind(self, row_id: int, task_id: str, *, note: str) -> TaskRow:
        """Give an `unknown` or `abandoned` row the id of its task.

        A row that somebody made by typing the id into Collect is merged with it.

        Returns:
            The row that bears the id from now on; it may be the other one.

        Raises:
            InputError: The row needs no id, or the id belongs to another request.
            RowGoneError: The row is gone.
        """
        with self._database.write(durable=True) as db:
            row = self._read(db, row_id)
            if not is_legal(row.state, State.SUBMITTED) or row.state is State.SENDING:
                raise InputError(
                    f"Row {row_id} is {row.state.value}; only an unknown or abandoned row can be "
                    "given a task id. Look at the list of tasks."
                )
            found = db.execute(
                "SELECT * FROM tasks WHERE origin = ? AND task_id = ?", (row.origin, task_id)
            ).fetchone()
            if found is not None:
                return self._merge(db, row, read_row(found))
            changes: dict[str, Any] = {"task_id": task_id, "note": note, "candidate": ""}
            times = {"submitted_at": self._clock.now(), "finished_at": None, "missing_at": None}
            if self._is_taken(db, row):
                changes["fingerprint"] = ""
            step = {"state": State.SUBMITTED, "owner": self.owner}
            return self._update(db, row, {**step, **changes, **times})

    def _merge(self, db: sqlite3.Connection, row: TaskRow, typed: TaskRow) -> TaskRow:
        if typed.fingerprint:
            raise InputError(
                f"Task {typed.task_id} already belongs to row {typed.id}. Look in the dashboard "
                "for another task of that time, or abandon the row."
            )
        fingerprint = "" if self._is_taken(db, row) else row.fingerprint
        db.execute("DELETE FROM tasks WHERE id = ?", (row.id,))
        db.execute("UPDATE needs SET row_id = ? WHERE row_id = ?", (typed.id, row.id))
        changes = {name: getattr(row, name) for name in _KEPT}
        return self._update(db, typed, {**changes, "fingerprint": fingerprint})

    def _is_taken(self, db: sqlite3.Connection, row: TaskRow) -> bool:
        """Whether another live row stands for the same request by now."""
        if not row.fingerprint:
            return False
        found = db.execute(
            f"SELECT 1 FROM tasks WHERE fingerprint = ? AND id <> ? AND state IN ({marks(LIVE)})",  # noqa: S608
            (row.fingerprint, row.id, *values(LIVE)),
        ).fetchone()
        return found is not None

    def abandon(self, row_id: int) -> TaskRow:
        """Take the user's word that an `unknown` row was never sent.

        Raises:
            InputError: The row is in another state.
            RowGoneError: The row is gone.
        """
        with self._database.write(durable=True) as db:
            row = self._read(db, row_id)
            if row.state is not State.UNKNOWN:
                raise InputError(
                    f"Row {row_id} is {row.state.value}; only an unknown row can be abandoned. "
                    "Look at the list of tasks."
                )
            note = "Declared not sent by the user."
            return self._update(db, row, {"state": State.ABANDONED, "note": note})

    def forget(self, row_id: int, *, force: bool = False) -> TaskRow:
        """Delete a row; its seconds still count in the sums.

        Args:
            row_id: The row.
            force: Also a row whose task the service may still be working on.

        Raises:
            InputError: The row is unfinished or unknown, and `force` is not given.
            RowGoneError: The row is gone.
        """
        with self._database.write(durable=True) as db:
            row = self._read(db, row_id)
            if row.state is State.UNKNOWN and not force:
                raise InputError(
                    f"The fate of row {row_id} is unknown, and forgetting it could make you pay "
                    "twice. Adopt it with the task id from the dashboard, or abandon it first."
                )
            if row.state in UNFINISHED and not force:
                raise InputError(
                    f"Row {row_id} is {row.state.value}: its task is under way and is paid for. "
                    "Wait for its result, or forget it by force."
                )
            remember(db, row_id)
            db.execute("DELETE FROM tasks WHERE id = ?", (row_id,))
            db.execute("DELETE FROM needs WHERE row_id = ?", (row_id,))
            return row

    # Inside a transaction

    def _insert(self, db: sqlite3.Connection, new: NewTask, *, state: State) -> TaskRow:
        found: dict[str, Any] = {
            **vars(new),
            "state": state.value,
            "owner": self.owner,
            "tag": secrets.token_hex(4),
            "created_at": self._clock.now(),
            "revision": _next_revision(db),
        }
        places = ", ".join("?" * len(found))
        cursor = db.execute(
            f"INSERT INTO tasks ({', '.join(found)}) VALUES ({places})",  # noqa: S608
            tuple(found.values()),
        )
        return self._read(db, int(cursor.lastrowid or 0))

    def _read(self, db: sqlite3.Connection, row_id: int) -> TaskRow:
        found = db.execute("SELECT * FROM tasks WHERE id = ?", (row_id,)).fetchone()
        if found is None:
            raise RowGoneError(f"Row {row_id} is no longer in the ledger. Run again.")
        return read_row(found)

    def _own(self, db: sqlite3.Connection, row_id: int, state: State) -> TaskRow:
        """A row of ours that may take the step."""
        row = self._read(db, row_id)
        if row.owner != self.owner:
            raise RowGoneError(f"Another ComfyUI is working on row {row_id}. Run again.")
        if not is_legal(row.state, state):
            raise LedgerError(
                f"Row {row_id} is {row.state.value} and cannot become {state.value}. "
                "Report this with the log."
            )
        return row

    def _update(self, db: sqlite3.Connection, row: TaskRow, changes: Mapping[str, Any]) -> TaskRow:
        new: dict[str, Any] = {**changes, "revision": _next_revision(db)}
        if "state" in new:
            new["state"] = new["state"].value
        if "result_urls" in new:
            new["result_urls"] = json.dumps(list(new["result_urls"]))
        columns = ", ".join(f"{name} = ?" for name in new)
        try:
            db.execute(f"UPDATE tasks SET {columns} WHERE id = ?", (*new.values(), row.id))  # noqa: S608
        except sqlite3.IntegrityError as error:
            raise LedgerError(
                f"Row {row.id} would be for a task that another row already has. Look at the list "
                "of tasks."
            ) from error
        return self._read(db, row.id)


def _next_revision(db: sqlite3.Connection) -> int:
    db.execute("UPDATE counter SET value = value + 1")
    return int(db.execute("SELECT value FROM counter").fetchone()[0])
