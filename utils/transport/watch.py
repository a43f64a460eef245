"""One request under way: how long it may take, who may end it, and how far it has come.

Neither requests nor urllib3 hands anything of the caller's down to the socket, so a request is
watched through its thread. What a socket waits for is real time, whatever clock the pack's own
waits follow.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from ..addresses import AddressRule, origin_of
from ..errors import Stopped, TransportError

SLICE_S = 0.2
"""So often a wait looks at `stop` and at the limits."""

_IDLE_TALK_BYTES = 4 * 1024 * 1024
"""So much may come that is no content: heads, the frames of chunks, what is read and dropped."""

_PACE_WINDOW_S = 60.0
_PACE_BYTES = 64 * 1024
"""A body that brings less than this in a minute would hold its thread for days."""


@dataclass
class Watch:
    """The limits of one request, and what has happened to it.

    Attributes:
        url: Where it goes.
        rule: Which addresses it may reach; None where its owner configured the place.
        stop: Ends it within a slice.
        limit_s: How long the whole may take, from now on; None for no limit.
        silence_s: How long the other side may say nothing.
        once: At most one connection may be made for it.
        connected: Whether a connection was ever ready to take the request.
        paced: Whether bytes must come at some pace, as those of a file do.
    """

    url: str = field(repr=False)
    rule: AddressRule | None = None
    stop: Event | None = None
    limit_s: float | None = None
    silence_s: float = 30.0
    once: bool = False
    connected: bool = False
    paced: bool = False
    _began: float = field(default_factory=time.monotonic)
    _dials: int = 0
    _window_at: float = 0.0
    _window_bytes: int = 0
    _received: int = 0
    _content: int = 0

    def check(self) -> None:
        """End the request where it was stopped or takes too long.

        Raises:
            Stopped: `stop` is set.
            TransportError: The limit has passed.
        """
        if self.stop is not None and self.stop.is_set():
            raise Stopped("The transfer was stopped. Run again to start it over.")
        if self.left_s() <= 0:
            raise TransportError(
                f"{origin_of(self.url)} did not finish within {self.limit_s:g} s. "
                "Check the network, and try again."
            )

    def left_s(self) -> float:
        """Seconds that are left of the limit."""
        if self.limit_s is None:
            return float("inf")
        return self._began + self.limit_s - time.monotonic()

    def waited(self, since: float) -> None:
        """Look at everything that may end a wait which began at `since`.

        Raises:
            Stopped: `stop` is set.
            TransportError: The limit has passed, or the other side is silent for too long.
        """
        self.check()
        if time.monotonic() - since > self.silence_s:
            raise TransportError(
                f"{origin_of(self.url)} sent nothing for {self.silence_s:g} s. Check the network, "
                "and try again."
            )

    def dialled(self) -> None:
        """Note that a connection is about to be made.

        Raises:
            TransportError: A second one, for a request that must leave once.
        """
        self._dials += 1
        if self.once and self._dials > 1:
            raise TransportError("A request that must leave once was about to leave again.")

    def received(self, size_bytes: int) -> None:
        """Note bytes that have come.

        Raises:
            TransportError: They come so slowly, or say so little, that there would be no end.
        """
        self._received += size_bytes
        if self._received > 2 * self._content + _IDLE_TALK_BYTES:
            raise TransportError(
                f"{origin_of(self.url)} keeps sending, but almost no content. Check the address, "
                "and try again."
            )
        if not self.paced:
            return
        now = time.monotonic()
        if not self._window_at:
            self._window_at = now
        self._window_bytes += size_bytes
        if now - self._window_at < _PACE_WINDOW_S:
            return
        if self._window_bytes < _PACE_BYTES:
            raise TransportError(
                f"{origin_of(self.url)} sends only {self._window_bytes} bytes per minute. Check "
                "the network, and try again."
            )
        self._window_at, self._window_bytes = now, 0

    def delivered(self, size_bytes: int) -> None:
        """Note content that has been handed to whoever asked for it."""
        self._content += size_bytes

    def pause(self, delay_s: float) -> None:
        """Wait before another attempt.

        Raises:
            Stopped: `stop` is set.
            TransportError: The limit has passed.
        """
        end = time.monotonic() + delay_s
        waiting = self.stop or Event()
        while (left_s := end - time.monotonic()) > 0:
            self.check()
            waiting.wait(min(left_s, SLICE_S))
        self.check()

    @contextmanager
    def running(self) -> Generator[None, None, None]:
        """While this lasts, the sockets of this thread obey this watch."""
        before, _current.watch = _current.watch, self
        try:
            yield
        finally:
            _current.watch = before


class _Current(threading.local):
    watch: Watch | None = None


_current = _Current()


def running_watch() -> Watch:
    """The watch of this thread's request, which there must be.

    Raises:
        RuntimeError: There is none.
    """
    if _current.watch is None:
        raise RuntimeError("Sockets of ours are used inside a watch only.")
    return _current.watch


class _NoLinks(logging.Filter):
    """Drops what urllib3 logs about requests of ours: its lines hold whole links."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line may appear."""
        del record
        return _current.watch is None


_no_links = _NoLinks()


def keep_links_out_of_logs() -> None:
    """Silence urllib3 in our own requests; those of others log as before."""
    for name in ("urllib3.connection", "urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_no_links)
