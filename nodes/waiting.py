"""Waiting in a node: it shows what is known, feels Cancel, and may leave while the task goes on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ..utils.errors import LedgerError, Stopped
from ..utils.tasks.watch import Outcome, Watch, timed_out
from . import _host as host
from .session import service
from .status import describe, span
from .workers import Workers

if TYPE_CHECKING:  # the service is loaded on first use
    from ..utils.ledger.rows import TaskRow
    from ..utils.tasks.parts import Hosted
    from ..utils.tasks.sharing import Share

LOOK_S = 0.1
"""How often a node looks at the interrupt; docs/comfyui.md asks for twice a second."""
TEXT_S = 0.5

Result = TypeVar("Result")


class _Face:
    """The line and the bar of one node, sent only when they change."""

    def __init__(self, node_id: str) -> None:
        self._node_id = node_id
        self._bar: host.ProgressBar | None = None
        self._text = ""
        self._shown_at = 0.0

    def say(self, text: str) -> None:
        """Show a line, at most twice a second."""
        now = time.monotonic()
        if text == self._text or now - self._shown_at < TEXT_S:
            return
        self._text, self._shown_at = text, now
        host.show_text(text, self._node_id)

    def fill(self, done: int | None, total: int | None) -> None:
        """Move the bar, where the length is known."""
        if done is None or not total:
            return
        if self._bar is None:
            self._bar = host.ProgressBar(self._node_id)
        self._bar.show(done, total)


async def watch(task: Watch, *, limit_minutes: float) -> Outcome:
    """Wait for a task's file.

    Raises:
        TaskTimeoutError: The wait limit is over; the task goes on.
        WanAnimateError: What the task ended with.
        BaseException: The host's own interruption, after the user pressed Cancel.
    """
    await _until(task, lambda: task.done, limit_minutes=limit_minutes)
    return task.outcome()


async def watch_acceptance(task: Watch, *, limit_minutes: float) -> TaskRow:
    """Wait until the service has accepted a task, and leave it to itself.

    Raises:
        As `watch`.
    """
    await _until(
        task, lambda: task.done or task.accepted() is not None, limit_minutes=limit_minutes
    )
    return task.accepted() or task.outcome().row


async def watch_share(share: Share) -> Hosted:
    """Wait until a medium lies at an address.

    Raises:
        WanAnimateError: Why it lies nowhere.
        BaseException: The host's own interruption, after the user pressed Cancel.
    """
    await _until(share, lambda: share.done)
    return share.hosted()


async def _until(
    task: Watch | Share, over: Callable[[], bool], *, limit_minutes: float | None = None
) -> None:
    face = _Face(host.current_node_id())
    began = time.monotonic()
    usually: str | None = None
    finished = False
    try:
        while not over():
            if host.is_interrupted():
                raise host.interruption()
            waited_s = time.monotonic() - began
            if isinstance(task, Watch) and limit_minutes and waited_s > limit_minutes * 60:
                raise timed_out(task, waited_minutes=limit_minutes)
            progress = task.progress
            if usually is None and progress.phase == "waiting" and not task.done:
                usually = _usually(task)
            face.say(describe(progress, now=time.time(), usually=usually or ""))
            face.fill(progress.done, progress.total)
            await asyncio.sleep(LOOK_S)
        finished = True
    finally:
        if not finished and isinstance(task, Watch) and not task.done and task.goes_on:
            _say_goes_on(task)
        task.leave()


def _say_goes_on(task: Watch) -> None:
    """Tell the page that the node leaves a task that goes on, and may cost, without it."""
    row = task.accepted()
    known = {"task_id": row.task_id, "practice": row.practice} if row is not None else {}
    host.tell_page("apixo.left", {"node": host.current_node_id()} | known)


def _usually(task: Watch | Share) -> str:
    """How long such tasks took here before, in words; "" where too few are known."""
    row = task.accepted() if isinstance(task, Watch) else None
    if row is None or row.billable_s is None:
        return ""
    try:
        spending = service().spending
        found = spending.usual_s(row.kind, resolution=row.resolution, billable_s=row.billable_s)
    except (LedgerError, Stopped):  # only a word; the task goes on
        return ""
    return span(*found) if found else ""


async def in_thread(
    work: Callable[[threading.Event, Callable[[int, int | None], None]], Result],
    *,
    phase: str,
    workers: Workers,
) -> Result:
    """Run heavy work in a thread of ours, with its progress on the node and Cancel felt.

    Args:
        work: Takes a stop event and a progress function; ends with `Stopped` when told to.
        phase: The word under the node.
        workers: Whose thread it is.
    """
    stop = threading.Event()
    seen: list[tuple[int, int | None]] = [(0, None)]

    def progress(done: int, total: int | None) -> None:
        seen[0] = (done, total)

    face = _Face(host.current_node_id())
    future = workers.submit(work, stop, progress)
    try:
        while not future.done():
            if host.is_interrupted():
                raise host.interruption()
            done, total = seen[0]
            share = f" {min(100, 100 * done // total)} %" if total else ""
            face.say(f"{phase}{share}")
            face.fill(done, total)
            await asyncio.sleep(LOOK_S / 2)
        return future.result()
    except Stopped as error:
        raise host.interruption() from error
    finally:
        stop.set()
