"""Seconds that were bought: what the daily limit, the panel and the estimate ask for."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from ..billing import MOST_BILLED_S
from ..errors import LimitError
from .database import Database
from .rows import TaskRow
from .states import SPENT, State

_NEVER = float(2**62)

_COUNTED = ", ".join(f"'{state.value}'" for state in sorted(SPENT, key=lambda s: s.value))

_BOUGHT = (
    "SELECT sending_at, coalesce(billable_s, ?) AS seconds, resolution FROM tasks "  # noqa: S608
    f"WHERE practice = 0 AND state IN ({_COUNTED}) AND sending_at >= ? AND sending_at < ? "
    "UNION ALL SELECT sending_at, billable_s, resolution FROM forgotten "
    "WHERE sending_at >= ? AND sending_at < ?"
)


@dataclass(frozen=True)
class Spent:
    """Billable seconds of one local day at one resolution."""

    day: date
    resolution: str
    seconds: int


def local_day(now: float) -> tuple[float, float]:
    """Where the local day of a moment begins and where the next one does, in Unix seconds."""
    start = datetime.combine(datetime.fromtimestamp(now).date(), time())
    return start.timestamp(), (start + timedelta(days=1)).timestamp()


def check_daily_limit(
    db: sqlite3.Connection, row: TaskRow, *, now: float, limit_s: int | None
) -> None:
    """Refuse a submit that would pass the limit; part of the transaction that allows it.

    Raises:
        LimitError: The day's seconds and this task's are more than the limit.
    """
    if limit_s is None:
        return
    # What seems to lie in the future was bought before a clock was set back: it counts too.
    start, end = local_day(now)[0], _NEVER
    spent_s = sum(
        r["seconds"] for r in db.execute(_BOUGHT, (MOST_BILLED_S, start, end, start, end))
    )
    wanted_s = row.billable_s if row.billable_s is not None else MOST_BILLED_S
    if spent_s + wanted_s > limit_s:
        billed = "is billed as" if row.billable_s is not None else "may be billed as up to"
        raise LimitError(
            f"This task {billed} {wanted_s} s, and {spent_s} s of your daily limit of "
            f"{limit_s} s are spent. Raise APIXO_WAN_DAILY_SECONDS, or run again tomorrow."
        )


def remember(db: sqlite3.Connection, row_id: int) -> None:
    """Let the seconds of a row that is about to go still count."""
    db.execute(
        "INSERT INTO forgotten (sending_at, billable_s, resolution) "
        "SELECT sending_at, coalesce(billable_s, ?), resolution FROM tasks "
        "WHERE id = ? AND practice = 0 AND sending_at IS NOT NULL "
        "AND state NOT IN ('preparing', 'refused', 'abandoned')",
        (MOST_BILLED_S, row_id),
    )


def remember_no_longer(db: sqlite3.Connection, row: TaskRow) -> None:
    """Undo `remember` for a row that is back; others of the same moment stay."""
    seconds = row.billable_s if row.billable_s is not None else MOST_BILLED_S
    db.execute(
        "DELETE FROM forgotten WHERE rowid = (SELECT rowid FROM forgotten "
        "WHERE sending_at = ? AND billable_s = ? AND resolution = ? LIMIT 1)",
        (row.sending_at, seconds, row.resolution),
    )


class Spending:
    """Sums over the ledger.

    Args:
        database: Where the tasks lie.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def seconds(self, *, start: float, end: float) -> int:
        """Billable seconds that were submitted between two moments in Unix seconds."""
        return sum(seconds for _, seconds, _ in self._bought(start, end))

    def by_day(self, *, start: float, end: float) -> list[Spent]:
        """The same by local day and resolution, oldest first."""
        sums: dict[tuple[date, str], int] = {}
        for sending_at, seconds, resolution in self._bought(start, end):
            day = datetime.fromtimestamp(sending_at).date()
            sums[day, resolution] = sums.get((day, resolution), 0) + seconds
        return [
            Spent(day, resolution, seconds) for (day, resolution), seconds in sorted(sums.items())
        ]

    def usual_s(self, kind: str, *, resolution: str, billable_s: int) -> tuple[float, float] | None:
        """How long tasks like this one took here: the middle half, in seconds.

        Returns:
            Lower and upper quartile, or None below five finished tasks.
        """
        with self._database.read() as db:
            found = db.execute(
                "SELECT create_ms, complete_ms, submitted_at, succeeded_at FROM tasks "
                "WHERE state = ? AND practice = 0 AND kind = ? AND resolution = ? "
                "AND billable_s BETWEEN ? AND ? ORDER BY id DESC LIMIT 50",
                (State.COLLECTED.value, kind, resolution, billable_s * 0.66, billable_s * 1.5),
            ).fetchall()
        took = sorted(t for t in (_took_s(row) for row in found) if t is not None)
        if len(took) < 5:
            return None
        quarters = statistics.quantiles(took, n=4)
        return quarters[0], quarters[2]

    def _bought(self, start: float, end: float) -> Iterable[tuple[float, int, str]]:
        with self._database.read() as db:
            found = db.execute(_BOUGHT, (MOST_BILLED_S, start, end, start, end)).fetchall()
        return [(row["sending_at"], row["seconds"], row["resolution"]) for row in found]


def _took_s(row: sqlite3.Row) -> float | None:
    if row["create_ms"] and row["complete_ms"] and row["complete_ms"] > row["create_ms"]:
        return (row["complete_ms"] - row["create_ms"]) / 1000
    if row["submitted_at"] and row["succeeded_at"]:
        took_s = row["succeeded_at"] - row["submitted_at"]
        return took_s if took_s > 0 else None  # a clock was set back meanwhile
    return None
