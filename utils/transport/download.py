"""One large file to disk, going on with a range where the connection, or a link, ended."""

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


@dataclass
class Partial:
    """What is known of a file so far; a later download may go on from it.

    Attributes:
        received: Bytes of it that are on disk.
        total: Its size, None while unknown.
        validator: What tells this version of it from others; "" where nothing does.
        place: The link that they came by, without its query.
        media_type: What its host calls it; "" where it does not say.
    """

    received: int = 0
    total: int | None = None
    validator: str = ""
    place: str = ""
    media_type: str = ""
    finished: bool = False

    @property
    def resumable(self) -> bool:
        """Whether a later download could go on from here."""
        return self.received > 0 and bool(self.validator) and not self.finished

    def headers(self) -> dict[str, str]:
        """What asks for the rest; nothing, where a rest of another version could come."""
        if not self.received or not self.validator:
            return {}
        return {"Range": f"bytes={self.received}-", "If-Range": self.validator}

    def restart(self) -> None:
        """Forget what has come."""
        self.received, self.total, self.validator = 0, None, ""

    def meet(self, wish: Wish) -> None:
        """Go on by this link, or begin anew where it could lead to another file.

        A date says little of a file at another place; a strong tag says enough.
        """
        place = wish.url.partition("?")[0]
        there = wish.target.stat().st_size if wish.target.is_file() else 0
        same = place == self.place or self.validator.startswith('"')
        if there < self.received or self.finished or not same:
            self.restart()
        self.place, self.finished = place, False


@dataclass(frozen=True)
class Wish:
    """What is to be fetched, within which bounds, and what has come of it before."""

    url: str = field(repr=False)
    target: Path
    limit_bytes: int
    rule: AddressRule | None
    progress: DownloadProgress | None
    stop: Event | None
    so_far: Partial | None = None


class Stream(Protocol):
    """Opens a reply whose body is still to be read."""

    def __call__(
        self, url: str, *, headers: Mapping[str, str], rule: AddressRule | None, stop: Event | None
    ) -> AbstractContextManager[Response]:
        """Open it."""
        ...


def fetch(stream: Stream, wish: Wish, clock: Clock) -> str:
    """Fetch a file whole, in as many attempts as bring something new.

    Raises:
        As `Transport.download`.
    """
    state = wish.so_far if wish.so_far is not None else Partial()
    state.meet(wish)
    delays, fruitless, most = growing(0.5, factor=2, cap_s=8), 0, state.received
    stop = wish.stop or Event()
    with wish.target.open("r+b" if state.received else "wb") as file:
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            problem: TransportError | None = None
            try:
                _attempt(stream, wish, state, file=file)
            except RefusedLinkError:
                raise
            except TransportError as error:
                problem = error
            if state.finished:
                return state.media_type
            fruitless = 0 if state.received > most else fruitless + 1
            most = max(most, state.received)
            if fruitless >= _MOST_FRUITLESS or attempt == _MOST_ATTEMPTS:
                raise problem if isinstance(problem, NotSentError) else _cut(wish, state)
            if clock.wait(stop, next(delays)):
                raise Stopped("The download was stopped. Run again to start it over.")
    raise AssertionError("the last attempt ends above")


def _attempt(stream: Stream, wish: Wish, state: Partial, *, file: BinaryIO) -> None:
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
            state.restart()
            raise _too_large(wish, response)
        _copy(response, wish, state, file=file)
    file.flush()


def _check(response: Response, wish: Wish) -> None:
    """Refuse what cannot be the file."""
    status = response.status_code
    if status not in {200, 206}:
        raise RefusedLinkError(
            f"{redact(wish.url)} answered {status} instead of the file. The link may have "
            "expired; get a new one.",
            status=status,
        )
    if media_type_of(response) in _PAGES:
        raise RefusedLinkError(
            f"{redact(wish.url)} is a web page, not the file itself. Use the address of the file.",
            status=status,
        )


def _align(response: Response, state: Partial, *, asked: bool) -> bool:
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
    state.media_type = media_type_of(response)
    return True


def _copy(response: Response, wish: Wish, state: Partial, *, file: BinaryIO) -> None:
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
                f"What {redact(wish.url)} sends {error}. Get a new link, or use another.",
                status=response.status_code,
            ) from error
        if state.received + len(data) > wish.limit_bytes:
            state.restart()
            raise _too_large(wish, response)
        file.write(data)
        state.received += len(data)
        _show(wish, state)
    length = announced_bytes(response) if inflater.plain and state.total is None else None
    whole = inflater.whole and (state.total is None or state.received == state.total)
    state.finished = whole and state.received > 0 and (length is None or length <= state.received)
    if state.finished:
        state.total = state.received


def _show(wish: Wish, state: Partial) -> None:
    if wish.progress is not None:
        wish.progress(state.received, state.total)


def _too_large(wish: Wish, response: Response) -> TooLargeError:
    return TooLargeError(
        f"{redact(wish.url)} is larger than the {wish.limit_bytes:,} bytes allowed here. Use a "
        "smaller file.",
        status=response.status_code,
    )


def _cut(wish: Wish, state: Partial) -> TransportError:
    whole = "" if state.total is None else f" of {state.total}"
    return TransportError(
        f"{redact(wish.url)} broke off after {state.received}{whole} bytes and could not be "
        "resumed. Check the network, and run again."
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
