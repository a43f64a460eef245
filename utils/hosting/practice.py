"""The practice service's own loopback upload, which practice media goes to and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event

from ..addresses import AddressRule, check_url
from ..errors import HostingError, InputError, TransportError
from ..transport import Transport
from .host import HostedFile, Progress, random_name

_LIMIT_BYTES = 2 * 1024**3


class PracticeHost:
    """Puts files at the practice service of this process.

    Args:
        origin: Where it listens, as in "http://127.0.0.1:41234".
        transport: Speaks HTTP.
        rule: Which addresses may be read: that origin.
    """

    name = "practice service"
    limit_bytes = _LIMIT_BYTES
    may_be_unreachable = False
    notice = ""

    def __init__(self, origin: str, *, transport: Transport, rule: AddressRule) -> None:
        self._origin = origin
        self._transport = transport
        self.rule = rule
        self.identity = f"practice {origin}"

    def put(
        self, file: Path, *, media_type: str, extension: str, progress: Progress, stop: Event
    ) -> HostedFile:
        """Upload a file under a random name.

        Raises:
            HostingError: The practice service does not answer, or not as it should.
            Stopped: `stop` was set.
        """
        del media_type  # the name's ending says it
        try:
            reply = self._transport.upload(
                f"{self._origin}/upload/{random_name(extension)}",
                file,
                progress=progress,
                stop=stop,
                rule=self.rule,
            )
            url = str(json.loads(reply.body)["url"])
            check_url(url, self.rule)
        except (TransportError, InputError, ValueError, LookupError, TypeError) as error:
            raise HostingError(
                "The practice service did not accept the file. Run again; if that does not help, "
                "restart ComfyUI."
            ) from error
        return HostedFile(url, None, self.identity, "")

    def sign(self, handle: str) -> HostedFile | None:
        """Its links live as long as it does: None."""
        del handle

    def delete(self, hosted: HostedFile) -> None:
        """It keeps its files until it ends."""
