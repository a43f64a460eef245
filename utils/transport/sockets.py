"""Sockets that reach only what they may, and whose every wait can be ended.

The time limits of a socket hold for one step each; a server that sends a byte now and then keeps
such a socket, and the thread that reads it, for ever. Here every wait is a row of short ones.
"""

from __future__ import annotations

import errno
import io
import ipaddress
import os
import re
import selectors
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from ..addresses import AddressRule, IPAddress, origin_of, private_address
from .watch import SLICE_S, Watch, running_watch

CONNECT_LIMIT_S = 15.0
_EACH_ADDRESS_S = 6.0
_SEND_BYTES = 64 * 1024
_BUFFER_BYTES = 64 * 1024
_UNDER_WAY = frozenset(
    {0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, errno.EINTR, 10035, 10036}
)
"""The last two are the words of Windows for the first two."""

_INTERIM = re.compile(rb"HTTP/1\.[0-9] 1(?!01)[0-9]{2}[ \r\n]")
"""The beginning of what is said before an answer, as in 103 Early Hints; 101 is an answer."""

_Found = tuple[int, int, int, Any]


def dial(host: str, port: int, watch: Watch, *, origin: str | None) -> socket.socket:
    """Connect to a host, only by addresses that the watch's rule allows.

    Args:
        host: A name or an address.
        port: The port.
        watch: The request that this is for.
        origin: What the rule is asked about; None for a proxy, which it does not concern.

    Raises:
        OSError, UnicodeError: No connection can be made.
        InputError: The host has addresses, and none of them is allowed.
        Stopped: `stop` was set.
        TransportError: The limit has passed.
    """
    watch.check()
    found = _addresses(host, port, origin=origin, rule=watch.rule)
    end = time.monotonic() + min(CONNECT_LIMIT_S, watch.left_s())
    failed: OSError = OSError("no address")
    for number, address in enumerate(found, start=1):
        last = end if number == len(found) else min(end, time.monotonic() + _EACH_ADDRESS_S)
        try:
            return _connect(address, watch, until=last)
        except OSError as error:
            failed = error
    raise failed


def check_behind_proxy(host: str, port: int, watch: Watch) -> None:
    """Refuse a host that this machine itself knows as private; the rest is the proxy's affair.

    Raises:
        InputError: It has addresses, and none of them is allowed.
    """
    try:
        _addresses(host, port, origin=origin_of(watch.url), rule=watch.rule)
    except (OSError, UnicodeError):  # names are often known to the proxy only
        return


def _addresses(
    host: str, port: int, *, origin: str | None, rule: AddressRule | None
) -> list[_Found]:
    """Where a host can be connected to, as far as the rule allows."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found: list[_Found] = [(info[0], info[1], info[2], info[4]) for info in infos]
    if rule is None or origin is None:
        return found
    named = not _is_address(host)
    allowed = [place for place in found if rule.allows(_ip(place), origin, named=named)]
    if found and not allowed:
        raise private_address(origin)
    return allowed


def _ip(place: _Found) -> IPAddress:
    return ipaddress.ip_address(str(place[3][0]).partition("%")[0])


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


def _connect(address: _Found, watch: Watch, *, until: float) -> socket.socket:
    family, kind, protocol, place = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        _raise_for(sock.connect_ex(place), accepted=_UNDER_WAY)
        with selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_WRITE)
            while not selector.select(SLICE_S):
                watch.check()
                _raise_for(errno.ETIMEDOUT if time.monotonic() > until else 0)
        _raise_for(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(max(SLICE_S, until - time.monotonic()))  # for TLS and the proxy's tunnel
    except BaseException:
        sock.close()
        raise
    return sock


def _raise_for(code: int, *, accepted: frozenset[int] = frozenset({0})) -> None:
    if code not in accepted:
        raise OSError(code, os.strerror(code))


class WatchedSocket:
    """A connected socket that obeys the watch of the thread that uses it.

    It stands where http.client and urllib3 expect a socket, and does what they ask of one.

    Args:
        sock: A socket of the system, with or without TLS, or urllib3's own for TLS within TLS.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._is_system = isinstance(sock, socket.socket)
        sock.settimeout(SLICE_S)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, value: float | None) -> None:
        """Nothing: the watch has the limits."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of it.

        Raises:
            Stopped, TransportError: As `Watch.waited`.
        """
        del flags
        view = memoryview(data).cast("B")
        if not self._is_system:  # TLS within a proxy's TLS would send again what a slice cut off
            watch = running_watch()
            self._sock.settimeout(max(SLICE_S, min(watch.silence_s, watch.left_s())))
        while view:
            try:
                view = view[self._patiently(self._sock.send, view[:_SEND_BYTES]) :]
            except ssl.SSLEOFError as error:  # as without TLS; there may be a reply to read
                raise BrokenPipeError(errno.EPIPE, "closed") from error
        if not self._is_system:
            self._sock.settimeout(SLICE_S)

    def receive(self, buffer: memoryview) -> int:
        """Receive what comes next.

        Raises:
            Stopped, TransportError: As `Watch.waited` and `Watch.received`.
        """
        size_bytes = self._patiently(self._sock.recv_into, buffer)
        running_watch().received(size_bytes)
        return size_bytes

    def makefile(self, mode: str = "rb", buffering: int | None = None) -> io.BufferedReader:
        """What http.client reads a reply from."""
        del mode, buffering
        return _AnswerReader(_Incoming(self, self._sock), _BUFFER_BYTES)

    def close(self) -> None:
        """Close the socket once the reply has been read, too."""
        self._sock.close()

    def _patiently(self, step: Callable[[memoryview], int], data: memoryview) -> int:
        """Take one step, in as many short waits as it needs."""
        since = time.monotonic()
        while True:
            running_watch().waited(since)
            try:
                return step(data)
            except TimeoutError:  # one slice is over; nothing of `data` was taken
                continue


class _AnswerReader(io.BufferedReader):
    """What http.client reads one answer from; it knows 100 of what may be said before, and no more.

    Source: RFC 9110, section 15.2: a client must be able to skip any number of these, unasked.
    """

    _begun = False

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line; the first one is that of the answer itself."""
        line = super().readline(size)
        while not self._begun and _INTERIM.match(line):
            while line.strip():
                line = super().readline(size)
            line = super().readline(size)
        self._begun = True
        return line


class _Incoming(io.RawIOBase):
    """The receiving side of a socket as a file, which keeps the socket open while it is read."""

    def __init__(self, watched: WatchedSocket, sock: socket.socket) -> None:
        super().__init__()
        self._watched = watched
        self._hold = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """What comes next; 0 at the end."""
        return self._watched.receive(memoryview(buffer))

    def close(self) -> None:
        """Let go of the socket."""
        if not self.closed:
            self._hold.close()
        super().close()
