"""The service that owns every task from request to file, and outlives the nodes that watch."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from ..clock import Clock
from ..errors import LedgerError, WanAnimateError
from ..hosting.choose import HostContext, choose, public_url
from ..hosting.host import Host
from ..ledger.ledger import RowGoneError
from ..ledger.rows import TaskRow
from ..ledger.spending import Spending
from ..settings import Folders, Settings, SettingsStore
from ..transport import DownloadProgress, Transport
from ..unexpected import report
from .agenda import Agenda
from .desk import HostChoice
from .estimate import Estimate, Estimator
from .house import Ground, House
from .pool import LIMITS, QUICK, WORKERS, Pool
from .remote import Remotes
from .request import Request, ShareWish
from .result_file import LIMIT_BYTES
from .sharing import Share
from .watch import Progress, Watch, shutting_down

SUBMIT_GRACE_S = 5.0
"""So long the end of the process waits for a submit whose answer is on its way."""

_OPEN_AGAIN_S = 60.0

Listener = Callable[[TaskRow, bool], None]
"""Hears of each row that changed its state, and whether a node here watches it."""


@dataclass(frozen=True)
class Surroundings:
    """What the service may be told of where it runs.

    Attributes:
        port: The port of this ComfyUI, or None outside of one.
        own_origins: Origins under which this ComfyUI is reached.
        hosts: Another choice of hosts, for tests.
    """

    port: int | None = None
    own_origins: frozenset[str] = frozenset()
    hosts: HostChoice | None = None


class TaskService:
    """Owns every task; starts nothing before the first call.

    Args:
        folders: Where this installation keeps things.
        settings: Read afresh whenever they are needed.
        transport: Talks HTTP.
        clock: Says what time it is.
        surroundings: Where it runs.
    """

    def __init__(
        self,
        folders: Folders,
        settings: SettingsStore,
        *,
        transport: Transport,
        clock: Clock,
        surroundings: Surroundings | None = None,
    ) -> None:
        around = surroundings or Surroundings()
        self._clock = clock
        self._settings = settings
        self._transport = transport
        self._listeners: list[Listener] = []
        self._opening = threading.Lock()
        self._house: House | None = None
        self._stopped = False
        self._onlookers: weakref.WeakSet[Watch | Share] = weakref.WeakSet()
        self._pool = Pool(LIMITS, workers=WORKERS, name="apixo-tasks", quick=QUICK)
        self._agenda = Agenda(clock, name="apixo-agenda")
        self._remotes = Remotes(
            settings,
            transport,
            clock=clock,
            folders=folders,
            own_origins=around.own_origins,
        )
        self._context = HostContext(transport, clock, folders.state, port=around.port)
        self._ground = Ground(
            folders=folders,
            settings=settings,
            transport=transport,
            clock=clock,
            pool=self._pool,
            agenda=self._agenda,
            remotes=self._remotes,
            hosts=around.hosts or self._choose_hosts,
            public_url=lambda known: public_url(known, self._context),
            tell=self._tell,
        )

    # Tasks

    def start(self, request: Request) -> Watch:
        """Begin a task, or attach to the one that does the same; returns at once."""
        watch = self._new_watch()
        self._with_house(watch, lambda house: house.admission.start(request, watch))
        return watch

    def collect(self, task_id: str) -> Watch:
        """Fetch a task by its id alone; returns at once."""
        watch = self._new_watch()
        self._with_house(watch, lambda house: house.admission.collect(task_id, watch))
        return watch

    def share(self, wish: ShareWish) -> Share:
        """Bring a medium to an address for its own sake; returns at once."""
        share = Share(Progress("checking", self._clock.now()))
        self._onlookers.add(share)

        def opening() -> None:
            try:
                house = self._open()
            except WanAnimateError as error:
                share.end(error)
            else:
                house.sharer.start(wish, share)

        if not self._pool.put("admit", opening):
            share.fail(shutting_down())
        return share

    def resume(self) -> None:
        """Take up what an earlier run left; returns at once."""
        self._pool.put("admit", self._resume)

    def stop(self) -> None:
        """Let go: what was accepted is taken up by the next start."""
        with self._opening:
            self._stopped = True
            house, self._house = self._house, None
        atexit.unregister(self.stop)
        if house is not None:
            house.stop_working()
            stopping, deadline = threading.Event(), self._clock.monotonic() + SUBMIT_GRACE_S
            while house.sending() and self._clock.monotonic() < deadline:
                self._clock.wait(stopping, 0.05)
        self._agenda.stop(timeout_s=2.0)
        self._pool.stop(timeout_s=3.0)
        if house is not None:
            house.close()
        self._remotes.stop()
        for onlooker in list(self._onlookers):
            onlooker.fail(shutting_down())

    def estimate(self, request: Request, *, stop: threading.Event) -> Estimate:
        """Check a request and say what it would cost; spends nothing, and blocks meanwhile.

        Raises:
            InputError: The request itself is wrong.
            LedgerError: The ledger cannot be read.
            Stopped: `stop` was set.
        """
        house = self._open()
        return Estimator(house.desk, house.spending).estimate(request, stop=stop)

    def balance(self) -> Decimal:
        """US dollars left at the service that the settings name; blocks meanwhile.

        Raises:
            SettingsError: There is no key, and practice mode is off.
            ServiceError: The service refuses to tell.
            TransportError: No usable answer.
        """
        return self._remotes.current_client(self._settings.load()).balance()

    def download(
        self, url: str, target: Path, *, stop: threading.Event, progress: DownloadProgress
    ) -> None:
        """Fetch a file that a workflow names, under the same rules as a result; blocks.

        Raises:
            InputError: The address is not allowed.
            TransportError: It cannot be fetched whole.
            Stopped: `stop` was set.
        """
        practice = self._settings.load().practice
        self._transport.download(
            url,
            target,
            limit_bytes=LIMIT_BYTES,
            rule=self._remotes.rule(practice=practice),
            progress=progress,
            stop=stop,
        )

    # What the panel and the command ask for

    def rows(self, *, limit: int = 200, before_id: int | None = None) -> list[TaskRow]:
        """Rows of the ledger, newest first.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        return self._open().desk.ledger.rows(limit=limit, before_id=before_id)

    def changed_since(self, revision: int, *, limit: int) -> list[TaskRow]:
        """The first rows that changed after a revision, oldest change first.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        return self._open().desk.ledger.changed_since(revision, limit=limit)

    def count(self) -> int:
        """How many rows there are; a page compares it with its own.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        return self._open().desk.ledger.count()

    def row(self, row_id: int) -> TaskRow:
        """One row.

        Raises:
            RowGoneError: There is none of this number.
        """
        row = self._open().desk.ledger.row(row_id)
        if row is None:
            raise RowGoneError(f"There is no row {row_id}. Look at the list of tasks.")
        return row

    def progress(self, row_id: int) -> Progress | None:
        """How far a row is, if this process works on it.

        Raises:
            LedgerError: The ledger cannot be opened.
        """
        job = self._open().table.get(row_id)
        return job.progress if job is not None else None

    @property
    def submits(self) -> int:
        """How many submits this process has sent, or tried to."""
        return self._open().submitter.sent

    @property
    def spending(self) -> Spending:
        """Sums over the ledger."""
        return self._open().spending

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Hear of every row that changes its state; returns how to stop that.

        The listener runs in a thread of the service and must be quick.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # What a person decides

    def poke(self, row_id: int) -> bool:
        """Ask about a task now; whether this process works on it.

        Raises:
            LedgerError: The ledger cannot be opened.
        """
        house = self._open()
        return house.poller.poke(row_id) or house.fetcher.poke(row_id)

    def check_askable(self, row: TaskRow) -> None:
        """Refuse where the service of a row cannot be asked with the settings of now.

        Raises:
            SettingsError: There is no key, or the settings name another service.
        """
        self._remotes.client(row)

    def wake(self) -> None:
        """A setting has changed: ask about every task now."""
        house = self._house
        if house is not None:
            house.poller.poke_all()

    def adopt(self, row_id: int, task_id: str) -> TaskRow:
        """Give a row of unknown fate the id of its task, which is then collected.

        Raises:
            InputError: The id is malformed, unknown or another row's, or the row needs none.
            LedgerError: There is no such row, or the ledger cannot be written.
        """
        return self._open().settler.adopt(row_id, task_id)

    def abandon(self, row_id: int) -> TaskRow:
        """Declare a row of unknown fate not sent.

        Raises:
            InputError: The row is in another state.
            LedgerError: There is no such row, or the ledger cannot be written.
        """
        house = self._open()
        row = house.desk.ledger.abandon(row_id)
        house.tidy.after(row)
        self._tell(row, False)
        return row

    def forget(self, row_id: int, *, force: bool = False) -> TaskRow:
        """Delete a row; the result's file stays.

        Raises:
            InputError: The row is unfinished or unknown, and `force` is not given.
            LedgerError: There is no such row, or the ledger cannot be written.
        """
        house = self._open()
        row = house.desk.ledger.forget(row_id, force=force)
        house.let_go(row)
        return row

    def callback(self, token: str, body: bytes) -> bool:
        """Take a callback of the service; whether its token is one of ours.

        Raises:
            LedgerError: The ledger cannot be read.
        """
        return self._open().settler.callback(token, body)

    # Inside

    def _new_watch(self) -> Watch:
        watch = Watch(Progress("checking", self._clock.now()))
        self._onlookers.add(watch)
        return watch

    def _with_house(self, watch: Watch, work: Callable[[House], None]) -> None:
        """Do something once the ledger is open; opening it may take a while."""

        def opening() -> None:
            try:
                house = self._open_and_tell()
            except WanAnimateError as error:
                watch.fail(error)
            else:
                work(house)

        if self._house is not None:
            opening()
        elif not self._pool.put("admit", opening):
            watch.fail(shutting_down())

    def _open_and_tell(self) -> House:
        """The house, once the user was told of a damage to the ledger."""
        house = self._open()
        if notice := house.notice():
            raise LedgerError(notice)
        return house

    def _open(self) -> House:
        with self._opening:
            if self._stopped:
                raise shutting_down()
            if self._house is None:
                self._house = House(self._ground)
                self._house.begin()
                atexit.register(self.stop)
            return self._house

    def _resume(self) -> None:
        try:
            self._open()
        except WanAnimateError as error:  # tasks may be waiting in it: try on
            report(error)
            self._agenda.after(_OPEN_AGAIN_S, self.resume)

    def _choose_hosts(self, settings: Settings, name: str) -> Sequence[Host]:
        origin = self._remotes.practice_origin() if settings.practice else None
        return choose(settings, name, replace(self._context, practice_origin=origin))

    def _tell(self, row: TaskRow, watched: bool) -> None:
        for listener in list(self._listeners):
            try:
                listener(row, watched)
            except Exception as error:  # noqa: BLE001 - a listener must not end a task
                report(error)
