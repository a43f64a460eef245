"""One medium on its way to an address, shared by every task that wants it.

Four characters with one clip make five parts: the clip is encoded and uploaded once, also when
the four start at the same instant.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import WanAnimateError
from ..media.types import FileClip, FramesClip
from .request import PictureCharacter, UrlCharacter, UrlMotion
from .watch import Progress

Medium = PictureCharacter | UrlCharacter | FramesClip | FileClip | UrlMotion


@dataclass(frozen=True)
class PartKey:
    """What makes two parts the same.

    Attributes:
        digest: Of the source and of how it is encoded; of the address for a foreign one.
        host: Where it is wanted: "auto", or the name of a host.
        practice: Whether it goes to the practice service.
    """

    digest: str
    host: str
    practice: bool


@dataclass(frozen=True)
class Hosted:
    """A medium that the service can read.

    Attributes:
        url: Where.
        expires_at: When the link ends, Unix seconds, or None.
        upload: Digest and host under which the ledger knows the upload, or None.
        clip_s: Length of a clip in seconds, or None.
        sound: Name of the file that holds the clip's sound; "" where there is none.
        thumbnail: Name of the file that shows the picture small; "" where there is none.
        warnings: Sentences for the user.
    """

    url: str
    expires_at: float | None = None
    upload: tuple[str, str] | None = None
    clip_s: float | None = None
    sound: str = ""
    thumbnail: str = ""
    warnings: tuple[str, ...] = ()


class Part:
    """A medium under way, and who waits for it.

    Args:
        key: What makes it the same as another.
        medium: What it is.
        source_digest: Digest of the medium itself; "" for an address.
        keep_sound: Whether a clip's sound is sent and kept.
        now: When it began, Unix seconds.
    """

    def __init__(
        self, key: PartKey, medium: Medium, *, source_digest: str, keep_sound: bool, now: float
    ) -> None:
        self.key = key
        self.medium = medium
        self.source_digest = source_digest
        self.keep_sound = keep_sound
        self.stop = threading.Event()
        self.progress = Progress("checking", now)
        self.result: Hosted | None = None
        self.error: WanAnimateError | None = None
        self.wanted_by: dict[int, Callable[[Part], None]] = {}

    @property
    def done(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.result is not None or self.error is not None


class PartTable:
    """The parts that are under way, so that each is made once at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[PartKey, Part] = {}

    def join(self, part: Part, row_id: int, *, then: Callable[[Part], None]) -> tuple[Part, bool]:
        """Wait for a part, and begin it when nobody has.

        Args:
            part: The part as this row would make it.
            row_id: Who waits.
            then: Called when it has come to an end.

        Returns:
            The part that is under way, and whether the caller has to make it.
        """
        with self._lock:
            there = self._parts.setdefault(part.key, part)
            there.wanted_by[row_id] = then
            return there, there is part

    def leave(self, part: Part, row_id: int) -> None:
        """Wait no more; a part that nobody waits for stops."""
        with self._lock:
            part.wanted_by.pop(row_id, None)
            if not part.wanted_by:
                part.stop.set()
                if self._parts.get(part.key) is part:
                    del self._parts[part.key]

    def end(self, part: Part, outcome: Hosted | WanAnimateError) -> None:
        """Give a part's outcome to all who wait for it."""
        with self._lock:
            if isinstance(outcome, Hosted):
                part.result = outcome
            else:
                part.error = outcome
            if self._parts.get(part.key) is part:
                del self._parts[part.key]
            waiting = list(part.wanted_by.values())
            part.wanted_by.clear()
        for then in waiting:
            then(part)
