"""One writer of the settings at a time: in this process, and among all that share the folder."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Generator
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import SettingsError

LOCK_FILE = "settings.lock"

_inside: dict[Path, threading.Lock] = {}
"""One for each folder; threads that wait here come in turn, and ask the disk for nothing."""


@contextlib.contextmanager
def only_writer(folder: Path, *, patience_s: float) -> Generator[None]:
    """Hold the settings of a folder, which exists, for a reading and a writing in one.

    Raises:
        SettingsError: Somebody else holds them for longer than `patience_s`, or the disk has no
            locks.
        OSError: The folder cannot be written.
    """
    until = time.monotonic() + patience_s
    inside = _inside.setdefault(folder.absolute(), threading.Lock())
    if not inside.acquire(timeout=patience_s):
        raise _held(patience_s)
    try:
        lock = FileLock(os.fspath(folder / LOCK_FILE), mode=0o600)
        try:
            lock.acquire(timeout=max(0.0, until - time.monotonic()))
        except Timeout as error:
            raise _held(patience_s) from error
        except NotImplementedError as error:
            raise SettingsError(
                f"The settings cannot be written: the disk of {folder.name} has no locks. "
                "Keep ComfyUI's user folder on a disk of this machine."
            ) from error
        try:
            yield
        finally:
            lock.release()
    finally:
        inside.release()


def _held(patience_s: float) -> SettingsError:
    return SettingsError(
        f"The settings were held by somebody else for {patience_s:.0f} s, and nothing was saved. "
        "Save them again; if it stays so, end the other ComfyUI or cli.py on this user folder."
    )
