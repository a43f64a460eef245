"""The practice service: what belongs to it, its start and its end.

Beside the calls of the remote service it answers `PUT /upload/NAME`, `GET`, `HEAD` and `DELETE`
of `/files/NAME`, and `GET /practice/tasks`, which stands in for the web page on which a lost
task id can be looked up. Its only key is "practice".

It uses six threads: one watches connections, three answer requests, two make results.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..clock import Clock
from .board import Board, PracticeTask
from .faults import Faults
from .gate import Counts, Limits
from .http_server import HttpServer
from .jobs import Jobs
from .making import Maker
from .routes import Routes
from .store import FileStore

_SWEEP_S = 300.0


class PracticeService:
    """An offline stand-in for the remote service, on loopback.

    Args:
        clock: For the times that it tells, and for `practice:slow`.
        folder: Where its files lie; made when missing.
        faults: Stands around every request; see `faults.py`.
        limits: What it allows at once.
        request_threads: How many requests it answers at once.
        render_threads: How many results it makes at once.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        folder: Path,
        faults: Faults | None = None,
        limits: Limits | None = None,
        request_threads: int = 3,
        render_threads: int = 2,
    ) -> None:
        self.origin = ""
        self._board = Board()
        self._store = FileStore(folder, clock)
        self._jobs = Jobs(clock, threads=render_threads)
        maker = Maker(
            self._board, self._store, jobs=self._jobs, clock=clock, origin=lambda: self.origin
        )
        self._routes = Routes(
            self._board, self._store, maker=maker, limits=limits or Limits(), clock=clock
        )
        self._routes.faults = faults
        self._server = HttpServer(self._routes.answer, threads=request_threads)
        self._running = False

    def start(self, port: int = 0) -> str:
        """Begin to serve; gives the origin, "http://127.0.0.1:PORT"."""
        self._store.open()
        self._store.sweep()
        self.origin = f"http://127.0.0.1:{self._server.start(port)}"
        self._routes.origin = self.origin
        self._jobs.start()
        self._jobs.add(self._sweep, delay_s=_SWEEP_S)
        self._running = True
        return self.origin

    def stop(self) -> None:
        """End; a stopped service does not start again."""
        if self._running:
            self._running = False
            self._jobs.stopping.set()
            self._server.stop()
            self._jobs.stop()

    @property
    def counts(self) -> Counts:
        """What was on the wire."""
        return self._routes.counts

    def tasks(self) -> list[PracticeTask]:
        """Every task that it accepted, oldest first."""
        return self._board.all()

    def _sweep(self) -> None:
        with suppress(OSError):  # the folder may have been removed under us
            self._store.sweep()
        self._jobs.add(self._sweep, delay_s=_SWEEP_S)
