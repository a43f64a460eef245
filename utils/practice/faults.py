"""Faults on purpose: what a test, or a soak, makes of single requests.

A hook stands around every request. It may let it pass, answer instead (the service then never
sees it), or spoil the answer after the service has acted on it:

    def lose_the_answer(request, route, handle):
        handle()                                  # the submit is accepted
        return Reply(unsent=True)                 # and nobody hears of it
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .wire import FilePart, Reply, Request

Handle = Callable[[], Reply]
Faults = Callable[[Request, str, Handle], Reply]
"""Gets the request, its route (`ROUTES`), and what would answer it; gives the answer."""

Fault = Callable[[Request, Handle], Reply]

ROUTES = ("submit", "status", "balance", "upload", "file", "delete", "other")


class FaultPlan:
    """A hook that is told beforehand which requests of which route go wrong."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()

    def add(
        self, route: str, fault: Fault, *, times: int = 1, skip: int = 0, path: str = ""
    ) -> None:
        """Spoil `times` requests of a route, after `skip` good ones.

        Args:
            route: One of `ROUTES`.
            fault: What happens.
            times: How often.
            skip: How many pass before.
            path: Only requests whose path holds this text.
        """
        if route not in ROUTES:
            raise ValueError(route)
        with self._lock:
            self._planned.append(_Planned(route, fault, times, skip, path))

    def __call__(self, request: Request, route: str, handle: Handle) -> Reply:
        """Answer the request, well or badly."""
        fault = self._next(request, route)
        return fault(request, handle) if fault else handle()

    @property
    def left(self) -> int:
        """How many faults are still to come."""
        with self._lock:
            return sum(planned.times for planned in self._planned)

    def _next(self, request: Request, route: str) -> Fault | None:
        with self._lock:
            for planned in self._planned:
                if planned.route != route or planned.path not in request.path:
                    continue
                if planned.skip:
                    planned.skip -= 1
                    return None
                if planned.times:
                    planned.times -= 1
                    return planned.fault
        return None


@dataclass
class _Planned:
    route: str
    fault: Fault
    times: int
    skip: int
    path: str


def lost(request: Request, handle: Handle) -> Reply:
    """The request is acted on, and the connection closed without an answer."""
    return replace(handle(), unsent=True)


def reset_after(request: Request, handle: Handle) -> Reply:
    """The request is acted on, and the connection reset without an answer."""
    return replace(handle(), unsent=True, reset=True)


def reset_before(request: Request, handle: Handle) -> Reply:
    """The connection is reset before the body is read; the service never sees the request."""
    return Reply(unsent=True, reset=True)


def closed(request: Request, handle: Handle) -> Reply:
    """The body is read and the connection closed; the service never sees the request."""
    request.drain()
    return Reply(unsent=True)


def instead(
    status: int, body: object = None, *, html: bool = False, headers: dict[str, str] | None = None
) -> Fault:
    """The service never sees the request; this is answered: JSON, a text as it is, or a page."""
    page = f"<html><head><title>{status}</title></head><body>gateway</body></html>"
    if body is None:
        body = page if html else {"code": status, "message": "fault", "data": None}
    return _answering(status, body, html=html, headers=headers, act=False)


def replaced(status: int, body: object, *, html: bool = False) -> Fault:
    """The request is acted on, but this is answered."""
    return _answering(status, body, html=html, headers=None, act=True)


def edited(edit: Callable[[dict[str, Any]], object]) -> Fault:
    """The request is acted on; `edit` changes the JSON of the answer or gives another."""

    def fault(request: Request, handle: Handle) -> Reply:
        reply = handle()
        value = json.loads(reply.body) if isinstance(reply.body, bytes) else {}
        changed = edit(value)
        return replace(reply, body=json.dumps(value if changed is None else changed).encode())

    return fault


def cut(after_bytes: int) -> Fault:
    """The body of the answer stops after so many bytes, below its Content-Length."""

    def fault(request: Request, handle: Handle) -> Reply:
        return replace(handle(), cut_after=after_bytes)

    return fault


def corrupt(request: Request, handle: Handle) -> Reply:
    """The answer has the right length and wrong bytes; a ranged one turns whole."""
    reply = handle()
    if isinstance(reply.body, FilePart):
        size_bytes = reply.body.path.stat().st_size
        return Reply(status=200, media_type=reply.media_type, body=b"\x5a" * size_bytes)
    return replace(reply, body=b"\x5a" * len(reply.body))


def redirect(location: str) -> Fault:
    """The answer is a redirect."""
    return _answering(302, "", html=True, headers={"Location": location}, act=False)


def held(release: threading.Event, *, limit_s: float = 30.0) -> Fault:
    """The answer is held back until `release` is set; it occupies a request thread."""

    def fault(request: Request, handle: Handle) -> Reply:
        reply = handle()
        release.wait(limit_s)
        return reply

    return fault


def _answering(
    status: int, body: object, *, html: bool, headers: dict[str, str] | None, act: bool
) -> Fault:
    def fault(request: Request, handle: Handle) -> Reply:
        if act:
            handle()
        raw = body if isinstance(body, bytes) else None
        if raw is None:
            raw = (body if isinstance(body, str) else json.dumps(body)).encode()
        media_type = "text/html; charset=utf-8" if html else "application/json"
        return Reply(status=status, body=raw, media_type=media_type, headers=headers or {})

    return fault
