"""What a request and a reply are, before anybody acts on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, unquote, urlsplit

CHUNK_BYTES = 256 * 1024
_DRAIN_BYTES = 1024 * 1024


class BodyError(Exception):
    """The request's body is missing, too large or cut short.

    Attributes:
        status: The HTTP status that says so.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class FilePart:
    """A run of bytes of a file, to be sent without being read into memory."""

    path: Path
    start: int
    size_bytes: int


@dataclass(frozen=True)
class Reply:
    """What goes back, and how badly.

    Attributes:
        status: HTTP status.
        body: The body, or a part of a file.
        headers: Beyond Content-Type and Content-Length.
        media_type: Content-Type; "" for none.
        cut_after: Close the connection after so many bytes of the body.
        unsent: Send nothing of it and close the connection.
        reset: End the connection by a reset, not by a close.
    """

    status: int = 200
    body: bytes | FilePart = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    media_type: str = "application/json"
    cut_after: int | None = None
    unsent: bool = False
    reset: bool = False

    @property
    def size_bytes(self) -> int:
        """Length of the body."""
        return self.body.size_bytes if isinstance(self.body, FilePart) else len(self.body)


class Request:
    """One request; its body stays on the wire until it is asked for."""

    def __init__(
        self, method: str, target: str, *, headers: dict[str, str], stream: BinaryIO
    ) -> None:
        parts = urlsplit(target)
        self.method = method
        self.path = unquote(parts.path)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.headers = headers
        self.body = b""
        self._stream = stream
        length = headers.get("content-length", "")
        self.size_bytes = int(length) if length.isascii() and length.isdigit() else 0
        self.sized = bool(length) and "transfer-encoding" not in headers
        self.unread = self.size_bytes

    def read(self, limit_bytes: int) -> bytes:
        """The whole body, which is also kept as `body`."""
        self._check(limit_bytes)
        if self.unread:
            self.body = self._stream.read(self.unread)
            self.unread -= len(self.body)
            if self.unread:
                raise BodyError(400, "The body was cut short.")
        return self.body

    def save(self, target: BinaryIO, limit_bytes: int) -> int:
        """Write the body to a file, a chunk at a time; gives its length."""
        self._check(limit_bytes)
        while self.unread:
            chunk = self._stream.read(min(CHUNK_BYTES, self.unread))
            if not chunk:
                raise BodyError(400, "The body was cut short.")
            target.write(chunk)
            self.unread -= len(chunk)
        return self.size_bytes

    def drain(self) -> bool:
        """Read off what nobody wanted, if it is little; True when the wire is clean."""
        if "transfer-encoding" in self.headers or self.unread > _DRAIN_BYTES:
            return False
        while self.unread:
            chunk = self._stream.read(min(CHUNK_BYTES, self.unread))
            if not chunk:
                return False
            self.unread -= len(chunk)
        return True

    def _check(self, limit_bytes: int) -> None:
        if not self.sized:
            raise BodyError(411, "A body needs a Content-Length.")
        if self.size_bytes > limit_bytes:
            raise BodyError(413, f"The body has {self.size_bytes} bytes; {limit_bytes} at most.")
