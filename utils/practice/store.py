"""The files of the practice service: what was put there, and what it made."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..clock import Clock

_KEEP_S = 3600.0
_KEEP_BYTES = 2 * 1024**3
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}\.[a-z0-9]{2,4}")

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
}


class FileStore:
    """A flat folder of files with safe names; nobody reaches outside it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._in_use: dict[str, int] = {}
        self._lock = threading.Lock()

    def open(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def find(self, name: str) -> Path | None:
        """The file of this name, which counts as used now."""
        path = self._folder / name
        if not _NAME.fullmatch(name) or not path.is_file():
            return None
        self._used_now(path)
        return path

    def path(self, name: str) -> Path:
        """Where a file of this name lies or would lie."""
        if not _NAME.fullmatch(name):
            raise ValueError(name)
        return self._folder / name

    def write(self, name: str, make: Callable[[Path], object]) -> None:
        """Have `make` write a file, which then appears whole under this name."""
        target = self.path(name)
        part = target.with_name(f"part-{secrets.token_hex(4)}-{name}")
        self.hold(part.name)
        try:
            make(part)
            self._used_now(part)
            part.replace(target)
        finally:
            self.release(part.name)
            part.unlink(missing_ok=True)

    def delete(self, name: str) -> bool:
        """Remove a file; False when there is none."""
        path = self.find(name)
        if path is None:
            return False
        with suppress(OSError):  # on Windows while somebody reads it; `sweep` comes again
            path.unlink(missing_ok=True)
        return True

    def hold(self, *names: str) -> None:
        """An unfinished task needs these."""
        with self._lock:
            for name in names:
                self._in_use[name] = self._in_use.get(name, 0) + 1

    def release(self, *names: str) -> None:
        """One task fewer needs these."""
        with self._lock:
            for name in names:
                left = self._in_use.get(name, 0) - 1
                if left > 0:
                    self._in_use[name] = left
                else:
                    self._in_use.pop(name, None)

    def sweep(self) -> None:
        """Remove what nobody has used for an hour, and the oldest beyond 2 GB."""
        limit = self._clock.now() - _KEEP_S
        total_bytes = 0
        for used_at, size_bytes, path in sorted(self._listing(), reverse=True):
            total_bytes += size_bytes
            held = path.name in self._in_use
            if not held and (used_at < limit or total_bytes > _KEEP_BYTES):
                total_bytes -= size_bytes
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def _used_now(self, path: Path) -> None:
        """By our clock, which need not be the disk's."""
        now = self._clock.now()
        with suppress(OSError):
            os.utime(path, (now, now))

    def _listing(self) -> list[tuple[float, int, Path]]:
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        return found
