"""Bodies on their way out and in: never whole in memory, never longer than allowed."""

from __future__ import annotations

import io
import re
import secrets
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from requests import Response

from ..errors import InputError, TransportError
from .call import BROKEN, broken
from .watch import running_watch

CHUNK_BYTES = 64 * 1024
_UNCHANGED = frozenset({"", "identity", "aws-chunked"})
"""The last one is a trace of how a file went up to an object store; it is gone from the bytes."""
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})
_SINGLE_BYTES = 16 * 1024
"""So much of a reply that must not be lost is read byte by byte.

What http.client has read of a larger piece is gone when the connection breaks within it.
"""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Form:
    """A form in which a file goes up.

    Attributes:
        file_field: The field of the file.
        file_name: What the file is called there.
        media_type: Of the file.
        fields: The other fields.
    """

    file_field: str
    file_name: str
    media_type: str
    fields: Mapping[str, str]
    boundary: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def content_type(self) -> str:
        """The header that names the boundary."""
        return f"multipart/form-data; boundary={self.boundary}"

    def before(self) -> bytes:
        """The bytes in front of the file."""
        lines: list[str] = []
        for name, value in self.fields.items():
            lines += [f"--{self.boundary}", f'Content-Disposition: form-data; name="{name}"']
            lines += ["", value]
        described = f'name="{self.file_field}"; filename="{self.file_name}"'
        lines += [f"--{self.boundary}", f"Content-Disposition: form-data; {described}"]
        lines += [f"Content-Type: {self.media_type}", "", ""]
        return "\r\n".join(lines).encode()

    def after(self) -> bytes:
        """The bytes behind the file."""
        return f"\r\n--{self.boundary}--\r\n".encode()


