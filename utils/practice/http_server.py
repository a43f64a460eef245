"""HTTP/1.1 on loopback with a bounded number of threads.

One thread watches the listener and all idle connections; a few others each read one request,
have it answered, and give the connection back. So a thousand open connections cost no thread.
"""

from __future__ import annotations

import os
import queue
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import BinaryIO, cast

from .wire import Reply, Request

_IDLE_S = 60.0
_LINGER_S = 1.0
_BUSY_TIMEOUT_S = 30.0
# Windows can watch 512 sockets at once.
_MOST_WATCHED = 400 if os.name == "nt" else 4000


class _Connection(BaseHTTPRequestHandler):
    """A client's connection; reads one request at a time, when it is told to."""

    protocol_version = "HTTP/1.1"
    timeout = _BUSY_TIMEOUT_S
    disable_nagle_algorithm = True
    wbufsize = 65536

    def __init__(self, connection: socket.socket, answer: Callable[[Request], Reply]) -> None:
        # The base's own __init__ would serve the connection to its end at once.
        self.request = connection
        self.client_address = ("127.0.0.1", 0)
        self.close_connection = False
        self.idle_since = time.monotonic()
        self.served = False
        self._answer = answer
        self._reset = False
        self._unread = False
        self.setup()

    def serve(self) -> bool:
        """Answer what has arrived; True when the connection may live on."""
        try:
            self.connection.settimeout(_BUSY_TIMEOUT_S)
            self.served = True
            while True:
                self.handle_one_request()
                self.wfile.flush()  # an error that the base sends is still in it
                if self.close_connection or not self._more():
                    break
        except (OSError, ValueError):  # ValueError: closed under our hands by `stop`
            self.close_connection = True
        self.idle_since = time.monotonic()
        return not self.close_connection

    def close(self) -> None:
        """Close it, by a reset where a fault asked for that."""
        with suppress(OSError):
            if self._reset:
                form = "hh" if os.name == "nt" else "ii"
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(form, 1, 0)
                )
            else:
                self.connection.shutdown(socket.SHUT_WR)
                self._linger()
        with suppress(OSError, ValueError):
            self.rfile.close()
            self.wfile.close()
        self.connection.close()

    def _linger(self) -> None:
        """Read off what is still coming: closing over it would destroy the reply."""
        if not self._unread:
            return
        self.connection.settimeout(_LINGER_S)
        end = time.monotonic() + _LINGER_S
        while self.connection.recv(65536) and time.monotonic() < end:
            pass

    def abort(self) -> None:
        """Wake the thread that is busy with it."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def exchange(self) -> None:
        """Answer one request whose head has been read."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        stream = cast(BinaryIO, self.rfile)
        request = Request(self.command, self.path, headers=headers, stream=stream)
        reply = self._answer(request)
        if reply.unsent or reply.reset:
            self.close_connection = True
            self._reset = reply.reset
        if reply.unsent:
            return
        # A client that is still sending would meet a reset instead of the reply.
        self._unread = not request.drain()
        self._send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = exchange  # noqa: N815 - the base's names

    def handle_expect_100(self) -> bool:
        """Tell a client that asks first to go on."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def version_string(self) -> str:
        """What the Server header says."""
        return "apixo-wan-practice"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the pack's log is the user's."""

    def _more(self) -> bool:
        """Whether a next request lies in our buffer already, where no selector sees it."""
        self.connection.settimeout(0)
        more = bool(cast("_Peekable", self.rfile).peek(1))
        self.connection.settimeout(_BUSY_TIMEOUT_S)
        return more

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.media_type:
            self.send_header("Content-Type", reply.media_type)
        self.send_header("Content-Length", str(reply.size_bytes))
        if self._unread or reply.cut_after is not None:
            self.send_header("Connection", "close")  # which sets `close_connection`, too
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        size_bytes = reply.size_bytes
        if reply.cut_after is not None:
            size_bytes = min(size_bytes, reply.cut_after)
        if isinstance(reply.body, bytes):
            self.wfile.write(reply.body[:size_bytes])
        elif size_bytes:
            self.wfile.flush()
            with reply.body.path.open("rb") as file:
                self.connection.sendfile(file, reply.body.start, size_bytes)


