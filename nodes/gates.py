"""Who may call which route, and what a body may look like; checked before any handler runs."""

from __future__ import annotations

import ipaddress
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from ..utils.errors import (
    HostingError,
    InputError,
    ProtocolError,
    ServiceError,
    SettingsError,
    TransportError,
    WanAnimateError,
)
from ..utils.ledger.ledger import RowGoneError

log = logging.getLogger(__name__)

MOST_BODY_BYTES = 16 * 1024

Body = dict[str, Any]
Handler = Callable[[web.Request, Body], Awaitable[Any]]

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::[0-9]{1,5})?", re.IGNORECASE)
_FORWARDING = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")
_STATUS: tuple[tuple[type[WanAnimateError], int], ...] = (
    (RowGoneError, 404),
    (SettingsError, 400),
    (InputError, 400),
    (ServiceError, 502),
    (TransportError, 502),
    (ProtocolError, 502),
    (HostingError, 502),
)


class RefusedError(Exception):
    """A request that no handler sees.

    Attributes:
        status: The HTTP status of the refusal.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


def gate(
    handler: Handler, *, fields: Mapping[str, type] | None = None, owner: bool = False
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler behind every check that its route needs.

    Args:
        handler: Takes the request and its checked body; returns what is sent as JSON.
        fields: Name and type of each field of the body; None for a route that is only read.
        owner: Only from the machine itself: secrets and settings.
    """

    async def answer(request: web.Request) -> web.Response:
        try:
            refuse_other_sites(request)
            if owner:
                refuse_other_machines(request)
            body = await read_body(request, fields) if fields is not None else {}
            return _json(await handler(request, body))
        except RefusedError as error:
            return _json({"error": str(error)}, status=error.status)
        except WanAnimateError as error:
            return _json({"error": str(error)}, status=_status_of(error))

    return answer


def refuse_other_sites(request: web.Request) -> None:
    """Refuse what a page of another site sends, also where the browser or the host is old.

    Raises:
        RefusedError: The request comes from another site.
    """
    fetch_site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if fetch_site is not None:
        foreign = fetch_site.lower() not in {"same-origin", "none"}
    else:
        hosts = {request.host.lower(), request.headers.get("X-Forwarded-Host", "").lower()}
        foreign = origin is not None and _place_of(origin) not in hosts - {""}
    if foreign:
        raise RefusedError(
            "This request comes from another web site. Open ComfyUI itself and try again there.",
            status=403,
        )


def is_from_owner(request: web.Request) -> bool:
    """Whether a browser on this machine asks that was pointed at this machine, by no proxy.

    The name in the Host header counts too: a foreign page can make its own name lead here.
    """
    peer = request.transport.get_extra_info("peername") if request.transport else None
    near = bool(peer) and isinstance(peer, tuple) and is_loopback(str(peer[0]))
    named = is_loopback(_name_in(request.host))
    return near and named and not any(name in request.headers for name in _FORWARDING)


def refuse_other_machines(request: web.Request) -> None:
    """Refuse everybody but the owner.

    Raises:
        RefusedError: The request comes from elsewhere, or through a proxy.
    """
    if not is_from_owner(request):
        raise RefusedError(
            "Settings and keys can be seen and changed only in a browser on the machine that "
            "runs ComfyUI. Or set environment variables there, such as APIXO_API_KEY and "
            "APIXO_WAN_PRACTICE.",
            status=403,
        )


def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine, without asking a name server."""
    name = host.rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


async def read_body(request: web.Request, fields: Mapping[str, type]) -> Body:
    """Read a small JSON object with exactly these fields.

    Raises:
        RefusedError: It is too large, no JSON, or has other fields.
    """
    if request.content_type != "application/json":
        raise RefusedError("The request is not JSON. Send application/json.", status=415)
    content = await read_small(request, MOST_BODY_BYTES)
    try:
        body: object = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise RefusedError("The request is not a JSON object. Send one.", status=400)
    unknown = sorted(str(name)[:40] for name in body if name not in fields)
    if unknown:
        raise RefusedError(f"Unknown field “{unknown[0]}”. Leave it out.", status=400)
    for name, kind in fields.items():
        value = body.get(name)
        if not isinstance(value, kind) or (kind is int and not _is_row_number(value)):
            raise RefusedError(
                f"The field “{name}” is missing or not of type {kind.__name__}. Correct it.",
                status=400,
            )
    return body


def _is_row_number(value: object) -> bool:
    """Whether a database can hold it."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


async def read_small(request: web.Request, most_bytes: int) -> bytes:
    """Read a body of at most so many bytes.

    Raises:
        RefusedError: It is larger.
    """
    content = bytearray()
    async for piece in request.content.iter_chunked(8192):
        content += piece
        if len(content) > most_bytes:
            raise RefusedError(
                f"The request is larger than {most_bytes} bytes. Send less.", status=413
            )
    return bytes(content)


def _place_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _name_in(host: str) -> str:
    """The name or the address in a Host header; "" where it is anything else."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]) if found else ""


def _status_of(error: WanAnimateError) -> int:
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return 500


def _json(content: object, *, status: int = 200) -> web.Response:
    return web.json_response(content, status=status, headers={"Cache-Control": "no-store"})
