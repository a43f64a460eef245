"""The way of one task through the practice service: fetch, check, make, tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from ..clock import Clock
from ..errors import MediaError, Stopped, TransportError
from ..media.opencv import opencv
from .board import FAILED, Board, PracticeTask, envelope, tell
from .fetch import fetch, post_callback
from .jobs import Jobs
from .store import FileStore

CALLBACK_TRIES = 3
CALLBACK_RETRY_S = 30.0
_PICTURE_LIMIT_BYTES = 10_000_000
_CLIP_LIMIT_BYTES = 500_000_000


class _FailureError(Exception):
    """The task fails, with a fail code of the service."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Maker:
    """Takes accepted tasks to their end."""

    def __init__(
        self, board: Board, store: FileStore, *, jobs: Jobs, clock: Clock, origin: Callable[[], str]
    ) -> None:
        self._board = board
        self._store = store
        self._jobs = jobs
        self._clock = clock
        self._origin = origin

    def accept(self, task: PracticeTask) -> None:
        """Begin on a task when a thread is free."""
        self._jobs.add(lambda: self._make(task))

    def _make(self, task: PracticeTask) -> None:
        """Make the result at once; tell of it when the time has come."""
        self._board.begin(task)
        began = self._clock.monotonic()
        result, failure = "", None
        try:
            result = self._result(task)
        except _FailureError as error:
            failure = error
        except Stopped:
            return
        left_s = task.order.wishes.slow_s - (self._clock.monotonic() - began)
        if left_s > 0:
            self._jobs.add(lambda: self._finish(task, result, failure), delay_s=left_s)
        else:
            self._finish(task, result, failure)

    def _result(self, task: PracticeTask) -> str:
        """Name of the file that answers the task."""
        wishes = task.order.wishes
        if wishes.fail_code:
            raise _FailureError(wishes.fail_code, wishes.fail_message)
        name = f"{task.task_id}.mp4"
        self._store.hold(name)
        picture, clip = (
            self._copy(task, task.order.image_url),
            self._copy(task, task.order.video_url),
        )
        try:
            self._fetch(task.order.image_url, picture, code="IMAGE")
            self._fetch(task.order.video_url, clip, code="VIDEO")
            self._store.write(name, lambda part: self._render(task, (picture, clip), part))
        finally:
            picture.unlink(missing_ok=True)
            clip.unlink(missing_ok=True)
        return name

    def _copy(self, task: PracticeTask, url: str) -> Path:
        extension = PurePosixPath(urlsplit(url).path).suffix.lower()
        return self._store.path(f"{task.task_id}-in{extension}")

    def _fetch(self, url: str, target: Path, *, code: str) -> None:
        limit_bytes = _PICTURE_LIMIT_BYTES if code == "IMAGE" else _CLIP_LIMIT_BYTES
        try:
            fetch(url, target, limit_bytes=limit_bytes, stop=self._jobs.stopping)
        except TransportError as error:
            large = target.exists() and target.stat().st_size >= limit_bytes
            reason = "TOO_LARGE" if large else "DOWNLOAD_FAILED"
            raise _FailureError(f"{code}_{reason}", str(error)) from error

    def _render(self, task: PracticeTask, media: tuple[Path, Path], target: Path) -> None:
        try:
            opencv()  # a missing system library is a failed task with a sentence
            from .render import RenderError, render
        except MediaError as error:
            raise _FailureError("GENERATION_FAILED", str(error)) from error
        try:
            render(
                media,
                target,
                alone=task.order.type == "animate",
                resolution=task.order.resolution,
                sound=not task.order.wishes.silent,
                stop=self._jobs.stopping,
            )
        except RenderError as error:
            raise _FailureError(error.code, str(error)) from error
        except MediaError as error:
            raise _FailureError("GENERATION_FAILED", str(error)) from error

    def _finish(self, task: PracticeTask, result: str, failure: _FailureError | None) -> None:
        now_ms = self.now_ms()
        if failure:
            self._board.fail(task, failure.code, str(failure), now_ms=now_ms)
        else:
            self._board.succeed(task, result, now_ms=now_ms)
            self._store.release(result)
        if task.order.callback_url:
            self._call_back(task, CALLBACK_TRIES)

    def _call_back(self, task: PracticeTask, tries: int) -> None:
        data = tell(task, origin=self._origin(), now_ms=self.now_ms())
        message = "failed" if task.state == FAILED else "success"
        if post_callback(task.order.callback_url, envelope(data, message=message)) or tries <= 1:
            return
        self._jobs.add(lambda: self._call_back(task, tries - 1), delay_s=CALLBACK_RETRY_S)

    def now_ms(self) -> int:
        """Wall time in Unix milliseconds."""
        return round(self._clock.now() * 1000)
