"""Who and what the practice service lets in, and how it refuses the rest."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass

from ..clock import Clock
from .board import envelope
from .wire import Reply, Request

KEY = "practice"
_MINUTE_S = 60.0
_HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Limits:
    """What the service allows: the documented numbers.

    Source:
        docs/service.md, "Errors", read 2026-11-23.
    """

    tasks_at_once: int = 1000
    requests_a_minute: int = 10_000


class Counts:
    """What was on the wire: requests by route, and `accepted` submits."""

    def __init__(self) -> None:
        self._counter: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str, number: int = 1) -> None:
        """Count."""
        with self._lock:
            self._counter[name] += number

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counter[name]

    def all(self) -> dict[str, int]:
        """All counts by name."""
        with self._lock:
            return dict(self._counter)


class RefusalError(Exception):
    """An error envelope with this status."""

    def __init__(self, status: int, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class Gate:
    """Checks host, key and rate of a request."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._minute = (0.0, 0)
        self._lock = threading.Lock()

    def check_host(self, request: Request) -> None:
        """Refuse a web page that had a name of its own point to this machine."""
        if request.headers.get("host", "").rpartition(":")[0] not in _HOSTS:
            raise RefusalError(403, "This service answers to 127.0.0.1 only.")

    def check_key(self, request: Request) -> None:
        """Refuse any key but the practice one."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise RefusalError(401, "The API key is missing.")
        if key != KEY:
            raise RefusalError(
                401, "The API key is wrong; the practice service knows only its own."
            )

    def check_rate(self) -> None:
        """Refuse more requests in a minute than are allowed."""
        now = self._clock.monotonic()
        with self._lock:
            began, number = self._minute
            if now - began >= _MINUTE_S:
                began, number = now, 0
            self._minute = (began, number + 1)
            left_s = int(_MINUTE_S - (now - began)) + 1
        if number >= self._limits.requests_a_minute:
            raise RefusalError(429, "Too many requests in this minute.", retry_after_s=left_s)


def json_reply(value: object, *, unsent: bool = False) -> Reply:
    """A JSON body."""
    return Reply(body=json.dumps(value).encode(), unsent=unsent)


def refused(status: int, message: str, *, retry_after_s: int | None = None) -> Reply:
    """An error in the service's envelope."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    body = json.dumps(envelope(code=status, message=message)).encode()
    return Reply(status=status, body=body, headers=headers)
