"""Files that this ComfyUI gives to whoever holds their link, and to nobody else.

A published file is a copy in a private folder, under a random name; that it lies there is what
makes it published, so links survive a restart and several processes need no common memory. A
link names the file and when it ends, signed with a secret of this installation. The time of
change of a copy is when its last link ends; later sweeps (`sweep.py`) take the copy away.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from ..clock import Clock
from ..errors import HostingError, Stopped
from ..replacing import replacing
from ..settings import make_private
from .host import MEDIA_TYPES, Progress, random_name
from .ranges import OutsideError, Window, read_range
from .secret_file import own_secret
from .sweep import keep, sweep

_TOKEN = re.compile(
    r"(?P<id>[0-9a-f]{32})\.(?P<expires>[1-9a-f][0-9a-f]{0,11})\.(?P<mac>[A-Za-z0-9_-]{43})"
    r"(?P<extension>\.[a-z0-9]{3,4})",
    re.ASCII,
)
_NAME = re.compile(r"[0-9a-f]{32}\.[a-z0-9]{3,4}", re.ASCII)
_PURPOSE = b"apixo-wan-animate published file 1\n"
_PIECE_BYTES = 1024 * 1024
_ABANDONED_S = 24 * 3600.0

_PRIVATE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
_NO_BYTES = Window(0, 0)
_NOT_FOUND_BODY = b"404: Not Found"


@dataclass(frozen=True)
class FileRequest:
    """What somebody asks of the published files.

    Attributes:
        method: The HTTP method.
        token: The last segment of the path, percent-decoded.
        range_header: The Range header, "" where there is none.
        if_range: The If-Range header, "" where there is none.
    """

    method: str
    token: str
    range_header: str = ""
    if_range: str = ""


@dataclass(frozen=True)
class FileAnswer:
    """What goes back: the piece of `file` where there is one, else `body`.

    Attributes:
        status: 200, 206, 404 or 416.
        headers: All headers, with the Content-Length that a GET would have.
        file: The file of which `window` is sent; None where there is none, as for HEAD.
        window: The piece of it.
        body: What is sent where there is no file.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    file: Path | None = None
    window: Window = _NO_BYTES
    body: bytes = b""


