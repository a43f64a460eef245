"""Two files of one size, and the replies that hand one out: whole, in part, or cut."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

from rawserver import Asked, Wire, reply_bytes

FILE = random.Random(7).randbytes(300_007)
OTHER = random.Random(8).randbytes(300_007)
LIMIT = 10_000_000


def same(content: bytes, wanted: bytes = FILE) -> bool:
    return hashlib.sha256(content).digest() == hashlib.sha256(wanted).digest()


def host(
    serve_one: Callable[[Wire, Asked, int], None],
) -> Callable[[Wire], None]:
    """A script that hands each request to a function, with its number from 0."""

    def script(wire: Wire) -> None:
        while (asked := wire.request()) is not None:
            with wire.server.lock:
                number = len(wire.server.requests) - 1
            serve_one(wire, asked, number)

    return script


def begin_of(asked: Asked) -> int:
    return int(asked.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])


def part(start: int, content: bytes = FILE, *, tag: str = '"v1"', upto: int | None = None) -> bytes:
    """A 206 from `start`, of which only the bytes before `upto` come."""
    where = f"bytes {start}-{len(content) - 1}/{len(content)}"
    length = len(content) - start
    piece = content[start:upto]
    return reply_bytes(206, piece, length=length, Content_Range=where, ETag=tag)


def whole(content: bytes = FILE, *, upto: int | None = None, **headers: str) -> bytes:
    return reply_bytes(200, content[:upto], length=len(content), **headers)
