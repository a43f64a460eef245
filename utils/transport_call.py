"""One request on its way: how it is sent, and what its failure means."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.sessions import Session
from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError

from .addresses import AddressRule, check_url, origin_of
from .errors import InputError, NotSentError, TransportError, WanAnimateError
from .transport_connection import Exchange, begin

CONNECT_LIMIT_S = 10.0
_LONGEST_SILENCE_S = 120.0
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (requests.exceptions.ProxyError, "the proxy refused it"),
    (socket.gaierror, "its name is not known"),
    (ConnectionRefusedError, "refused"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "closed"),
    (ssl.SSLError, "its certificate or encryption failed"),
    (requests.exceptions.Timeout, "timed out"),
    (TimeoutError, "timed out"),
    (http.client.HTTPException, "cut short, or no HTTP"),
)


@dataclass(frozen=True)
class Call:
    """One request as it is about to be sent."""

    method: str
    url: str
    headers: dict[str, str]
    params: Mapping[str, str] | None = None
    data: Any = None
    rule: AddressRule | None = None
    redirects: bool = True

    def redirected(self, url: str) -> Call:
        """The same to another address; what was for the first origin does not go to the next."""
        kept = {"range", "if-range"}
        same = origin_of(url) == origin_of(self.url)
        headers = {k: v for k, v in self.headers.items() if same or k.lower() in kept}
        return Call(self.method, url, headers, data=self.data, rule=self.rule)


def send_call(
    session: Session, call: Call, *, silence_s: float
) -> tuple[requests.Response, Exchange]:
    """Send one request, redirects not followed.

    Raises:
        NotSentError: The connection was never made.
        TransportError: It broke after that, before the reply's head had come.
        InputError: The address is not allowed.
    """
    if call.rule is not None:
        check_url(call.url, call.rule)
    proxied = select_proxy(call.url, get_environ_proxies(call.url))
    exchange = Exchange(call.url, None if proxied else call.rule)
    begin(exchange)
    try:
        response = session.request(
            call.method,
            call.url,
            params=call.params,
            headers=call.headers,
            data=call.data,
            allow_redirects=False,
            stream=True,
            timeout=(CONNECT_LIMIT_S, min(silence_s, _LONGEST_SILENCE_S)),
        )
    except (requests.RequestException, HTTPError, OSError) as error:
        raise translated(error, exchange) from error
    return response, exchange


def translated(error: Exception, exchange: Exchange) -> WanAnimateError:
    """Our error for one of the HTTP library: did the request begin to leave, or not?"""
    where = origin_of(exchange.url)
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return InputError(f"The address at {where} is malformed. Correct it.")
    if not exchange.began:
        return NotSentError(
            f"No connection to {where} could be made ({_reason(error)}). "
            "Check the network, the proxy and the address."
        )
    return TransportError(
        f"The connection to {where} broke ({_reason(error)}). Check the network, and run again."
    )


def _reason(error: BaseException) -> str:
    """Why, in a word or two; never the error's own text, which may hold the whole address."""
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            break
        for kind, word in _REASONS:
            if isinstance(seen, kind):
                return word
        inside = (getattr(seen, "reason", None), *seen.args, seen.__cause__, seen.__context__)
        seen = next((error for error in inside if isinstance(error, BaseException)), None)
    return type(error).__name__
