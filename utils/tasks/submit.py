"""The submit: at most once, with the ledger written before and after."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from ..apixo.client import ApixoClient
from ..apixo.request import Submission
from ..clock import growing
from ..errors import (
    AuthError,
    CreditError,
    InputError,
    LedgerError,
    NotSentError,
    ProtocolError,
    RateLimitError,
    RejectedError,
    TaskUnknownError,
    WanAnimateError,
)
from ..ledger.ledger import RowGoneError, TaskTakenError
from ..ledger.rows import TaskRow
from ..ledger.states import State
from ..unexpected import as_ours, report
from .desk import Desk
from .job import Job

RATE_LIMITED_S = 30 * 60.0
"""So long a submit that is refused with 429 is tried again; a slot may free up any minute."""

NOT_SENT_S = 180.0
"""So long a service that cannot be reached is tried again."""

_WRITE_AGAIN_S = 5.0


@dataclass
class _Patience:
    """How long one job has been trying."""

    began: float
    delays: Iterator[float] = field(
        default_factory=lambda: growing(2.0, factor=2.0, cap_s=60.0, spread=0.2)
    )


def unknown_fate(row: TaskRow) -> TaskUnknownError:
    """What the node of an `unknown` row says."""
    known = _first_sentence(row.note) or "No answer to its submit has arrived"
    adopt = f"tasks panel, or “cli.py tasks adopt {row.id} {row.candidate or 'TASK_ID'}”"
    if row.candidate:
        then = (
            f"APIXO is being asked about task {row.candidate}, so run again in a minute; if the "
            "row stays unknown, look for the task in APIXO's dashboard"
        )
    else:
        then = "Look for it in APIXO's dashboard"
    return TaskUnknownError(
        f"It is not known whether APIXO is doing the task of row {row.id} ({known}). "
        f"{then}: if it is there, adopt its task id ({adopt}); if it is not, abandon "
        f"the row (tasks panel, or “cli.py tasks abandon {row.id}”), then run again.",
        task_id=row.candidate,
    )


def _first_sentence(note: str) -> str:
    """What happened, without what to do: that stands in another sentence here."""
    return re.split(r"\.(?: (?=[A-Z])|$)", note, maxsplit=1)[0]


class Submitter:
    """Sends what is prepared.

    Args:
        desk: The tools.
        renew: Called with a job that has waited until its links are about to die.
        accepted: Called with a job whose task has an id.
        settle: Called with a row of unknown fate; a callback may have settled it already.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        renew: Callable[[Job], None],
        accepted: Callable[[Job], None],
        settle: Callable[[TaskRow], None],
    ) -> None:
        self._desk = desk
        self._renew = renew
        self._accepted = accepted
        self._settle = settle
        self._patience: dict[int, _Patience] = {}
        self._counting = threading.Lock()
        self.sent = 0
        """How many submits this process has sent, or tried to."""

    def add(self, job: Job) -> None:
        """Queue a job whose media are hosted."""
        job.show("submitting")
        self._after(job, 0.0)

    def _after(self, job: Job, delay_s: float) -> None:
        delay_s = max(delay_s, self._desk.budget.reserve_s())
        if delay_s > 0:
            self._desk.agenda.after(delay_s, lambda: self._put(job))
        else:
            self._put(job)

    def _put(self, job: Job) -> None:
        self._desk.pool.put("submit", lambda: self._run(job))

    def _run(self, job: Job) -> None:
        if job.stop.is_set():
            self._patience.pop(job.row.id, None)
            return
        if any(part.result and part.result.is_dying(self._desk.clock.now()) for part in job.parts):
            self._renew(job)
            return
        try:
            submission, client = self._prepare(job)
            if not job.commit():
                self._patience.pop(job.row.id, None)
                return
            job.update(
                self._desk.ledger.sending(
                    job.row.id, daily_limit_s=self._limit_s(), key_mark=client.key_mark
                )
            )
        except Exception as error:  # noqa: BLE001 - the top of this job's way in this thread
            self._patience.pop(job.row.id, None)
            job.uncommit()
            self._desk.drop(job)
            job.fail(as_ours(error))
            return
        job.show("submitting")
        self._send(job, lambda: client.submit(submission))

    def _limit_s(self) -> int | None:
        return self._desk.settings.load().daily_seconds

    def _prepare(self, job: Job) -> tuple[Submission, ApixoClient]:
        assert job.request is not None  # noqa: S101 - a job that was never sent has its request
        character, motion = (part.result for part in job.parts)
        assert character is not None and motion is not None  # noqa: S101
        submission = Submission(
            job.request.options,
            image_url=character.url,
            video_url=motion.url,
            callback_url=job.callback_url or None,
        )
        return submission, self._desk.remotes.client(job.row)

    def _send(self, job: Job, send: Callable[[], str]) -> None:
        """The one place from which money is spent."""
        with self._counting:
            self.sent += 1
        try:
            task_id = send()
        except (NotSentError, RateLimitError) as error:
            self._come_back(job, error)
        except (AuthError, CreditError, RejectedError) as error:
            self._refused(job, error)
        except Exception as error:  # noqa: BLE001 - whatever it was, the fate is unknown now
            self._unknown(job, error)
        else:
            self._patience.pop(job.row.id, None)
            self._write_down(job, task_id)

    def _write_down(self, job: Job, task_id: str) -> None:
        """The id goes to disk before anything else."""

        def write() -> None:
            try:
                job.update(self._desk.ledger.submitted(job.row.id, task_id))
            except TaskTakenError as error:
                self._unknown(job, error)
            except RowGoneError:
                self._bind_late(job, task_id)
                raise
            else:
                job.lighten()
                self._accepted(job)

        self._until_written(job, write, note=f"task {task_id} is accepted; keep this id")

    def _bind_late(self, job: Job, task_id: str) -> None:
        """We were stopping, and another process took the row for a crashed one's; or it is gone.

        Raises:
            RowGoneError: The user has forgotten the row; the task gets one of its own, since it is
                paid for.
        """
        ledger, row = self._desk.ledger, job.row
        try:
            ledger.bind(row.id, task_id, note="Its answer came late.")
        except InputError as error:  # settled by somebody else in the meantime
            report(error)
        except RowGoneError as error:
            ledger.restore(row, task_id)
            raise RowGoneError(
                f"Row {row.id} was forgotten while its submit was under way, and APIXO has "
                f"accepted it as task {task_id}. It is collected in a separate row."
            ) from error

    def _come_back(self, job: Job, error: NotSentError | RateLimitError) -> None:
        """Nothing was accepted: durably back, then wait, then try again."""
        now = self._desk.clock.monotonic()
        patience = self._patience.setdefault(job.row.id, _Patience(now))
        asked_s = error.retry_after_s if isinstance(error, RateLimitError) else None
        limit_s = RATE_LIMITED_S if isinstance(error, RateLimitError) else NOT_SENT_S
        delay_s = max(asked_s or 0.0, next(patience.delays))
        if now - patience.began + delay_s > limit_s:
            self._refused(job, error)
            return
        reason = "APIXO is busy" if isinstance(error, RateLimitError) else "APIXO cannot be reached"

        def write() -> None:
            job.update(self._desk.ledger.step(job.row.id, State.PREPARING, sending_at=None))
            if not job.uncommit():
                self._desk.drop(job)
                return
            job.show("submitting", note=f"{reason}; trying again in {delay_s:.0f} s")
            self._after(job, delay_s)

        self._until_written(job, write, note=reason)

    def _refused(self, job: Job, error: WanAnimateError) -> None:
        self._patience.pop(job.row.id, None)
        code = getattr(error, "code", "") or str(getattr(error, "status", ""))

        def write() -> None:
            told = {"fail_code": code, "fail_message": str(error)}
            job.update(self._desk.ledger.step(job.row.id, State.REFUSED, **told))
            job.fail(error)
            self._desk.done(job)

        self._until_written(job, write, note="APIXO has refused the task")

    def _unknown(self, job: Job, error: Exception) -> None:
        self._patience.pop(job.row.id, None)
        known = {"note": str(as_ours(error))}
        if isinstance(error, ProtocolError) and error.task_id:
            known["candidate"] = error.task_id

        def write() -> None:
            row = self._desk.ledger.step(job.row.id, State.UNKNOWN, **known)
            job.update(row)
            job.fail(unknown_fate(row))
            self._desk.done(job)
            with suppress(LedgerError):  # it is looked at again by itself
                self._settle(row)

        self._until_written(job, write, note="what became of the submit is not known")

    def _until_written(self, job: Job, write: Callable[[], None], *, note: str) -> None:
        """What became of a submit goes to disk, however long that is full or held."""
        try:
            write()
        except RowGoneError as error:
            report(error)
            job.fail(error)
            self._desk.done(job)
        except LedgerError as error:
            report(error)
            job.show("submitting", note=f"{note}, but the ledger cannot be written; retrying")
            self._desk.agenda.after(
                _WRITE_AGAIN_S,
                lambda: self._desk.pool.put(
                    "submit", lambda: self._until_written(job, write, note=note)
                ),
            )
