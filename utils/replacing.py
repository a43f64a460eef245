"""Files that appear whole: written beside their place, then put there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Generator[Path, None, None]:
    """Give a path beside `target`; what is written there takes its place, unless that fails.

    Raises:
        OSError: It cannot be put in its place.
    """
    part = target.with_name(f"{target.name}.{secrets.token_hex(8)}.part")
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def sync(file: Path) -> None:
    """Put what a file holds onto the disk.

    Raises:
        OSError: The disk does not take it.
    """
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
