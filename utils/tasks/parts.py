"""One medium on its way to an address, shared by every task that wants it.

Four characters with one clip make five parts: the clip is encoded and uploaded once, also when
the four start at the same instant.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import WanAnimateError
from ..media.types import FileClip, FramesClip
from .request import PictureCharacter, UrlCharacter, UrlMotion
from .watch import Progress

LEAST_LIFE_S = 3600.0
"""A link that dies sooner is not handed to the service, which may queue a task for a while."""

_FRESH_S = 600.0
"""A link of this age is used as it is, however short its host lets it live."""

Medium = PictureCharacter | UrlCharacter | FramesClip | FileClip | UrlMotion


@dataclass(frozen=True)
class Purpose:
    """What a medium is made ready for.

    Attributes:
        host: Where it goes: "auto", or the name of a host.
        practice: It is for the practice service, and goes nowhere else.
        resolution: What the result shall have; "" where nobody knows.
        keep_sound: Whether a clip's sound is sent and kept.
        shared: A node gives the link away.
    """

    host: str
    practice: bool
    resolution: str = ""
    keep_sound: bool = True
    shared: bool = False


@dataclass(frozen=True)
class PartKey:
    """What makes two parts the same.

    Attributes:
        source: Digest of the medium, or of its address.
        upload: Under which name the ledger knows the encoded file.
        purpose: What it is made ready for.
    """

    source: str
    upload: str
    purpose: Purpose

    @classmethod
    def of(cls, medium: Medium, digest: str, purpose: Purpose) -> PartKey:
        """The key of a medium whose digest is known."""
        if isinstance(medium, PictureCharacter):
            purpose = Purpose(purpose.host, purpose.practice, shared=purpose.shared)
            return cls(digest, f"picture-{digest}", purpose)
        return cls(digest, f"clip-{purpose.resolution}-{digest}", purpose)


@dataclass(frozen=True)
class Hosted:
    """A medium that the service can read.

    Attributes:
        url: Where.
        upload: Name and host under which the ledger knows the upload, or None.
        expires_at: When the link dies, Unix seconds; None where it does not, or nobody knows.
        proved_at: When the link was read back, Unix seconds.
        clip_s: Length of a clip in seconds, or None.
        sound: A file with the clip's sound, to be copied at once, or None.
        thumbnail: A file that shows the picture small, to be copied at once, or None.
        warnings: Sentences for the user.
    """

    url: str
    upload: tuple[str, str] | None = None
    expires_at: float | None = None
    proved_at: float = 0.0
    clip_s: float | None = None
    sound: Path | None = None
    thumbnail: Path | None = None
    warnings: tuple[str, ...] = ()

    def is_dying(self, now: float) -> bool:
        """Whether the link has waited so long that the service might come too late."""
        if self.expires_at is None or now - self.proved_at < _FRESH_S:
            return False
        return self.expires_at - now < LEAST_LIFE_S


class Part:
    """A medium under way, and who waits for it.

    Args:
        key: What makes it the same as another.
        medium: What it is.
        now: When it began, Unix seconds.
    """

    def __init__(self, key: PartKey, medium: Medium, *, now: float) -> None:
        self.key = key
        self.medium = medium
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

    def join(self, part: Part, number: int, *, then: Callable[[Part], None]) -> tuple[Part, bool]:
        """Wait for a part, and begin it when nobody has.

        Args:
            part: The part as the caller would make it.
            number: Stands for who waits.
            then: Called when it has come to an end.

        Returns:
            The part that is under way, and whether the caller has to make it.
        """
        with self._lock:
            there = self._parts.setdefault(part.key, part)
            there.wanted_by[number] = then
            return there, there is part

    def leave(self, part: Part, number: int) -> None:
        """Wait no more; a part that nobody waits for stops."""
        with self._lock:
            part.wanted_by.pop(number, None)
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
