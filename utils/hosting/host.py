"""What a way of hosting is: it takes a file and gives an address with a lifetime."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Literal, Protocol

from ..addresses import AddressRule
from ..errors import InputError

Kind = Literal["picture", "clip"]
Progress = Callable[[int, int], None]
"""Told bytes that have surely gone, and bytes in all."""

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".m4v": "video/x-m4v",
}
"""Every extension that goes up or is served, with its media type."""

SETTINGS_PAGE = "Settings → Wan Animate (APIXO) → Hosting"


@dataclass(frozen=True)
class HostedFile:
    """A file of ours that lies at an address.

    Attributes:
        url: The address; it opens the file for whoever knows it, so `repr` hides it.
        expires_at: When the address dies, as Unix seconds; None where it does not.
        host: The `identity` of the host it lies at.
        handle: What that host needs to sign it afresh or to delete it; "" where it can do neither.
    """

    url: str = field(repr=False)
    expires_at: float | None
    host: str
    handle: str


class Host(Protocol):
    """One way of hosting. Methods may be called from any thread, and block."""

    @property
    def name(self) -> str:
        """What people call it, such as "object store"."""
        ...

    @property
    def identity(self) -> str:
        """What tells this place from every other one; holds no secret, fits into a database."""
        ...

    @property
    def limit_bytes(self) -> int:
        """The largest file it takes."""
        ...

    @property
    def rule(self) -> AddressRule:
        """Which addresses may be read when a file of this host is read back."""
        ...

    @property
    def may_be_unreachable(self) -> bool:
        """Whether its owner has said that it can be read from outside, though not from here."""
        ...

    @property
    def notice(self) -> str:
        """What a user must know before the first file goes there; "" where nothing."""
        ...

    def put(
        self, file: Path, *, media_type: str, extension: str, progress: Progress, stop: Event
    ) -> HostedFile:
        """Put a file there.

        Args:
            file: What goes up, whole and unchanged.
            media_type: Its media type.
            extension: Its true extension with the dot, as in ".mp4".
            progress: Told bytes sent, and bytes in all.
            stop: Ends the upload within a second when it is set.

        Returns:
            Where it lies, not proved yet.

        Raises:
            HostingError: The host refused it, or cannot be reached.
            SettingsError: The host is not configured in full.
            Stopped: `stop` was set.
        """
        ...

    def sign(self, handle: str) -> HostedFile | None:
        """A fresh address for a file that lies there; None where this host cannot do that."""
        ...

    def delete(self, hosted: HostedFile) -> None:
        """Take the file away; nothing happens where this host cannot, or it is gone.

        Raises:
            HostingError: The host refused it, or cannot be reached.
        """
        ...


def random_name(extension: str) -> str:
    """A name that nobody can guess and that says nothing, ending in the true extension.

    Raises:
        InputError: Files of this extension are not handed over.
    """
    if extension not in MEDIA_TYPES:
        raise InputError(
            f"A file ending in “{extension[:20]}” cannot be sent to the service. It takes "
            f"{', '.join(MEDIA_TYPES)}."
        )
    return secrets.token_hex(16) + extension
