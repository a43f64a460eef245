"""From a link to a file in the output folder: whole, decodable, with its sound, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..addresses import is_plain
from ..apixo.links import MOST_LINKS
from ..clock import growing
from ..errors import (
    AuthError,
    DecodeError,
    InputError,
    LedgerError,
    MediaError,
    RejectedError,
    SettingsError,
    Stopped,
    TransportError,
    WanAnimateError,
)
from ..ledger.ledger import RowGoneError
from ..ledger.rows import TaskRow
from ..ledger.states import State
from ..media.mux import add_sound
from ..media.probe import ClipInfo, verify
from ..replacing import sync
from ..transport import RefusedLinkError, TooLargeError
from ..unexpected import report
from .agenda import Entry
from .arrival import Arrival
from .desk import Desk
from .elapsed import Elapsed
from .job import Job
from .missing_file import GONE_STATUSES, GoneError, UnnamedError, dead_link, explain, is_gone
from .poll import task_failed
from .result_file import clip_in, part_name, put_in_place, result_name, room_for
from .rhythm import FILE_GONE_FINAL_S, PATIENCE_S
from .sidecar import describe_result, write_whole
from .turns import GaveWayError
from .unverified import (
    UNVERIFIED,
    Rejections,
    SameAgainError,
    clip_ending,
    describe_unverified,
    unverified,
    unverified_name,
)
from .watch import Outcome

_PATIENT_S = 1800.0

_LEAST_TRIED_S = 3600.0
"""A process that has just started with a wrong clock gives nothing up."""


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
            raise UnnamedError("APIXO names no link to it that can be read.")
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
        same: list[str] = []
        folder = self._desk.folders.output / self._desk.settings.load().output
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / part_name(trying.job.row, self._desk.ledger.owner)
        for link in links:
            had = trying.arrival.received
            try:
                info = self._receive(trying, link, part, put_aside=len(links) == 1)
            except (TransportError, MediaError, InputError) as error:
                goes_on = trying.arrival.received > had
                may_pass = isinstance(error, TransportError) and (goes_on or not late)
                if may_pass or isinstance(error, TooLargeError):  # the disk may be the reason
                    raise
                refusals.append(error)
                if isinstance(error, SameAgainError):
                    same.append(link)
            else:
                self._hold(trying, part, info, url=link)
                return
        passing = [error for error in refusals if not is_gone(error)]
        refused = [error for error in refusals if isinstance(error, RefusedLinkError)]
        if same and not passing and (trying.ask or not refused):
            info = self._receive(trying, same[0], part, put_aside=True)
            self._hold(trying, part, info, url=same[0])
            return
        trying.ask = trying.ask or bool(refused)
        raise (passing or refused or refusals)[0]

    def _hold(self, trying: _Trying, part: Path, info: ClipInfo | None, *, url: str) -> None:
        try:
            if info is not None:
                self._keep(trying, part, info=info, url=url)
        finally:
            trying.arrival.discard()

    def _links_anew(self, job: Job) -> tuple[str, ...]:
        client = self._desk.remotes.client(job.row)
        try:
            status = client.status(job.row.task_id)
        except RejectedError as error:
            if error.status not in GONE_STATUSES:
                raise
            self._desk.remotes.check_key(job.row, client)
            raise GoneError(f"APIXO no longer knows the task ({error.status}).") from error
        job.result_urls = status.result_urls
        return status.result_urls

    def _receive(
        self, trying: _Trying, url: str, part: Path, *, put_aside: bool
    ) -> ClipInfo | None:
        """Bring what a link leads to onto the disk, and make sure that it is a clip.

        Returns:
            What it holds; None where it is no sound clip and was put aside as what it is.

        Raises:
            SameAgainError: It is no sound clip, comes as the same each time, and may not be put
                aside: another link may lead to a better one.
            DecodeError: It is no clip, and another try may bring one.
            WanAnimateError, OSError: As `Arrival.bring`.
        """
        media_type = trying.arrival.bring(url, part)
        try:
            return clip_in(part)
        except DecodeError as error:
            try:
                self._judge_damaged(trying, part, error, ending=clip_ending(part, media_type))
                if not put_aside:
                    raise SameAgainError(str(error)) from error
                self._put_aside(trying, part, error, ending=clip_ending(part, media_type))
            finally:
                trying.arrival.discard()
            return None

    def _judge_damaged(
        self, trying: _Trying, part: Path, error: DecodeError, *, ending: str
    ) -> None:
        """Let a file that is no sound clip through once the same has come often enough.

        Raises:
            DecodeError: As given; another try may bring a better one.
        """
        now = self._desk.clock.monotonic()
        if not ending or not trying.rejections.is_final(part, now=now, at_once=trying.again):
            raise error

    def _put_aside(self, trying: _Trying, part: Path, error: DecodeError, *, ending: str) -> None:
        """Keep a file that is no sound clip, and say so."""
        job, row = trying.job, trying.job.row
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
        known: dict[str, Any] = {"file": place, **({"note": warning} if warning else {})}
        if is_plain(url):  # by it the file is fetched again, and it is the one that nodes give out
            known["result_urls"] = tuple(dict.fromkeys((url, *row.result_urls)))[:MOST_LINKS]
        self._write_down(trying, {**known, "fail_code": "", "fail_message": ""})
        job.show("done")
        warnings = (*job.warnings, warning) if warning else job.warnings
        job.finish(Outcome(job.row, file, trying.again, url, warnings))

    def _describe(self, row: TaskRow, info: ClipInfo | None, *, file: Path) -> None:
        described = describe_result(row, info, file=file, now=self._desk.clock.now())
        write_whole(file.with_suffix(".json"), described)

    def _write_down(self, trying: _Trying, known: Mapping[str, Any]) -> None:
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
        ours = explain(job.row, error, again=trying.again)
        waited_s = self._desk.clock.monotonic() - trying.began
        gone = is_gone(error)
        trying.ask = trying.ask or gone
        hopeless = gone or isinstance(error, (UnnamedError, AuthError, SettingsError))
        if trying.again and (hopeless or waited_s > PATIENCE_S):
            self._end(trying, dead_link(job.row, self._desk.folders.output) if gone else ours)
            return
        if waited_s > PATIENCE_S:
            job.disappoint(ours)
        lasted_s = trying.since.seconds()
        if gone and lasted_s > FILE_GONE_FINAL_S and waited_s > _LEAST_TRIED_S:
            self._give_up(trying)
            return
        delay_s = next(trying.delays)
        why = (
            "APIXO names no link that can be read"
            if isinstance(error, UnnamedError)
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
