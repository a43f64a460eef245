"""A damaged ledger: kept aside, and replaced by a new one with all that was readable of it.

Every step can be cut off. The new file is complete before the old one makes room, and whoever
opens the ledger next takes up where the other was stopped.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ..errors import LedgerError
from ..replacing import sync
from .salvage import Salvaged, salvage

NOTICE_FILE = "ledger.notice.txt"
"""What the user has to be told of a damage; it goes when he was told."""

_LOGS = ("-wal", "-journal")
_SHOWN_NUMBERS = 12


def make_new(path: Path, migrations: Sequence[str]) -> None:
    """Make an empty ledger that appears whole, readable by its owner only.

    Raises:
        OSError: The folder cannot be written.
        sqlite3.Error: The file cannot be written.
    """
    part = _named(path, "new")
    _build(part, migrations)
    try:
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def run_migrations(db: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the tables up to the newest version, in one transaction.

    Raises:
        sqlite3.Error: A script failed; nothing has changed.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        for script in migrations[version:]:
            for statement in script.split(";"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def is_missing(path: Path) -> bool:
    """Whether there is no ledger, nor anything left of one."""
    return not path.exists() and not any(_beside(path, ending).exists() for ending in _LOGS)


def finish(path: Path) -> bool:
    """Take up a mending that was cut off when all but the change of places was done.

    Returns:
        Whether there was one, so that the ledger is a new file.

    Raises:
        LedgerError: Another program has the damaged file open.
    """
    if not _named(path, "ready").exists():
        return False
    _take_place(path)
    return True


def mend(path: Path, migrations: Sequence[str]) -> str:
    """Keep a damaged ledger aside, and put a new one in its place with what was readable.

    Returns:
        What the user has to be told; `take_notice` has it too, until he was.

    Raises:
        LedgerError: It cannot be put aside; it lies where it was.
    """
    kept = path.with_name(f"{path.stem}.damaged-{time.time_ns()}{path.suffix}")
    building = _named(path, "building")
    try:
        _copy_with_logs(path, kept)
        _build(building, migrations)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="ledger.salvage-") as work:
            copy = Path(work) / path.name
            _copy_with_logs(kept, copy)
            found = salvage(copy, building)
        sync(building)
        notice = describe(found, kept=kept.name)
        _write_notice(path.with_name(NOTICE_FILE), notice)
        building.replace(_named(path, "ready"))
    except (OSError, sqlite3.Error) as error:
        for ending in ("", *_LOGS):
            _beside(kept, ending).unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error)
        raise LedgerError(
            f"The ledger {path.name} is damaged and cannot be moved aside ({reason}). Make room "
            "on the disk of ComfyUI's user folder and check its permissions, then run again; "
            "nothing is submitted until then."
        ) from error
    finally:
        building.unlink(missing_ok=True)
    _take_place(path)
    return notice


def take_notice(folder: Path) -> str:
    """What the user has to be told of a damage, once; "" where there is nothing."""
    path = folder / NOTICE_FILE
    try:
        text = path.read_text(encoding="utf-8")
        path.unlink()
    except OSError:
        return ""
    return text


def describe(found: Salvaged, *, kept: str) -> str:
    """What happened, and what to do."""
    came = found.whole + len(found.pieced)
    begin = f"The ledger was damaged and is kept as {kept}"
    if found.counted and not found.pieced and not found.lost:
        return f"{begin}; all {came} rows were copied into a new one. Run again: nothing is lost."
    if not came:
        told = "none of its rows could be read, and a new one was started"
    else:
        told = f"{came} rows were copied into a new one"
        if found.pieced:
            told += f", of rows {_numbers(found.pieced)} only the essentials"
        if found.lost:
            told += f", and rows {_numbers(found.lost)} could not be read"
        elif not found.counted:
            told += ", and it is not known whether there were more"
    return (
        f"{begin}; {told}. Before you run again, look at the APIXO dashboard for tasks that are "
        "not in the tasks panel, and collect them by their ids: what is not in the ledger could "
        "be paid for twice."
    )


def _numbers(numbers: Sequence[int]) -> str:
    """Numbers as people write them: 3, 7–9."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    shown = [str(a) if a == b else f"{a}–{b}" for a, b in spans[:_SHOWN_NUMBERS]]
    return ", ".join(shown) + (" and more" if len(spans) > _SHOWN_NUMBERS else "")


def _named(path: Path, what: str) -> Path:
    return path.with_name(f"{path.stem}.{what}{path.suffix}")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _build(path: Path, migrations: Sequence[str]) -> None:
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            run_migrations(db, migrations)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _copy_with_logs(source: Path, target: Path) -> None:
    for ending in ("", *_LOGS):
        file = _beside(source, ending)
        if file.is_file():
            shutil.copyfile(file, _beside(target, ending))
            if os.name == "posix":
                _beside(target, ending).chmod(0o600)
    if not target.exists():  # only the log is left
        target.touch(0o600)
    sync(target)


def _take_place(path: Path) -> None:
    """Put the new file where the damaged one is; its log must not be read into the new one."""
    try:
        for ending in (*_LOGS, "-shm"):
            _beside(path, ending).unlink(missing_ok=True)
        _named(path, "ready").replace(path)
    except OSError as error:
        raise LedgerError(
            f"The ledger {path.name} is damaged, and the new one cannot take its place "
            f"({error.strerror}). Stop every ComfyUI that uses it, then start one again."
        ) from error


def _write_notice(path: Path, text: str) -> None:
    earlier = path.read_text(encoding="utf-8") + "\n" if path.exists() else ""
    path.write_text(earlier + text, encoding="utf-8")
