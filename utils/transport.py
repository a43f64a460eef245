"""The only place that talks HTTP.

Reads and uploads are repeated where the connection failed; what is sent by `post_once` leaves at
most once. A status is not an error here, since only the caller knows what it means; no message
shows the query of an address.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urljoin

import requests
from requests.sessions import Session
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from .addresses import AddressRule, origin_of
from .clock import Clock
from .errors import TransportError
from .transport_bodies import FileBody, Progress, chunks, form_parts, inflated, too_large
from .transport_call import Call, send_call, translated
from .transport_connection import Exchange, new_session
from .transport_download import (
    Downloaded,
    DownloadProgress,
    RefusedLinkError,
    Wish,
    fetch,
    media_type_of,
    total_bytes,
)

__all__ = ["DownloadProgress", "Downloaded", "Probe", "RefusedLinkError", "Reply", "Transport"]

SILENCE_LIMIT_S = 30.0
REPLY_LIMIT_BYTES = 1024 * 1024
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRIED = frozenset({"GET", "HEAD", "PUT"})


@dataclass(frozen=True)
class Reply:
    """A small reply, whole.

    Attributes:
        status: HTTP status.
        headers: By lower-case name.
        body: At most the limit asked for.
        url: Where it came from, after redirects.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


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
    final_url: str


