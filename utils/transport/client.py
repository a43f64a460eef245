"""What the other rooms ask of HTTP, each request in one call.

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

import requests
from urllib3.util.retry import Retry

from ..addresses import AddressRule, origin_of
from ..clock import Clock
from ..errors import TransportError
from ..settings import Secret
from .bodies import FileBody, Form, Progress, chunks, read_body
from .call import Call
from .connection import WatchedAdapter
from .download import DownloadProgress, Partial, Wish, fetch, media_type_of, total_bytes
from .exchange import file_patience, followed, fresh, patience, reply_to
from .retry_after import retry_after_s
from .watch import Watch, keep_links_out_of_logs

REPLY_LIMIT_BYTES = 1024 * 1024
_BARE = "application/octet-stream"
_READ_LIMIT_S = 30.0
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
        retry_after_s: How long the other side wants to be left alone, None where it says nothing.
        secret: What the request was opened with; the reply may repeat it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    retry_after_s: float | None = None
    secret: Secret | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Probe:
    """What the beginning of a file at an address says.

    Attributes:
        status: HTTP status; 200 or 206 where the file can be read.
        total_bytes: Size of the whole file, None where the host does not tell.
        media_type: As in `video/mp4`, lower case, without parameters; "" where missing.
        first: The first bytes.
    """

    status: int
    total_bytes: int | None
    media_type: str
    first: bytes


class Transport:
    """HTTP for every other room; safe to use from many threads.

    Args:
        clock: For the waits between attempts at a download, and to read `Retry-After`.
    """

    def __init__(self, clock: Clock) -> None:
        keep_links_out_of_logs()
        self._clock = clock
        self._kept = WatchedAdapter(patience())

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        limit_bytes: int = REPLY_LIMIT_BYTES,
        timeout_s: float = _READ_LIMIT_S,
    ) -> Reply:
        """Read something small from a place that its owner configured; follows no redirect.

        Args:
            url: What is read.
            headers: Sent to that origin and to no other.
            params: Added as the query.
            limit_bytes: The most that is read, before and after any compression.
            timeout_s: How long the whole may take, repeats included.

        Raises:
            NotSentError: The connection was never made.
            TransportError: No whole reply.
        """
        call = Call("GET", url, headers or {}, params=params)
        watch = Watch(url, limit_s=timeout_s, silence_s=timeout_s)
        with reply_to(self._kept, call, watch) as response:
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
            TransportError: Anything after that: the request may have arrived. Of a reply that
                broke off, the error has what had come.
        """
        content = json.dumps(json_body, allow_nan=False).encode()
        sent = {**(headers or {}), "Content-Type": "application/json", "Connection": "close"}
        watch = Watch(url, limit_s=timeout_s, silence_s=timeout_s, once=True)
        with (
            fresh(Retry(0, read=False)) as adapter,
            reply_to(adapter, Call("POST", url, sent, body=content), watch) as response,
        ):
            return self._read(response, watch, limit_bytes, precious=True)

    def upload(
        self,
        url: str,
        file: Path,
        *,
        form: Form | None = None,
        progress: Progress | None = None,
        stop: Event | None = None,
        rule: AddressRule | None = None,
    ) -> Reply:
        """Send a file, streamed: bare by PUT, which is repeated where it failed, or in a form.

        Args:
            url: Where it goes; redirects are not followed.
            file: What is sent.
            form: The form around it, which goes by POST; None sends the bare file.
            progress: Told bytes of the file handed over, and in all; starts over with a repeat.
            stop: Ends it within half a second.
            rule: Which addresses may be reached; None where the owner configured the place.

        Raises:
            NotSentError: The connection was never made.
            TransportError: No whole reply.
            InputError: The address is not allowed, or the file cannot be read.
            Stopped: `stop` was set.
        """
        with FileBody(file, form=form, progress=progress) as body, fresh(file_patience()) as way:
            method, kind = ("POST", form.content_type) if form else ("PUT", _BARE)
            call = Call(method, url, {"Content-Type": kind}, body=body if len(body) else b"")
            limit_s = _UPLOAD_LEAST_S + len(body) / _UPLOAD_SLOWEST_BYTES_PER_S
            watch = Watch(url, rule, stop, limit_s=limit_s, silence_s=_UPLOAD_SILENCE_S)
            with reply_to(way, call, watch) as response:
                return self._read(response, watch, REPLY_LIMIT_BYTES)

    def probe(
        self,
        url: str,
        *,
        rule: AddressRule | None,
        first_bytes: int,
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
        watch = Watch(url, rule, stop, limit_s=_READ_LIMIT_S, silence_s=_READ_LIMIT_S)
        with followed(file_patience(), Call("GET", url, headers), watch) as response:
            total = total_bytes(response)
            if response.status_code == 416 and total == 0:
                return Probe(200, 0, media_type_of(response), b"")
            first = b""
            for chunk in chunks(response):
                first += chunk
                if len(first) >= first_bytes:
                    break
            kind = media_type_of(response)
            return Probe(response.status_code, total, kind, first[:first_bytes])

    def download(  # noqa: PLR0913 - each is a bound, or what the file has come to
        self,
        url: str,
        target: Path,
        *,
        limit_bytes: int,
        rule: AddressRule | None,
        progress: DownloadProgress | None = None,
        stop: Event | None = None,
        so_far: Partial | None = None,
    ) -> str:
        """Stream a file to `target`, going on where a cut, or an earlier link, left it.

        Args:
            url: What is fetched; each redirect's address is checked again.
            target: Where it goes; the caller names a `.part` and removes it.
            limit_bytes: The largest file allowed.
            rule: Which addresses may be reached.
            progress: Told bytes received, and in all or None.
            stop: Ends it within half a second.
            so_far: What an earlier download has left in `target`; kept up to date, also when
                this one fails. Without it, `target` is written from its beginning.

        Returns:
            What its host calls it, as in `video/mp4`; "" where it does not say.

        Raises:
            RefusedLinkError: The answer is an error or a page, or larger than allowed.
            TransportError: It broke off too often.
            InputError: The address is not allowed.
            Stopped: `stop` was set.
            OSError: `target` cannot be written.
        """
        wish = Wish(url, target, limit_bytes, rule, progress, stop, so_far)
        return fetch(_stream, wish, self._clock)

    def _read(
        self, response: requests.Response, watch: Watch, limit_bytes: int, *, precious: bool = False
    ) -> Reply:
        """The whole reply; of one that says that the request failed, as much as can be had."""
        status, wrong = response.status_code, ""
        succeeded = 200 <= status < 300
        try:
            body, wrong = read_body(response, limit_bytes=limit_bytes, precious=precious)
        except TransportError as error:
            if succeeded:
                raise
            body = error.received
        if wrong and succeeded:
            cut = TransportError(f"The reply of {origin_of(watch.url)} {wrong}. Try again.")
            cut.received = body
            raise cut
        headers = {name.lower(): value for name, value in response.headers.items()}
        wait_s = retry_after_s(headers, now=self._clock.now())
        return Reply(status, headers, body, wait_s)


@contextmanager
def _stream(
    url: str, *, headers: Mapping[str, str], rule: AddressRule | None, stop: Event | None
) -> Generator[requests.Response, None, None]:
    """A reply whose body is read piece by piece; for `download`."""
    watch = Watch(url, rule, stop, silence_s=60.0, paced=True)
    once = file_patience(connect=0, read=0)  # what is cut goes on instead of starting over
    with followed(once, Call("GET", url, headers), watch) as response:
        yield response
