"""Asking how far tasks are: seldom enough for the service, soon enough for the user."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..addresses import is_plain
from ..apixo.failures import advice
from ..apixo.replies import Failure, Phase, TaskStatus
from ..errors import (
    AuthError,
    LedgerError,
    RateLimitError,
    RejectedError,
    SettingsError,
    TaskError,
    TaskFailedError,
    WanAnimateError,
)
from ..ledger.ledger import RowGoneError
from ..ledger.rows import TaskRow
from ..ledger.states import State
from ..unexpected import as_ours, report
from .agenda import Entry
from .desk import Desk
from .elapsed import Elapsed
from .job import Job
from .rhythm import MISSING_TOLERATED_S, Rhythm, is_traceless

KEY_WAIT_S = 60.0
"""So often a key that was refused is tried again."""

_LEAST_MISSED = 3
"""A clock that jumps must not end a task: so many answers in a row must have said 404."""


@dataclass
class _Asked:
    """One task that is asked about."""

    job: Job
    rhythm: Rhythm
    entry: Entry | None = None
    missed: int = 0
    missing: Elapsed | None = None
    busy: bool = False


class Poller:
    """Asks about every accepted task until it has succeeded or failed.

    Args:
        desk: The tools.
        succeeded: Called with a job whose task has succeeded.
    """

    def __init__(self, desk: Desk, *, succeeded: Callable[[Job], None]) -> None:
        self._desk = desk
        self._succeeded = succeeded
        self._asked: dict[int, _Asked] = {}
        self._lock = threading.Lock()
        self._quiet_until = 0.0

    def add(self, job: Job) -> None:
        """Ask about a job's task from now on."""
        row = job.row
        job.show("waiting", started_at=row.submitted_at or self._desk.clock.now())
        asked = _Asked(job, Rhythm(slower=bool(row.token_digest)))
        self._asked[row.id] = asked
        self._later(asked, asked.rhythm.next_s(self._age_s(job)))

    def poke(self, row_id: int) -> bool:
        """Ask now; whether the row is asked about here."""
        asked = self._asked.get(row_id)
        if asked is None:
            return False
        self._later(asked, 0.0)
        return True

    def drop(self, row_id: int) -> None:
        """Ask no more."""
        asked = self._asked.pop(row_id, None)
        if asked is not None and asked.entry is not None:
            asked.entry.cancel()

    def poke_all(self) -> None:
        """Ask about every task now, since a setting has changed."""
        for row_id in list(self._asked):
            self.poke(row_id)

    def _age_s(self, job: Job) -> float:
        return self._desk.clock.now() - (job.row.submitted_at or job.row.created_at)

    def _later(self, asked: _Asked, delay_s: float) -> None:
        with self._lock:
            if asked.entry is not None:
                asked.entry.cancel()
            asked.entry = self._desk.agenda.after(delay_s, lambda: self._due(asked))

    def _due(self, asked: _Asked) -> None:
        """Take a request out of the budget, and wait for it where the budget is empty."""
        with self._lock:
            if asked.busy or self._asked.get(asked.job.row.id) is not asked:
                return
            asked.busy = True
        quiet_s = self._quiet_until - self._desk.clock.monotonic()
        wait_s = max(quiet_s, self._desk.budget.reserve_s())
        if wait_s > 0:
            self._desk.agenda.after(wait_s, lambda: self._put(asked))
        else:
            self._put(asked)

    def _put(self, asked: _Asked) -> None:
        self._desk.pool.put("poll", lambda: self._run(asked))

    def _run(self, asked: _Asked) -> None:
        job = asked.job
        delay_s = asked.rhythm.next_s(self._age_s(job))
        try:
            ended, least_s = self._ask(asked)
            delay_s = max(delay_s, least_s)
        except RowGoneError as error:
            ended = self._end(job, error)
        except Exception as error:  # noqa: BLE001 - a task that is paid for is asked about again
            ended = self._trouble(job, as_ours(error, task_id=job.row.task_id))
        if ended:
            self._asked.pop(job.row.id, None)
        if self._asked.get(job.row.id) is not asked:
            return
        asked.busy = False
        self._later(asked, delay_s)

    def _ask(self, asked: _Asked) -> tuple[bool, float]:
        """Ask once; whether the asking is over, and how long to be quiet at least."""
        job, remotes = asked.job, self._desk.remotes
        try:
            client = remotes.client(job.row)
        except SettingsError as error:
            return self._trouble(job, error), KEY_WAIT_S
        try:
            status = client.status(job.row.task_id)
        except RejectedError as error:
            if error.status != 404:
                return self._trouble(job, error), 0.0
            remotes.check_key(job.row, client)
            return self._missed(asked), 0.0
        except AuthError as error:
            return self._trouble(job, error), KEY_WAIT_S
        except RateLimitError as error:
            # What the service asks of one question holds for all of them.
            asked_s = error.retry_after_s or 0.0
            until = self._desk.clock.monotonic() + asked_s
            self._quiet_until = max(self._quiet_until, until)
            return self._trouble(job, error), asked_s
        return self._answered(asked, status), 0.0

    def _answered(self, asked: _Asked, status: TaskStatus) -> bool:
        """Act on an answer; whether the asking is over."""
        job, ledger = asked.job, self._desk.ledger
        asked.missed, asked.missing = 0, None
        job.show("waiting", note=_strange_state(status))
        known: dict[str, Any] = {
            "create_ms": status.create_time_ms,
            "complete_ms": status.complete_time_ms,
            "cost_ms": status.cost_time_ms,
            "missing_at": None,
        }
        if status.phase is Phase.SUCCEEDED:
            job.result_urls = status.result_urls
            known["result_urls"] = plain_only(status.result_urls)
            job.update(ledger.step(job.row.id, State.SUCCEEDED, **known))
            self._succeeded(job)
            return True
        if status.phase is Phase.FAILED:
            return self._failed(job, status, known)
        if status.phase is Phase.RUNNING and job.row.state is State.SUBMITTED:
            job.update(ledger.step(job.row.id, State.RUNNING, **known))
        elif job.row.missing_at is not None:
            job.update(ledger.note(job.row.id, missing_at=None))
        return False

    def _failed(self, job: Job, status: TaskStatus, known: dict[str, Any]) -> bool:
        failure = status.failure or Failure("", "")
        changes = {"fail_code": failure.code, "fail_message": failure.message}
        row = self._desk.ledger.step(job.row.id, State.FAILED, **changes, **known)
        job.update(row)
        return self._end(job, task_failed(row))

    def _missed(self, asked: _Asked) -> bool:
        """The service knows no such task: tolerated at first, given up after a day."""
        job = asked.job
        asked.missed += 1
        if asked.missing is None:
            since = job.row.missing_at
            clock = self._desk.clock
            asked.missing = Elapsed(clock, clock.now() if since is None else since)
        missing_s = asked.missing.seconds()
        if job.row.missing_at != asked.missing.since:
            job.update(self._desk.ledger.note(job.row.id, missing_at=asked.missing.since))
        if missing_s < MISSING_TOLERATED_S or asked.missed < _LEAST_MISSED:
            return False
        if is_only_typed(job.row):
            self._desk.ledger.forget(job.row.id, force=True)
            return self._end(job, _no_such_task(job.row))
        if is_traceless(missing_s=missing_s, age_s=max(missing_s, self._age_s(job))):
            message = "The service has known nothing of this task for 24 hours."
            row = self._desk.ledger.step(job.row.id, State.FAILED, fail_message=message)
            job.update(row)
            return self._end(job, task_failed(row))
        job.show("waiting", note="APIXO does not know this task at the moment; still asking")
        return False

    def _trouble(self, job: Job, error: WanAnimateError) -> bool:
        """What never ends a task: it is asked about again."""
        if isinstance(error, AuthError):
            note = f"APIXO refuses the key ({error.status}); waiting for one that works"
        elif isinstance(error, SettingsError):
            note = f"waiting for a setting: {error}"
        elif isinstance(error, LedgerError):
            note = "the ledger cannot be written; trying again"
            report(error)
        else:
            note = "no usable answer at the moment; still asking"
        job.show("waiting", note=note)
        return False

    def _end(self, job: Job, error: WanAnimateError) -> bool:
        job.fail(error)
        self._desk.done(job)
        return True


