"""What the ledger can be asked."""

from __future__ import annotations

from collections.abc import Iterable

from .database import Database
from .rows import TaskRow, read_row
from .states import LIVE, UNFINISHED, State


class LedgerReader:
    """Questions to the tasks of this installation.

    Args:
        database: Where they lie.
        owner: Name of this process in the rows that it works on; "" for a bystander.
    """

    def __init__(self, database: Database, *, owner: str = "") -> None:
        self._database = database
        self.owner = owner

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def row(self, row_id: int) -> TaskRow | None:
        """One row, or None."""
        return self._first("id = ?", row_id)

    def by_task(self, task_id: str) -> list[TaskRow]:
        """The rows that bear a task id, one for each service that was used."""
        return self._some("task_id = ? ORDER BY id", task_id)

    def by_token(self, token_digest: str) -> TaskRow | None:
        """The row whose callback address bears the token."""
        return self._first("token_digest = ? AND token_digest <> ''", token_digest)

    def live(self, fingerprint: str) -> TaskRow | None:
        """The row that stands for a request, or None."""
        where = f"fingerprint = ? AND state IN ({marks(LIVE)})"
        return self._first(where, fingerprint, *values(LIVE))

    def rows(self, *, limit: int = 200, before_id: int | None = None) -> list[TaskRow]:
        """Rows, newest first.

        Args:
            limit: The most that are returned.
            before_id: Only rows older than this one.
        """
        where = "id < ? ORDER BY id DESC LIMIT ?"
        return self._some(where, before_id if before_id is not None else 2**62, limit)

    def count(self) -> int:
        """How many rows there are."""
        with self._database.read() as db:
            return int(db.execute("SELECT count(*) FROM tasks").fetchone()[0])

    def changed_since(self, revision: int, *, limit: int) -> list[TaskRow]:
        """The first rows that changed after a revision, oldest change first."""
        return self._some("revision > ? ORDER BY revision LIMIT ?", revision, limit)

    def in_states(self, states: Iterable[State], *, owner: str | None = None) -> list[TaskRow]:
        """Rows in some states, of one owner where it is given."""
        wanted = list(states)
        where = f"state IN ({marks(wanted)})"
        if owner is None:
            return self._some(f"{where} ORDER BY id", *values(wanted))
        return self._some(f"{where} AND owner = ? ORDER BY id", *values(wanted), owner)

    def some(self, row_ids: Iterable[int]) -> dict[int, TaskRow]:
        """The rows with these numbers, as far as they are there."""
        ids = list(row_ids)
        found: dict[int, TaskRow] = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            places = ", ".join("?" * len(part))
            found.update({row.id: row for row in self._some(f"id IN ({places})", *part)})
        return found

    def other_owners(self) -> set[str]:
        """Who else has unfinished rows."""
        with self._database.read() as db:
            found = db.execute(
                f"SELECT DISTINCT owner FROM tasks WHERE state IN ({marks(UNFINISHED)})",  # noqa: S608
                values(UNFINISHED),
            ).fetchall()
        return {row["owner"] for row in found} - {"", self.owner}

    def _first(self, where: str, *given: object) -> TaskRow | None:
        found = self._some(f"{where} LIMIT 1", *given)
        return found[0] if found else None

    def _some(self, where: str, *given: object) -> list[TaskRow]:
        with self._database.read() as db:
            found = db.execute(f"SELECT * FROM tasks WHERE {where}", given).fetchall()  # noqa: S608
        return [read_row(row) for row in found]


def marks(states: Iterable[State]) -> str:
    """Question marks for a list of states."""
    return ", ".join("?" for _ in states)


def values(states: Iterable[State]) -> tuple[str, ...]:
    """States as the database spells them."""
    return tuple(state.value for state in states)
