"""What an MP4 claims to hold, looked at before FFmpeg believes it.

A file of some hundred bytes can claim thousands of millions of samples of one size, and FFmpeg
fills an index of 24 bytes and more for each. Source: ISO/IEC 14496-12, 8.6 to 8.8.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from ..errors import DecodeError

MOST_SAMPLES = 5_000_000
"""Of one track: five hours at 240 frames a second, a day of AAC."""

_MOST_BOXES = 1_000_000
_FIRST = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide"})
_HOUSES = frozenset(
    b"moov trak mdia minf stbl moof traf mvex edts dinf udta tref gmhd wave sinf schi clip".split()
)
_RUN = struct.Struct(">III")


@dataclass
class _Track:
    """What the boxes of one track say.

    Attributes:
        is_sound: Whether it is sound.
        samples: How many samples of one size there are; 0 where each has its own.
        size_bytes: Of each of them.
        is_plain: Whether each lasts one tick, as those of uncompressed sound do.
        chunks: How many pieces they lie in.
        runs: The table of how many lie in which piece.
    """

    is_sound: bool = False
    samples: int = 0
    size_bytes: int = 0
    is_plain: bool = False
    chunks: int = 0
    runs: bytes = b""

    def check(self, file_bytes: int) -> None:
        """Refuse what cannot be, in a file of this size.

        Raises:
            DecodeError: It claims too much.
        """
        if not (self.is_sound and self.is_plain):
            _check_count(self.samples)
        elif self._claimed_bytes() > file_bytes:
            # Of uncompressed sound FFmpeg counts pieces, by this table alone.
            raise _too_much(f"{self._claimed_bytes():,} bytes of sound")

    def _claimed_bytes(self) -> int:
        runs = list(_RUN.iter_unpack(self.runs))
        ends = [*(first for first, _, _ in runs), self.chunks + 1][1:]
        spans = zip(runs, ends, strict=True)
        return self.size_bytes * sum(max(0, end - run[0]) * run[1] for run, end in spans)


def check_claims(source: Path | BytesIO) -> None:
    """Refuse an MP4 that claims more than can be in it; anything else is let through.

    Raises:
        DecodeError: It claims too much.
    """
    if isinstance(source, BytesIO):
        _check(BytesIO(source.getvalue()), source.getbuffer().nbytes)
        return
    try:
        with source.open("rb") as file:
            _check(file, source.stat().st_size)
    except OSError:
        return  # whoever opens it says why


def _check(file: BinaryIO, file_bytes: int) -> None:
    if file.read(8)[4:] not in _FIRST:
        return
    tracks, in_fragments = [_Track()], 0
    for number, (kind, content) in enumerate(_boxes(file, range(file_bytes))):
        if number > _MOST_BOXES:
            raise _too_much("millions of boxes")
        if kind == b"cmov":
            raise DecodeError(
                "The file's index is compressed, which happens only in very old files. Export "
                "it again as H.264."
            )
        if kind == b"trak":
            tracks.append(_Track())
        elif kind == b"trun":
            in_fragments += _numbers(file, content, 2)[1]
            _check_count(in_fragments)
        else:
            _read(tracks[-1], kind, file=file, content=content)
    for track in tracks:
        track.check(file_bytes)


def _read(track: _Track, kind: bytes, *, file: BinaryIO, content: range) -> None:
    """Take what a box says of its track."""
    if kind == b"hdlr":
        handler = _numbers(file, content, 3)[2].to_bytes(4, "big")
        if handler in {b"soun", b"vide"}:  # QuickTime has another handler, of the data
            track.is_sound = handler == b"soun"
    elif kind == b"stsz":
        _, size_bytes, samples = _numbers(file, content, 3)
        if size_bytes:
            track.samples, track.size_bytes = max(track.samples, samples), size_bytes
    elif kind == b"stts":
        _, entries, _, ticks = _numbers(file, content, 4)
        track.is_plain = entries == 1 and ticks == 1
    elif kind in {b"stco", b"co64"}:
        track.chunks = max(track.chunks, _numbers(file, content, 2)[1])
    elif kind == b"stsc":
        file.seek(content.start + 8)
        table = file.read(max(0, len(content) - 8))
        track.runs = table[: len(table) // _RUN.size * _RUN.size]


def _boxes(file: BinaryIO, span: range) -> Iterator[tuple[bytes, range]]:
    """Every box of a span and its content, what lies in it right after it."""
    spans = [span]
    while spans:
        left = spans.pop()
        if len(left) < 8:
            continue
        file.seek(left.start)
        head = file.read(16)
        length, begin = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, begin = int.from_bytes(head[8:16], "big"), 16
        if length == 0:
            length = len(left)
        if length < begin:
            continue
        content = left[begin:length]
        yield head[4:8], content
        spans.append(left[length:])
        if head[4:8] in _HOUSES:
            spans.append(content)


def _numbers(file: BinaryIO, content: range, count: int) -> list[int]:
    """The first 32-bit numbers of a box; 0 for what is not there."""
    size_bytes = 4 * count
    file.seek(content.start)
    found = file.read(min(size_bytes, len(content))).ljust(size_bytes, b"\0")
    return [int.from_bytes(found[at : at + 4], "big") for at in range(0, size_bytes, 4)]


def _check_count(samples: int) -> None:
    if samples > MOST_SAMPLES:
        raise _too_much(f"{samples:,} samples")


def _too_much(what: str) -> DecodeError:
    return DecodeError(
        f"The file claims to hold {what}, which is impossible. Do not use it: it is damaged, or "
        "was made to fill the memory."
    )
