"""A result as a file in the output folder: room for it, its name, and how it gets there whole."""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from ..errors import DecodeError, TransportError
from ..ledger.rows import TaskRow
from ..media.probe import ClipInfo, verify

LIMIT_BYTES = 4 * 1024**3
"""A result is never larger: 120 s of 720p are some hundred MB."""

_SPARED_BYTES = 256 * 1024**2
"""So much of the disk is left free, whatever comes."""


def room_for(folder: Path, *, needed_bytes: int = 1, held_bytes: int = 0) -> int:
    """The largest file that may come.

    Args:
        folder: Where it comes to.
        needed_bytes: So much there must be room for.
        held_bytes: So much of it is there already.

    Raises:
        TransportError: The disk is as good as full.
    """
    room = min(LIMIT_BYTES, shutil.disk_usage(folder).free + held_bytes - _SPARED_BYTES)
    if room < needed_bytes:
        raise TransportError(
            "The disk of the output folder is full. Free some space; the file is then fetched."
        )
    return room


def clip_in(file: Path) -> ClipInfo:
    """What a file holds that is to be a result.

    Raises:
        DecodeError: It is not a clip, or not whole.
    """
    info = verify(file)
    if info.is_still:
        raise DecodeError(
            "What APIXO names as the result is a picture, not a clip. Look at the task in APIXO's "
            "dashboard."
        )
    return info


def part_name(row: TaskRow, owner: str) -> str:
    """The name of a result on its way; by it the leavings of a dead process are found."""
    return f".{row.tag}-{owner}.part"


def remove_parts(folder: Path, owner: str) -> None:
    """Remove what a dead process was fetching when it died."""
    for part in folder.glob(f".*-{owner}.part*"):
        with suppress(OSError):
            part.unlink()


def result_name(row: TaskRow, info: ClipInfo) -> str:
    """The file's name, with the ending of what it really is."""
    return result_stem(row) + info.ending


def result_stem(row: TaskRow) -> str:
    """The file's name without its ending: what it is, its task, letters that make it unique."""
    first = ["PRACTICE"] if row.practice else []
    return "_".join([*first, row.kind or "wan", row.short_id, row.tag])


def put_in_place(part: Path, file: Path) -> Path:
    """Give a file its name; another one where a player of Windows holds the old file open."""
    try:
        part.replace(file)
    except PermissionError:
        file = file.with_stem(f"{file.stem}_{secrets.token_hex(2)}")
        part.replace(file)
    return file