class Transport:
    """HTTP for every other room; safe to use from many threads.

    Args:
        clock: Measures how long a request takes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._own = threading.local()

    def get(  # noqa: PLR0913 - every bound of a read is its caller's to set
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        limit_bytes: int = REPLY_LIMIT_BYTES,
        timeout_s: float = 30.0,
        rule: AddressRule | None = None,
        stop: Event | None = None,
        redirects: bool = True,
    ) -> Reply:
        """Read something small; headers go to the first origin only.

        Args:
            url: What is read.
            headers: Sent to the origin of `url`, never on to another.
            params: Added as the query.
            limit_bytes: The most that is read, after any compression.
            timeout_s: How long the whole may take.
            rule: Which addresses may be reached; None where the owner configured the place.
            stop: Ends it at the next chunk.
            redirects: Follow them; else the redirect itself is the reply.

        Raises:
            NotSentError: The connection was never made.
            TransportError: No whole reply.
            InputError: The address is not allowed.
            Stopped: `stop` was set.
        """
        sent = dict(headers or {})
        call = Call("GET", url, sent, params=params, rule=rule, redirects=redirects)
        with self._reply(call, silence_s=timeout_s) as response:
            body = self._small(response, limit_bytes=limit_bytes, timeout_s=timeout_s, stop=stop)
            return _read(response, body)

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

        Raises:
            NotSentError: The connection was never made; nothing of the request has left.
            TransportError: Anything after that: the request may have arrived.
        """
        content = json.dumps(json_body, ensure_ascii=True).encode()
        sent = {**(headers or {}), "Content-Type": "application/json", "Connection": "close"}
        call = Call("POST", url, sent, data=content)
        with new_session(Retry(0, redirect=False)) as session:
            response, exchange = send_call(session, call, silence_s=timeout_s)
            try:
                body = self._small(
                    response, limit_bytes=limit_bytes, timeout_s=timeout_s, stop=None
                )
                return _read(response, body)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise translated(error, exchange) from error
            finally:
                response.close()

    def upload(  # noqa: PLR0913 - one word for each thing a form or a bare file needs
        self,
        method: str,
        url: str,
        *,
        file: Path,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        file_field: str = "",
        progress: Progress | None = None,
        stop: Event | None = None,
        rule: AddressRule | None = None,
        media_type: str = "application/octet-stream",
        file_name: str = "",
    ) -> Reply:
        """Send a file, streamed: as the bare body, or as one part of a form.

        Args:
            method: PUT or POST.
            url: Where it goes; redirects are not followed.
            file: What is sent.
            headers: Sent with it.
            fields: The form's other fields.
            file_field: The form's field for the file; "" sends the bare file.
            progress: Told bytes of the file handed over, and in all.
            stop: Ends it at the next chunk.
            rule: Which addresses may be reached; None where the owner configured the place.
            media_type: Of the file.
            file_name: What a form calls the file; its own name is never told.

        Raises:
            NotSentError: The connection was never made.
            TransportError: No whole reply.
            InputError: The address is not allowed.
            Stopped: `stop` was set.
        """
        before, after, content_type = b"", b"", media_type
        if file_field:
            before, after, content_type = form_parts(
                file_name or f"upload{file.suffix}",
                field=file_field,
                fields=fields or {},
                media_type=media_type,
            )
        with FileBody(file, before=before, after=after, progress=progress, stop=stop) as body:
            sent = {"Content-Type": content_type, **(headers or {})}
            call = Call(method, url, sent, data=body, rule=rule, redirects=False)
            with self._reply(call, silence_s=120.0) as response:
                content = self._small(response, timeout_s=60.0, stop=stop)
                return _read(response, content)

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
            As `get`.
        """
        call = Call(method, url, dict(headers or {}), rule=rule, redirects=False)
        with self._reply(call, silence_s=timeout_s) as response:
            body = self._small(response, timeout_s=timeout_s, stop=None)
            return _read(response, body)

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

        Raises:
            As `get`.
        """
        call = Call("GET", url, {"Range": f"bytes=0-{max(1, first_bytes) - 1}"}, rule=rule)
        with self._reply(call, silence_s=timeout_s) as response:
            first = b""
            for chunk in self._chunks(response, timeout_s=timeout_s, stop=stop):
                first += chunk
                if len(first) >= first_bytes:
                    break
            return Probe(
                response.status_code,
                total_bytes(response),
                media_type_of(response),
                first[:first_bytes],
                response.url,
            )

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        rule: AddressRule | None,
        silence_s: float = SILENCE_LIMIT_S,
    ) -> Generator[requests.Response, None, None]:
        """A reply whose body is read piece by piece; for `download`.

        Raises:
            As `get`.
        """
        with self._reply(Call("GET", url, dict(headers), rule=rule), silence_s=silence_s) as found:
            yield found

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
            stop: Ends it at the next chunk.

        Raises:
            RefusedLinkError: The answer is an error or a page.
            TransportError: It broke off too often, or is larger than allowed.
            InputError: The address is not allowed.
            Stopped: `stop` was set.
        """
        wish = Wish(url, target, limit_bytes, rule, progress, stop)
        return fetch(self, wish, self._clock)

    def _small(
        self,
        response: requests.Response,
        *,
        timeout_s: float,
        stop: Event | None,
        limit_bytes: int = REPLY_LIMIT_BYTES,
    ) -> bytes:
        where = origin_of(response.url)
        body = bytearray()
        for chunk in self._chunks(response, timeout_s=timeout_s, stop=stop):
            body += chunk
            if len(body) > limit_bytes:
                raise too_large(where, limit_bytes)
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and len(body) < int(announced):
            raise TransportError(
                f"{where} broke off after {len(body)} of {announced} bytes. Run again."
            )
        encoding = response.headers.get("Content-Encoding", "")
        return inflated(bytes(body), encoding, limit_bytes=limit_bytes, where=where)

    def _chunks(
        self, response: requests.Response, *, timeout_s: float, stop: Event | None
    ) -> Iterator[bytes]:
        end = self._clock.monotonic() + timeout_s
        return chunks(
            response.raw,
            overdue=lambda: self._clock.monotonic() > end,
            stop=stop,
            where=origin_of(response.url),
        )

    @contextmanager
    def _reply(self, call: Call, *, silence_s: float) -> Generator[requests.Response, None, None]:
        """The reply to a call, redirects followed, closed at the end; errors are ours."""
        exchange = Exchange(call.url)
        response: requests.Response | None = None
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                response, exchange = send_call(self._session(), call, silence_s=silence_s)
                target = response.headers.get("Location", "")
                if not (call.redirects and response.status_code in _REDIRECTS and target):
                    yield response
                    return
                response.close()
                call = call.redirected(urljoin(response.url, target))
            raise TransportError(
                f"{origin_of(call.url)} redirects more than {_MOST_REDIRECTS} times. "
                "Use the address at which the file really lies."
            )
        except (requests.RequestException, HTTPError, OSError) as error:
            raise translated(error, exchange) from error
        finally:
            if response is not None:
                response.close()

    def _session(self) -> Session:
        session: Session | None = getattr(self._own, "session", None)
        if session is None:
            retry = Retry(
                2, redirect=False, status=0, allowed_methods=_RETRIED, backoff_factor=0.3,
                raise_on_status=False,
            )  # fmt: skip
            session = self._own.session = new_session(retry)
        return session


def _read(response: requests.Response, body: bytes) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, body, response.url)
