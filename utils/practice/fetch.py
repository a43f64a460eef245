"""How the practice service reads the URLs that it is given, and calls back."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from threading import Event
from typing import Any

from ..errors import Stopped, TransportError

_TIMEOUT_S = 30.0
_CHUNK_BYTES = 256 * 1024


def fetch(url: str, target: Path, *, limit_bytes: int, stop: Event) -> None:
    """Read a URL into a file.

    Raises:
        TransportError: It cannot be read, or is larger than `limit_bytes`.
        Stopped: `stop` was set.
    """
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_S) as reply,  # noqa: S310
            target.open("wb") as file,
        ):
            size_bytes = 0
            while chunk := reply.read(_CHUNK_BYTES):
                size_bytes += len(chunk)
                if size_bytes > limit_bytes:
                    raise TransportError(f"The file has more than {limit_bytes} bytes.")
                if stop.is_set():
                    raise Stopped("The practice service was stopped.")
                file.write(chunk)
            length = reply.headers.get("Content-Length")
            if length is not None and int(length) != size_bytes:
                raise TransportError(f"The file stopped at {size_bytes} of {length} bytes.")
    except OSError as error:
        raise TransportError(f"The file cannot be read: {error}.") from error


def post_callback(url: str, body: dict[str, Any]) -> bool:
    """Post the envelope; True when it was answered with 200."""
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:  # noqa: S310
            return reply.status == 200
    except OSError:
        return False
