"""Windows' rule for open files, on Linux: what is open here can be neither replaced nor deleted.

Files that Python or SQLite opens there are not shared for deletion. What this process holds open is
read from /proc; calls of the tests' own are let through.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OURS = ("/utils/", "/nodes/")
_OPEN = Path("/proc/self/fd")


def obey(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have the pack meet the rule.

    Returns:
        What was refused, as "replace a.json", in order.
    """
    refused: list[str] = []
    for name in ("replace", "rename", "unlink", "remove"):
        _guard(monkeypatch, os, name, refused)
    for name in ("replace", "rename", "unlink"):
        _guard(monkeypatch, Path, name, refused)
    return refused


def _guard(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, refused: list[str]) -> None:
    real: Callable[..., Any] = getattr(where, name)

    def guarded(*paths: Any, **options: Any) -> Any:
        if _asked_by_the_pack():
            for path in paths[:2]:
                if isinstance(path, (str, os.PathLike)) and _is_open(os.fspath(path)):
                    refused.append(f"{name} {Path(path).name}")
                    raise PermissionError(errno.EACCES, "The file is open", str(path))
        return real(*paths, **options)

    monkeypatch.setattr(where, name, guarded)


def _asked_by_the_pack() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if "/tests/" in file:
            return False
        if any(room in file for room in OURS):
            return True
        frame = frame.f_back
    return False


def _is_open(path: str) -> bool:
    wanted = os.path.realpath(path)
    for link in _OPEN.iterdir():
        try:
            if str(link.readlink()) == wanted:
                return True
        except OSError:  # closed meanwhile
            continue
    return False
