"""Taking away published files whose links have ended, by a clock that may be wrong for a moment.

A file goes when two sweeps, at least an hour apart, have found it at its end and none between
them has not. The first one leaves a mark beside the file, whose time of change says when that was.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

_MARK = ".ended"
_APART_S = 3600.0


def sweep(folder: Path, *, now: float, ends: Callable[[Path], float]) -> None:
    """Remove the files of a folder that have been at their end for long enough.

    Args:
        folder: Holds the files and their marks, and nothing else.
        now: The time, as Unix seconds.
        ends: When a file is at its end, as Unix seconds.

    Raises:
        OSError: The folder cannot be read.
    """
    for path in list(folder.iterdir()):
        try:
            if path.suffix == _MARK:
                if not path.with_suffix("").exists():
                    path.unlink()
            elif ends(path) >= now:
                keep(path)
            elif _is_due(_mark_of(path), now):
                path.unlink()
                keep(path)
        except OSError:  # gone already, or Windows still serves it: the next sweep gets it
            continue


def keep(path: Path) -> None:
    """Forget that a file was found at its end.

    Raises:
        OSError: The mark cannot be removed.
    """
    _mark_of(path).unlink(missing_ok=True)


def _is_due(mark: Path, now: float) -> bool:
    """Whether a sweep long enough ago has left its mark; leaves one where there is none."""
    marked = mark.stat().st_mtime if mark.exists() else None
    if marked is None or marked > now:  # what a clock ahead of time has marked counts from now on
        mark.touch(mode=0o600)
        os.utime(mark, (now, now))
        return False
    return marked + _APART_S <= now


def _mark_of(path: Path) -> Path:
    return path.with_name(path.name + _MARK)
