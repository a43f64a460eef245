"""A whole file that is no sound clip: kept aside, once it is clear that no better one comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DecodeError, TaskError
from ..ledger.rows import TaskRow
from ..media.digest import file_digest
from .result_file import result_stem
from .rhythm import PATIENCE_S

UNVERIFIED = "unverified"
"""`fail_code` of a collected row whose file was kept although it is no sound clip."""

_LEAST_TIMES = 3
_PICTURE_BRANDS = frozenset({b"avif", b"heic", b"heix", b"mif1"})
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp"})


class SameAgainError(DecodeError):
    """The same file has come often enough: a further download would bring it once more."""


@dataclass
class Rejections:
    """The whole files that one result's downloads have brought, and that were no sound clips.

    Attributes:
        seen: By digest, how often each came, and when first by the steady clock.
    """

    seen: dict[str, tuple[int, float]] = field(default_factory=dict[str, "tuple[int, float]"])

    def is_final(self, part: Path, *, now: float, at_once: bool) -> bool:
        """Note a rejected file; whether a further download would bring the same again.

        Args:
            part: The file.
            now: By the steady clock.
            at_once: The user waits for this one, and may ask for it again.

        Raises:
            DecodeError: The file cannot be read.
        """
        digest = file_digest(part)
        times, since = self.seen.get(digest, (0, now))
        self.seen[digest] = times + 1, since
        return at_once or (times + 1 >= _LEAST_TIMES and now - since >= PATIENCE_S)


def clip_ending(part: Path, media_type: str) -> str:
    """The ending for a file that claims to be a clip; "" for a page, a picture or another answer.

    Args:
        part: The file.
        media_type: What its host calls it.
    """
    with part.open("rb") as file:
        head = file.read(16)
    if head[4:8] in _BOXES and head[8:12] not in _PICTURE_BRANDS:
        return ".mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return ".webm" if media_type == "video/webm" else ".mkv"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ".avi"
    return ".bin" if media_type.startswith("video/") else ""


def unverified_name(row: TaskRow, ending: str) -> str:
    """The name of a file that is kept although it is no sound clip."""
    return f"{result_stem(row)}.unverified{ending}"


def describe_unverified(row: TaskRow, place: str, error: DecodeError) -> str:
    """What the user is told, now and whenever the same is asked for.

    Args:
        row: The task.
        place: Where the file lies, relative to the output folder.
        error: Why it is no sound clip.
    """
    reason = str(error).split(". ")[0].rstrip(".")
    return (
        f"Task {row.task_id} has succeeded, but the file that comes each time is not sound "
        f"({reason}); it is kept as {place} in the output folder. Look at it in a player; to fetch "
        "it anew, delete it and run again, and to have it made anew, which is billed anew, forget "
        f"row {row.id} (tasks panel, or “cli.py tasks forget {row.id}”) and run again."
    )


def is_unverified(row: TaskRow) -> bool:
    """Whether what lies in a collected row's place is no sound clip."""
    return row.fail_code == UNVERIFIED


def unverified(row: TaskRow) -> TaskError:
    """What the nodes of such a row say."""
    return TaskError(row.fail_message, task_id=row.task_id)
