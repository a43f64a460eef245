"""What is still readable of a damaged ledger, row by row, by SQLite's own means.

A table's rows lie in pages, and so do the indexes beside it: what a damaged page of the table
held is partly in an index still, above all the task's id and the request's fingerprint.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .rows import PRACTICE_ORIGIN, TaskRow, read_row
from .states import State

PIECED = "Recovered from the readable parts of a damaged ledger."

_MOST_LOOKUPS = 2_000_000
_UNKNOWN_ORIGIN = "https://api.apixo.ai"
"""Where no readable row names another. Source: docs/service.md, “Calls”, read 2026-11-23."""

_INDEXES = (
    ("tasks_by_state", "state, owner"),
    ("one_row_per_task", "origin, task_id"),
    ("one_live_row_per_request", "fingerprint"),
    ("tasks_by_sending", "sending_at"),
)
"""Each index with its columns, which can be read without the table."""

_BESIDE = ("forgotten", "uploads", "links", "needs")


@dataclass(frozen=True)
class Salvaged:
    """What came over.

    Attributes:
        whole: Tasks of which everything was readable.
        pieced: Numbers of those of which only a part was.
        lost: Numbers of rows that were there and of which nothing is known.
        counted: Whether it is known how many there were.
    """

    whole: int
    pieced: tuple[int, ...]
    lost: tuple[int, ...]
    counted: bool


def salvage(damaged: Path, fresh: Path) -> Salvaged:
    """Bring over what is readable.

    Args:
        damaged: A copy of the damaged file, with its log beside it; it is changed.
        fresh: An empty ledger of this version; it is filled.

    Raises:
        sqlite3.Error: The fresh one cannot be written.
    """
    begun_empty = damaged.stat().st_size == 0
    if begun_empty:  # SQLite would throw the log away
        _lay_first_page(damaged, fresh.read_bytes())
    source, patched = _open(damaged), begun_empty
    if source is None:
        _lay_first_page(damaged, fresh.read_bytes())
        source, patched = _open(damaged), True
    if source is None:
        return Salvaged(0, (), (), counted=False)
    with closing(source), closing(_connect(fresh)) as target:
        target.execute("BEGIN")
        found = _copy_tasks(source, target)
        for table in _BESIDE:
            _copy_table(source, target, table)
        target.execute("COMMIT")
    return found if not patched else Salvaged(found.whole, found.pieced, found.lost, counted=False)


def put_back(db: sqlite3.Connection, rows: Iterable[TaskRow]) -> None:
    """Write rows that this process works on, where the file has lost them or knows less."""
    for row in rows:
        found = db.execute("SELECT revision FROM tasks WHERE id = ?", (row.id,)).fetchone()
        if found is not None and found["revision"] >= row.revision:
            continue
        db.execute("DELETE FROM tasks WHERE id = ?", (row.id,))
        values = {name: getattr(row, name) for name in _columns(db, "tasks") if name in vars(row)}
        values |= {"state": row.state.value, "result_urls": json.dumps(list(row.result_urls))}
        _insert(db, values)
        db.execute("UPDATE counter SET value = max(value, ?)", (row.revision,))


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.row_factory = sqlite3.Row
    return db


def _open(damaged: Path) -> sqlite3.Connection | None:
    """The damaged file, if at least its tables are known."""
    db = _connect(damaged)
    db.text_factory = _as_text
    try:
        db.execute("PRAGMA writable_schema = ON")  # also opens a file that was cut short
        db.execute("SELECT id FROM tasks LIMIT 0").fetchall()
    except sqlite3.Error:
        db.close()
        return None
    with suppress(sqlite3.Error):
        # As if it were over all rows, this index can be read without asking the table.
        db.execute(
            "UPDATE sqlite_master SET sql = "
            "'CREATE UNIQUE INDEX one_live_row_per_request ON tasks (fingerprint)' "
            "WHERE name = 'one_live_row_per_request'"
        )
        db.close()
        db = _connect(damaged)
        db.text_factory = _as_text
        db.execute("PRAGMA writable_schema = ON")
    return db


def _as_text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _lay_first_page(damaged: Path, template: bytes) -> None:
    """Give a file without a readable beginning the first page of an empty ledger.

    Tables and indexes begin at the same pages in every ledger of one version.
    """
    page_bytes = int.from_bytes(template[16:18], "big")
    pages = max(damaged.stat().st_size // page_bytes, len(template) // page_bytes)
    first = bytearray(template[:page_bytes])
    first[28:32] = pages.to_bytes(4, "big")
    first[32:40] = bytes(8)  # no page is free
    if damaged.with_name(f"{damaged.name}-wal").exists():
        first[18:20] = b"\2\2"  # read the log too
    with damaged.open("r+b") as file:
        old = file.read()
        file.seek(0)
        file.write(bytes(first) + (old[page_bytes:] or template[page_bytes:]))
        file.truncate(pages * page_bytes)


# Tasks


def _copy_tasks(source: sqlite3.Connection, target: sqlite3.Connection) -> Salvaged:
    known = _columns(target, "tasks")
    pieces = _pieces(source)
    top = _top(source, pieces)
    whole: set[int] = set()
    unreadable: set[int] = set()
    for number in range(1, min(top, _MOST_LOOKUPS) + 1):
        try:
            found = source.execute("SELECT * FROM tasks WHERE id = ?", (number,)).fetchone()
        except sqlite3.Error:
            unreadable.add(number)
            continue
        if found is not None:
            came = found["id"] == number and _take_over(target, found, known)
            (whole if came else unreadable).add(number)
    revision = max(_number(source, "SELECT value FROM counter"), _number(target, _LAST_REVISION))
    origin = _usual_origin(target)
    pieced: list[int] = []
    for number in sorted((unreadable | set(pieces)) - whole):
        values = _pieced_row(number, pieces.get(number, {}), origin)
        if values is not None and _insert(target, values):
            pieced.append(number)
    nothing_sent = {n for n, piece in pieces.items() if piece.get("state") == "preparing"}
    lost = unreadable - set(pieced) - nothing_sent
    target.execute("UPDATE counter SET value = ?", (revision,))
    target.execute("DELETE FROM sqlite_sequence WHERE name = 'tasks'")
    target.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('tasks', ?)", (top,))
    return Salvaged(len(whole), tuple(pieced), tuple(sorted(lost)), counted=True)


_LAST_REVISION = "SELECT max(revision) FROM tasks"


def _pieces(db: sqlite3.Connection) -> dict[int, dict[str, Any]]:
    """What the indexes know, by the number of the row."""
    found: dict[int, dict[str, Any]] = {}
    for index, columns in _INDEXES:
        where = "WHERE task_id <> ''" if index == "one_row_per_task" else ""
        for order in ("ASC", "DESC"):  # from both ends up to the damage
            names = ", ".join(f"{name} {order}" for name in columns.split(", "))
            sql = f"SELECT id, {columns} FROM tasks INDEXED BY {index} {where} ORDER BY {names}"  # noqa: S608
            with suppress(sqlite3.Error):
                for row in db.execute(sql):
                    if isinstance(row["id"], int) and 0 < row["id"] <= _MOST_LOOKUPS:
                        found.setdefault(row["id"], {}).update(
                            {name: row[name] for name in columns.split(", ")}
                        )
    return found


def _top(db: sqlite3.Connection, pieces: Mapping[int, object]) -> int:
    """The highest number that a row can have."""
    return max(
        _number(db, "SELECT seq FROM sqlite_sequence WHERE name = 'tasks'"),
        _number(db, "SELECT max(id) FROM tasks NOT INDEXED"),
        max(pieces, default=0),
    )


def _number(db: sqlite3.Connection, sql: str) -> int:
    try:
        found = db.execute(sql).fetchone()
    except sqlite3.Error:
        return 0
    return found[0] if found is not None and isinstance(found[0], int) else 0


def _take_over(target: sqlite3.Connection, found: sqlite3.Row, known: list[str]) -> bool:
    """Copy one row; False where it holds what no row can hold."""
    there = set(found.keys())
    if not _insert(target, {name: found[name] for name in known if name in there}):
        return False
    kept = target.execute("SELECT * FROM tasks WHERE id = ?", (found["id"],)).fetchone()
    try:
        read_row(kept)
    except (ValueError, TypeError):
        target.execute("DELETE FROM tasks WHERE id = ?", (found["id"],))
        return False
    return True


def _insert(db: sqlite3.Connection, values: Mapping[str, Any]) -> bool:
    """Insert a row; without its fingerprint where another row stands for the request."""
    for changes in ({}, {"fingerprint": ""}):
        whole = {**values, **changes}
        places = ", ".join("?" * len(whole))
        with suppress(sqlite3.IntegrityError):
            db.execute(
                f"INSERT INTO tasks ({', '.join(whole)}) VALUES ({places})",  # noqa: S608
                tuple(whole.values()),
            )
            return True
    return False


def _usual_origin(db: sqlite3.Connection) -> str:
    found = db.execute(
        "SELECT origin FROM tasks WHERE practice = 0 GROUP BY origin ORDER BY count(*) DESC LIMIT 1"
    ).fetchone()
    return found["origin"] if found is not None else _UNKNOWN_ORIGIN


def _pieced_row(number: int, piece: Mapping[str, Any], origin: str) -> dict[str, Any] | None:
    """A row from what the indexes know; None where that is nothing, or nothing was sent."""
    task_id, fingerprint = piece.get("task_id") or "", piece.get("fingerprint") or ""
    state = _state_of(piece)
    if state is State.PREPARING or not (task_id or fingerprint or "state" in piece):
        return None
    sending_at = piece.get("sending_at")
    where = piece.get("origin") or origin
    return {
        "id": number,
        "revision": 1,  # whoever works on the row knows more of it
        "state": state.value,
        "origin": where,
        "practice": int(where == PRACTICE_ORIGIN),
        "fingerprint": fingerprint,
        "task_id": task_id,
        "owner": piece.get("owner") or "",
        "tag": secrets.token_hex(4),
        "created_at": sending_at or 0.0,
        "sending_at": sending_at,
        "note": PIECED,
    }


def _state_of(piece: Mapping[str, Any]) -> State:
    """The state as the index has it; else the one in which nothing is bought or lost."""
    with suppress(ValueError):
        return State(piece.get("state"))
    return State.SUBMITTED if piece.get("task_id") else State.UNKNOWN


# What lies beside the tasks


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> None:
    """Copy what is readable; what is not is uploaded anew, or counts no more."""
    known = _columns(target, table)
    places = ", ".join("?" * len(known))
    sql = f"INSERT OR IGNORE INTO {table} ({', '.join(known)}) VALUES ({places})"  # noqa: S608
    for number in range(1, min(_number(source, _last(table)), _MOST_LOOKUPS) + 1):
        with suppress(sqlite3.Error, IndexError):
            found = source.execute(
                f"SELECT * FROM {table} WHERE rowid = ?",  # noqa: S608
                (number,),
            ).fetchone()
            if found is not None:
                target.execute(sql, tuple(found[name] for name in known))


def _last(table: str) -> str:
    return f"SELECT max(rowid) FROM {table}"  # noqa: S608


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"] for row in db.execute(f"PRAGMA table_info({table})")]
