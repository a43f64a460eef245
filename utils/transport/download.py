"""One large file to disk, going on with a range where the connection was cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import BinaryIO, Protocol

from requests import Response

from ..addresses import AddressRule, redact
from ..clock import Clock, growing
from ..errors import NotSentError, Stopped, TransportError
from .bodies import EncodingError, Inflater, announced_bytes, chunks

_MOST_FRUITLESS = 4
"""So many attempts in a row may bring nothing new."""

_MOST_ATTEMPTS = 40
_PAGES = frozenset({"text/html", "application/xhtml+xml"})

DownloadProgress = Callable[[int, "int | None"], None]


class RefusedLinkError(TransportError):
    """A link was answered, but not with the file.

    Attributes:
        status: HTTP status; 200 where a page or too large a file came.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class TooLargeError(RefusedLinkError):
    """What a link leads to is larger than is allowed here."""


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
    final_url: str = field(repr=False)


@dataclass(frozen=True)
class Wish:
    """What is to be fetched, and within which bounds."""

    url: str = field(repr=False)
    target: Path
    limit_bytes: int
    rule: AddressRule | None
    progress: DownloadProgress | None
    stop: Event | None


class Stream(Protocol):
    """Opens a reply whose body is still to be read."""

    def __call__(
        self, url: str, *, headers: Mapping[str, str], rule: AddressRule | None, stop: Event | None
    ) -> AbstractContextManager[Response]:
        """Open it."""
        ...


@dataclass
class _State:
    """What is known of the file so far.

    Attributes:
        received: Bytes of it that are on disk.
        total: Its size, None while unknown.
        validator: What tells this version of it from others; "" where nothing does.
    """

    received: int = 0
    total: int | None = None
    validator: str = ""
    media_type: str = ""
    final_url: str = ""
    finished: bool = False

    def headers(self) -> dict[str, str]:
        """What asks for the rest; nothing, where a rest of another version could come."""
        if not self.received or not self.validator:
            return {}
        return {"Range": f"bytes={self.received}-", "If-Range": self.validator}

    def restart(self) -> None:
        """Forget what has come."""
        self.received, self.total, self.validator = 0, None, ""


def fetch(stream: Stream, wish: Wish, clock: Clock) -> Downloaded:
    """Fetch a file whole, in as many attempts as bring something new.

    Raises:
        As `Transport.download`.
    """
    state, delays, fruitless, most = _State(), growing(0.5, factor=2, cap_s=8), 0, 0
    stop = wish.stop or Event()
    with wish.target.open("wb") as file:
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            problem: TransportError | None = None
            try:
                _attempt(stream, wish, state, file=file)
            except RefusedLinkError:
                raise
            except TransportError as error:
                problem = error
            if state.finished:
                return Downloaded(state.received, state.media_type, state.final_url)
            fruitless = 0 if state.received > most else fruitless + 1
            most = max(most, state.received)
            if fruitless >= _MOST_FRUITLESS or attempt == _MOST_ATTEMPTS:
                raise problem if isinstance(problem, NotSentError) else _cut(wish, state)
            if clock.wait(stop, next(delays)):
                raise Stopped("The download was stopped. Run again to start it over.")
    raise AssertionError("the last attempt ends above")


def _attempt(stream: Stream, wish: Wish, state: _State, *, file: BinaryIO) -> None:
    """One request: from the beginning, or from where the last one was cut."""
    asked = state.headers()
    if not asked:
        state.restart()
    with stream(wish.url, headers=asked, rule=wish.rule, stop=wish.stop) as response:
        if response.status_code == 416 and asked:
            state.restart()  # it has changed, or the host cannot count
            return
        _check(response, wish)
        if not _align(response, state, asked=bool(asked)):
            return
        file.seek(state.received)
        file.truncate()
        if (state.total or 0) > wish.limit_bytes:
            raise _too_large(wish, response)
        _copy(response, wish, state, file=file)
    file.flush()


def _check(response: Response, wish: Wish) -> None:
    """Refuse what cannot be the file."""
    status = response.status_code
    if status not in {200, 206}:
        raise RefusedLinkError(
            f"{redact(wish.url)} answered {status} instead of the file. "
            "The link may have ended; ask for it anew.",
            status=status,
        )
    if media_type_of(response) in _PAGES:
        raise RefusedLinkError(
            f"{redact(wish.url)} is a web page, not the file itself. Use the address of the file.",
            status=status,
        )


def _align(response: Response, state: _State, *, asked: bool) -> bool:
    """Find out where in the file this reply begins; whether that is where bytes are missing."""
    validator = _validator(response)
    if response.status_code == 206:
        start, total = _content_range(response)
        changed = asked and (
            (state.total is not None and total is not None and total != state.total)
            or bool(validator and validator != state.validator)
        )
        if start != state.received or changed:
            state.restart()
            return False
    else:
        state.restart()
    state.total = total_bytes(response)
    state.validator = validator
    state.media_type, state.final_url = media_type_of(response), str(response.url)
    return True


def _copy(response: Response, wish: Wish, state: _State, *, file: BinaryIO) -> None:
    """Write what comes; finished when all has come that was announced."""
    inflater = Inflater(response.headers.get("Content-Encoding", ""))
    if not inflater.plain:  # sizes and ranges are of the compressed bytes
        state.total, state.validator = None, ""
    _show(wish, state)
    for chunk in chunks(response):
        try:
            data = inflater.feed(chunk, limit_bytes=wish.limit_bytes)
        except EncodingError as error:
            raise RefusedLinkError(
                f"What {redact(wish.url)} sends {error}. Ask for the link anew, or use another.",
                status=response.status_code,
            ) from error
        if state.received + len(data) > wish.limit_bytes:
            raise _too_large(wish, response)
        file.write(data)
        state.received += len(data)
        _show(wish, state)
    length = announced_bytes(response) if inflater.plain and state.total is None else None
    whole = inflater.whole and (state.total is None or state.received == state.total)
    state.finished = whole and state.received > 0 and (length is None or length <= state.received)
    if state.finished:
        state.total = state.received


def _show(wish: Wish, state: _State) -> None:
    if wish.progress is not None:
        wish.progress(state.received, state.total)


def _too_large(wish: Wish, response: Response) -> TooLargeError:
    return TooLargeError(
        f"{redact(wish.url)} has more than the {wish.limit_bytes:,} bytes that are allowed here. "
        "Use a smaller file.",
        status=response.status_code,
    )


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
    if response.status_code in {206, 416}:
        return _content_range(response)[1]
    encoding = response.headers.get("Content-Encoding", "")
    return announced_bytes(response) if Inflater(encoding).plain else None


def _content_range(response: Response) -> tuple[int | None, int | None]:
    """Where the reply starts in the file, and the file's size; None for what is not said."""
    header = response.headers.get("Content-Range", "").strip().lower()
    found = re.fullmatch(r"bytes\s+(?:([0-9]{1,18})-[0-9]{1,18}|\*)\s*/\s*([0-9]{1,18}|\*)", header)
    if found is None:
        return None, None
    start, total = found[1], found[2]
    return (None if start is None else int(start)), (None if total == "*" else int(total))


def _validator(response: Response) -> str:
    """What `If-Range` may hold: a strong tag, or a date."""
    tag = response.headers.get("ETag", "").strip()
    if tag.startswith('"') and tag.isascii():
        return tag
    date = response.headers.get("Last-Modified", "").strip()
    return date if date.isascii() else ""
