"""A picture as PNG, on up to three cores.

Pillow and OpenCV compress on one core, and search for repetitions that grain does not have. Here
a photograph's rows are predicted from their neighbours and only coded by frequency; drawn art,
which does repeat itself, is searched. Bands of rows are compressed side by side and joined.

Source: PNG specification, third edition; RFC 1950 and 1951 for the bytes within.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from .pixels import Pixels8

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TRUECOLOUR = 2
_UNFILTERED, _AVERAGE = 0, 3
# A stream that says: 32 KB window, quick.
_STREAM_HEADER = b"\x78\x01"
_ADLER_BASE = 65521
# Below this a band costs more to hand over than to compress.
_BAND_BYTES = 256 * 1024
# The caller works on one of them; the service of tasks counts on no more than two threads besides.
_BANDS_MOST = 3
_PIECE_BYTES = 128 * 1024
_SAMPLED_ROWS = 48


@dataclass(frozen=True)
class _Method:
    """How rows are made small."""

    filter: int
    level: int
    strategy: int


_GRAINY = _Method(_AVERAGE, 1, zlib.Z_HUFFMAN_ONLY)
_MIXED = _Method(_AVERAGE, 1, zlib.Z_RLE)
# Levels up to 3 search half as long as 4 does, which flat fills need.
_SHADED = _Method(_UNFILTERED, 3, zlib.Z_DEFAULT_STRATEGY)
_FLAT = _Method(_UNFILTERED, 4, zlib.Z_DEFAULT_STRATEGY)
# Shares of pixels that equal their left neighbour, and what is made of pictures from there on.
_METHODS = {0.95: _FLAT, 0.4: _SHADED, 0.08: _MIXED}


def encode_png(rgb: Pixels8) -> bytes:
    """A whole PNG file of 8-bit RGB, without metadata.

    Args:
        rgb: Shape (H, W, 3), contiguous.
    """
    height, width, _ = rgb.shape
    rows = rgb.reshape(height, width * 3)
    method = _method_for(rgb)
    bands = list(_bands(height, width * 3))
    compressed = partial(_compressed, rows, method)
    with ThreadPoolExecutor(_BANDS_MOST - 1, thread_name_prefix="apixo-png") as pool:
        others = [pool.submit(compressed, band) for band in bands[1:]]
        parts = [compressed(bands[0]), *(other.result() for other in others)]
    header = struct.pack(">IIBBBBB", width, height, 8, _TRUECOLOUR, 0, 0, 0)
    sums = [(adler, size) for _, adler, size in parts]
    data = [_STREAM_HEADER, *(data for data, _, _ in parts), struct.pack(">I", _joined(sums))]
    chunks = [(b"IHDR", header), *((b"IDAT", piece) for piece in data), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def _method_for(rgb: Pixels8) -> _Method:
    """Tell grain from drawing by a few rows."""
    some = rgb[:: max(1, rgb.shape[0] // _SAMPLED_ROWS)]
    if rgb.shape[1] == 1:
        return _FLAT
    red, green, blue = np.moveaxis(some[:, 1:] == some[:, :-1], 2, 0)
    alike = float((red & green & blue).mean())  # all(-1) takes seven times as long
    return next((method for least, method in _METHODS.items() if alike >= least), _GRAINY)


def _bands(height: int, row_bytes: int) -> Iterator[tuple[int, int]]:
    """First and last row of each band; as many as there are cores, and work for."""
    cores = min(os.cpu_count() or 1, _BANDS_MOST)
    count = max(1, min(cores, height * row_bytes // _BAND_BYTES, height))
    edges = [height * index // count for index in range(count + 1)]
    yield from pairwise(edges)


def _compressed(rows: Pixels8, method: _Method, band: tuple[int, int]) -> tuple[bytes, int, int]:
    """A band's part of the stream, and the checksum and length of what it holds."""
    packer = zlib.compressobj(method.level, zlib.DEFLATED, -15, 9, method.strategy)
    first, end = band
    parts: list[bytes] = []
    adler, size = 1, 0
    step = max(1, _PIECE_BYTES // rows.shape[1])
    for start in range(first, end, step):
        piece = _filtered(rows, start, min(end, start + step), kind=method.filter).data
        adler, size = zlib.adler32(piece, adler), size + piece.nbytes
        parts.append(packer.compress(piece))
    # the last band ends the stream; the others end on a whole byte
    parts.append(packer.flush(zlib.Z_FINISH if end == rows.shape[0] else zlib.Z_SYNC_FLUSH))
    return b"".join(parts), adler, size


def _filtered(rows: Pixels8, first: int, end: int, *, kind: int) -> Pixels8:
    """Rows behind the number of their filter."""
    own = rows[first:end]
    out = np.empty((end - first, rows.shape[1] + 1), np.uint8)
    out[:, 0] = kind
    if kind == _UNFILTERED:
        out[:, 1:] = own
        return out
    above = rows[max(0, first - 1) : end - 1]
    if first == 0:
        above = np.concatenate([np.zeros((1, rows.shape[1]), np.uint8), above])
    left = np.zeros_like(own)
    left[:, 3:] = own[:, :-3]
    # (left + above) // 2 within 8 bits
    mean = np.bitwise_xor(left, above)
    np.right_shift(mean, 1, out=mean)
    np.bitwise_and(left, above, out=left)
    np.add(mean, left, out=mean)
    np.subtract(own, mean, out=out[:, 1:])
    return out


def _joined(sums: list[tuple[int, int]]) -> int:
    """The Adler-32 checksum of parts one after the other, from theirs and their lengths."""
    low, high = 1, 0
    for adler, size in sums:
        part_low, part_high = adler & 0xFFFF, adler >> 16
        high = (high + part_high + (low - 1) * size) % _ADLER_BASE
        low = (low + part_low - 1) % _ADLER_BASE
    return high << 16 | low


def _chunk(kind: bytes, body: bytes) -> bytes:
    """Length, kind, content, checksum."""
    check = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)
