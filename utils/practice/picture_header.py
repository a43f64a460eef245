"""How large a picture says it is, before anybody unpacks it.

A PNG of some kilobytes can unpack to gigabytes, and OpenCV reads many a format more than the
three that the service takes.
"""

from __future__ import annotations

from ..errors import DecodeError
from ..media.types import Size

MOST_PIXELS = 50_000_000
"""Far more than the 4096×4096 that services of this model take; 200 MB once unpacked."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_FRAME_BYTES = 12
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def check_picture_header(data: bytes) -> Size:
    """The size that a PNG, JPEG or WebP says it has.

    Raises:
        DecodeError: It is none of the three, cut off, or its picture would be too large.
    """
    size = _png(data) or _jpeg(data) or _webp(data)
    if size is None:
        raise DecodeError("The character is not a picture. Send a PNG, JPEG or WebP.")
    if size.width * size.height > MOST_PIXELS:
        raise DecodeError(
            f"The character is {size} px; {MOST_PIXELS:,} pixels are the "
            "most that is read. Send a smaller picture."
        )
    return size


def _png(data: bytes) -> Size | None:
    if not data.startswith(_PNG) or data[12:16] != b"IHDR" or len(data) < 24:
        return None
    _check_chunks(data)
    return Size(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))


def _check_chunks(data: bytes) -> None:
    """No chunk is longer than the file (ISO/IEC 15948, 5.3): OpenCV makes room for it first."""
    at = len(_PNG)
    while at < len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return
        at += _PNG_FRAME_BYTES + int.from_bytes(data[at : at + 4], "big")
    raise DecodeError("The character is a PNG that is cut off. Save or download it again.")


def _jpeg(data: bytes) -> Size | None:
    """The first frame header (ITU-T T.81, B.2)."""
    at = 2 if data.startswith(b"\xff\xd8") else len(data)
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF or marker in _JPEG_BARE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _JPEG_SIZES:
            height, width = data[at + 5 : at + 7], data[at + 7 : at + 9]
            return Size(int.from_bytes(width, "big"), int.from_bytes(height, "big"))
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _webp(data: bytes) -> Size | None:
    """The first chunk (RFC 9649, 2.5 to 2.7)."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        sides = data[24:27], data[27:30]
        return Size(*(1 + int.from_bytes(side, "little") for side in sides))
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return Size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        sides = data[26:28], data[28:30]
        return Size(*(int.from_bytes(side, "little") & 0x3FFF for side in sides))
    return None
