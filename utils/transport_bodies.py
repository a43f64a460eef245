"""Bodies on their way out and in: never whole in memory, never longer than allowed."""

from __future__ import annotations

import io
import secrets
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

from .errors import Stopped, TransportError

CHUNK_BYTES = 64 * 1024

Progress = Callable[[int, int], None]


class FileBody(io.RawIOBase):
    """A file as a request's body, bare or as one part of a form.

    Args:
        file: What is sent.
        before: Bytes in front of it.
        after: Bytes behind it.
        progress: Told bytes of the file that have been handed to the connection, and in all.
        stop: Ends the upload with `Stopped` at the next chunk.
    """

    def __init__(
        self,
        file: Path,
        *,
        before: bytes = b"",
        after: bytes = b"",
        progress: Progress | None = None,
        stop: Event | None = None,
    ) -> None:
        super().__init__()
        self._file = file.open("rb")
        self._size = file.stat().st_size
        self._before, self._after = before, after
        self._progress, self._stop = progress, stop
        self._at = 0

    def __len__(self) -> int:
        return len(self._before) + self._size + len(self._after)

    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]
        while chunk := self.read(CHUNK_BYTES):
            yield chunk

    def close(self) -> None:
        """Close the file."""
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

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte of the whole body."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self)}[whence]
        self._at = min(max(0, start + offset), len(self))
        return self._at

    def read(self, size: int = -1) -> bytes:  # type: ignore[override]
        """The next bytes, at most a chunk of them.

        Raises:
            Stopped: It was stopped.
        """
        if self._stop is not None and self._stop.is_set():
            raise Stopped("The upload was stopped. Run again to start it over.")
        wanted = CHUNK_BYTES if size < 0 else max(size, 1)
        data = self._piece(min(wanted, CHUNK_BYTES))
        self._at += len(data)
        if self._progress is not None and data:
            sent = min(max(0, self._at - len(self._before)), self._size)
            self._progress(sent, self._size)
        return data

    def _piece(self, size: int) -> bytes:
        at = self._at
        if at < len(self._before):
            return self._before[at : at + size]
        at -= len(self._before)
        if at < self._size:
            self._file.seek(at)
            return self._file.read(min(size, self._size - at))
        at -= self._size
        return self._after[at : at + size]


def form_parts(
    file_name: str, *, field: str, fields: Mapping[str, str], media_type: str
) -> tuple[bytes, bytes, str]:
    """What stands around a file in a form, and the content type that names the boundary."""
    boundary = secrets.token_hex(16)
    lines: list[str] = []
    for name, value in fields.items():
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", value]
    lines += [
        f"--{boundary}",
        f'Content-Disposition: form-data; name="{field}"; filename="{file_name}"',
        f"Content-Type: {media_type}",
        "",
        "",
    ]
    before = "\r\n".join(lines).encode()
    return before, f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def chunks(
    raw: Any, *, overdue: Callable[[], bool], stop: Event | None, where: str
) -> Iterator[bytes]:
    """A reply's bytes as they come, undecoded.

    Args:
        raw: The reply of urllib3.
        overdue: Whether the request has taken as long as it may.
        stop: Ends the reading with `Stopped` at the next chunk.
        where: The origin, for the message.

    Raises:
        TransportError: It takes too long.
        Stopped: It was stopped.
    """
    while True:
        if stop is not None and stop.is_set():
            raise Stopped("The transfer was stopped. Run again to go on.")
        if overdue():
            raise TransportError(
                f"{where} sends its reply too slowly. Check the connection, and run again."
            )
        chunk = raw.read1(CHUNK_BYTES, decode_content=False)
        if not chunk:
            return
        yield chunk


def inflated(body: bytes, encoding: str, *, limit_bytes: int, where: str) -> bytes:
    """A body without the compression that was not asked for, never beyond the limit.

    Raises:
        TransportError: It is larger than the limit, damaged, or of an unknown encoding.
    """
    word = encoding.strip().lower()
    if word in {"", "identity"}:
        return body
    if word not in {"gzip", "x-gzip", "deflate"}:
        raise TransportError(
            f"{where} answered in the encoding “{word[:20]}”, which was not asked for. Try again."
        )
    # A header of either kind is recognised; a bare deflate stream has none.
    for window in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        inflater = zlib.decompressobj(window)
        try:
            plain = inflater.decompress(body, limit_bytes + 1)
        except zlib.error:
            continue
        if len(plain) > limit_bytes:
            raise too_large(where, limit_bytes)
        return plain
    raise TransportError(f"{where} sent a compressed reply that is damaged. Try again.")


def too_large(where: str, limit_bytes: int) -> TransportError:
    """The error for a reply beyond its limit."""
    return TransportError(
        f"{where} sends more than the {limit_bytes:,} bytes that are allowed here. "
        "Nothing of it was kept; check the address."
    )
