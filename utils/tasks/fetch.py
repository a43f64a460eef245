"""From a link to a file in the output folder: whole, decodable, with its sound, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
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
    TransportError,
    WanAnimateError,
)
from ..ledger.ledger import RowGoneError
from ..ledger.rows import TaskRow
from ..ledger.states import State
from ..media.mux import add_sound
from ..media.probe import ClipInfo, verify
from ..transport import RefusedLinkError
from ..unexpected import as_ours, report
from .agenda import Entry
from .desk import Desk
from .elapsed import Elapsed
from .job import Job
from .poll import task_failed
from .rhythm import FILE_GONE_FINAL_S, PATIENCE_S
from .sidecar import describe_result, write_whole
from .watch import Outcome

LIMIT_BYTES = 4 * 1024**3
"""A result is never larger: 120 s of 720p are some hundred MB."""

_SPARED_BYTES = 256 * 1024**2
"""So much of the disk is left free, whatever comes."""

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
        job, row = trying.job, trying.job.row
        folder = self._desk.folders.output / self._desk.settings.load().output
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / part_name(row, self._desk.ledger.owner)
        part.unlink(missing_ok=True)
        job.show("downloading")
        try:
            self._desk.transport.download(
                url,
                part,
                limit_bytes=_room(folder),
                rule=self._desk.remotes.rule(practice=row.practice),
                progress=lambda done, total: job.show("downloading", done=done, total=total),
                stop=self._desk.stopping,
            )
            info = verify(part)
            self._keep(trying, part, info=info, url=url)
        finally:
            part.unlink(missing_ok=True)

    def _keep(self, trying: _Trying, part: Path, *, info: ClipInfo, url: str) -> None:
        """Give the file its sound and its name, then its place in the ledger."""
        job, row = trying.job, trying.job.row
        voiced = part.with_name(f"{part.name}.mp4")
        try:
            info, warning = self._give_sound(row, part, voiced, info=info)
            whole = voiced if voiced.exists() else part
            _sync(whole)
            file = _put_in_place(whole, part.with_name(result_name(row, info)))
        finally:
            voiced.unlink(missing_ok=True)
        note = describe_result(row, info, file=file, now=self._desk.clock.now())
        write_whole(file.with_suffix(".json"), note)
        place = file.relative_to(self._desk.folders.output).as_posix()
        known = {"file": place, **({"note": warning} if warning else {})}
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
        _room(part.parent, needed_bytes=part.stat().st_size)
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
        ours = self._explain(job.row, error)
        waited_s = self._desk.clock.monotonic() - trying.began
        gone = _is_gone(error)
        trying.ask = trying.ask or gone
        hopeless = gone or isinstance(error, (AuthError, SettingsError))
        if trying.again and (hopeless or waited_s > PATIENCE_S):
            job.fail(_dead_link(job.row, self._desk.folders.output) if gone else ours)
            self._desk.done(job)
            return
        if waited_s > PATIENCE_S:
            job.disappoint(ours)
        lasted_s = trying.since.seconds()
        if gone and lasted_s > FILE_GONE_FINAL_S and waited_s > _LEAST_TRIED_S:
            self._give_up(job)
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
            "It is tried again by itself; run again to see whether it has come.",
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


def _room(folder: Path, *, needed_bytes: int = 1) -> int:
    """The largest file that may come.

    Raises:
        TransportError: The disk is as good as full.
    """
    room = min(LIMIT_BYTES, shutil.disk_usage(folder).free - _SPARED_BYTES)
    if room < needed_bytes:
        raise TransportError(
            "The disk of the output folder is full. Make room; the file is fetched then."
        )
    return room


def part_name(row: TaskRow, owner: str) -> str:
    """The name of a result on its way; by it the leavings of a dead process are found."""
    return f".{row.tag}-{owner}.part"


def remove_parts(folder: Path, owner: str) -> None:
    """Remove what a dead process was fetching when it died."""
    for part in folder.glob(f".*-{owner}.part*"):
        with suppress(OSError):
            part.unlink()


def result_name(row: TaskRow, info: ClipInfo) -> str:
    """The file's name: what it is, its task, and letters that make it unique."""
    names = set(info.container.split(","))
    ending = ".mp4" if names & {"mp4", "mov"} else ".webm" if "webm" in names else ".mkv"
    first = ["PRACTICE"] if row.practice else []
    return "_".join([*first, row.kind or "wan", row.short_id, row.tag]) + ending


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
        f"{row.id} (tasks panel, or “cli.py tasks forget {row.id}”) and run again, which buys the "
        "result anew, or change the seed.",
        task_id=row.task_id,
    )


def _put_in_place(part: Path, file: Path) -> Path:
    """Give a file its name; another one where a player of Windows holds the old file open."""
    try:
        part.replace(file)
    except PermissionError:
        file = file.with_stem(f"{file.stem}_{secrets.token_hex(2)}")
        part.replace(file)
    return file


def _sync(file: Path) -> None:
    """Onto the disk, before the ledger says that it is there."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
