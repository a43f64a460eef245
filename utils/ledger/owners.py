"""Which process works on which row: each living one holds a lock that dies with it."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Generator
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import LedgerError
from ..settings import make_private
from .ledger import Ledger

_STALE_S = 86_400.0
"""Locks without rows are left by killed processes; younger ones may just be in the making."""


class Ownership:
    """This process's name in the ledger, and its proof of life.

    Args:
        folder: Where the locks of all processes lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = uuid.uuid4().hex
        self._lock = self._lock_of(self.name)

    def claim(self) -> None:
        """Take the lock; it is held until `release`, or the end of the process.

        Raises:
            LedgerError: The folder cannot be written.
        """
        try:
            make_private(self._folder.parent)
            self._folder.mkdir(exist_ok=True)
            self._lock.acquire(timeout=0)
        except (OSError, NotImplementedError, Timeout) as error:
            raise LedgerError(
                f"No lock can be taken in {self._folder.name} ({error}). "
                "Check the permissions of ComfyUI's user folder; its disk must support locks."
            ) from error

    def release(self) -> None:
        """Let the rows go."""
        self._lock.release(force=True)
        with contextlib.suppress(OSError):
            self._path(self.name).unlink()

    @contextlib.contextmanager
    def proved_dead(self, owner: str) -> Generator[bool]:
        """Whether another owner is dead; while the block runs nobody else can say so too."""
        if not _is_name(owner):
            yield True  # not written by any process of this pack
            return
        lock = self._lock_of(owner)
        try:
            lock.acquire(timeout=0)
        except (OSError, Timeout):
            yield False
            return
        try:
            yield True
        finally:
            lock.release(force=True)
            with contextlib.suppress(OSError):
                self._path(owner).unlink()

    def sweep(self) -> list[str]:
        """Remove the locks that killed processes left long ago; returns their owners."""
        swept: list[str] = []
        for path in self._folder.glob("*.lock"):
            with contextlib.suppress(OSError):
                # The age is the file system's, so this machine's clock measures it.
                old = time.time() - path.stat().st_mtime > _STALE_S
                if old and path.stem != self.name and _is_name(path.stem):
                    with self.proved_dead(path.stem) as dead:
                        swept += [path.stem] * dead
        return swept

    def _path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def _lock_of(self, owner: str) -> FileLock:
        return FileLock(os.fspath(self._path(owner)), thread_local=False)


def settle_dead(ledger: Ledger, folder: Path) -> None:
    """Settle the rows of dead processes for a bystander, who takes none of them.

    Args:
        ledger: Without an owner: what was accepted belongs to nobody then, and the next process
            that looks takes it up.
        folder: Where the locks lie.

    Raises:
        LedgerError: The ledger cannot be written.
    """
    ownership = Ownership(folder)
    for owner in ledger.other_owners():
        with ownership.proved_dead(owner) as dead:
            if dead:
                ledger.inherit(owner)


def _is_name(owner: str) -> bool:
    return len(owner) == 32 and all(c in "0123456789abcdef" for c in owner)
