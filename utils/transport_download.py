"""One large file to disk, going on with a range where the connection was cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import BinaryIO, Protocol

from requests import Response

from .addresses import AddressRule, origin_of, redact
from .clock import Clock, growing
from .errors import NotSentError, Stopped, TransportError
from .transport_bodies import chunks, too_large

_MOST_FRUITLESS = 4
"""How often in a row an attempt may bring nothing new."""

_SLOWEST_BYTES_PER_S = 2_000
"""Below this on the whole, and after a minute, a download is not one."""

DownloadProgress = Callable[[int, "int | None"], None]


class RefusedLinkError(TransportError):
    """A link was answered, but not with the file.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Downloaded:
    """A file that has arrived whole.

    Attributes:
        size_bytes: Its size, equal to what was announced.
        media_type: As in `video/mp4`; "" where missing.
        final_url: Where it came from, after redirects.
    """

    size_bytes: int
    media_type: str
    final_url: str


@dataclass(frozen=True)
class Wish:
    """What is to be fetched, and within which bounds."""

    url: str
    target: Path
    limit_bytes: int
    rule: AddressRule | None
    progress: DownloadProgress | None
    stop: Event | None


class _Streams(Protocol):
    def stream(
        self, url: str, *, headers: Mapping[str, str], rule: AddressRule | None
    ) -> AbstractContextManager[Response]: ...


@dataclass
class _State:
    """What is known of the file so far."""

    received: int = 0
    total: int | None = None
    validator: str = ""
    media_type: str = ""
    final_url: str = ""
    finished: bool = False
    delays: list[float] = field(default_factory=list[float])

    def headers(self) -> dict[str, str]:
        if not self.received:
            return {}
        wanted = {"Range": f"bytes={self.received}-"}
        return wanted | ({"If-Range": self.validator} if self.validator else {})

    def restart(self) -> None:
        self.received, self.total, self.validator = 0, None, ""


def fetch(streams: _Streams, wish: Wish, clock: Clock) -> Downloaded:
    """Fetch a file whole, in as many attempts as bring something new.

    Raises:
        As `Transport.download`.
    """
    state = _State()
    delays = growing(0.5, factor=2, cap_s=8)
    fruitless = 0
    with wish.target.open("wb") as file:
        while True:
            before = state.received
            try:
                _attempt(streams, wish, state, file=file, clock=clock)
                problem = None
            except RefusedLinkError:
                raise
            except (TransportError, NotSentError) as error:
                problem = error
            if state.finished:
                return Downloaded(state.received, state.media_type, state.final_url)
            fruitless = 0 if state.received > before else fruitless + 1
            if fruitless >= _MOST_FRUITLESS:
                raise problem or _cut(wish, state)
            if clock.wait(wish.stop or Event(), next(delays)):
                raise Stopped("The download was stopped. Run again to start it over.")


def _attempt(streams: _Streams, wish: Wish, state: _State, *, file: BinaryIO, clock: Clock) -> None:
    """One request: from the beginning, or from where the last one was cut."""
    asked = state.headers()
    with streams.stream(wish.url, headers=asked, rule=wish.rule) as response:
        if response.status_code == 416 and asked:
            state.restart()  # the file has changed, or the host cannot count
            return
        _check(response, wish)
        _align(response, state, asked=bool(asked))
        file.seek(state.received)
        file.truncate()
        if state.total is not None and state.total > wish.limit_bytes:
            raise RefusedLinkError(
                str(too_large(origin_of(wish.url), wish.limit_bytes)), status=response.status_code
            )
        _copy(response, wish, state, file=file, clock=clock)
    if state.total is None:
        state.total = state.received
    state.finished = state.received == state.total and state.received > 0


def _check(response: Response, wish: Wish) -> None:
    """Refuse what cannot be the file."""
    status = response.status_code
    if status not in {200, 206}:
        raise RefusedLinkError(
            f"{redact(wish.url)} answered {status} instead of the file. "
            "The link may have ended; ask for it anew.",
            status=status,
        )
    if media_type_of(response) in {"text/html", "application/xhtml+xml"}:
        raise RefusedLinkError(
            f"{redact(wish.url)} is a web page, not the file itself. Use the address of the file.",
            status=status,
        )


def _align(response: Response, state: _State, *, asked: bool) -> None:
    """Find out where in the file this reply begins."""
    span = _content_range(response)
    total = total_bytes(response)
    goes_on = (
        asked
        and response.status_code == 206
        and span is not None
        and span[0] == state.received
        and (state.total is None or total is None or total == state.total)
    )
    if not goes_on:
        state.restart()
        if response.status_code == 206 and span is not None and span[0] != 0:
            raise TransportError(
                f"{origin_of(response.url)} sent another part of the file than was asked for. "
                "Run again."
            )
    state.total = total if total is not None else state.total
    state.validator = state.validator or _validator(response)
    state.media_type = media_type_of(response)
    state.final_url = response.url


def _copy(response: Response, wish: Wish, state: _State, *, file: BinaryIO, clock: Clock) -> None:
    began, start = clock.monotonic(), state.received

    def overdue() -> bool:
        took_s = clock.monotonic() - began
        return took_s > 60 and (state.received - start) / took_s < _SLOWEST_BYTES_PER_S

    if wish.progress is not None:
        wish.progress(state.received, state.total)
    for chunk in chunks(
        response.raw, overdue=overdue, stop=wish.stop, where=origin_of(response.url)
    ):
        if state.received + len(chunk) > wish.limit_bytes:
            raise RefusedLinkError(
                str(too_large(origin_of(wish.url), wish.limit_bytes)), status=response.status_code
            )
        file.write(chunk)
        state.received += len(chunk)
        if wish.progress is not None:
            wish.progress(state.received, state.total)


def _cut(wish: Wish, state: _State) -> TransportError:
    whole = "" if state.total is None else f" of {state.total}"
    return TransportError(
        f"{redact(wish.url)} broke off after {state.received}{whole} bytes, and would not go on. "
        "Check the network, and run again."
    )


def media_type_of(response: Response) -> str:
    """The media type of a reply, lower case, without parameters."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def total_bytes(response: Response) -> int | None:
    """Size of the whole file behind a reply, None where the host does not tell."""
    if response.status_code == 206:
        total = response.headers.get("Content-Range", "").rpartition("/")[2].strip()
        return int(total) if total.isascii() and total.isdigit() else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def _content_range(response: Response) -> tuple[int, int] | None:
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    first, _, last = rest.partition("/")[0].partition("-")
    if unit.lower() != "bytes" or not (first.isdigit() and last.isdigit()):
        return None
    return int(first), int(last)


def _validator(response: Response) -> str:
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified", "")
