"""From a link to a file in the output folder: whole, decodable, with its sound, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    WanAnimateError,
)
from ..ledger.ledger import RowGoneError
from ..ledger.rows import TaskRow
from ..ledger.states import State
from ..media.mux import add_sound
from ..media.probe import ClipInfo, verify
from ..replacing import sync
from ..transport import RefusedLinkError
from ..unexpected import as_ours, report
from .agenda import Entry
from .arrival import Arrival
from .desk import Desk
from .elapsed import Elapsed
from .job import Job
from .poll import task_failed
from .result_file import part_name, put_in_place, result_name, room_for
from .rhythm import FILE_GONE_FINAL_S, PATIENCE_S
from .sidecar import describe_result, write_whole
from .turns import GaveWayError
from .unverified import (
    UNVERIFIED,
    Rejections,
    clip_ending,
    describe_unverified,
    unverified,
    unverified_name,
)
from .watch import Outcome

_GONE_STATUSES = frozenset({401, 403, 404, 410})
_PATIENT_S = 1800.0

_LEAST_TRIED_S = 3600.0
"""A process that has just started with a wrong clock gives nothing up."""


class _GoneError(WanAnimateError):
    """The service offers no file, or one that is none."""


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
    arrival: Arrival
    again: bool
    began: float
    since: Elapsed
    ask: bool = False
    rejections: Rejections = field(default_factory=Rejections)
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
        arrival = Arrival(self._desk, job)
        self._put(_Trying(job, arrival, again, began=clock.monotonic(), since=since))

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
            trying, entry = self._waiting.pop(row_id, (None, None))
        if trying is not None and entry is not None:
            entry.cancel()
            trying.arrival.discard()

    def close(self) -> None:
        """The process lets go: the next start begins anew."""
        for row_id in list(self._waiting):
            self.drop(row_id)

    def _put(self, trying: _Trying) -> None:
        if self._desk.pool.is_full("fetch"):
            trying.job.show("downloading", note="waiting for other downloads")
        self._desk.pool.put("fetch", lambda: self._run(trying))

    def _run(self, trying: _Trying) -> None:
        job = trying.job
        try:
            self._fetch_fresh(trying)
        except Stopped:
            return  # the process lets go; the next start goes on
        except GaveWayError:
            self._put(trying)
        except RowGoneError as error:
            self._end(trying, error)
        except Exception as error:  # noqa: BLE001 - a result that is paid for is tried again
            self._disappointed(trying, error)
        else:
            self._collected(job)

    def _fetch_fresh(self, trying: _Trying) -> None:
        """Fetch by the links that are known; when they are refused, by new ones."""
        job = trying.job
        urls = () if trying.ask else job.result_urls or job.row.result_urls
        if urls:
            try:
                self._fetch(trying, urls[0])
            except RefusedLinkError:
                trying.ask = True
            else:
                return
        urls = self._links_anew(job)
        if not urls:
            raise _GoneError("The service has not named the file yet.")
        self._fetch(trying, urls[0])

    def _links_anew(self, job: Job) -> tuple[str, ...]:
        client = self._desk.remotes.client(job.row)
        try:
            status = client.status(job.row.task_id)
        except RejectedError as error:
            self._desk.remotes.check_key(job.row, client)
            raise _GoneError(f"The service no longer knows the task ({error.status}).") from error
        job.result_urls = status.result_urls
        return status.result_urls

    def _fetch(self, trying: _Trying, url: str) -> None:
        row = trying.job.row
        folder = self._desk.folders.output / self._desk.settings.load().output
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / part_name(row, self._desk.ledger.owner)
        media_type = trying.arrival.bring(url, part)
        try:
            info = verify(part)
        except DecodeError as error:
            self._put_aside(trying, part, error, media_type=media_type)
        else:
            self._keep(trying, part, info=info, url=url)
        finally:
            trying.arrival.discard()

    def _put_aside(
        self, trying: _Trying, part: Path, error: DecodeError, *, media_type: str
    ) -> None:
        """Keep a file that is no sound clip once the same has come often enough; else try on.

        Raises:
            DecodeError: As given; another try may bring a better one.
        """
        job, row = trying.job, trying.job.row
        ending, now = clip_ending(part, media_type), self._desk.clock.monotonic()
        if not ending or not trying.rejections.is_final(part, now=now, at_once=trying.again):
            raise error
        sync(part)
        file = put_in_place(part, part.with_name(unverified_name(row, ending)))
        self._describe(row, None, file=file)
        place = file.relative_to(self._desk.folders.output).as_posix()
        told = describe_unverified(row, place, error)
        self._write_down(trying, {"file": place, "fail_code": UNVERIFIED, "fail_message": told})
        job.fail(unverified(job.row))

    def _keep(self, trying: _Trying, part: Path, *, info: ClipInfo, url: str) -> None:
        """Give the file its sound and its name, then its place in the ledger."""
        job, row = trying.job, trying.job.row
        voiced = part.with_name(f"{part.name}.mp4")
        try:
            info, warning = self._give_sound(row, part, voiced, info=info)
            whole = voiced if voiced.exists() else part
            sync(whole)  # before the ledger says that it is there
            file = put_in_place(whole, part.with_name(result_name(row, info)))
        finally:
            voiced.unlink(missing_ok=True)
        self._describe(row, info, file=file)
        place = file.relative_to(self._desk.folders.output).as_posix()
        known = {"file": place, **({"note": warning} if warning else {})}
        self._write_down(trying, {**known, "fail_code": "", "fail_message": ""})
        job.show("done")
        warnings = (*job.warnings, warning) if warning else job.warnings
        job.finish(Outcome(job.row, file, trying.again, url, warnings))

    def _describe(self, row: TaskRow, info: ClipInfo | None, *, file: Path) -> None:
        described = describe_result(row, info, file=file, now=self._desk.clock.now())
        write_whole(file.with_suffix(".json"), described)

    def _write_down(self, trying: _Trying, known: Mapping[str, str]) -> None:
        """Say in the ledger that the file is there."""
        job, ledger = trying.job, self._desk.ledger
        if trying.again:
            job.update(ledger.note(job.row.id, **known))
        else:
            job.update(ledger.step(job.row.id, State.COLLECTED, **known))

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
        if not (row.keep_sound and not info.has_sound and row.sound and sound.is_file()):
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
            self._end(trying, RowGoneError(f"Row {job.row.id} was forgotten. Run again."))
            return
        ours = self._explain(job.row, error)
        waited_s = self._desk.clock.monotonic() - trying.began
        gone = _is_gone(error)
        trying.ask = trying.ask or gone
        hopeless = gone or isinstance(error, (AuthError, SettingsError))
        if trying.again and (hopeless or waited_s > PATIENCE_S):
            self._end(trying, _dead_link(job.row, self._desk.folders.output) if gone else ours)
            return
        if waited_s > PATIENCE_S:
            job.disappoint(ours)
        lasted_s = trying.since.seconds()
        if gone and lasted_s > FILE_GONE_FINAL_S and waited_s > _LEAST_TRIED_S:
            self._give_up(trying)
            return
        delay_s = next(trying.delays)
        job.show("downloading", note=f"the file is not there yet; trying again in {delay_s:.0f} s")
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

    def _explain(self, row: TaskRow, error: Exception) -> WanAnimateError:
        if isinstance(error, WanAnimateError):
            reason = str(error)
        elif isinstance(error, OSError):
            reason = (
                f"The output folder cannot be written ({error.strerror or type(error).__name__})."
            )
        else:
            reason = str(as_ours(error, task_id=row.task_id))
        return TaskError(
            f"Task {row.task_id} has succeeded, but its file could not be fetched yet. {reason} "
            "It is retried automatically; run again to see whether it has arrived.",
            task_id=row.task_id,
        )

    def _end(self, trying: _Trying, error: WanAnimateError | None) -> None:
        """Try no more; nodes are told why, if that is known."""
        trying.arrival.discard()
        if error is not None:
            trying.job.fail(error)
        self._desk.done(trying.job)

    def _give_up(self, trying: _Trying) -> None:
        job = trying.job
        message = "Its file has been gone for 7 days."
        try:
            row = self._desk.ledger.step(job.row.id, State.FAILED, fail_message=message)
        except WanAnimateError as error:
            report(error)
            self._end(trying, None)
        else:
            job.update(row)
            self._end(trying, task_failed(row))


def _is_gone(error: Exception) -> bool:
    """Whether the service, and not the way to it, is the reason that there is no file."""
    if isinstance(error, RefusedLinkError):
        return error.status in _GONE_STATUSES
    return isinstance(error, (_GoneError, DecodeError, HostingError, InputError, MediaError))


def _dead_link(row: TaskRow, output: Path) -> TaskError:
    return TaskError(
        f"The file of task {row.task_id} is not at {output / row.file}, and its link is dead at "
        "the service. If the output folder was changed or moved, put the file back there or start "
        "ComfyUI with the former folder; only if it was deleted, forget row "
        f"{row.id} (tasks panel, or “cli.py tasks forget {row.id}”) and run again, which submits "
        "the request again, or change the seed.",
        task_id=row.task_id,
    )
