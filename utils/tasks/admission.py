"""The first look at a request: checked, identified, and met with what the ledger knows of it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..addresses import is_loopback
from ..apixo.client import check_task_id
from ..errors import InputError, Stopped, TaskError
from ..ledger.rows import NewTask, TaskRow
from ..ledger.states import State
from ..media.mux import save_sound
from ..media.types import FileClip, FramesClip
from ..practice.board import TASK_PREFIX
from ..settings import Settings
from ..unexpected import as_ours
from .desk import Desk
from .fetch import Fetcher
from .fingerprint import fingerprint, token_digest
from .identity import Identifier, Identity
from .job import Job
from .jobs import JobTable
from .neighbours import Neighbours
from .poll import task_failed
from .prepare import Preparer
from .request import Request
from .settle import CALLBACK_PATH
from .submit import unknown_fate
from .unverified import is_unverified, unverified
from .watch import Outcome, Watch, shutting_down

_AGAIN_S = 0.05


@dataclass(frozen=True)
class Wish:
    """A request, identified.

    Attributes:
        new: Its row, if there has to be one.
        callback_url: Where the service shall call; "" for nowhere.
    """

    request: Request
    settings: Settings
    character: Identity
    motion: Identity
    new: NewTask
    callback_url: str


@dataclass(frozen=True)
class Stages:
    """The stages that a task may be in when a request meets it.

    Attributes:
        make_job: A job for a row, in the table.
        follow: Takes up an accepted row of ours.
        inherit: Settles the rows that nobody owns.
    """

    preparer: Preparer
    fetcher: Fetcher
    neighbours: Neighbours
    table: JobTable
    make_job: Callable[[TaskRow, Request | None], Job]
    follow: Callable[[TaskRow], Job]
    inherit: Callable[[], None]


class Admission:
    """Lets requests and typed task ids in.

    Args:
        desk: The tools.
        stages: Where each goes on.
    """

    def __init__(self, desk: Desk, stages: Stages) -> None:
        self._desk = desk
        self._stages = stages
        self._identifier = Identifier(desk.uploads)
        # A row of ours and its job appear together.
        self._admitting = threading.Lock()

    def start(self, request: Request, watch: Watch) -> None:
        """Let a request in; the answer comes to the watch."""
        self._put(watch, lambda: self._admit(self._identify(request, watch), watch))

    def collect(self, task_id: str, watch: Watch) -> None:
        """Let a typed task id in; the answer comes to the watch."""
        self._put(watch, lambda: self._collect(task_id, watch))

    def _put(self, watch: Watch, work: Callable[[], None]) -> None:
        def stage() -> None:
            try:
                if not watch.left:
                    work()
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001 - the top of this request's way
                watch.fail(as_ours(error))

        if not self._desk.pool.put("admit", stage):
            watch.fail(shutting_down())

    def _again(self, watch: Watch, work: Callable[[], None]) -> None:
        self._desk.agenda.after(_AGAIN_S, lambda: self._put(watch, work))

    # Requests

    def _identify(self, request: Request, watch: Watch) -> Wish:
        request.check()
        settings = self._desk.settings.load()
        remote = self._desk.remotes.current(settings)
        options = replace(request.options, prompt=request.options.prompt.strip())
        request = replace(request, options=options)
        keep, gone = request.keep_sound, watch.gone
        character = self._identifier.identify(request.character, keep_sound=keep, stop=gone)
        motion = self._identifier.identify(request.motion, keep_sound=keep, stop=gone)
        callback_url, token = _callback(settings, self._desk.public_url(settings))
        new = NewTask(
            origin=remote.origin,
            practice=remote.practice,
            fingerprint=fingerprint(
                remote.origin, options, character=character.stands, motion=motion.stands
            ),
            kind=options.type,
            resolution=options.resolution,
            prompt=options.prompt,
            seed=options.seed,
            provider=options.provider,
            character=character.shown,
            motion=motion.shown,
            keep_sound=keep,
            token_digest=token_digest(token) if token else "",
        )
        return Wish(request, settings, character, motion, new, callback_url)

    def _admit(self, wish: Wish, watch: Watch) -> None:
        with self._admitting:
            row = self._desk.ledger.live(wish.new.fingerprint)
            job = None
            if row is None:
                self._desk.remotes.check_ready(wish.settings)
                row, made = self._desk.ledger.admit(wish.new)
                if made:
                    job = self._stages.make_job(row, wish.request)
                    job.callback_url = wish.callback_url
        if job is None:
            self._meet(row, watch, wish)
            return
        job.join(watch)
        self._stages.preparer.add(job, character=wish.character.digest, motion=wish.motion.digest)

    # Typed ids

    def _collect(self, task_id: str, watch: Watch) -> None:
        check_task_id(task_id)
        settings = self._desk.settings.load()
        remote = self._desk.remotes.current(settings)
        rows = self._desk.ledger.by_task(task_id)
        row = next((r for r in rows if r.origin == remote.origin), rows[0] if rows else None)
        if row is None:
            self._refuse_strange_id(task_id, settings)
            self._desk.remotes.check_ready(settings)
            with self._admitting:
                new = NewTask(remote.origin, remote.practice)
                row, made = self._desk.ledger.admit_typed(new, task_id)
                if made:
                    self._stages.follow(row)
        self._meet(row, watch, None)

    def _refuse_strange_id(self, task_id: str, settings: Settings) -> None:
        # A practice service that is named as the base address is met as any other.
        named = is_loopback(settings.base_url) and not settings.practice
        if task_id.startswith(TASK_PREFIX) and not named:
            raise InputError(
                f"{task_id} is a practice task from another installation or from long ago. "
                "Practice tasks end with the ComfyUI that made them; run the request again."
            )
        if settings.practice:
            raise InputError(
                f"Practice mode is on, and {task_id} is not a practice task. Switch practice mode "
                "off to collect it from APIXO."
            )

    # What is there already

    def _meet(self, row: TaskRow, watch: Watch, wish: Wish | None) -> None:
        """Attach a watch to a row, whatever state it is in."""
        if row.state is State.COLLECTED:
            self._reuse(row, watch, wish)
        elif row.state is State.UNKNOWN:
            watch.fail(unknown_fate(row))
        elif row.state is State.FAILED:
            watch.fail(task_failed(row))
        elif row.state in {State.REFUSED, State.ABANDONED}:
            watch.fail(TaskError(row.fail_message or _came_to_nothing(row)))
        elif row.owner == self._desk.ledger.owner:
            self._join_own(row, watch, wish)
        elif not row.owner:
            self._stages.inherit()
            self._look_again(row, watch, wish)
        else:
            self._stages.neighbours.add(row, watch, meet=lambda: self._look_again(row, watch, wish))

    def _join_own(self, row: TaskRow, watch: Watch, wish: Wish | None) -> None:
        job = self._stages.table.get(row.id)
        if job is not None and job.join(watch):
            return
        if job is not None and job.stop.is_set():
            self._desk.drop(job)
        elif job is None and row.state is State.PREPARING:
            self._desk.ledger.vanish(row.id)  # left behind when the ledger could not be written
        self._look_again(row, watch, wish)

    def _look_again(self, row: TaskRow, watch: Watch, wish: Wish | None) -> None:
        """Read the ledger anew a moment later: the row has ended, or changed its owner."""
        if wish is not None:
            self._again(watch, lambda: self._admit(wish, watch))
        else:
            self._again(watch, lambda: self._collect(row.task_id, watch))

    def _reuse(self, row: TaskRow, watch: Watch, wish: Wish | None) -> None:
        """Answer from the file; where it is gone, fetch it again."""
        file = self._desk.folders.output / row.file
        there = bool(row.file) and file.is_file()
        if there and not is_unverified(row):
            url = row.result_urls[0] if row.result_urls else ""
            watch.finish(Outcome(row, file, reused=wish is not None, result_url=url))
            return
        if row.practice and wish is not None:
            self._desk.ledger.forget(row.id, force=True)  # it costs nothing to make it again
            self._look_again(row, watch, wish)
            return
        if there:
            watch.fail(unverified(row))
            return
        with self._admitting:
            job = self._stages.table.get(row.id)
            made = job is None
            if job is None:
                job = self._stages.make_job(row, wish.request if wish else None)
        if not job.join(watch):
            self._look_again(row, watch, wish)
        elif made:
            self._desk.pool.put("encode", lambda: self._fetch_again(job))

    def _fetch_again(self, job: Job) -> None:
        """The source's sound went when the row was collected; take it from the request."""
        motion = job.request.motion if job.request is not None else None
        if job.row.keep_sound and isinstance(motion, (FramesClip, FileClip)):
            try:
                self._desk.sounds.mkdir(parents=True, exist_ok=True)
                name = f"{job.row.id}.m4a"
                if save_sound(motion, self._desk.sounds / name, stop=job.stop):
                    job.update(self._desk.ledger.note(job.row.id, sound=name))
            except Exception as error:  # noqa: BLE001 - the top of this job's way in this thread
                self._desk.done(job)
                job.fail(as_ours(error))
                return
        self._stages.fetcher.add(job, again=True)


def _callback(settings: Settings, public_url: str) -> tuple[str, str]:
    """Where the service shall call, and the token in it if it is ours.

    APIXO takes HTTPS alone, and refuses the whole request over anything else.
    """
    if settings.callback != "1":
        return settings.callback, ""
    near = is_loopback(public_url) and (settings.practice or is_loopback(settings.base_url))
    if not near and not public_url.startswith("https://"):
        return "", ""
    token = secrets.token_urlsafe(24)
    return f"{public_url}{CALLBACK_PATH}{token}", token


def _came_to_nothing(row: TaskRow) -> str:
    return f"Row {row.id} ended without a result ({row.state.value}). Run again."
