"""Marked secrets, and a search for them in everything that a run has left."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

BUCKET_KEY = "AKIAMARKEDKEY000042"
BUCKET_SECRET = "marked/bucket+secret5d1c"
HOOK_TOKEN = "marked-hook-token-77aa"
RESULT_SIGNATURE = "markedresultsignature91"


def spellings(mark: str) -> set[bytes]:
    """A mark as it may be written: bare, in a URL, in JSON, in base64, as UTF-16."""
    packed = {base64.b64encode(b" " * shift + mark.encode())[4:-4] for shift in range(3)}
    plain = {mark, quote(mark, safe=""), json.dumps(mark)[1:-1]}
    return {text.encode() for text in plain} | {mark.encode("utf-16-le")} | packed


def found_in(content: bytes, marks: Mapping[str, str]) -> set[str]:
    """The names of the marks that are in some bytes."""
    return {name for name, mark in marks.items() if any(way in content for way in spellings(mark))}


def found_below(
    folder: Path, marks: Mapping[str, str], *, beside: tuple[Path, ...] = ()
) -> dict[str, set[str]]:
    """The files that hold a mark; databases are read by their rows, too.

    Args:
        folder: Where to look.
        marks: Names and secrets.
        beside: Folders of others, such as the service's own.
    """
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not any(other in path.parents for other in beside):
            content = path.read_bytes() + path.name.encode()
            if path.suffix == ".sqlite3":
                content += dump(path)
            names = found_in(content, marks)
            if names:
                found[path.relative_to(folder).as_posix()] = names
    return found


def dump(path: Path) -> bytes:
    """Every row of a database, those in its log as well."""
    with sqlite3.connect(path) as db:
        text = "\n".join(db.iterdump())
    db.close()
    return text.encode("utf-8", "surrogatepass")
