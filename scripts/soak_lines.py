"""The lines of a soak: to its child processes, and from the service that calls back."""

from __future__ import annotations

import multiprocessing
import queue
from contextlib import suppress
from typing import Any

import psutil
from callback_server import CallbackServer

_spawn = multiprocessing.get_context("spawn")


class Callbacks:
    """Keeps what the service calls back; every other one is lost on its way to the pack."""

    def __init__(self) -> None:
        self.bodies: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._server = CallbackServer(self._hear)
        self.url = self._server.url

    def _hear(self, token: str, body: bytes) -> None:
        if token.encode()[0] % 2:
            self.bodies.put((token, body))

    def stop(self) -> None:
        """End."""
        self._server.stop()


class Process:
    """A child process, and the line to it."""

    def __init__(self, target: Any, place: Any) -> None:
        self.line, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=target, args=(place, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.seen = psutil.Process(self._process.pid)

    def ask(self, *order: Any) -> Any:
        """Give an order, and wait for its answer."""
        self.line.send(order)
        return self.line.recv()

    def end(self) -> bool:
        """Let it end; whether it did so in order."""
        with suppress(BrokenPipeError):  # it has died
            self.line.send(("end",))
        self._process.join(30)
        self._process.kill()
        return self._process.exitcode == 0
