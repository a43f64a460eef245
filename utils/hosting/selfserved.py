"""This ComfyUI as a host, where it has a public address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from ..addresses import AddressRule
from ..clock import Clock
from ..errors import HostingError
from .host import HostedFile, Progress
from .published import PublishedFiles

ROUTE = "/apixo_wan/published/"
"""Below the public address; a token follows, and `PublishedFiles.answer` answers."""

LINK_LIFE_S = 24 * 3600.0
_LIMIT_BYTES = 2 * 1024**3
_RUNPOD_ID = re.compile(r"[a-z0-9]{5,40}", re.ASCII)


@dataclass(frozen=True)
class PublicAddress:
    """Where this ComfyUI can be reached from outside.

    Attributes:
        url: Its address, without a slash at the end.
        confirmed: Its owner has said that it works, though it cannot be reached from here.
    """

    url: str
    confirmed: bool = False


def runpod_address(environ: Mapping[str, str], *, port: int | None) -> PublicAddress | None:
    """The address under which RunPod shows a port of this pod; None elsewhere.

    Source: RunPod documentation, "Expose ports", HTTP proxy; read 2026-11-23.
    """
    pod_id = environ.get("RUNPOD_POD_ID", "").strip()
    if not port or not _RUNPOD_ID.fullmatch(pod_id):
        return None
    return PublicAddress(f"https://{pod_id}-{port}.proxy.runpod.net")


class SelfServedHost:
    """Publishes files at this ComfyUI and links to them under its public address."""

    name = "this ComfyUI"
    limit_bytes = _LIMIT_BYTES
    notice = ""

    def __init__(
        self, published: PublishedFiles, address: PublicAddress, *, clock: Clock, rule: AddressRule
    ) -> None:
        self._published = published
        self._address = address
        self._clock = clock
        self.rule = rule

    @property
    def identity(self) -> str:
        """The public address: links under another one are other links."""
        return f"self {self._address.url}"

    @property
    def may_be_unreachable(self) -> bool:
        """Some routers do not lead back to themselves; then only the owner can know."""
        return self._address.confirmed

    def put(
        self, file: Path, *, media_type: str, extension: str, progress: Progress, stop: Event
    ) -> HostedFile:
        """Publish a copy of a file; the media type follows from the extension.

        Raises:
            HostingError: The copy cannot be written.
            SettingsError: The secret of this installation cannot be read.
            Stopped: `stop` was set.
        """
        del media_type
        expires_at = self._clock.now() + LINK_LIFE_S
        handle = self._published.publish(
            file, extension=extension, expires_at=expires_at, progress=progress, stop=stop
        )
        hosted = self.sign(handle)
        if hosted is None:
            raise HostingError(
                "The file vanished from this ComfyUI's folder of published files at once. Check "
                "whether something cleans ComfyUI's user folder."
            )
        return hosted

    def sign(self, handle: str) -> HostedFile | None:
        """A fresh link to a file that is still published."""
        expires_at = self._clock.now() + LINK_LIFE_S
        token = self._published.token(handle, expires_at=expires_at)
        if token is None:
            return None
        return HostedFile(self._address.url + ROUTE + token, expires_at, self.identity, handle)

    def delete(self, hosted: HostedFile) -> None:
        """Take the file away.

        Raises:
            HostingError: It cannot be removed.
        """
        try:
            self._published.withdraw(hosted.handle)
        except OSError as error:
            raise HostingError(
                f"A published file cannot be removed yet ({error.strerror}). It is served until "
                "its link expires, and is then removed automatically."
            ) from error
