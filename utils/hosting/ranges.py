"""The Range header of a request, as RFC 9110 wants it answered."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True)
class Window:
    """A piece of a file: `length` bytes from `start`."""

    start: int
    length: int


class OutsideError(ValueError):
    """The piece asked for lies outside the file."""


def read_range(header: str, size_bytes: int) -> Window | None:
    """The piece that a Range header asks for.

    Args:
        header: The header as it was sent; "" where there is none.
        size_bytes: The size of the file.

    Returns:
        The piece, cut at the file's end; None for the whole file, where there is no header or
        a malformed one, another unit or several pieces (RFC 9110 lets a server ignore those).

    Raises:
        OutsideError: No byte of the piece is in the file.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size_bytes)
        start, end = size_bytes - length, size_bytes - 1
    else:
        start = int(first)
        end = min(int(last), size_bytes - 1) if last else size_bytes - 1
        if last and int(last) < start:
            return None
    if start >= size_bytes:
        raise OutsideError(f"{header} of {size_bytes} bytes")
    return Window(start, end - start + 1)
