"""One exchange: a call, the reply to it, and the redirects between them.

What machinery may repeat is said here and nowhere else; `post_once` asks for none of it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urljoin

import requests
from requests.utils import requote_uri
from urllib3.util.retry import Retry

from ..addresses import origin_of
from ..errors import TransportError
from .call import Call, open_reply
from .connection import Patience, WatchedAdapter
from .watch import Watch

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_REPEATED = frozenset({"GET", "HEAD", "PUT"})
_PASSING = frozenset({500, 502, 503, 504})
"""Statuses after which a file is asked for, or sent, once more."""


def patience() -> Retry:
    """Repeats what failed on the way, and leaves every status to the caller."""
    return Patience(
        2,
        redirect=0,
        status=0,
        other=0,
        allowed_methods=_REPEATED,
        backoff_factor=0.3,
        raise_on_status=False,
        respect_retry_after_header=False,
    )


def file_patience(*, connect: int | None = None, read: int | None = None) -> Retry:
    """Repeats also where a host had trouble for a moment."""
    return Patience(
        3,
        connect=connect,
        read=read,
        redirect=0,
        other=0,
        allowed_methods=_REPEATED,
        backoff_factor=0.3,
        status_forcelist=_PASSING,
        raise_on_status=False,
        respect_retry_after_header=False,
    )


@contextmanager
def fresh(retry: Retry) -> Generator[WatchedAdapter, None, None]:
    """A way out whose connections nobody used before, and nobody will use again."""
    adapter = WatchedAdapter(retry)
    try:
        yield adapter
    finally:
        adapter.close()


@contextmanager
def reply_to(
    adapter: WatchedAdapter, call: Call, watch: Watch
) -> Generator[requests.Response, None, None]:
    """The reply to a call, closed at the end; errors are ours."""
    with watch.running():
        response = open_reply(adapter, call, watch)
        try:
            yield response
        finally:
            response.close()


@contextmanager
def followed(retry: Retry, call: Call, watch: Watch) -> Generator[requests.Response, None, None]:
    """The reply to a call after its redirects, each of which is checked like the first address."""
    for _ in range(_MOST_REDIRECTS + 1):
        with fresh(retry) as adapter, reply_to(adapter, call, watch) as response:
            target = response.headers.get("Location", "")
            if response.status_code not in _REDIRECTS or not target:
                yield response
                return
            call = Call(call.method, _next_url(call.url, target), call.headers)
            watch.url = call.url
    raise TransportError(
        f"{origin_of(call.url)} redirects more than {_MOST_REDIRECTS} times. Use the file's real "
        "address."
    )


def _next_url(url: str, target: str) -> str:
    """Where a redirect leads; its bytes came as Latin-1, and were meant as UTF-8."""
    try:
        text = target.encode("latin-1").decode("utf-8", "replace")
        found = requote_uri(urljoin(url, text)).partition("#")[0]
    except (ValueError, requests.RequestException) as error:
        raise TransportError(
            f"{origin_of(url)} redirects to an invalid address. Use the file's real address."
        ) from error
    if url.startswith("https:") and found.startswith("http:"):
        raise TransportError(
            f"{origin_of(url)} redirects from https to http, where anybody on the way could swap "
            "the file. Use the file's real address."
        )
    return found
