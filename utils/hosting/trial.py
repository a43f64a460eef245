"""Try a host on request of the settings page: put a small picture there, and read it back."""

from __future__ import annotations

import struct
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from ..addresses import redact
from ..errors import WanAnimateError
from ..transport import Transport
from .host import Host
from .place import Placed, Upload, place

_SIDE_PX = 16


@dataclass(frozen=True)
class HostReport:
    """How a host did.

    Attributes:
        host: Its name.
        works: A file could be put there and read back.
        text: What happened, and what to do where it does not work.
        warnings: What to know besides.
    """

    host: str
    works: bool
    text: str
    warnings: tuple[str, ...]


def try_host(host: Host, *, transport: Transport, temp: Path) -> HostReport:
    """Put a grey picture of 16 × 16 px at a host, read it back, and take it away again.

    Args:
        host: What is tried.
        transport: Reads the link back.
        temp: Where the picture may lie for that time.
    """
    warnings: tuple[str, ...] = ()
    try:
        placed = _place_picture(host, transport=transport, temp=temp)
        works, text, warnings = True, _told(placed), placed.warnings
    except WanAnimateError as error:
        works, text = False, str(error)
    return HostReport(host.name, works, text, warnings)


def _place_picture(host: Host, *, transport: Transport, temp: Path) -> Placed:
    temp.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=temp) as folder:
        file = Path(folder) / "trial.png"
        file.write_bytes(_grey_png())
        return place(
            [host],
            Upload(file, ".png", "picture"),
            transport=transport,
            progress=lambda sent, total: None,
            stop=Event(),
        )


def _told(placed: Placed) -> str:
    where = redact(placed.hosted.url)
    try:
        placed.host.delete(placed.hosted)
    except WanAnimateError as error:
        return f"A test file was uploaded to {where} and read back, but not deleted: {error}"
    return f"A test file was uploaded to {where} and read back."


def _grey_png() -> bytes:
    """A PNG with nothing in it but its pixels."""
    rows = (b"\x00" + b"\x80" * _SIDE_PX) * _SIDE_PX
    head = struct.pack(">IIBBBBB", _SIDE_PX, _SIDE_PX, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
