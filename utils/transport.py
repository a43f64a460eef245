"""The only place that talks HTTP.

Reads and uploads are repeated where the connection failed; what is sent by `post_once` leaves at
most once. A status is not an error here, since only the caller knows what it means; no message,
no log line and no chained error shows the query of an address.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urljoin

import requests
from requests.utils import requote_uri
from urllib3.util.retry import Retry

from .addresses import AddressRule, origin_of
from .clock import Clock
from .errors import TransportError
from .transport_bodies import FileBody, Form, Progress, chunks, read_body
from .transport_call import Call, open_reply
from .transport_connection import Patience, WatchedAdapter
from .transport_download import (
    Downloaded,
    DownloadProgress,
    RefusedLinkError,
    Wish,
    fetch,
    media_type_of,
    total_bytes,
)
from .transport_retry_after import retry_after_s
from .transport_watch import Watch, keep_links_out_of_logs

__all__ = ["DownloadProgress", "Downloaded", "Probe", "RefusedLinkError", "Reply", "Transport"]

REPLY_LIMIT_BYTES = 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_REPEATED = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_PASSING = frozenset({500, 502, 503, 504})
"""Statuses after which a file is asked for, or sent, once more."""

_UPLOAD_SILENCE_S = 120.0
_UPLOAD_LEAST_S = 300.0
_UPLOAD_SLOWEST_BYTES_PER_S = 16 * 1024


@dataclass(frozen=True)
class Reply:
    """A small reply, whole.

    Attributes:
        status: HTTP status.
        headers: By lower-case name.
        body: Uncompressed, at most the limit asked for. Where the status says that the request
            failed, it is what could be read, perhaps nothing.
        url: Where it came from.
        retry_after_s: How long the other side wants to be left alone, None where it says nothing.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = field(repr=False)
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Probe:
    """What the beginning of a file at an address says.

    Attributes:
        status: HTTP status; 200 or 206 where the file can be read.
        total_bytes: Size of the whole file, None where the host does not tell.
        media_type: As in `video/mp4`, lower case, without parameters; "" where missing.
        first: The first bytes.
        final_url: Where it was read from, after redirects.
    """

    status: int
    total_bytes: int | None
    media_type: str
    first: bytes
    final_url: str = field(repr=False)


