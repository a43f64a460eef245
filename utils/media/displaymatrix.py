"""Whether an MP4 or MOV asks to be turned or mirrored, told without decoding a frame.

PyAV shows the matrix on decoded frames only, and decoding the first one costs as much as copying
the packets of a whole clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

_ONE = 0x10000
_PLAIN = (_ONE, 0, 0, _ONE)
# ISO/IEC 14496-12, 8.2.2 and 8.3.2: where the matrix lies in versions 0 and 1 of the box.
_MATRIX_AT = {b"mvhd": (36, 48), b"tkhd": (40, 52)}
_HANDLER_AT = 8
_INDEX_MOST_BYTES = 64 << 20
# No file is as long as that, and no place in one can be named beyond it.
_LENGTH_MOST = 1 << 62
# A live recording has two boxes a picture; what has more is made to be read for minutes.
_BOXES_MOST = 100_000


def is_upright(source: Path | BytesIO) -> bool | None:
    """Whether a file's pictures are shown as they are stored.

    Returns:
        None where it is no MP4 or MOV, or its index cannot be read.
    """
    if isinstance(source, BytesIO):
        return _is_upright(BytesIO(source.getvalue()))
    try:
        with source.open("rb") as file:
            return _is_upright(file)
    except OSError:
        return None


def _is_upright(file: BinaryIO) -> bool | None:
    index = _index_of(file)
    if index is None:
        return None
    tracks = [dict(_boxes(body)) for kind, body in _boxes(index) if kind == b"trak"]
    pictures = [track for track in tracks if _handler(track) == b"vide"]
    headers = [(b"mvhd", dict(_boxes(index)).get(b"mvhd"))]
    headers += [(b"tkhd", track.get(b"tkhd")) for track in pictures]
    return all(body is None or _matrix(kind, body) == _PLAIN for kind, body in headers)


def _index_of(file: BinaryIO) -> memoryview | None:
    """The body of the box `moov`, wherever it lies."""
    for _ in range(_BOXES_MOST):
        head = file.read(8)
        if len(head) < 8 or not head[4:].isascii():
            return None
        length, used = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, used = int.from_bytes(file.read(8), "big"), 16
        if head[4:] == b"moov":
            body = file.read(min(length - used, _INDEX_MOST_BYTES))
            return memoryview(body) if len(body) == length - used else None
        if not used <= length < _LENGTH_MOST:
            return None
        file.seek(length - used, 1)
    return None


def _boxes(body: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = 0
    while at + 8 <= len(body):
        length = int.from_bytes(body[at : at + 4], "big")
        if length < 8:
            return
        yield bytes(body[at + 4 : at + 8]), body[at + 8 : at + length]
        at += length


def _handler(track: dict[bytes, memoryview]) -> bytes:
    media = dict(_boxes(track.get(b"mdia", memoryview(b""))))
    handler = media.get(b"hdlr", memoryview(b""))
    return bytes(handler[_HANDLER_AT : _HANDLER_AT + 4])


def _matrix(kind: bytes, body: memoryview) -> tuple[int, ...]:
    """The part of the matrix that turns and mirrors: a, b, c, d."""
    at = _MATRIX_AT[kind][1 if bytes(body[:1]) == b"\1" else 0]
    return tuple(
        int.from_bytes(body[at + place : at + place + 4], "big", signed=True)
        for place in (0, 4, 12, 16)
    )
