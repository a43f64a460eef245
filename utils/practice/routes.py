"""What the practice service answers to each request."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable

from ..clock import Clock
from .board import Board, PracticeTask, envelope, tell, tell_oddly
from .faults import Faults
from .files import FileRoutes
from .gate import Counts, Gate, Limits, RefusalError, json_reply, refused
from .making import Maker
from .orders import Order, OrderError, read_order
from .store import FileStore
from .wire import BodyError, Reply, Request

BALANCE_DOLLARS = 100.0
_API = "/api/v1/"
_MODEL = "wan-2-2-animate"
_BODY_LIMIT_BYTES = 256 * 1024


class Routes:
    """Answers requests; called from several threads at once."""

    def __init__(
        self, board: Board, store: FileStore, *, maker: Maker, limits: Limits, clock: Clock
    ) -> None:
        self.counts = Counts()
        self.faults: Faults | None = None
        self.origin = ""
        self._board = board
        self._maker = maker
        self._limits = limits
        self._gate = Gate(limits, clock)
        self._files = FileRoutes(store, board, counts=self.counts, origin=lambda: self.origin)
        self._busy: Counter[str] = Counter()
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
                return "upload", self._files.upload
            case (("GET" | "HEAD"), path) if path.startswith("/files/"):
                return "file", self._files.file
            case "DELETE", path if path.startswith("/files/"):
                return "delete", self._files.delete
            case "GET", "/practice/tasks":
                return "other", self._dashboard
            case _:
                return "other", self._nothing

    def _guarded(self, request: Request, answer: Callable[[Request], Reply]) -> Reply:
        try:
            self._gate.check_host(request)
            if request.path.startswith((_API, "/practice/")):
                self._gate.check_key(request)
                self._gate.check_rate()
            return answer(request)
        except RefusalError as error:
            return refused(error.status, str(error), retry_after_s=error.retry_after_s)
        except BodyError as error:
            return refused(error.status, str(error))

    def _submit(self, request: Request) -> Reply:
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise RefusalError(400, "The body must be application/json.")
        body = request.read(_BODY_LIMIT_BYTES)
        try:
            order = read_order(body)
        except OrderError as error:
            raise RefusalError(400, f"Bad parameters: {error}.") from error
        self._obey(order, body)
        task = self._board.add(
            order, now_ms=self._maker.now_ms(), most_unfinished=self._limits.tasks_at_once
        )
        if task is None:
            raise RefusalError(429, "Too many tasks are under way.", retry_after_s=1)
        self.counts.add("accepted")
        reply = json_reply(envelope({"taskId": task.task_id}), unsent=order.wishes.lost)
        self._maker.accept(task)
        return reply

    def _obey(self, order: Order, body: bytes) -> None:
        """Refuse where the prompt asks for it."""
        wishes = order.wishes
        if wishes.refuse_status:
            raise RefusalError(wishes.refuse_status, wishes.refuse_message)
        if wishes.busy_times:
            digest = hashlib.sha256(body).hexdigest()
            with self._lock:
                self._busy[digest] += 1
                busy = self._busy[digest] <= wishes.busy_times
                if not busy:
                    del self._busy[digest]
            if busy:
                raise RefusalError(429, "Busy, as the prompt asks.", retry_after_s=1)

    def _status(self, request: Request) -> Reply:
        task = self._board.get(request.query.get("taskId", ""))
        if task is None:
            raise RefusalError(404, "There is no such task.")
        say = tell_oddly if task.order.wishes.odd else tell
        return json_reply(envelope(say(task, origin=self.origin, now_ms=self._maker.now_ms())))

    def _balance(self, request: Request) -> Reply:
        return json_reply(envelope(BALANCE_DOLLARS))

    def _dashboard(self, request: Request) -> Reply:
        """Stands in for the web page on which a lost task id can be looked up."""
        return json_reply(envelope([self._row(task) for task in self._board.all()]))

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

    def _nothing(self, request: Request) -> Reply:
        raise RefusalError(404, "There is no such address or model.")
