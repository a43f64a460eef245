"""Whether a file is as long as its outermost boxes say: the one sure sign of a cut file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_TS_BYTES = 188
# A live recording has two boxes a picture; what has more is made to be read for minutes.
_BOXES_MOST = 100_000


def missing_bytes(source: Path | BytesIO) -> int:
    """How many bytes an MP4, Matroska, AVI or TS file lacks at its end; 0 when none, or unknown."""
    if isinstance(source, BytesIO):
        return _missing(BytesIO(source.getvalue()), source.getbuffer().nbytes)
    try:
        with source.open("rb") as file:
            return _missing(file, source.stat().st_size)
    except OSError:
        return 0


def _missing(file: BinaryIO, size: int) -> int:
    head = file.read(2 * _TS_BYTES)
    if head[:1] == head[_TS_BYTES : _TS_BYTES + 1] == b"G":
        return -size % _TS_BYTES
    if head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp"}:
        end = _boxes_end(file, size)
    elif head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        end = _riff_end(file, size)
    elif int.from_bytes(head[:4], "big") == _EBML:
        end = _segment_end(file)
    else:
        end = 0
    return max(0, end - size)


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Where the last top-level box of an ISO file ends (ISO/IEC 14496-12, 4.2)."""
    at = 0
    for _ in range(_BOXES_MOST):
        if at + 8 > size:
            return at
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or not head[4:8].isascii():
            return at
        at += length
    return 0


def _riff_end(file: BinaryIO, size: int) -> int:
    at = 0
    for _ in range(_BOXES_MOST):
        if at + 12 > size:
            return at - 1
        file.seek(at)
        head = file.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or not length:
            return at
        at += 8 + length + length % 2
    return 0


def _segment_end(file: BinaryIO) -> int:
    """Where a Matroska segment ends (RFC 8794, 4 and 6.2); 0 when its length is left open."""
    file.seek(4)
    header = _variable_number(file)
    if header is None:
        return 0
    file.seek(header, 1)
    if int.from_bytes(file.read(4), "big") != _SEGMENT:
        return 0
    length = _variable_number(file)
    return 0 if length is None else file.tell() + length


def _variable_number(file: BinaryIO) -> int | None:
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    value = int.from_bytes(first + rest, "big") & ((1 << (7 * length)) - 1)
    return None if value == (1 << (7 * length)) - 1 else value