class FileBody(io.RawIOBase):
    """A file as a request's body, bare or in a form; read as it is sent.

    Args:
        file: What is sent.
        form: The form around it, or None.
        progress: Told bytes of the file that have been handed to the connection, and in all.

    Raises:
        InputError: The file cannot be read.
    """

    _file: BinaryIO | None = None

    def __init__(
        self, file: Path, *, form: Form | None = None, progress: Progress | None = None
    ) -> None:
        super().__init__()
        self._before = form.before() if form else b""
        self._after = form.after() if form else b""
        self._progress = progress
        self._at = 0
        try:
            self._file = file.open("rb")
            self._size = file.stat().st_size
        except OSError as error:
            raise _unreadable(error) from error

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._after)

    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]
        while chunk := self.read(CHUNK_BYTES):
            yield chunk

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        super().close()

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be sent again from the start."""
        return True

    def tell(self) -> int:
        """How many bytes were read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a byte of the whole body."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self)}[whence]
        self._at = min(max(0, start + offset), len(self))
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most a chunk of them.

        Raises:
            InputError: The file cannot be read any more, or has become shorter.
        """
        data = self._piece(CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))
        self._at += len(data)
        if self._progress is not None and data:
            self._progress(min(max(0, self._at - len(self._before)), self._size), self._size)
        return data

    def _piece(self, size: int) -> bytes:
        at = self._at
        if at < len(self._before):
            return self._before[at : at + size]
        at -= len(self._before)
        if at >= self._size:
            return self._after[at - self._size :][:size]
        assert self._file is not None  # noqa: S101 - it was opened, or there would be no body
        try:
            self._file.seek(at)
            data = self._file.read(min(size, self._size - at))
        except OSError as error:
            raise _unreadable(error) from error
        if not data and size:
            raise InputError("The file became shorter during the upload. Run again.")
        return data


def _unreadable(error: OSError) -> InputError:
    return InputError(
        f"The file to upload cannot be read ({error.strerror}). Check that it is still there, and "
        "run again."
    )


def chunks(response: Response, *, single_bytes: int = 0) -> Iterator[bytes]:
    """A reply's bytes as they were sent, compressed or not.

    Args:
        response: The reply.
        single_bytes: So many come one by one: everything before a break then has come.

    Raises:
        TransportError: They stop coming.
        Stopped: The request was stopped.
    """
    while True:
        size_bytes = CHUNK_BYTES if single_bytes <= 0 else 1
        try:
            chunk: bytes = response.raw.read(size_bytes, decode_content=False)
        except BROKEN as error:
            raise broken(error) from None
        if not chunk:
            return
        single_bytes -= 1
        running_watch().delivered(len(chunk))
        yield chunk


def read_body(response: Response, *, limit_bytes: int, precious: bool = False) -> tuple[bytes, str]:
    """Read a small reply.

    Args:
        response: The reply.
        limit_bytes: The most that is read, before and after any compression.
        precious: Of one that breaks off, keep everything that came.

    Returns:
        What could be read of it, and what is wrong with that; "" where nothing is.

    Raises:
        TransportError: It broke off; what had come of it is in the error.
        Stopped: The request was stopped.
    """
    sent = bytearray()
    try:
        for chunk in chunks(response, single_bytes=_SINGLE_BYTES if precious else 0):
            sent += chunk
            if len(sent) > limit_bytes:
                return b"", f"is larger than {limit_bytes:,} bytes"
    except TransportError as error:
        error.received = _inflated(response, bytes(sent), limit_bytes=limit_bytes)[0]
        raise
    body, wrong = _inflated(response, bytes(sent), limit_bytes=limit_bytes)
    length = announced_bytes(response)
    if length is not None and len(sent) < length:
        wrong = f"stopped at {len(sent)} of {length} bytes"
    return body, wrong


def _inflated(response: Response, sent: bytes, *, limit_bytes: int) -> tuple[bytes, str]:
    inflater = Inflater(response.headers.get("Content-Encoding", ""))
    try:
        body = inflater.feed(sent, limit_bytes=limit_bytes)
    except EncodingError as error:
        return b"", str(error)
    return body, "" if inflater.whole else "ended in the middle of its compressed data"


def announced_bytes(response: Response) -> int | None:
    """How many bytes the reply said that it would send; None where it did not."""
    if "chunked" in response.headers.get("Transfer-Encoding", "").lower():
        return None
    length = response.headers.get("Content-Length", "").strip()
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None


class EncodingError(Exception):
    """A body is not in an encoding that can be read; the text says why, as "is …"."""


class Inflater:
    """Undoes a compression that was not asked for, and never beyond a limit.

    Args:
        encoding: The header Content-Encoding, as it came.
    """

    def __init__(self, encoding: str) -> None:
        words = [word.strip().lower() for word in encoding.split(",")]
        self._words = [word for word in words if word not in _UNCHANGED]
        self._inflater: Any = None
        self._fed = False

    @property
    def plain(self) -> bool:
        """Whether bytes are left as they are."""
        return not self._words

    @property
    def whole(self) -> bool:
        """Whether everything has come."""
        return self.plain or not self._fed or bool(self._inflater.eof)

    def feed(self, data: bytes, *, limit_bytes: int) -> bytes:
        """The next bytes, uncompressed.

        Raises:
            EncodingError: They would be more than the limit, are damaged, or of an encoding
                that is not known here.
        """
        if self.plain or not data:
            return data
        if self._inflater is None:
            self._inflater = self._begin(data)
        self._fed = True
        try:
            found: bytes = self._inflater.decompress(data, limit_bytes + 1)
        except zlib.error as error:
            raise EncodingError("is compressed, and damaged") from error
        if len(found) > limit_bytes:
            raise EncodingError(f"is larger than {limit_bytes:,} bytes")
        return found

    def _begin(self, data: bytes) -> Any:
        if len(self._words) > 1 or self._words[0] not in _KNOWN:
            raise EncodingError("is in an encoding that was not asked for")
        headed = data[:2] == b"\x1f\x8b" or (data[0] & 15 == 8 and not _checksum(data) % 31)
        return zlib.decompressobj(zlib.MAX_WBITS | 32 if headed else -zlib.MAX_WBITS)


def _checksum(data: bytes) -> int:
    """The first two bytes as zlib's header counts them."""
    return int.from_bytes(data[:2].ljust(2, b"\0"), "big")