class _Peekable(BinaryIO):
    """What a buffered reader can do beyond BinaryIO."""

    def peek(self, size: int = 0) -> bytes:
        """Bytes in the buffer, after at most one read."""
        raise NotImplementedError


class HttpServer:
    """Serves `answer` on 127.0.0.1 with `threads` + 1 threads."""

    def __init__(self, answer: Callable[[Request], Reply], *, threads: int) -> None:
        self._answer = answer
        self._thread_count = threads
        self._threads: list[threading.Thread] = []
        self._ready: queue.SimpleQueue[_Connection | None] = queue.SimpleQueue()
        self._back: deque[_Connection] = deque()
        self._busy: set[_Connection] = set()
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def start(self, port: int = 0) -> int:
        """Listen; gives the port."""
        if os.name != "nt":  # on Windows it would let a second server take the same port
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(1024)
        for end in (self._listener, self._wake_in, self._wake_out):
            end.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        targets = [self._watch] + [self._work] * self._thread_count
        for number, target in enumerate(targets):
            thread = threading.Thread(target=target, name=f"practice-http-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return int(self._listener.getsockname()[1])

    def stop(self) -> None:
        """End all connections and threads."""
        self._stopping.set()
        self._wake()
        for connection in tuple(self._busy):
            connection.abort()
        for _ in range(self._thread_count):
            self._ready.put(None)
        for thread in self._threads:
            thread.join()
        while not self._ready.empty():
            left = self._ready.get()
            if left is not None:
                left.close()
        for connection in self._back:
            connection.close()
        self._wake_in.close()
        self._wake_out.close()

    def _wake(self) -> None:
        with suppress(OSError):  # a full pipe wakes as well
            self._wake_out.send(b"x")

    def _watch(self) -> None:
        """The thread that waits for connections and requests."""
        while not self._stopping.is_set():
            for key, _ in self._selector.select(timeout=5.0):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake_in:
                    with suppress(OSError):
                        self._wake_in.recv(4096)
                else:
                    self._selector.unregister(key.fileobj)
                    self._ready.put(key.data)
            self._take_back()
            self._close_idle()
        for key in tuple(self._selector.get_map().values()):
            if isinstance(key.data, _Connection):
                key.data.close()
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:  # nobody is left waiting
                return
            if not self._make_room():
                accepted.close()
                continue
            accepted.setblocking(True)
            try:
                connection = _Connection(accepted, self._answer)
                self._selector.register(accepted, selectors.EVENT_READ, connection)
            except OSError:  # gone again before it said anything
                accepted.close()

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest, where no more can be watched."""
        watched = self._selector.get_map()
        if len(watched) < _MOST_WATCHED:
            return True
        idle = [key.data for key in watched.values() if key.data and key.data.served]
        if idle:
            oldest: _Connection = min(idle, key=lambda connection: connection.idle_since)
            self._selector.unregister(oldest.connection)
            oldest.close()
        return bool(idle)

    def _take_back(self) -> None:
        while self._back:
            connection = self._back.popleft()
            self._selector.register(connection.connection, selectors.EVENT_READ, connection)

    def _close_idle(self) -> None:
        limit = time.monotonic() - _IDLE_S
        for key in tuple(self._selector.get_map().values()):
            if isinstance(key.data, _Connection) and key.data.idle_since < limit:
                self._selector.unregister(key.fileobj)
                key.data.close()

    def _work(self) -> None:
        """A thread that answers requests."""
        while (connection := self._ready.get()) is not None:
            self._busy.add(connection)
            try:
                alive = connection.serve() and not self._stopping.is_set()
            except Exception:  # noqa: BLE001 - the top of a thread, which must live on
                alive = False
            self._busy.discard(connection)
            if alive:
                self._back.append(connection)
                self._wake()
            else:
                connection.close()
