"""Sound as an AAC track of an MP4."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import OutputContainer
from av.packet import Packet

from .pcm import PIECE_SAMPLES, Pcm, in_blocks
from .pixels import Floats

# Sixteen packets' worth: each block is handed from thread to thread once.
BLOCK_SAMPLES = 16 * 1024
RATE_ELSE_HZ = 48_000
# ISO/IEC 14496-3, table 1.18.
_RATES_HZ = frozenset(
    {96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}
)
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
# Constant quality with the quick search: nearer to the source than 192 kbit/s found the slow way,
# in a third of the time, once the tools that replace noise and join channels are off. (118 is
# FFmpeg's unit of quality.)
_QUALITY = 1.5 * 118
_OPTIONS = {
    "flags": "+qscale",
    "global_quality": str(round(_QUALITY)),
    "aac_coder": "fast",
    "aac_tns": "0",
    "aac_is": "0",
    "aac_pns": "0",
}


def sound_track(output: OutputContainer, pcm: Pcm) -> Generator[list[Packet[Any]], None, None]:
    """Add a track to an MP4.

    Args:
        output: Where it is added, at once.
        pcm: The sound; of layouts other than mono, stereo and 5.1 the front pair is kept.

    Returns:
        The track's packets, some at a time, encoded as they are asked for.
    """
    channels = pcm.channels if pcm.channels in _LAYOUTS else 2
    rate_hz = pcm.sample_rate_hz if pcm.sample_rate_hz in _RATES_HZ else RATE_ELSE_HZ
    stream: Any = output.add_stream(
        "aac", rate=rate_hz, layout=_LAYOUTS[channels], options=_OPTIONS
    )
    stream.codec_context.open()  # here, so that the packets may be asked for on another thread
    pieces = (piece[:channels] for piece in pcm.pieces)
    if rate_hz != pcm.sample_rate_hz:
        pieces = _resampled(pieces, _LAYOUTS[channels], from_hz=pcm.sample_rate_hz, to_hz=rate_hz)
    return _packets(stream, pieces, _LAYOUTS[channels])


def _packets(
    stream: Any, pieces: Iterator[Floats], layout: str
) -> Generator[list[Packet[Any]], None, None]:
    rate_hz: int = stream.codec_context.sample_rate
    position = 0
    for block in in_blocks(pieces, BLOCK_SAMPLES):
        yield stream.encode(_frame(block, layout, rate_hz=rate_hz, position=position))
        position += block.shape[1]
    yield stream.encode(None)


def _resampled(
    pieces: Iterator[Floats], layout: str, *, from_hz: int, to_hz: int
) -> Iterator[Floats]:
    resampler = AudioResampler(format="fltp", layout=layout, rate=to_hz)
    position = 0
    # What comes out of one piece is as long at most, also of a sound of 30 Hz.
    most = max(1, PIECE_SAMPLES * from_hz // max(from_hz, to_hz))
    for piece in in_blocks(pieces, most):
        for part in resampler.resample(_frame(piece, layout, rate_hz=from_hz, position=position)):
            yield cast("Floats", part.to_ndarray())
        position += piece.shape[1]
    for part in resampler.resample(None):
        yield cast("Floats", part.to_ndarray())


def _frame(samples: Floats, layout: str, *, rate_hz: int, position: int) -> av.AudioFrame:
    contiguous = np.ascontiguousarray(samples, np.float32)
    frame = av.AudioFrame.from_ndarray(cast("Any", contiguous), format="fltp", layout=layout)
    frame.sample_rate = rate_hz
    frame.time_base = Fraction(1, rate_hz)
    frame.pts = position
    return frame