class Transport:
    """HTTP for every other room; safe to use from many threads.

    Args:
        clock: For the waits between attempts at a download, and to read `Retry-After`.
    """

    def __init__(self, clock: Clock) -> None:
        keep_links_out_of_logs()
        self._clock = clock
        self._kept = WatchedAdapter(_patience())

    def close(self) -> None:
        """Close the connections that are kept for further reads."""
        self._kept.close()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        limit_bytes: int = REPLY_LIMIT_BYTES,
        timeout_s: float = 30.0,
        stop: Event | None = None,
    ) -> Reply:
        """Read something small from a place that its owner configured; follows no redirect.

        Args:
            url: What is read.
            headers: Sent to that origin and to no other.
            params: Added as the query.
            limit_bytes: The most that is read, before and after any compression.
            timeout_s: How long the whole may take, repeats included.
            stop: Ends it within half a second, but for the making of a connection.

        Raises:
            NotSentError: The connection was never made.
            TransportError: No whole reply.
            Stopped: `stop` was set.
        """
        call = Call("GET", url, headers or {}, params=params)
        watch = Watch(url, stop=stop, limit_s=timeout_s, silence_s=timeout_s)
        with _reply(self._kept, call, watch) as response:
            return self._read(response, watch, limit_bytes)

    def post_once(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,
        timeout_s: float = 60.0,
        limit_bytes: int = REPLY_LIMIT_BYTES,
    ) -> Reply:
        """Send a request that must not be sent twice: fresh connection, no redirect, no repeat.

        Args:
            url: Where it goes.
            headers: Sent to that origin and to no other.
            json_body: What is sent.
            timeout_s: How long the whole may take.
            limit_bytes: The largest reply, before and after any compression.

        Raises:
            NotSentError: The connection was never made; nothing of the request has left.
            TransportError: Anything after that: the request may have arrived.
        """
        content = json.dumps(json_body, allow_nan=False).encode()
        sent = {**(headers or {}), "Content-Type": "application/json", "Connection": "close"}
        watch = Watch(url, limit_s=timeout_s, silence_s=timeout_s, once=True)
        with (
            _fresh(Retry(0, read=False)) as adapter,
            _reply(adapter, Call("POST", url, sent, body=content), watch) as response,
        ):
            return self._read(response, watch, limit_bytes)

    def upload(  # noqa: PLR0913 - one word for each thing a form or a bare file needs
        self,
        method: str,
        url: str,
        *,
        file: Path,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        file_field: str = "",
        file_name: str = "upload",
        media_type: str = "application/octet-stream",
        progress: Progress | None = None,
        stop: Event | None = None,
        rule: AddressRule | None = None,
    ) -> Reply:
        """Send a file, streamed: as the bare body, or as one part of a form.

        Args:
            method: PUT, which is repeated where it failed, or POST.
            url: Where it goes; redirects are not followed.
            file: What is sent.
            headers: Sent with it.
            fields: The form's other fields.
            file_field: The form's field for the file; "" sends the bare file.
            file_name: What the file is called in the form.
            media_type: Of the file.
            progress: Told bytes of the file handed over, and in all; starts over with a repeat.
            stop: Ends it within half a second.
            rule: Which addresses may be reached; None where the owner configured the place.

        Raises:
            NotSentError: The connection was never made.
            TransportError: No whole reply.
            InputError: The address is not allowed, or the file cannot be read.
            Stopped: `stop` was set.
        """
        form = Form(file_field, file_name, media_type, fields or {}) if file_field else None
        with FileBody(file, form=form, progress=progress) as body, _fresh(_file_patience()) as way:
            sent = {"Content-Type": form.content_type if form else media_type, **(headers or {})}
            call = Call(method, url, sent, body=body if len(body) else b"")
            limit_s = _UPLOAD_LEAST_S + len(body) / _UPLOAD_SLOWEST_BYTES_PER_S
            watch = Watch(url, rule, stop, limit_s=limit_s, silence_s=_UPLOAD_SILENCE_S)
            with _reply(way, call, watch) as response:
                return self._read(response, watch, REPLY_LIMIT_BYTES)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        rule: AddressRule | None = None,
        timeout_s: float = 30.0,
    ) -> Reply:
        """Send a request without a body, such as DELETE, that does no harm when repeated.

        Raises:
            NotSentError: The connection was never made.
            TransportError: No whole reply.
            InputError: The address is not allowed.
        """
        watch = Watch(url, rule, limit_s=timeout_s, silence_s=timeout_s)
        with (
            _fresh(_patience()) as adapter,
            _reply(adapter, Call(method, url, headers or {}), watch) as response,
        ):
            return self._read(response, watch, REPLY_LIMIT_BYTES)

    def probe(
        self,
        url: str,
        *,
        rule: AddressRule | None,
        first_bytes: int,
        timeout_s: float = 30.0,
        stop: Event | None = None,
    ) -> Probe:
        """Read the beginning of a file by a ranged GET, also where the host ignores the range.

        An empty file is status 200 without bytes, also where the host finds the range impossible.

        Raises:
            NotSentError: The connection was never made.
            TransportError: No usable reply.
            InputError: The address, or one that it redirects to, is not allowed.
            Stopped: `stop` was set.
        """
        headers = {"Range": f"bytes=0-{max(1, first_bytes) - 1}"}
        watch = Watch(url, rule, stop, limit_s=timeout_s, silence_s=timeout_s)
        with _followed(_file_patience(), Call("GET", url, headers), watch) as response:
            total = total_bytes(response)
            if response.status_code == 416 and total == 0:
                return Probe(200, 0, media_type_of(response), b"", str(response.url))
            first = b""
            for chunk in chunks(response):
                first += chunk
                if len(first) >= first_bytes:
                    break
            kind, final = media_type_of(response), str(response.url)
            return Probe(response.status_code, total, kind, first[:first_bytes], final)

    def download(
        self,
        url: str,
        target: Path,
        *,
        limit_bytes: int,
        rule: AddressRule | None,
        progress: DownloadProgress | None = None,
        stop: Event | None = None,
    ) -> Downloaded:
        """Stream a file to `target`, going on where a cut left it.

        Args:
            url: What is fetched; each redirect's address is checked again.
            target: Written from its beginning; the caller names a `.part` and removes it.
            limit_bytes: The largest file allowed.
            rule: Which addresses may be reached.
            progress: Told bytes received, and in all or None.
            stop: Ends it within half a second.

        Raises:
            RefusedLinkError: The answer is an error or a page, or larger than allowed.
            TransportError: It broke off too often.
            InputError: The address is not allowed.
            Stopped: `stop` was set.
            OSError: `target` cannot be written.
        """
        return fetch(_stream, Wish(url, target, limit_bytes, rule, progress, stop), self._clock)

    def _read(self, response: requests.Response, watch: Watch, limit_bytes: int) -> Reply:
        """The whole reply; of one that says that the request failed, as much as can be had."""
        status, wrong, body = response.status_code, "", b""
        succeeded = 200 <= status < 300
        try:
            body, wrong = read_body(response, limit_bytes=limit_bytes)
        except TransportError:
            if succeeded:
                raise
        if wrong and succeeded:
            raise TransportError(f"The reply of {origin_of(watch.url)} {wrong}. Try again.")
        headers = {name.lower(): value for name, value in response.headers.items()}
        wait_s = retry_after_s(headers, now=self._clock.now())
        return Reply(status, headers, body, str(response.url), wait_s)


