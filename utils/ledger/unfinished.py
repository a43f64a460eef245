"""Whether there is anything to go on with, asked before the ledger is opened."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from .ledger import LEDGER_FILE
from .reading import marks, values
from .states import UNFINISHED


def has_unfinished(folder: Path) -> bool:
    """Whether a ledger in a folder holds tasks that somebody has to go on with.

    Only looks: nothing is made, and a ledger that cannot be read counts as one to open, so
    that opening it can say why.
    """
    path = folder / LEDGER_FILE
    if not path.is_file():
        return False
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
        ) as db:
            sql = f"SELECT 1 FROM tasks WHERE state IN ({marks(UNFINISHED)}) OR candidate <> ''"  # noqa: S608
            return db.execute(sql, values(UNFINISHED)).fetchone() is not None
    except sqlite3.Error:
        return True
