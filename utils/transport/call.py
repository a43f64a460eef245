"""One request on its way: what is sent, to where, and what its failure means."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.sessions import Session
from urllib3.exceptions import HTTPError, ProxyError

from ..addresses import check_url, is_loopback, origin_of
from ..errors import InputError, NotSentError, TransportError
from .connection import WatchedAdapter
from .sockets import check_behind_proxy
from .watch import Watch, running_watch

USER_AGENT = "apixo-wan-animate"

BROKEN = (requests.RequestException, HTTPError, OSError, ValueError)
"""Everything that the libraries below raise when a request does not come through.

A ValueError is a name that cannot be, or a number that cannot: a chunk of a size below zero.
"""

_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})")

_environment = Session()
"""Only asked for the proxies and certificates that the environment names; sends nothing."""

_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (
        requests.exceptions.InvalidHeader,
        "a header, such as the key, contains characters no header may have",
    ),
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    (ssl.SSLError, "its encryption failed"),
    (socket.gaierror, "its host name is unknown"),
    (UnicodeError, "its host name is invalid"),
    (ConnectionRefusedError, "refused"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "closed"),
    (TimeoutError, "timed out"),
)


@dataclass(frozen=True)
class Call:
    """One request as it is about to be sent.

    Attributes:
        method: As in GET.
        url: Where it goes.
        headers: Sent with it.
        params: Added as the query.
        body: Bytes, or a file that is read as it goes.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    params: Mapping[str, str] | None = field(default=None, repr=False)
    body: Any = field(default=None, repr=False)


def open_reply(adapter: WatchedAdapter, call: Call, watch: Watch) -> requests.Response:
    """Send one request; the reply's body is still to be read, inside the same watch.

    Raises:
        NotSentError: No connection was made; nothing of the request has left.
        TransportError: It broke after that.
        InputError: The address is malformed, or not allowed.
        Stopped: `stop` was set.
    """
    if watch.rule is not None:
        check_url(call.url, watch.rule)
    try:
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **call.headers}
        _check_ascii(headers)
        prepared = requests.Request(
            call.method,
            call.url,
            headers=headers,
            params=call.params,
            data=call.body,
            auth=_only_our_headers,
        ).prepare()
        where = _way_to(call.url)
        if where["proxies"] and watch.rule is not None:
            parts = urlsplit(call.url)
            check_behind_proxy(parts.hostname or "", parts.port or 443, watch)
        return adapter.send(prepared, stream=True, timeout=None, **where)
    except (InputError, NotSentError):
        raise
    except TransportError as error:
        if watch.connected:
            raise
        raise NotSentError(str(error)) from None
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
        raise _unsendable(call, error) from None
    except BROKEN as error:
        raise broken(error) from _root(error)


def broken(error: BaseException) -> TransportError:
    """Our error for one of the libraries', which says whether the request can have left."""
    watch = running_watch()
    where = origin_of(watch.url)
    if not watch.connected:
        return NotSentError(
            f"No connection to {where} could be made ({_reason(error)}). "
            "Check the network, the proxy and the address."
        )
    return TransportError(
        f"The connection to {where} broke ({_reason(error)}). Check the network, and run again."
    )


def _check_ascii(headers: Mapping[str, str]) -> None:
    """Refuse before connecting what http.client would refuse only after it."""
    if not all(name.isascii() and value.isascii() for name, value in headers.items()):
        raise requests.exceptions.InvalidHeader


def _only_our_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps what stands in an address or in `.netrc` from taking the place of our key."""
    return request


def _way_to(url: str) -> dict[str, Any]:
    """The proxies and certificates for an address; this machine itself needs no proxy."""
    found = _environment.merge_environment_settings(url, {}, True, None, None)
    proxies: dict[str, str] = {} if is_loopback(url) else dict(found["proxies"])
    return {"proxies": proxies, "verify": found["verify"], "cert": found["cert"]}


def _unsendable(call: Call, error: Exception) -> NotSentError:
    if "SOCKS" in str(error):
        return NotSentError(
            "The proxy of this machine is a SOCKS proxy, which needs the Python package PySocks. "
            "Install PySocks, or name an http:// proxy in HTTPS_PROXY."
        )
    return NotSentError(
        f"The address {origin_of(call.url)}, or that of the proxy, is malformed. "
        "Correct it in the settings, or in HTTPS_PROXY."
    )


def _chain(error: BaseException) -> list[BaseException]:
    """The error and everything that it wraps, outermost first."""
    found: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting and len(found) < 30:
        seen = waiting.pop(0)
        if any(seen is known for known in found):
            continue
        found.append(seen)
        inside = (getattr(seen, "reason", None), *seen.args, seen.__cause__, seen.__context__)
        waiting += [inner for inner in inside if isinstance(inner, BaseException)]
    return found


def _root(error: BaseException) -> BaseException | None:
    """What lies at the bottom, where it is the system's; others' texts may hold whole links."""
    inner = _chain(error)[-1]
    plain = isinstance(inner, OSError) and not isinstance(inner, requests.RequestException)
    return inner if plain and inner.__cause__ is None and inner.__context__ is None else None


def _reason(error: BaseException) -> str:
    """Why, in a few words of ours; never the error's own text."""
    chain = _chain(error)
    word = next((word for kind, word in _REASONS if any(isinstance(e, kind) for e in chain)), "")
    refused = next((m for e in chain if (m := _TUNNEL.search(str(e)))), None)
    if refused:
        return f"the proxy answered {refused[1]}"
    if any(isinstance(e, (requests.exceptions.ProxyError, ProxyError)) for e in chain):
        return f"the proxy: {word or 'cut short, or not HTTP'}"
    if not word and "TLS CA certificate" in str(error):
        return "the certificate file named by REQUESTS_CA_BUNDLE is missing"
    return word or "cut short, or not HTTP"