def _strange_state(status: TaskStatus) -> str:
    """What a node says of a state that is not known; "" for one that is."""
    if not status.is_strange:
        return ""
    return f"APIXO says “{status.raw_state}”, a state that is not known here; still asking"


def plain_only(urls: tuple[str, ...]) -> tuple[str, ...]:
    """Links that carry no signature and may be written down."""
    return tuple(url for url in urls if is_plain(url))


def is_only_typed(row: TaskRow) -> bool:
    """Whether nothing but a typed id speaks for the task."""
    return row.sending_at is None and row.create_ms is None and row.state is State.SUBMITTED


def _no_such_task(row: TaskRow) -> TaskError:
    return TaskError(
        f"APIXO knows no task {row.task_id} for this key. "
        "Compare the id with the one in APIXO's dashboard, and the key with the one it was "
        "submitted with.",
        task_id=row.task_id,
    )


def task_failed(row: TaskRow) -> TaskFailedError:
    """What the nodes of a failed row say."""
    named = f"Task {row.task_id}" if row.task_id else f"The task of row {row.id}"
    reason = ": ".join(part for part in (row.fail_code, row.fail_message) if part)
    return TaskFailedError(
        f"{named} failed ({reason or 'no reason was given'}). {advice(row.fail_code)}",
        task_id=row.task_id,
    )
