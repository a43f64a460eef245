"""What the practice service answers to each request."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..clock import Clock
from .board import SUCCESS, Board, PracticeTask, envelope, tell, tell_oddly
from .faults import Faults
from .making import Maker
from .orders import Order, OrderError, read_order
from .store import MEDIA_TYPES, FileStore
from .wire import BodyError, FilePart, Reply, Request

KEY = "practice"
BALANCE_DOLLARS = 100.0
_API = "/api/v1/"
_MODEL = "wan-2-2-animate"
_BODY_LIMIT_BYTES = 256 * 1024
_UPLOAD_LIMIT_BYTES = 500_000_000
_MINUTE_S = 60.0
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Limits:
    """What the service allows: the documented numbers.

    Source:
        API.md, "Errors", read on 2026-08-20.
    """

    tasks_at_once: int = 1000
    requests_a_minute: int = 10_000


class Counts:
    """What was on the wire: requests by route, and `accepted` submits."""

    def __init__(self) -> None:
        self._counter: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str, number: int = 1) -> None:
        """Count."""
        with self._lock:
            self._counter[name] += number

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counter[name]

    def all(self) -> dict[str, int]:
        """All counts by name."""
        with self._lock:
            return dict(self._counter)


class _RefusalError(Exception):
    """An error envelope with this status."""

    def __init__(self, status: int, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class Routes:
    """Answers requests; called from several threads at once."""

    def __init__(
        self, board: Board, store: FileStore, *, maker: Maker, limits: Limits, clock: Clock
    ) -> None:
        self.counts = Counts()
        self.faults: Faults | None = None
        self.origin = ""
        self._board = board
        self._store = store
        self._maker = maker
        self._limits = limits
        self._clock = clock
        self._busy: Counter[str] = Counter()
        self._minute = (0.0, 0)
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        """Answer one request, with the faults that stand around it."""
        route, answer = self._route(request)
        self.counts.add(route)

        def handle() -> Reply:
            return self._guarded(request, answer)

        return self.faults(request, route, handle) if self.faults else handle()

    def _route(self, request: Request) -> tuple[str, Callable[[Request], Reply]]:
        match request.method, request.path:
            case "POST", path if path == f"{_API}generateTask/{_MODEL}":
                return "submit", self._submit
            case "GET", path if path == f"{_API}statusTask/{_MODEL}":
                return "status", self._status
            case "GET", path if path == f"{_API}apikeys/current-balance":
                return "balance", self._balance
            case "PUT", path if path.startswith("/upload/"):
                return "upload", self._upload
            case (("GET" | "HEAD"), path) if path.startswith("/files/"):
                return "file", self._file
            case "DELETE", path if path.startswith("/files/"):
                return "delete", self._delete
            case "GET", "/practice/tasks":
                return "other", self._dashboard
            case _:
                return "other", self._nothing

    def _guarded(self, request: Request, answer: Callable[[Request], Reply]) -> Reply:
        try:
            _check_host(request)
            if request.path.startswith((_API, "/practice/")):
                self._check_key(request)
                self._check_rate()
            return answer(request)
        except _RefusalError as error:
            return _refused(error.status, str(error), retry_after_s=error.retry_after_s)
        except BodyError as error:
            return _refused(error.status, str(error))

    def _check_key(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise _RefusalError(401, "The API key is missing.")
        if key != KEY:
            raise _RefusalError(
                401, "The API key is wrong; the practice service knows only its own."
            )

    def _check_rate(self) -> None:
        now = self._clock.monotonic()
        with self._lock:
            began, number = self._minute
            if now - began >= _MINUTE_S:
                began, number = now, 0
            self._minute = (began, number + 1)
            left_s = int(_MINUTE_S - (now - began)) + 1
        if number >= self._limits.requests_a_minute:
            raise _RefusalError(429, "Too many requests in this minute.", retry_after_s=left_s)

    def _submit(self, request: Request) -> Reply:
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise _RefusalError(400, "The body must be application/json.")
        body = request.read(_BODY_LIMIT_BYTES)
        try:
            order = read_order(body)
        except OrderError as error:
            raise _RefusalError(400, f"Bad parameters: {error}.") from error
        self._obey(order, body)
        task = self._board.add(
            order, now_ms=self._maker.now_ms(), most_unfinished=self._limits.tasks_at_once
        )
        if task is None:
            raise _RefusalError(429, "Too many tasks are under way.", retry_after_s=1)
        self.counts.add("accepted")
        reply = _json(envelope({"taskId": task.task_id}), unsent=order.wishes.lost)
        self._maker.accept(task)
        return reply

    def _obey(self, order: Order, body: bytes) -> None:
        """Refuse where the prompt asks for it."""
        wishes = order.wishes
        if wishes.refuse_status:
            raise _RefusalError(wishes.refuse_status, wishes.refuse_message)
        if wishes.busy_times:
            digest = hashlib.sha256(body).hexdigest()
            with self._lock:
                self._busy[digest] += 1
                busy = self._busy[digest] <= wishes.busy_times
                if not busy:
                    del self._busy[digest]
            if busy:
                raise _RefusalError(429, "Busy, as the prompt asks.", retry_after_s=1)

    def _status(self, request: Request) -> Reply:
        task = self._board.get(request.query.get("taskId", ""))
        if task is None:
            raise _RefusalError(404, "There is no such task.")
        say = tell_oddly if task.order.wishes.odd else tell
        return _json(envelope(say(task, origin=self.origin, now_ms=self._maker.now_ms())))

    def _balance(self, request: Request) -> Reply:
        return _json(envelope(BALANCE_DOLLARS))

    def _dashboard(self, request: Request) -> Reply:
        """Stands in for the web page on which a lost task id can be looked up."""
        return _json(envelope([self._row(task) for task in self._board.all()]))

    def _row(self, task: PracticeTask) -> dict[str, object]:
        order = task.order
        return {
            **tell(task, origin=self.origin, now_ms=self._maker.now_ms()),
            "type": order.type,
            "resolution": order.resolution,
            "prompt": order.prompt,
            "seed": order.seed,
            "image_url": order.image_url,
            "video_url": order.video_url,
            "callback_url": order.callback_url,
        }

    def _upload(self, request: Request) -> Reply:
        name = request.path.removeprefix("/upload/")
        if not request.size_bytes:
            raise _RefusalError(400 if request.sized else 411, "An upload needs a length above 0.")

        try:
            self._store.write(name, lambda part: _save(request, part))
        except ValueError as error:
            raise _RefusalError(400, "The name is not a plain one with an extension.") from error
        self.counts.add("upload_bytes", request.size_bytes)
        return _json({"url": f"{self.origin}/files/{name}"})

    def _file(self, request: Request) -> Reply:
        name = request.path.removeprefix("/files/")
        path = self._store.find(name)
        task = self._board.get(PurePosixPath(name).stem)
        wishes = task.order.wishes if task and task.state == SUCCESS else None
        if path is None or (wishes and wishes.gone):
            return Reply(status=404, media_type="text/plain", body=b"There is no such file.\n")
        reply = file_reply(request, FilePart(path, 0, path.stat().st_size))
        self.counts.add("file_bytes", reply.size_bytes)
        if wishes and wishes.cut and task and not task.served and request.method == "GET":
            task.served = True
            return Reply(
                reply.status,
                reply.body,
                reply.headers,
                reply.media_type,
                cut_after=reply.size_bytes // 2,
            )
        return reply

    def _delete(self, request: Request) -> Reply:
        if not self._store.delete(request.path.removeprefix("/files/")):
            raise _RefusalError(404, "There is no such file.")
        return Reply(status=204, media_type="")

    def _nothing(self, request: Request) -> Reply:
        raise _RefusalError(404, "There is no such address or model.")


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


def _check_host(request: Request) -> None:
    """Refuse a web page that had a name of its own point to this machine."""
    if request.headers.get("host", "").rpartition(":")[0] not in _HOSTS:
        raise _RefusalError(403, "This service answers to 127.0.0.1 only.")


def _save(request: Request, part: Path) -> None:
    with part.open("wb") as file:
        request.save(file, _UPLOAD_LIMIT_BYTES)


def _json(value: object, *, unsent: bool = False) -> Reply:
    return Reply(body=json.dumps(value).encode(), unsent=unsent)


def _refused(status: int, message: str, *, retry_after_s: int | None = None) -> Reply:
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    body = json.dumps(envelope(code=status, message=message)).encode()
    return Reply(status=status, body=body, headers=headers)
