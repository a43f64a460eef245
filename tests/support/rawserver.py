"""A server on loopback that does to a connection whatever its script says, and counts all of it.

`http.server` is too polite for this: it always answers in whole lines. Here a script gets the bare
connection, and can cut, reset, drip or lie at any byte.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from patience import until


@dataclass
class Asked:
    """One request as it came over the wire.

    Attributes:
        connection: The how-manyeth connection it came by, from 0.
        number: The how-manyeth request to the server, from 0.
        headers: By lower-case name.
        body: Empty until all of it, or what comes of it, is there.
    """

    connection: int
    number: int
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """One connection, as a script sees it."""

    def __init__(self, server: RawServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self.sock = sock
        self.number = number
        self.rest = b""

    def head(self) -> bytes:
        """The bytes of a request up to the empty line; b"" where the other side has gone."""
        while b"\r\n\r\n" not in self.rest:
            piece = self.sock.recv(65536)
            if not piece:
                return b""
            self.rest += piece
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        return head

    def request(self) -> Asked | None:
        """Read one request and count it; None where the other side has gone."""
        head = self.head()
        if not head:
            return None
        line, *rows = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ", 2)
        headers = {n.strip().lower(): v.strip() for n, _, v in (row.partition(":") for row in rows)}
        with self.server.lock:
            asked = Asked(self.number, len(self.server.requests), method, target, headers, b"")
            self.server.requests.append(asked)
        length = int(headers.get("content-length", 0))
        while len(self.rest) < length:
            piece = self.sock.recv(65536)
            if not piece:
                break
            self.rest += piece
        asked.body, self.rest = self.rest[:length], self.rest[length:]
        return asked

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reply(
        self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str
    ) -> None:
        """A whole answer, which may lie about its length."""
        self.send(reply_bytes(status, body, length=length, **headers))

    def drip(self, data: bytes, *, every_s: float) -> None:
        """Send byte by byte until the other side goes or the server ends."""
        for byte in data:
            if self.server.ending.wait(every_s):
                return
            self.send(bytes([byte]))

    def linger(self) -> None:
        """Hold the connection open, silently, until the other side goes or the server ends."""
        self.sock.settimeout(0.05)
        while not self.server.ending.is_set():
            try:
                if not self.sock.recv(65536):
                    return
            except TimeoutError:
                continue

    def reset(self) -> None:
        """End with a TCP reset instead of an orderly goodbye."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.sock.close()


Script = Callable[[Wire], object]


@dataclass
class RawServer:
    """A listening socket whose every connection is given to a script, in a thread of its own.

    Attributes:
        requests: Every request that any script has read, in order.
        connections: How many connections were accepted.
    """

    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[Asked] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    ending: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listening.settimeout(0.02)
        self.port: int = self._listening.getsockname()[1]
        scheme = "https" if self.tls else "http"
        self.origin = f"{scheme}://127.0.0.1:{self.port}"
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._peers: list[object] = []
        self._spawn(self._accept)

    def _spawn(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.ending.is_set():
            try:
                sock, peer = self._listening.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with self.lock:
                number, self.connections = self.connections, self.connections + 1
                self._open.append(sock)
                self._peers.append(peer)
            self._spawn(self._serve, sock, number)

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            with contextlib.suppress(OSError):  # the other side may go at any time
                sock.settimeout(20)
                if self.tls is not None:
                    sock = self.tls.wrap_socket(sock, server_side=True)
                    with self.lock:
                        self._open.append(sock)
                self.script(Wire(self, sock, number))
        except ValueError:  # a script that waits in `select` while `close` closes its socket
            if not self.ending.is_set():
                raise
        finally:  # also where a script is at fault: nobody is to wait for its answer
            sock.close()
            with self.lock:  # thousands of connections may come
                self._open = [other for other in self._open if other.fileno() >= 0]
                self._threads.remove(threading.current_thread())

    def dialled(self) -> int:
        """How many connections have been made to it, those that still wait to be accepted too.

        They are accepted in the order in which they were made, so one more shows how many came
        before it; the script meets it as one that says nothing and goes.
        """
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            until(lambda: last.getsockname() in self._peers)
            return len(self._peers) - 1 - self._peers[::-1].index(last.getsockname())

    def close(self) -> None:
        self.ending.set()
        with contextlib.suppress(OSError):  # wakes `accept` at once on most systems
            self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(timeout=60)
        self._listening.close()
        with self.lock:
            threads, sockets = list(self._threads), list(self._open)
        for sock in sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in threads:
            thread.join(timeout=60)
        for sock in sockets:
            sock.close()


def reply_bytes(
    status: int, body: bytes = b"", *, length: int | None = None, **headers: str
) -> bytes:
    """An HTTP answer; header names are given with _ for -."""
    lines = [
        f"HTTP/1.1 {status} Said",
        f"Content-Length: {len(body) if length is None else length}",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def answering(*answers: bytes) -> Script:
    """A script that answers request by request, the last one for ever, on each connection."""

    def script(wire: Wire) -> None:
        while (asked := wire.request()) is not None:
            wire.send(answers[min(asked.number, len(answers) - 1)])

    return script


def make_certificate(folder: Path, name: str = "loopback") -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key.

    Raises:
        FileNotFoundError: There is no `openssl` command.
    """
    import subprocess

    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key
