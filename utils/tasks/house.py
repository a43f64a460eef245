"""The stages of a task's way, wired together, over one opened ledger."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ..clock import Clock
from ..errors import LedgerError, SettingsError, TaskError, WanAnimateError
from ..ledger.database import Database
from ..ledger.ledger import LEDGER_FILE, Ledger
from ..ledger.mending import take_notice
from ..ledger.owners import Ownership
from ..ledger.rows import TaskRow
from ..ledger.spending import Spending
from ..ledger.states import ACCEPTED, State
from ..settings import Folders, Settings, SettingsStore
from ..transport import Transport
from ..unexpected import report
from .admission import Admission, Stages
from .agenda import Agenda, RequestBudget
from .desk import Desk, HostChoice
from .fetch import Fetcher
from .job import Job
from .jobs import JobTable
from .neighbours import Neighbours
from .poll import Poller
from .pool import Pool
from .prepare import Preparer
from .remote import Remotes
from .request import Request
from .result_file import remove_parts
from .settle import Settler
from .sharing import Sharer
from .shelf import UploadShelf
from .submit import Submitter
from .tidy import Tidy
from .watch import shutting_down

REQUESTS_PER_MINUTE = 1500
REQUEST_BURST = 60
"""Together well under the 2 000 a minute that all tasks may ask for."""

TOLD_S = 10.0
"""A list of requests comes at once: what has to be told is told to all of them."""

SCAN_S = 4.0
"""So often rows are sought whose process has died, or that a command has adopted."""

_VANISH_AGAIN_S = 5.0


@dataclass(frozen=True)
class Ground:
    """What the house stands on.

    Attributes:
        folders: Where this installation keeps things.
        tell: Hears of each change of a row, and whether anybody here watches it.
    """

    folders: Folders
    settings: SettingsStore
    transport: Transport
    clock: Clock
    pool: Pool
    agenda: Agenda
    remotes: Remotes
    hosts: HostChoice
    public_url: Callable[[Settings], str]
    tell: Callable[[TaskRow, bool], None]


class House:
    """Every stage, and the rows that this process works on.

    Args:
        ground: What it stands on.

    Raises:
        LedgerError: The ledger cannot be opened.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._ownership = Ownership(ground.folders.state / "owners")
        self._ownership.claim()
        self._stopping = threading.Event()
        self.table = JobTable()
        try:
            self._database = Database(
                ground.folders.state / LEDGER_FILE,
                under_way=lambda: [job.row for job in self.table.all()],
            )
        except WanAnimateError:
            self._ownership.release()
            raise
        self._telling = threading.Lock()
        self._told = ("", 0.0)
        self.spending = Spending(self._database)
        self.desk = self._furnish()
        self.tidy = Tidy(self.desk)
        self.poller = Poller(self.desk, succeeded=lambda job: self.fetcher.add(job))
        self.fetcher = Fetcher(self.desk, collected=self._done)
        self.settler = Settler(self.desk, bound=self._bound, poke=self.poller.poke)
        self.submitter = Submitter(
            self.desk,
            renew=self._renew,
            accepted=self.poller.add,
            settle=self.settler.look,
        )
        self.preparer = Preparer(self.desk, ready=self.submitter.add)
        self.sharer = Sharer(self.desk, self.preparer)
        self.admission = Admission(self.desk, self._stages())

    def _furnish(self) -> Desk:
        ground = self._ground
        return Desk(
            folders=ground.folders,
            settings=ground.settings,
            transport=ground.transport,
            clock=ground.clock,
            ledger=Ledger(self._database, ground.clock, owner=self._ownership.name),
            shelf=UploadShelf(self._database, ground.clock),
            pool=ground.pool,
            agenda=ground.agenda,
            budget=RequestBudget(ground.clock, per_minute=REQUESTS_PER_MINUTE, burst=REQUEST_BURST),
            remotes=ground.remotes,
            hosts=ground.hosts,
            public_url=ground.public_url,
            stopping=self._stopping,
            scratch=ground.folders.temp / "apixo_wan_animate" / self._ownership.name,
            drop=self._drop,
            done=self._done,
        )

    def _stages(self) -> Stages:
        return Stages(
            preparer=self.preparer,
            fetcher=self.fetcher,
            neighbours=Neighbours(self.desk),
            table=self.table,
            make_job=self._make_job,
            follow=self._follow,
            inherit=self._inherit_ownerless,
        )

    def notice(self) -> str:
        """What the user has to be told before anything is bought; "" once he was told."""
        with self._telling:
            now = self._ground.clock.monotonic()
            text = take_notice(self._ground.folders.state)
            if text:
                self._told = (text, now + TOLD_S)
            text, until = self._told
            return text if now < until else ""

    # Jobs

    def _make_job(self, row: TaskRow, request: Request | None) -> Job:
        job = Job(
            row,
            self._ground.clock,
            request=request,
            on_empty=lambda job: self._ground.pool.put("ledger", lambda: self._drop(job)),
            tell=self._ground.tell,
        )
        return self.table.add(job)

    def _renew(self, job: Job) -> None:
        """A job has waited until its links are about to die."""
        self.preparer.renew(job)

    def _follow(self, row: TaskRow) -> Job:
        """Take up an accepted row of ours."""
        job = Job(
            row,
            self._ground.clock,
            request=None,
            on_empty=lambda _: None,
            tell=self._ground.tell,
        )
        there = self.table.add(job)
        if there is not job:
            return there
        if row.state is State.SUCCEEDED:
            self.fetcher.add(job)
        else:
            self.poller.add(job)
        return job

    def _bound(self, row: TaskRow) -> None:
        """A row of unknown fate has its id now."""
        self._ground.tell(row, False)
        if row.state in ACCEPTED and row.owner == self.desk.ledger.owner:
            self._follow(row)

    def _drop(self, job: Job) -> None:
        """Nothing was sent for this job: its row and its files vanish; never raises."""
        job.stop.set()
        self.preparer.leave(job)
        if self.table.remove(job):
            self._vanish(job.row)

    def _vanish(self, row: TaskRow) -> None:
        """Delete a row, however long the ledger is held; whoever waits is told meanwhile."""
        try:
            self.desk.ledger.vanish(row.id)
        except LedgerError as error:
            report(error)
            self._ground.agenda.after(
                _VANISH_AGAIN_S, lambda: self._ground.pool.put("ledger", lambda: self._vanish(row))
            )
        else:
            self.tidy.forget(row)

    def _done(self, job: Job) -> None:
        """This process has nothing more to do for a job."""
        if self.table.remove(job):
            self.tidy.after(job.row)

    def let_go(self, row: TaskRow) -> None:
        """The user has forgotten a row: stop working on it."""
        job = self.table.get(row.id)
        self.poller.drop(row.id)
        self.fetcher.drop(row.id)
        if job is not None and self.table.remove(job):
            job.stop.set()
            self.preparer.leave(job)
            job.fail(TaskError(f"Row {row.id} was forgotten. Run again.", task_id=row.task_id))
        self.tidy.forget(row)

    # Rows of processes that are gone

    def scan(self) -> None:
        """Settle the rows of dead processes, and take up what nobody owns."""
        ledger = self.desk.ledger
        for owner in ledger.other_owners():
            with self._ownership.proved_dead(owner) as dead:
                heirs = ledger.inherit(owner) if dead else []
            if dead:
                self._clear_after(owner)
            for row in heirs:
                self._follow(row)
        self._inherit_ownerless()
        self._pick_up_own()
        self.settler.look_at_all()

    def _clear_after(self, owner: str) -> None:
        """Remove what a dead process had half done."""
        shutil.rmtree(self.desk.scratch.with_name(owner), ignore_errors=True)
        with suppress(SettingsError):
            settings = self.desk.settings.load()
            remove_parts(self.desk.folders.output / settings.output, owner)

    def _inherit_ownerless(self) -> None:
        if self.desk.ledger.in_states(ACCEPTED, owner=""):
            for row in self.desk.ledger.inherit(""):
                self._follow(row)

    def _pick_up_own(self) -> None:
        """A row of ours that nobody works on, because something broke, goes on."""
        ledger = self.desk.ledger
        for row in ledger.in_states(ACCEPTED, owner=ledger.owner):
            if self.table.get(row.id) is None:
                # Who ends a row writes first and leaves the table then: look once more.
                fresh = ledger.row(row.id)
                if fresh is not None and fresh.state in ACCEPTED and fresh.owner == ledger.owner:
                    self._follow(fresh)

    def begin(self) -> None:
        """Scan now and then, from now on."""
        self._ground.pool.put("ledger", self._first_scan)

    def _first_scan(self) -> None:
        try:
            self._clear_up()
        except Exception as error:  # noqa: BLE001 - what others left must be scanned for
            report(error)
        self._scan_on()

    def _clear_up(self) -> None:
        for owner in self._ownership.sweep():
            self._clear_after(owner)
        self.desk.shelf.sweep()
        for row in self.desk.ledger.in_states({State.UNKNOWN}):
            if row.practice:  # its service ended with the process that had it
                self.desk.ledger.lose(row)

    def _scan_on(self) -> None:
        if self._stopping.is_set():
            return
        try:
            self.scan()
        except Exception as error:  # noqa: BLE001 - the next scan may succeed
            report(error)
        self._ground.agenda.after(SCAN_S, lambda: self._ground.pool.put("ledger", self._scan_on))

    # The end

    def stop_working(self) -> None:
        """Tell everything under way to stop soon."""
        self._stopping.set()
        self.sharer.stop()
        for job in self.table.all():
            if job.row.state is State.PREPARING:
                job.stop.set()
                self.preparer.leave(job)

    def sending(self) -> bool:
        """Whether an answer to a submit is still on its way."""
        return any(job.row.state is State.SENDING for job in self.table.all())

    def close(self) -> None:
        """Let go of the ledger; rows that are still preparing vanish."""
        for job in self.table.all():
            if job.row.state is State.PREPARING:
                with suppress(WanAnimateError):
                    self._drop(job)
            job.fail(shutting_down())
        self._database.close()
        self._ownership.release()
        shutil.rmtree(self.desk.scratch, ignore_errors=True)
