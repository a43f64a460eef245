"""Files that appear whole: written beside their place, then put there.

On Windows a file that somebody has open cannot be replaced; who reads one of ours has done so in a
moment, so that moment is waited for.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.3, 0.5)


@contextmanager
def replacing(target: Path) -> Generator[Path, None, None]:
    """Give a path beside `target`; what is written there takes its place, unless that fails.

    Raises:
        OSError: It cannot be put in its place.
    """
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
    try:
        yield part
        _put(part, target)
    finally:
        part.unlink(missing_ok=True)


def _put(part: Path, target: Path) -> None:
    """Replace `target`, again and again for a second where that is forbidden."""
    for pause_s in _PAUSES_S:
        try:
            part.replace(target)
        except PermissionError:
            time.sleep(pause_s)
        else:
            return
    part.replace(target)


def sync(file: Path) -> None:
    """Put what a file holds onto the disk.

    Raises:
        OSError: The disk does not take it.
    """
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
