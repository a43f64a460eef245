"""What a failing disk does to a ledger: pages of its file, found by what they hold, change."""

from __future__ import annotations

from pathlib import Path

PAGE = 4096
LEAF_OF_TABLE, LEAF_OF_INDEX = 13, 10


def pages_with(path: Path, text: bytes, kind: int) -> list[int]:
    """Where the pages of one kind begin that hold some text."""
    content = path.read_bytes()
    starts = range(PAGE, len(content), PAGE)
    return [at for at in starts if content[at] == kind and text in content[at : at + PAGE]]


def overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)
