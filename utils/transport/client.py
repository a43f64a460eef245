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
from .bodies import FileBody, Form, Progress, chunks, read_body
from .call import Call
from .connection import WatchedAdapter
from .download import Downloaded, DownloadProgress, Wish, fetch, media_type_of, total_bytes
from .exchange import file_patience, followed, fresh, patience, reply_to
from .retry_after import retry_after_s
from .watch import Watch, keep_links_out_of_logs

REPLY_LIMIT_BYTES = 1024 * 1024
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
        self._kept = WatchedAdapter(patience())

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
        with FileBody(file, form=form, progress=progress) as body, fresh(file_patience()) as way:
            sent = {"Content-Type": form.content_type if form else media_type, **(headers or {})}
            call = Call(method, url, sent, body=body if len(body) else b"")
            limit_s = _UPLOAD_LEAST_S + len(body) / _UPLOAD_SLOWEST_BYTES_PER_S
            watch = Watch(url, rule, stop, limit_s=limit_s, silence_s=_UPLOAD_SILENCE_S)
            with reply_to(way, call, watch) as response:
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
            fresh(patience()) as adapter,
            reply_to(adapter, Call(method, url, headers or {}), watch) as response,
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
        with followed(file_patience(), Call("GET", url, headers), watch) as response:
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
        return Reply(status, headers, body, str(response.url), wait_s)


@contextmanager
def _stream(
    url: str, *, headers: Mapping[str, str], rule: AddressRule | None, stop: Event | None
) -> Generator[requests.Response, None, None]:
    """A reply whose body is read piece by piece; for `download`."""
    watch = Watch(url, rule, stop, silence_s=60.0, paced=True)
    once = file_patience(connect=0, read=0)  # what is cut goes on instead of starting over
    with followed(once, Call("GET", url, headers), watch) as response:
        yield response
