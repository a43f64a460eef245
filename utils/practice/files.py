"""Uploads to the practice service, and downloads from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from .board import SUCCESS, Board
from .gate import Counts, RefusalError, json_reply
from .store import MEDIA_TYPES, FileStore
from .wire import FilePart, Reply, Request

_UPLOAD_LIMIT_BYTES = 2 * 1024**3
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class FileRoutes:
    """Answers `PUT /upload/NAME` and `GET`, `HEAD`, `DELETE /files/NAME`."""

    def __init__(
        self, store: FileStore, board: Board, *, counts: Counts, origin: Callable[[], str]
    ) -> None:
        self._store = store
        self._board = board
        self._counts = counts
        self._origin = origin

    def upload(self, request: Request) -> Reply:
        """Take a file, which appears whole under the name in the path."""
        name = request.path.removeprefix("/upload/")
        if not request.size_bytes:
            raise RefusalError(400 if request.sized else 411, "An upload needs a length above 0.")
        try:
            self._store.write(name, lambda part: _save(request, part))
        except ValueError as error:
            raise RefusalError(400, "The name is not a plain one with an extension.") from error
        self._counts.add("upload_bytes", request.size_bytes)
        return json_reply({"url": f"{self._origin()}/files/{name}"})

    def file(self, request: Request) -> Reply:
        """Give a file, or one range of it."""
        name = request.path.removeprefix("/files/")
        path = self._store.find(name)
        task = self._board.get(PurePosixPath(name).stem)
        wishes = task.order.wishes if task and task.state == SUCCESS else None
        if path is None or (wishes and wishes.gone):
            return Reply(status=404, media_type="text/plain", body=b"There is no such file.\n")
        reply = file_reply(request, FilePart(path, 0, path.stat().st_size))
        self._counts.add("file_bytes", reply.size_bytes)
        if wishes and wishes.cut and task and not task.served and request.method == "GET":
            task.served = True
            return replace(reply, cut_after=reply.size_bytes // 2)
        return reply

    def delete(self, request: Request) -> Reply:
        """Remove a file; its random name is the permission."""
        if not self._store.delete(request.path.removeprefix("/files/")):
            raise RefusalError(404, "There is no such file.")
        return Reply(status=204, media_type="")


def file_reply(request: Request, whole: FilePart) -> Reply:
    """A file, or the one range of it that is asked for."""
    # Not by its time: that is when the file was last used.
    tag = f'"{whole.path.stem}-{whole.size_bytes:x}"'
    media_type = MEDIA_TYPES.get(whole.path.suffix, "application/octet-stream")
    headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "no-store"}
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    if wanted is None or wanted.group() == "bytes=-" or request.headers.get("if-range", tag) != tag:
        return Reply(200, whole, headers, media_type)
    first, last = wanted.groups()
    if first:
        start, end = int(first), min(int(last or whole.size_bytes), whole.size_bytes - 1)
    else:
        start, end = max(0, whole.size_bytes - int(last)), whole.size_bytes - 1
    if start > end:
        headers["Content-Range"] = f"bytes */{whole.size_bytes}"
        return Reply(416, b"", headers, media_type)
    headers["Content-Range"] = f"bytes {start}-{end}/{whole.size_bytes}"
    return Reply(206, FilePart(whole.path, start, end - start + 1), headers, media_type)


def _save(request: Request, part: Path) -> None:
    with part.open("wb") as file:
        request.save(file, _UPLOAD_LIMIT_BYTES)
