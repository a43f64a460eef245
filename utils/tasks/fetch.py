"""From a link to a file in the output folder: whole, decodable, with its sound, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..addresses import is_plain
from ..apixo.links import MOST_LINKS
from ..clock import growing
from ..errors import (
    AuthError,
    DecodeError,
    HostingError,
    InputError,
    LedgerError,
    MediaError,
    RejectedError,
    SettingsError,
    Stopped,
    TaskError,
    TransportError,
    WanAnimateError,
)
from ..ledger.ledger import RowGoneError
from ..ledger.rows import TaskRow
from ..ledger.states import State
from ..media.mux import add_sound
from ..media.probe import ClipInfo, verify
from ..transport import RefusedLinkError, TooLargeError
from ..unexpected import as_ours, report
from .agenda import Entry
from .desk import Desk
from .elapsed import Elapsed
from .job import Job
from .poll import task_failed
from .result_file import part_name, put_in_place, result_name, room_for, sync
from .rhythm import FILE_GONE_FINAL_S, PATIENCE_S
from .sidecar import describe_result, write_whole
from .watch import Outcome

_GONE_STATUSES = frozenset({401, 403, 404, 410})
_PATIENT_S = 1800.0

_LEAST_TRIED_S = 3600.0
"""A process that has just started with a wrong clock gives nothing up."""


class _GoneError(WanAnimateError):
    """The service no longer knows the task."""


class _UnnamedError(WanAnimateError):
    """The service says success, and names no link that can be read: the file is still owed."""


@dataclass
class _Trying:
    """What one job's fetching has come to.

    Attributes:
        again: The row was collected before, and the user has deleted the file.
        began: When this process began to try, by the steady clock.
        since: When the task had succeeded.
        ask: The links that are known were refused: ask for new ones.
    """

    job: Job
    again: bool
    began: float
    since: Elapsed
    ask: bool = False
    delays: Iterator[float] = field(
        default_factory=lambda: growing(2.0, factor=2.0, cap_s=_PATIENT_S, spread=0.2)
    )


class Fetcher:
    """Brings results into the output folder, and does not give up on what was paid for.

    Args:
        desk: The tools.
        collected: Called with a job whose file is there.
    """

    def __init__(self, desk: Desk, *, collected: Callable[[Job], None]) -> None:
        self._desk = desk
        self._collected = collected
        self._waiting: dict[int, tuple[_Trying, Entry]] = {}
        # A try comes due only after it is written down what to try, however slow this thread is.
        self._planning = threading.Lock()

    def add(self, job: Job, *, again: bool = False) -> None:
        """Fetch a job's result.

        Args:
            job: A row that has succeeded, or was collected.
            again: It was collected, and its file is gone.
        """
        job.show("downloading")
        clock = self._desk.clock
        since = Elapsed(clock, job.row.succeeded_at or clock.now())
        self._put(_Trying(job, again, began=clock.monotonic(), since=since))

    def poke(self, row_id: int) -> bool:
        """Try now; whether the row waits for its next try here."""
        with self._planning:
            trying, entry = self._waiting.pop(row_id, (None, None))
        if trying is None or entry is None:
            return False
        entry.cancel()
        self._put(trying)
        return True

    def drop(self, row_id: int) -> None:
        """Try no more."""
        with self._planning:
            _, entry = self._waiting.pop(row_id, (None, None))
        if entry is not None:
            entry.cancel()

    def _put(self, trying: _Trying) -> None:
        self._desk.pool.put("fetch", lambda: self._run(trying))

    def _run(self, trying: _Trying) -> None:
        job = trying.job
        try:
            self._fetch_fresh(trying)
        except Stopped:
            return  # the process lets go; the next start goes on
        except RowGoneError as error:
            job.fail(error)
            self._desk.done(job)
        except Exception as error:  # noqa: BLE001 - a result that is paid for is tried again
            self._disappointed(trying, error)
        else:
            self._collected(job)

    def _fetch_fresh(self, trying: _Trying) -> None:
        """Fetch by the links that are known; when they are refused, by new ones."""
        job = trying.job
        links = () if trying.ask else job.result_urls or job.row.result_urls
        if links:
            try:
                self._fetch_one_of(trying, links)
            except RefusedLinkError:
                trying.ask = True
            else:
                return
        links = self._links_anew(job)
        if not links:
            raise _UnnamedError("APIXO names no link to it that can be read.")
        self._fetch_one_of(trying, links)

    def _fetch_one_of(self, trying: _Trying, links: tuple[str, ...]) -> None:
        """Fetch by the first link that leads to a clip; previews and covers may lie beside it.

        What stands first is the result: trouble with it that may pass lets no other link take its
        place before a minute is over.

        Raises:
            RefusedLinkError: None leads to a clip, and one of them was refused.
            WanAnimateError: Another reason why none does.
        """
        late = trying.again or self._desk.clock.monotonic() - trying.began > PATIENCE_S
        refusals: list[WanAnimateError] = []
        folder = self._desk.folders.output / self._desk.settings.load().output
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / part_name(trying.job.row, self._desk.ledger.owner)
        try:
            for link in links:
                try:
                    info = self._receive(trying.job, link, part)
                except (TransportError, MediaError, InputError) as error:
                    may_pass = isinstance(error, TransportError) and not late
                    if may_pass or isinstance(error, TooLargeError):  # the disk may be the reason
                        raise
                    refusals.append(error)
                else:
                    self._keep(trying, part, info=info, url=link)
                    return
        finally:
            part.unlink(missing_ok=True)
        passing = [error for error in refusals if not _is_gone(error)]
        refused = [error for error in refusals if isinstance(error, RefusedLinkError)]
        raise (passing or refused or refusals)[0]

    def _links_anew(self, job: Job) -> tuple[str, ...]:
        client = self._desk.remotes.client(job.row)
        try:
            status = client.status(job.row.task_id)
        except RejectedError as error:
            if error.status not in _GONE_STATUSES:
                raise
            self._desk.remotes.check_key(job.row, client)
            raise _GoneError(f"APIXO no longer knows the task ({error.status}).") from error
        job.result_urls = status.result_urls
        return status.result_urls

    def _receive(self, job: Job, url: str, part: Path) -> ClipInfo:
        """Bring what a link leads to onto the disk, and make sure that it is a clip."""
        part.unlink(missing_ok=True)
        job.show("downloading")
        self._desk.transport.download(
            url,
            part,
            limit_bytes=room_for(part.parent),
            rule=self._desk.remotes.rule(practice=job.row.practice),
            progress=lambda done, total: job.show("downloading", done=done, total=total),
            stop=self._desk.stopping,
        )
        info = verify(part)
        if info.is_still:
            raise DecodeError(
                "What APIXO names as the result is a picture, not a clip. "
                "Look at the task in APIXO's dashboard."
            )
        return info

    def _keep(self, trying: _Trying, part: Path, *, info: ClipInfo, url: str) -> None:
        """Give the file its sound and its name, then its place in the ledger."""
        job, row = trying.job, trying.job.row
        voiced = part.with_name(f"{part.name}.mp4")
        try:
            info, warning = self._give_sound(row, part, voiced, info=info)
            whole = voiced if voiced.exists() else part
            sync(whole)
            file = put_in_place(whole, part.with_name(result_name(row, info)))
        finally:
            voiced.unlink(missing_ok=True)
        described = describe_result(row, info, file=file, now=self._desk.clock.now())
        write_whole(file.with_suffix(".json"), described)
        place = file.relative_to(self._desk.folders.output).as_posix()
        known: dict[str, Any] = {"file": place, **({"note": warning} if warning else {})}
        if is_plain(url):  # by it the file is fetched again, and it is the one that nodes give out
            known["result_urls"] = tuple(dict.fromkeys((url, *row.result_urls)))[:MOST_LINKS]
        if trying.again:
            job.update(self._desk.ledger.note(row.id, **known))
        else:
            job.update(self._desk.ledger.step(row.id, State.COLLECTED, **known))
        job.show("done")
        warnings = (*job.warnings, warning) if warning else job.warnings
        job.finish(Outcome(job.row, file, trying.again, url, warnings))

    def _give_sound(
        self, row: TaskRow, part: Path, voiced: Path, *, info: ClipInfo
    ) -> tuple[ClipInfo, str]:
        """Put the source's sound back; a result without it is better than none.

        Returns:
            What the result holds, and a sentence where the sound could not be put back.

        Raises:
            TransportError: The disk is full.
        """
        sound = self._desk.sounds / row.sound
        if not (row.keep_sound and info.sound is None and row.sound and sound.is_file()):
            return info, ""
        room_for(part.parent, needed_bytes=part.stat().st_size)
        try:
            add_sound(part, sound, voiced, stop=self._desk.stopping)
            return verify(voiced), ""
        except (MediaError, OSError, ValueError) as error:
            report(error)
            voiced.unlink(missing_ok=True)
            return info, "The clip's sound could not be put back; add it from the source."

    def _disappointed(self, trying: _Trying, error: Exception) -> None:
        """Try again later; nodes are told after a minute, and the row after a week."""
        job = trying.job
        if self._is_forgotten(job.row.id):
            job.fail(RowGoneError(f"Row {job.row.id} was forgotten. Run again."))
            self._desk.done(job)
            return
        ours = self._explain(trying, error)
        waited_s = self._desk.clock.monotonic() - trying.began
        gone = _is_gone(error)
        trying.ask = trying.ask or gone
        hopeless = gone or isinstance(error, (_UnnamedError, AuthError, SettingsError))
        if trying.again and (hopeless or waited_s > PATIENCE_S):
            job.fail(_dead_link(job.row) if gone else ours)
            self._desk.done(job)
            return
        if waited_s > PATIENCE_S:
            job.disappoint(ours)
        lasted_s = trying.since.seconds()
        if gone and lasted_s > FILE_GONE_FINAL_S and waited_s > _LEAST_TRIED_S:
            self._give_up(job)
            return
        delay_s = next(trying.delays)
        why = (
            "APIXO names no link that can be read"
            if isinstance(error, _UnnamedError)
            else "the file is not there yet"
        )
        job.show("downloading", note=f"{why}; trying again in {delay_s:.0f} s")
        row_id = job.row.id

        def due() -> None:
            self.poke(row_id)

        with self._planning:
            self._waiting[row_id] = (trying, self._desk.agenda.after(delay_s, due))

    def _is_forgotten(self, row_id: int) -> bool:
        """Whether nobody wants the file any more."""
        try:
            return self._desk.ledger.row(row_id) is None
        except LedgerError:
            return False

    def _explain(self, trying: _Trying, error: Exception) -> WanAnimateError:
        row = trying.job.row
        if isinstance(error, WanAnimateError):
            reason = str(error)
        elif isinstance(error, OSError):
            reason = (
                f"The output folder cannot be written ({error.strerror or type(error).__name__})."
            )
        else:
            reason = str(as_ours(error, task_id=row.task_id))
        then = "It is tried again by itself; run again to see whether it has come."
        if trying.again:
            then = "Run again to try once more."
        return TaskError(
            f"Task {row.task_id} has succeeded, but its file could not be fetched yet. {reason} "
            f"{then}",
            task_id=row.task_id,
        )

    def _give_up(self, job: Job) -> None:
        message = "Its file has been gone for 7 days."
        try:
            row = self._desk.ledger.step(job.row.id, State.FAILED, fail_message=message)
        except WanAnimateError as error:
            report(error)
        else:
            job.update(row)
            job.fail(task_failed(row))
        self._desk.done(job)


def _is_gone(error: Exception) -> bool:
    """Whether the service, and not the way to it, is the reason that there is no file."""
    if isinstance(error, RefusedLinkError):
        return error.status in _GONE_STATUSES
    return isinstance(error, (_GoneError, DecodeError, HostingError, InputError, MediaError))


def _dead_link(row: TaskRow) -> TaskError:
    return TaskError(
        f"The file of task {row.task_id} was deleted here, and its link is dead at the service. "
        f"Forget row {row.id} (tasks panel, or “cli.py tasks forget {row.id}”) and run again, "
        "which submits the request anew; or change the seed.",
        task_id=row.task_id,
    )
