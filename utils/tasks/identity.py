"""What identifies a request's media, worked out once however many tasks ask at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from ..addresses import is_plain, redact
from ..media.digest import clip_digest, picture_digest
from ..media.types import FramesClip
from .parts import Medium
from .request import PictureCharacter, UrlCharacter, UrlMotion
from .upload_cache import UploadCache


@dataclass(frozen=True)
class Identity:
    """What identifies a medium.

    Attributes:
        digest: Of the medium; "" for a foreign address.
        stands: What goes into the fingerprint: the digest, or the exact foreign address.
        shown: What the ledger and the sidecar may say: no signed link.
    """

    digest: str
    stands: str
    shown: str


@dataclass
class _Flight:
    """One digest that is being worked out."""

    done: threading.Event = field(default_factory=threading.Event)
    digest: str | None = None


class Identifier:
    """Works out digests; the same tensor wanted by several at once is read once.

    Args:
        uploads: Knows which links are ours, and what lies behind them.
    """

    def __init__(self, uploads: UploadCache) -> None:
        self._uploads = uploads
        self._lock = threading.Lock()
        self._flights: dict[Hashable, _Flight] = {}

    def identify(self, medium: Medium, *, keep_sound: bool, stop: threading.Event) -> Identity:
        """Identify a medium.

        Args:
            medium: What it is.
            keep_sound: Whether a clip's sound counts.
            stop: Ends the work early.

        Raises:
            DecodeError: A file cannot be read.
            Stopped: `stop` was set.
        """
        if isinstance(medium, (UrlCharacter, UrlMotion)):
            behind = self._uploads.behind(medium.url)
            if behind is not None:
                return Identity("", behind[0], behind[0])
            shown = medium.url if is_plain(medium.url) else redact(medium.url)
            return Identity("", f"url {medium.url}", shown)
        if isinstance(medium, PictureCharacter):
            key = (id(medium.image), id(medium.mask))
            digest = self._once(key, lambda: picture_digest(medium.image, medium.mask))
        else:
            source = id(medium.frames if isinstance(medium, FramesClip) else medium.source)
            waveform = medium.sound.waveform if medium.sound is not None else None
            rest = (
                (medium.frame_rate,)
                if isinstance(medium, FramesClip)
                else (
                    medium.start_s,
                    medium.duration_s,
                )
            )
            key = (source, id(waveform), keep_sound, *rest)
            digest = self._once(key, lambda: clip_digest(medium, keep_sound=keep_sound, stop=stop))
        return Identity(digest, digest, digest)

    def _once(self, key: Hashable, work: Callable[[], str]) -> str:
        """Do it, or wait for whoever does; the objects behind `key` live as long as that."""
        while True:
            with self._lock:
                flight = self._flights.get(key)
                mine = flight is None
                if flight is None:
                    flight = self._flights[key] = _Flight()
            if not mine:
                flight.done.wait()
                if flight.digest is not None:
                    return flight.digest
                continue  # whoever did it has stopped or failed
            try:
                flight.digest = work()
                return flight.digest
            finally:
                with self._lock:
                    del self._flights[key]
                flight.done.set()
