"""A result as a file in the output folder: room for it, its name, and how it gets there whole."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from ..errors import TransportError
from ..ledger.rows import TaskRow
from ..media.probe import ClipInfo

LIMIT_BYTES = 4 * 1024**3
"""A result is never larger: 120 s of 720p are some hundred MB."""

_SPARED_BYTES = 256 * 1024**2
"""So much of the disk is left free, whatever comes."""


def room_for(folder: Path, *, needed_bytes: int = 1) -> int:
    """The largest file that may come.

    Raises:
        TransportError: The disk is as good as full.
    """
    room = min(LIMIT_BYTES, shutil.disk_usage(folder).free - _SPARED_BYTES)
    if room < needed_bytes:
        raise TransportError(
            "The disk of the output folder is full. Make room; the file is fetched then."
        )
    return room


def part_name(row: TaskRow, owner: str) -> str:
    """The name of a result on its way; by it the leavings of a dead process are found."""
    return f".{row.tag}-{owner}.part"


def remove_parts(folder: Path, owner: str) -> None:
    """Remove what a dead process was fetching when it died."""
    for part in folder.glob(f".*-{owner}.part*"):
        with suppress(OSError):
            part.unlink()


def result_name(row: TaskRow, info: ClipInfo) -> str:
    """The file's name: what it is, its task, letters that make it unique, its true ending."""
    first = ["PRACTICE"] if row.practice else []
    return "_".join([*first, row.kind or "wan", row.short_id, row.tag]) + info.ending


def put_in_place(part: Path, file: Path) -> Path:
    """Give a file its name; another one where a player of Windows holds the old file open."""
    try:
        part.replace(file)
    except PermissionError:
        file = file.with_stem(f"{file.stem}_{secrets.token_hex(2)}")
        part.replace(file)
    return file


def sync(file: Path) -> None:
    """Onto the disk, before the ledger says that it is there."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