class PublishedFiles:
    """The published files of one installation; safe to use from many threads and processes.

    Args:
        state: The folder of the ledger; `published/` and `published.key` lie in it.
        clock: Tells when links end.
    """

    def __init__(self, state: Path, clock: Clock) -> None:
        self._folder = state / "published"
        self._key_path = state / "published.key"
        self._clock = clock

    def publish(
        self, file: Path, *, extension: str, expires_at: float, progress: Progress, stop: Event
    ) -> str:
        """Take a copy of a file, to be read by its links.

        Args:
            file: What is copied.
            extension: Its true extension, with the dot.
            expires_at: Until when it stays at least, as Unix seconds.
            progress: Told bytes copied, and bytes in all.
            stop: Ends the copying.

        Returns:
            The name of the copy; `token` makes links to it.

        Raises:
            HostingError: The copy cannot be written.
            Stopped: `stop` was set; no copy remains.
        """
        name = random_name(extension)
        try:
            make_private(self._folder.parent)
            make_private(self._folder)
            if os.name == "posix":
                self._folder.chmod(0o700)
            sweep(self._folder, now=self._clock.now(), ends=_ends)
            with replacing(self._folder / name) as part:
                _copy(file, part, progress=progress, stop=stop)
                os.utime(part, (expires_at, expires_at))
        except OSError as error:
            raise HostingError(
                f"The file could not be prepared for this ComfyUI to serve ({error.strerror}). "
                "Check the free space on the disk of ComfyUI's user folder, then run again."
            ) from error
        return name

    def token(self, name: str, *, expires_at: float) -> str | None:
        """The last segment of a link to a published file; None where it is not there.

        The file stays at least until `expires_at` (Unix seconds) from now on.

        Raises:
            SettingsError: The secret of this installation cannot be read.
        """
        path = self._folder / name
        if not _NAME.fullmatch(name):
            return None
        try:
            ends = max(expires_at, path.stat().st_mtime)
            os.utime(path, (ends, ends))
            keep(path)
        except OSError:
            return None
        file_id, extension = name.split(".")
        return self._signed(file_id, extension, f"{int(expires_at):x}")

    def withdraw(self, name: str) -> None:
        """Take a file away; all its links are dead from now on."""
        if _NAME.fullmatch(name):
            (self._folder / name).unlink(missing_ok=True)
            keep(self._folder / name)

    def answer(self, request: FileRequest) -> FileAnswer:
        """Answer a request from outside.

        Everything that is not a living link to a published file gets the same answer, so that
        nobody learns why.

        Raises:
            SettingsError: The secret of this installation cannot be read.
        """
        path = self._find(request.token) if request.method in {"GET", "HEAD"} else None
        try:
            return _found(path, path.stat().st_size, request) if path else _not_found()
        except OSError:  # swept away in this very moment
            return _not_found()

    def _find(self, token: str) -> Path | None:
        match = _TOKEN.fullmatch(token)
        if match is None or match["extension"] not in MEDIA_TYPES:
            return None
        wanted = self._signed(match["id"], match["extension"][1:], match["expires"])
        if not hmac.compare_digest(wanted.encode(), token.encode()):
            return None
        if int(match["expires"], 16) <= self._clock.now():
            return None
        path = self._folder / (match["id"] + match["extension"])
        return path if path.is_file() and not path.is_symlink() else None

    def _signed(self, file_id: str, extension: str, expires: str) -> str:
        text = f"{file_id}\n{expires}\n{extension}".encode()
        digest = hmac.new(own_secret(self._key_path), _PURPOSE + text, hashlib.sha256).digest()
        mac = urlsafe_b64encode(digest).rstrip(b"=").decode()
        return f"{file_id}.{expires}.{mac}.{extension}"


def _ends(path: Path) -> float:
    """When the last link of a copy ends, or when what a crash has left is old enough."""
    return path.stat().st_mtime + (0 if _NAME.fullmatch(path.name) else _ABANDONED_S)


def _copy(source: Path, target: Path, *, progress: Progress, stop: Event) -> None:
    total = source.stat().st_size
    with source.open("rb") as reader, target.open("xb") as writer:
        while piece := reader.read(_PIECE_BYTES):
            if stop.is_set():
                raise Stopped("Stopped while a file was being prepared. Run again to continue.")
            writer.write(piece)
            progress(writer.tell(), total)


def _found(path: Path, size_bytes: int, request: FileRequest) -> FileAnswer:
    etag = f'"{hashlib.sha256(path.name.encode()).hexdigest()[:24]}"'
    headers = _PRIVATE | {
        "Content-Type": MEDIA_TYPES[path.suffix],
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Content-Length": str(size_bytes),
    }
    if request.method == "HEAD":
        return FileAnswer(200, headers)
    try:
        asked = request.range_header if request.if_range in {"", etag} else ""
        window = read_range(asked, size_bytes)
    except OutsideError:
        headers |= {"Content-Range": f"bytes */{size_bytes}", "Content-Length": "0"}
        return FileAnswer(416, headers)
    if window is None:
        return FileAnswer(200, headers, path, Window(0, size_bytes))
    end = window.start + window.length - 1
    headers |= {
        "Content-Range": f"bytes {window.start}-{end}/{size_bytes}",
        "Content-Length": str(window.length),
    }
    return FileAnswer(206, headers, path, window)


def _not_found() -> FileAnswer:
    headers = _PRIVATE | {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(_NOT_FOUND_BODY)),
    }
    return FileAnswer(404, headers, body=_NOT_FOUND_BODY)
