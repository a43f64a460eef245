"""The lines of a soak: to its child processes, and from the service that calls back."""

from __future__ import annotations

import multiprocessing
import queue
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil

_spawn = multiprocessing.get_context("spawn")


class Callbacks:
    """Receives what the service calls back; every other one is lost on its way to the pack."""

    def __init__(self) -> None:
        self.bodies: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                token = self.path.rsplit("/", 1)[1]
                if token.encode()[0] % 2:
                    bodies.put((token, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


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
