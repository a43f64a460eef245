"""What a node holds of its task: it sees how far it is, waits, and may leave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import Stopped, TaskTimeoutError, WanAnimateError
from ..ledger.rows import TaskRow


@dataclass(frozen=True)
class Progress:
    """How far a task is, as far as it is known.

    Attributes:
        phase: checking, encoding, uploading, submitting, waiting, downloading or done.
        done: How much of `total` is done, or None where nobody knows.
        total: How much there is in all, or None where nobody knows.
        unit: "frames", "bytes" or "".
        started_at: When this phase began, Unix seconds; for waiting, when it was accepted.
        note: A sentence about what holds it up, or "".
    """

    phase: str
    started_at: float
    done: int | None = None
    total: int | None = None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """A result that lies in the output folder.

    Attributes:
        row: The task as the ledger knows it.
        file: The result's file.
        reused: The request was finished before; nothing was submitted.
        result_url: Where the service offered it; "" when that is no longer known.
        warnings: Sentences for the user.
    """

    row: TaskRow
    file: Path
    reused: bool = False
    result_url: str = ""
    warnings: tuple[str, ...] = ()


def again(error: WanAnimateError) -> WanAnimateError:
    """A twin of an error, so that two threads that raise it do not share a traceback."""
    twin = error.__class__.__new__(error.__class__)
    twin.args = error.args
    twin.__dict__.update(error.__dict__)
    return twin


class Watch:
    """One onlooker of a task. The service fills it; every method may be called anywhere.

    Args:
        progress: What is known before the task has a row.
    """

    def __init__(self, progress: Progress) -> None:
        self._lock = threading.Lock()
        self._accepted = threading.Event()
        self._done = threading.Event()
        self._left = threading.Event()
        self._row: TaskRow | None = None
        self._outcome: Outcome | None = None
        self._error: WanAnimateError | None = None
        self._read: Callable[[], Progress] = lambda: progress
        self._leave: Callable[[], None] | None = None
        self._goes_on: Callable[[], bool] = lambda: False

    @property
    def progress(self) -> Progress:
        """How far the task is; cheap enough to be read many times a second."""
        return self._read()

    @property
    def goes_on(self) -> bool:
        """Whether the task goes on when this onlooker leaves."""
        return self._goes_on()

    @property
    def done(self) -> bool:
        """Whether `outcome` has an answer."""
        return self._done.is_set()

    @property
    def left(self) -> bool:
        """Whether the onlooker has gone."""
        return self._left.is_set()

    @property
    def gone(self) -> threading.Event:
        """Set when the onlooker has gone; for work that shall stop then."""
        return self._left

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the task, or until the time is over; True when it ended."""
        return self._done.wait(timeout_s)

    def accepted(self) -> TaskRow | None:
        """The row once the service has given its task an id; None before.

        Raises:
            WanAnimateError: It ended without being accepted.
        """
        if not self._accepted.is_set():
            return None
        if self._row is None and self._error is not None:
            raise again(self._error) from self._error
        return self._row

    def outcome(self) -> Outcome:
        """The result, once `done`.

        Raises:
            WanAnimateError: What became of the task instead.
            Stopped: It is not done, or this onlooker has left.
        """
        if self._error is not None:
            raise again(self._error) from self._error
        if self._outcome is None:
            raise Stopped("The waiting stopped before the task ended. Run again to pick it up.")
        return self._outcome

    def leave(self) -> None:
        """Look no more: what is not yet submitted stops when nobody else wants it."""
        with self._lock:
            if self._left.is_set():
                return
            self._left.set()
            leave = self._leave
        if leave is not None and not self._done.is_set():
            leave()

    def attach(
        self,
        *,
        progress: Callable[[], Progress],
        leave: Callable[[], None],
        goes_on: Callable[[], bool],
    ) -> bool:
        """Bind the onlooker to a task; False when it has already gone.

        Args:
            progress: How far the task is.
            leave: Called when the onlooker goes.
            goes_on: Whether the task would go on then.
        """
        with self._lock:
            if self._left.is_set():
                return False
            self._goes_on = goes_on
            self._read = progress
            self._leave = leave
            return True

    def accept(self, row: TaskRow) -> None:
        """Say that the service has given the task an id."""
        if not self._done.is_set():
            self._row = row
            self._accepted.set()

    def finish(self, outcome: Outcome) -> None:
        """Give the result."""
        with self._lock:
            if self._done.is_set():
                return
            self._outcome = outcome
            self._row = outcome.row
            self._done.set()
            self._accepted.set()

    def fail(self, error: WanAnimateError) -> None:
        """Say what became of the task instead of a result."""
        with self._lock:
            if self._done.is_set():
                return
            self._error = error
            self._done.set()
            self._accepted.set()


def shutting_down() -> Stopped:
    """What nodes are told when the process lets go, or has done so."""
    return Stopped("ComfyUI is shutting down. Run again once it has restarted.")


def timed_out(watch: Watch, *, waited_minutes: float) -> TaskTimeoutError:
    """The error of a node that has watched as long as it may.

    Args:
        watch: The onlooker, which then leaves.
        waited_minutes: How long it has watched.
    """
    row = watch.accepted() if not watch.done else None
    task_id = row.task_id if row else ""
    if not task_id and not watch.goes_on:
        progress = watch.progress
        held_up = f" ({progress.note})" if progress.note else ""
        return TaskTimeoutError(
            f"The task was not submitted within {waited_minutes:g} minutes: it is still "
            f"{progress.phase}{held_up}. Run again, or raise APIXO_WAN_WAIT_MINUTES."
        )
    named = f"Task {task_id}" if task_id else "The task"
    return TaskTimeoutError(
        f"{named} is not finished after {waited_minutes:g} minutes of watching. It goes on, and "
        "its result is fetched into the output folder; run again to pick it up, or raise "
        "APIXO_WAN_WAIT_MINUTES.",
        task_id=task_id,
    )
