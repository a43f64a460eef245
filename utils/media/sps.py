"""What the header of an H.264 stream says of its pictures, read without decoding one.

Source: ITU-T H.264, 7.3.2.1.1 (sequence parameter set) and E.1.1 (usability information); the
record around it: ISO/IEC 14496-15, 5.3.3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

# Profiles that tell their chroma format and bit depth; the others are 8-bit 4:2:0.
_TELLING = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_MOST_ZEROS = 31
_ASPECT_SPELLED_OUT = 255
_UNSPECIFIED = 2


@dataclass(frozen=True)
class PictureHeader:
    """What a stream says of its pictures.

    Attributes:
        is_plain: Whether they are 8-bit 4:2:0.
        is_progressive: Whether none of them is made of two fields.
        full_range: Whether black is stored as 0, not 16.
        transfer: Code point of the transfer characteristics (ITU-T H.273); 2 where unsaid.
    """

    is_plain: bool
    is_progressive: bool
    full_range: bool
    transfer: int


def read_picture_header(extradata: bytes | None) -> PictureHeader | None:
    """Read the one sequence parameter set of a stream.

    Args:
        extradata: The stream's AVCDecoderConfigurationRecord, or its headers in Annex B form.

    Returns:
        None where there is none, more than one, or it cannot be read.
    """
    header = _set_of(extradata or b"")
    if len(header) < 4:
        return None
    try:
        return _read(header[1], _Bits(header[4:].replace(b"\0\0\3", b"\0\0")))
    except ValueError:
        return None


def _set_of(extradata: bytes) -> bytes:
    """The sequence parameter set, beginning with the byte of its type."""
    if extradata[:1] == b"\1":
        if len(extradata) < 8 or extradata[5] & 31 != 1:
            return b""
        length = int.from_bytes(extradata[6:8], "big")
        return extradata[8 : 8 + length]
    units = [unit for unit in extradata.split(b"\0\0\1")[1:] if unit and unit[0] & 31 == 7]
    return units[0] if len(units) == 1 else b""


def _read(profile: int, bits: _Bits) -> PictureHeader:
    bits.number()  # id
    plain = _read_format(bits) if profile in _TELLING else profile in (66, 77, 88)
    bits.number()  # bits of the frame number
    _skip_order(bits)
    bits.number()  # reference frames
    bits.take(1)
    bits.number()  # width
    bits.number()  # height
    progressive = bool(bits.take(1))
    bits.take(1 if progressive else 2)
    if bits.take(1):  # cropping
        bits.numbers(4)
    full_range, transfer = _read_signal(bits) if bits.take(1) else (False, _UNSPECIFIED)
    return PictureHeader(plain, progressive, full_range, transfer)


def _read_format(bits: _Bits) -> bool:
    """Whether the pictures are 8-bit 4:2:0."""
    chroma = bits.number()
    if chroma == 3:
        bits.take(1)
    depths = bits.numbers(2)
    bits.take(1)
    if bits.take(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma == 1 and depths == [0, 0]


def _skip_scaling_list(bits: _Bits, length: int) -> None:
    last = following = 8
    for _ in range(length):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_order(bits: _Bits) -> None:
    """How the order of display is told."""
    kind = bits.number()
    if kind == 0:
        bits.number()
    elif kind == 1:
        bits.take(1)
        bits.numbers(2)
        bits.numbers(bits.number())


def _read_signal(bits: _Bits) -> tuple[bool, int]:
    """Range and transfer, from the beginning of the usability information."""
    if bits.take(1) and bits.take(8) == _ASPECT_SPELLED_OUT:
        bits.take(32)
    if bits.take(1):  # overscan
        bits.take(1)
    if not bits.take(1):
        return False, _UNSPECIFIED
    bits.take(3)
    full_range = bool(bits.take(1))
    if not bits.take(1):
        return full_range, _UNSPECIFIED
    bits.take(8)  # primaries
    return full_range, bits.take(8)


class _Bits:
    """Bits of a header, from the first on."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """A number of so many bits."""
        if count > self._left:
            raise ValueError("the header is too short")
        self._left -= count
        return self._bits >> self._left & ((1 << count) - 1)

    def number(self) -> int:
        """An Exp-Golomb number (9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _MOST_ZEROS:
                raise ValueError("no number")
        return (1 << zeros) - 1 + self.take(zeros)

    def numbers(self, count: int) -> list[int]:
        """Several of them."""
        return [self.number() for _ in range(count)]

    def signed(self) -> int:
        """A signed Exp-Golomb number (9.1.1)."""
        code = self.number()
        return (code + 1) // 2 if code % 2 else -(code // 2)
