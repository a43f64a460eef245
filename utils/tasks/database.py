"""The SQLite file under the ledger: opened with care, written in short transactions."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from ..errors import LedgerError
from ..settings import make_private
from .schema import MIGRATIONS

_BUSY_S = 20.0
"""How long one write waits for another process; each transaction takes milliseconds."""


class Database:
    """Connections to one SQLite file, handed out one to a caller at a time.

    Args:
        path: The file; made, readable by its owner only, where it is missing.
        migrations: Scripts that bring version n to n + 1, from the empty file on.

    Raises:
        LedgerError: It cannot be opened, is damaged (and was then put aside), or was written
            by a later version of this pack.
    """

    def __init__(self, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._open(migrations)

    @contextlib.contextmanager
    def read(self) -> Generator[sqlite3.Connection]:
        """A connection for reading.

        Raises:
            LedgerError: The file cannot be read.
        """
        with self._connection() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self, *, durable: bool = False) -> Generator[sqlite3.Connection]:
        """One transaction, kept when the block ends and undone when it raises.

        Args:
            durable: Return only when the disk has it: power may fail the moment after.

        Raises:
            LedgerError: The file cannot be written, or another program holds it.
        """
        with self._connection() as connection:
            if durable:
                connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if durable:
                    connection.execute(f"PRAGMA synchronous = {self._everyday}")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        """Hand out a connection; it comes back unless it failed."""
        connection = None
        try:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._connect()
            yield connection
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
                connection = None
            raise self._translate(error) from error
        finally:
            if connection is not None:
                with self._lock:
                    keep = not self._closed
                    if keep:
                        self._idle.append(connection)
                if not keep:
                    connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA fullfsync = ON")  # macOS: a sync that reaches the platter
            connection.execute(f"PRAGMA synchronous = {self._everyday}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _open(self, migrations: Sequence[str]) -> None:
        self._everyday = "NORMAL"
        try:
            make_private(self._path.parent)
            # Only where there is none: closing a second descriptor of the file would drop every
            # lock that this process holds on it, and another one would then take the log away.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise LedgerError(
                f"The ledger {self._path.name} cannot be opened ({error.strerror}). "
                "Check the permissions of ComfyUI's user folder and the free space on its disk."
            ) from error
        if not self._is_sound():
            raise self._put_aside()
        with self._connection() as connection:
            self._choose_journal(connection)
            self._migrate(connection, migrations)

    def _is_sound(self) -> bool:
        """Whether the file is a database without damage."""
        try:
            connection = self._connect()
            try:
                return connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            raise self._translate(error) from error
        except sqlite3.DatabaseError:
            return False

    def _choose_journal(self, connection: sqlite3.Connection) -> None:
        """WAL, or a rollback journal where the disk refuses it."""
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        # Without WAL, NORMAL could damage the file when power fails.
        self._everyday = "NORMAL" if mode == "wal" else "FULL"
        connection.execute(f"PRAGMA synchronous = {self._everyday}")

    def _migrate(self, connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(migrations):
            raise LedgerError(
                f"The ledger was written by a later version of this pack (schema {version}; this "
                f"one knows {len(migrations)}). Update the pack."
            )
        if version == len(migrations):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            for script in migrations[version:]:
                for statement in script.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _put_aside(self) -> LedgerError:
        """Move a damaged file away, so that the next run begins a new one."""
        self.close()
        self._closed = False
        kept = self._path.with_name(f"{self._path.stem}.damaged-{time.time_ns()}.sqlite3")
        try:
            for ending in ("-wal", "-shm"):
                beside = self._path.with_name(self._path.name + ending)
                if beside.exists():
                    beside.replace(kept.with_name(kept.name + ending))
            self._path.replace(kept)
        except OSError as error:
            return LedgerError(
                f"The ledger {self._path.name} is damaged and cannot be put aside "
                f"({error.strerror}). Stop every ComfyUI that uses it, move it away and run again."
            )
        return LedgerError(
            f"The ledger was damaged and is kept as {kept.name}. Look at the APIXO dashboard for "
            "tasks that are not in your output folder, collect them by their ids, then run again: "
            "a new ledger begins, and it does not know what was bought before."
        )

    def _translate(self, error: sqlite3.Error) -> LedgerError:
        if "locked" in str(error) or "busy" in str(error):
            return LedgerError(
                f"The ledger is held by another program for more than {_BUSY_S:g} s. "
                "Close the program that has it open, then run again."
            )
        return LedgerError(
            f"The ledger cannot be used ({error}). "
            "Check the permissions of ComfyUI's user folder and the free space on its disk."
        )
