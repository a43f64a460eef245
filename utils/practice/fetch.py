"""How the practice service reads the URLs that it is given, and calls back."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

from ..addresses import AddressRule
from ..clock import Clock
from ..errors import InputError, TransportError
from ..transport import Transport

_CALLBACK_TIMEOUT_S = 30.0
_RULE = AddressRule(allow_loopback=True)


class Outside:
    """The practice service as a client of others, over real HTTP."""

    def __init__(self, clock: Clock) -> None:
        self._transport = Transport(clock)

    def fetch(self, url: str, target: Path, *, limit_bytes: int, stop: Event) -> int:
        """Read a URL into a file; gives its length.

        Raises:
            TransportError: It cannot be read, may not be, or is larger than `limit_bytes`.
            Stopped: `stop` was set.
        """
        try:
            self._transport.download(url, target, limit_bytes=limit_bytes, rule=_RULE, stop=stop)
        except InputError as error:  # an address inside somebody's network
            raise TransportError(str(error)) from error
        return target.stat().st_size

    def call_back(self, url: str, body: dict[str, Any]) -> bool:
        """Post the envelope; True when it was answered with 200."""
        try:
            reply = self._transport.post_once(url, json_body=body, timeout_s=_CALLBACK_TIMEOUT_S)
        except (TransportError, InputError):
            return False
        return reply.status == 200
