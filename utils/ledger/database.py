"""The SQLite file under the ledger: opened with care, written in short transactions."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import LedgerError
from ..settings import make_private
from ..unexpected import report
from .mending import finish, is_missing, make_new, mend, run_migrations
from .rows import TaskRow
from .salvage import put_back
from .schema import MIGRATIONS

_IDLE_MOST = 4
"""Connections that wait for the next one who needs them: each has two files open, and up to 2 MB
of the ledger in memory. More than so many are rarely at work at once; a new one takes 0.3 ms."""

_BUSY_S = 20.0
"""How long one write waits for another process; each transaction takes milliseconds."""


class Database:
    """Connections to one SQLite file, handed out one to a caller at a time.

    A damaged file is kept aside, and a new one with all that was readable takes its place, also
    while tasks run; `mending.take_notice` has what the user is to be told of it.

    Args:
        path: The file; made, readable by its owner only, where it is missing.
        migrations: Scripts that bring version n to n + 1, from the empty file on.
        under_way: The rows that this process works on; they are written again into a file that
            lost them.

    Raises:
        LedgerError: It cannot be opened, or was written by a later version of this pack.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[str] = MIGRATIONS,
        *,
        under_way: Callable[[], Sequence[TaskRow]] = lambda: (),
    ) -> None:
        self._path = path
        self._migrations = migrations
        self._under_way = under_way
        self._idle: list[sqlite3.Connection] = []
        self._changed = threading.Condition()
        self._busy = 0
        self._closed = False
        self._damaged = False
        self._everyday = "NORMAL"
        self._place: tuple[int, int] | None = None
        self._open()

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
                self._raise_if_moved()
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if durable:
                    connection.execute(f"PRAGMA synchronous = {self._everyday}")

    def close(self) -> None:
        """Let go of the file."""
        with self._changed:
            self._closed = True
            self._drop_idle()

    # Connections

    @contextlib.contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        """Hand out a connection; it comes back unless it failed."""
        try:
            connection = self._take()
        except sqlite3.Error as error:
            raise self._translate(error) from error
        sound = False
        try:
            yield connection
            sound = True
        except sqlite3.Error as error:
            raise self._translate(error) from error
        except BaseException:
            sound = not connection.in_transaction
            raise
        finally:
            self._give_back(connection, sound=sound)

    def _give_back(self, connection: sqlite3.Connection, *, sound: bool) -> None:
        with self._changed:
            if sound and not self._closed and len(self._idle) < _IDLE_MOST:
                self._idle.append(connection)
            else:
                connection.close()  # before the file counts as nobody's: Windows insists
            self._busy -= 1
            self._changed.notify_all()

    def _take(self) -> sqlite3.Connection:
        """A connection to the file as it is now; a damaged or changed one is opened anew first."""
        with self._changed:
            if self._is_stale() and not self._closed:
                if not self._changed.wait_for(lambda: self._busy == 0, timeout=_BUSY_S):
                    raise LedgerError(
                        "The ledger is being repaired, and is still in use. Run again in a "
                        "moment; nothing was submitted."
                    )
                if self._is_stale():
                    self._open()
            connection = self._idle.pop() if self._idle else None
            self._busy += 1
        try:
            return connection or self._connect()
        except BaseException:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
            raise

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

    def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # The file

    def _is_stale(self) -> bool:
        return self._damaged or self._where() != self._place

    def _where(self) -> tuple[int, int] | None:
        """Which file lies at the path; another ComfyUI may have put a mended one there."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _raise_if_moved(self) -> None:
        """What is written now would be in a file that nobody reads any more."""
        if self._where() != self._place:
            raise LedgerError(
                "The ledger's file was moved or replaced just now. Run again; nothing was "
                "submitted."
            )

    def _open(self) -> None:
        """Open the file; make it, or mend it, where that is needed."""
        self._drop_idle()
        try:
            make_private(self._path.parent)
            with FileLock(str(self._path.with_suffix(".lock")), timeout=_BUSY_S):
                self._prepare()
        except sqlite3.Error as error:
            raise self._translate(error) from error
        except (OSError, NotImplementedError, Timeout) as error:
            reason = getattr(error, "strerror", None) or "its lock is held"
            raise LedgerError(
                f"The ledger {self._path.name} cannot be opened ({reason}). "
                "Check the permissions of ComfyUI's user folder and the free space on its disk."
            ) from error

    def _prepare(self) -> None:
        if self._path.is_dir():
            raise LedgerError(
                f"There is a folder where the ledger {self._path.name} should be. Move it away, "
                "then run again."
            )
        new = finish(self._path)
        if is_missing(self._path):
            make_new(self._path, self._migrations)
            new = True
        elif not self._is_sound():
            report(LedgerError(mend(self._path, self._migrations)))
            new = True
        with contextlib.closing(self._connect()) as connection:
            self._refuse_later_version(connection)
        self._choose_journal(new=new)
        with contextlib.closing(self._connect()) as connection:
            if _version(connection) < len(self._migrations):
                run_migrations(connection, self._migrations)
            self._put_back(connection)
        self._damaged = False
        self._place = self._where()

    def _is_sound(self) -> bool:
        """Whether the file is a database without damage, its indexes as its tables."""
        if not self._path.exists() or self._path.stat().st_size == 0:
            return False  # a file is complete when it first appears, so this one was cut off
        try:
            with contextlib.closing(self._connect()) as connection:
                self._refuse_later_version(connection)
                return connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok"
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return False

    def _refuse_later_version(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version > len(self._migrations):
            raise LedgerError(
                f"The ledger was written by a later version of this pack (schema {version}; this "
                f"one knows {len(self._migrations)}). Update the pack."
            )

    def _choose_journal(self, *, new: bool) -> None:
        """WAL, or a rollback journal where the disk refuses it, which only writing shows.

        Only a new file is tried out: to switch one that others work with would disturb them.
        """
        try:
            with contextlib.closing(self._connect()) as connection:
                wanted = "PRAGMA journal_mode = WAL" if new else "PRAGMA journal_mode"
                mode = connection.execute(wanted).fetchone()[0]
            if mode == "wal":
                self._try_to_write()
        except sqlite3.OperationalError as error:
            if _is_held(error):
                raise
            mode = self._leave_log()
        # Without WAL, NORMAL could damage the file when power fails.
        self._everyday = "NORMAL" if mode == "wal" else "FULL"

    def _try_to_write(self) -> None:
        """Begin to write, without waiting: where another one does, writing works here."""
        with contextlib.closing(self._connect()) as connection:
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.OperationalError as error:
                if not _is_held(error):
                    raise

    def _leave_log(self) -> str:
        """Go over to a rollback journal, needing no memory that processes share."""
        plain = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        with contextlib.closing(plain) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # before anything is read
            return str(connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0])

    def _put_back(self, connection: sqlite3.Connection) -> None:
        rows = self._under_way()
        if not rows:
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            put_back(connection, rows)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _translate(self, error: sqlite3.Error) -> LedgerError:
        if _is_held(error):
            return LedgerError(
                f"The ledger has been locked by another program for more than {_BUSY_S:g} s. "
                "Close the program that has it open, then run again."
            )
        if _is_damage(error):
            self._damaged = True
            return LedgerError(
                f"The ledger is damaged ({error}), and will be repaired at its next use. Run "
                "again; you will then be told what was saved."
            )
        return LedgerError(
            f"The ledger cannot be used ({error}). "
            "Check the permissions of ComfyUI's user folder and the free space on its disk."
        )


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_held(error: sqlite3.Error) -> bool:
    return "locked" in str(error) or "busy" in str(error)


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is wrong, and not the way to it: SQLITE_CORRUPT, SQLITE_NOTADB."""
    return type(error) is sqlite3.DatabaseError
