"""The way of one task through the practice service: fetch, check, make, tell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from ..clock import Clock
from ..errors import MediaError, Stopped, TransportError
from ..media.opencv import opencv
from .board import FAILED, Board, PracticeTask, envelope, tell
from .fetch import Outside
from .jobs import Jobs
from .store import FileStore

# Up to three repeats, the first after 30 s (docs/service.md, "Callback", read 2026-11-23).
CALLBACK_DELAYS_S = (30.0, 60.0, 120.0)
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
        self._outside = Outside(clock)

    def accept(self, task: PracticeTask) -> None:
        """Begin on a task when a thread is free."""
        self._jobs.add(lambda: self._make(task))

    def _make(self, task: PracticeTask) -> None:
        """Make the result at once; tell of it when the time has come."""
        self._board.begin(task)
        self._store.hold(*_names(task))
        failure = None
        try:
            self._make_result(task)
        except _FailureError as error:
            failure = error
        except Stopped:
            return
        except Exception as error:  # noqa: BLE001 - the top of a thread; a task must end
            failure = _FailureError("GENERATION_FAILED", f"{type(error).__name__}: {error}")
        left_s = task.create_time_ms / 1000 + task.order.wishes.slow_s - self._clock.now()
        if left_s > 0:
            self._jobs.add(lambda: self._finish(task, failure), delay_s=left_s)
        else:
            self._finish(task, failure)

    def _make_result(self, task: PracticeTask) -> None:
        """Write the file that answers the task."""
        wishes = task.order.wishes
        if wishes.fail_code:
            raise _FailureError(wishes.fail_code, wishes.fail_message)
        result, *copies = _names(task)
        picture, clip = (self._store.path(name) for name in copies)
        media = picture, clip
        try:
            self._fetch(task.order.image_url, picture, kind="IMAGE")
            self._fetch(task.order.video_url, clip, kind="VIDEO")
            self._store.write(result, lambda part: self._render(task, media, part))
        finally:
            picture.unlink(missing_ok=True)
            clip.unlink(missing_ok=True)

    def _fetch(self, url: str, target: Path, *, kind: str) -> None:
        try:
            size_bytes = self._outside.fetch(
                url, target, limit_bytes=_CLIP_LIMIT_BYTES, stop=self._jobs.stopping
            )
        except TransportError as error:
            raise _FailureError(f"{kind}_DOWNLOAD_FAILED", str(error)) from error
        if kind == "IMAGE" and size_bytes >= _PICTURE_LIMIT_BYTES:
            message = f"The picture has {size_bytes} bytes; it must be under 10 MB."
            raise _FailureError("IMAGE_TOO_LARGE", message)

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

    def _finish(self, task: PracticeTask, failure: _FailureError | None) -> None:
        now_ms, names = self.now_ms(), _names(task)
        if failure:
            self._board.fail(task, failure.code, str(failure), now_ms=now_ms)
        else:
            self._board.succeed(task, names[0], now_ms=now_ms)
        self._store.release(*names)
        if task.order.callback_url:
            self._call_back(task, CALLBACK_DELAYS_S)

    def _call_back(self, task: PracticeTask, delays_s: tuple[float, ...]) -> None:
        data = tell(task, origin=self._origin(), now_ms=self.now_ms())
        message = "failed" if task.state == FAILED else "success"
        heard = self._outside.call_back(task.order.callback_url, envelope(data, message=message))
        if not heard and delays_s:
            again = delays_s[1:]
            self._jobs.add(lambda: self._call_back(task, again), delay_s=delays_s[0])

    def now_ms(self) -> int:
        """Wall time in Unix milliseconds."""
        return round(self._clock.now() * 1000)


def _names(task: PracticeTask) -> tuple[str, str, str]:
    """Names of its files: the result, and its copies of the picture and the clip."""
    urls = task.order.image_url, task.order.video_url
    picture, clip = (PurePosixPath(urlsplit(url).path).suffix.lower() for url in urls)
    return f"{task.task_id}.mp4", f"{task.task_id}-in{picture}", f"{task.task_id}-in{clip}"