@contextmanager
def _fresh(retry: Retry) -> Generator[WatchedAdapter, None, None]:
    """A way out whose connections nobody used before, and nobody will use again."""
    adapter = WatchedAdapter(retry)
    try:
        yield adapter
    finally:
        adapter.close()


@contextmanager
def _reply(
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
def _followed(retry: Retry, call: Call, watch: Watch) -> Generator[requests.Response, None, None]:
    """The reply to a call after its redirects, each of which is checked like the first address."""
    for _ in range(_MOST_REDIRECTS + 1):
        with _fresh(retry) as adapter, _reply(adapter, call, watch) as response:
            target = response.headers.get("Location", "")
            if response.status_code not in _REDIRECTS or not target:
                yield response
                return
            call = Call(call.method, _next_url(call.url, target), call.headers)
            watch.url = call.url
    raise TransportError(
        f"{origin_of(call.url)} redirects more than {_MOST_REDIRECTS} times. "
        "Use the address at which the file really lies."
    )


def _next_url(url: str, target: str) -> str:
    """Where a redirect leads; its bytes came as Latin-1, and were meant as UTF-8."""
    try:
        text = target.encode("latin-1").decode("utf-8", "replace")
        found = requote_uri(urljoin(url, text)).partition("#")[0]
    except (ValueError, requests.RequestException) as error:
        raise TransportError(
            f"{origin_of(url)} redirects to an address that is none. "
            "Use the address at which the file really lies."
        ) from error
    if url.startswith("https:") and found.startswith("http:"):
        raise TransportError(
            f"{origin_of(url)} redirects from https to http, where anybody on the way could put "
            "another file. Use the address at which the file really lies."
        )
    return found


@contextmanager
def _stream(
    url: str, *, headers: Mapping[str, str], rule: AddressRule | None, stop: Event | None
) -> Generator[requests.Response, None, None]:
    """A reply whose body is read piece by piece; for `download`."""
    watch = Watch(url, rule, stop, silence_s=60.0, paced=True)
    once = _file_patience(connect=0, read=0)  # what is cut goes on instead of starting over
    with _followed(once, Call("GET", url, headers), watch) as response:
        yield response


def _patience() -> Retry:
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


def _file_patience(*, connect: int | None = None, read: int | None = None) -> Retry:
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
