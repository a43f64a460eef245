"""What the header of an H.264 stream says of its pictures, read without decoding one."""

from __future__ import annotations

# Profiles that carry these fields (ITU-T H.264, 7.3.2.1.1); the others are 8-bit 4:2:0.
_EXTENDED = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_MOST_ZEROS = 31


def is_plain(extradata: bytes | None) -> bool:
    """Whether a stream's pictures are 8-bit 4:2:0.

    Args:
        extradata: The stream's AVCDecoderConfigurationRecord, or its header in Annex B form.
    """
    header = _header_of(extradata or b"")
    if len(header) < 4:
        return False
    profile = header[1]
    if profile not in _EXTENDED:
        return profile in (66, 77, 88)
    bits = _Bits(header[4:].replace(b"\0\0\3", b"\0\0"))
    try:
        bits.number()  # its id
        chroma, luma_bits, chroma_bits = bits.number(), bits.number(), bits.number()
    except ValueError:
        return False
    return (chroma, luma_bits, chroma_bits) == (1, 0, 0)


def _header_of(extradata: bytes) -> bytes:
    """The sequence parameter set, beginning with the byte of its type."""
    if extradata[:1] == b"\1":
        if len(extradata) < 8 or not extradata[5] & 31:
            return b""
        length = int.from_bytes(extradata[6:8], "big")
        return extradata[8 : 8 + length]
    units = extradata.split(b"\0\0\1")
    return next((unit for unit in units[1:] if unit and unit[0] & 31 == 7), b"")


class _Bits:
    """Bits of a header, from the first on."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def number(self) -> int:
        """An Exp-Golomb number (9.1)."""
        zeros = 0
        while not self._bit():
            zeros += 1
            if zeros > _MOST_ZEROS:
                raise ValueError("no number")
        value = 1
        for _ in range(zeros):
            value = 2 * value + self._bit()
        return value - 1

    def _bit(self) -> int:
        if not self._left:
            raise ValueError("too short")
        self._left -= 1
        return self._bits >> self._left & 1
