"""Where a file lies below a folder."""

from __future__ import annotations

import os
from pathlib import Path


def below(folder: Path, file: Path) -> Path | None:
    """The way from a folder to a file in it; None where the file lies elsewhere.

    By their names first, as ComfyUI's own routes go: a results folder may be a link to another
    disk, and is still below the output folder.
    """
    named = _way(Path(os.path.abspath(folder)), Path(os.path.abspath(file)))  # noqa: PTH100
    if named is not None:
        return named
    try:
        return _way(folder.resolve(), file.resolve())
    except (OSError, RuntimeError):  # links in a circle
        return None


def _way(folder: Path, file: Path) -> Path | None:
    return file.relative_to(folder) if folder in file.parents else None
