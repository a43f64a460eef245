"""Sound as a stream of samples, cut or padded to the length of a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from .pixels import Floats, to_floats
from .types import Sound

PIECE_SAMPLES = 1 << 16


@dataclass(frozen=True)
class Pcm:
    """Sound to be read once.

    Attributes:
        sample_rate_hz: Samples per second and channel.
        channels: How many.
        pieces: Arrays of shape (channels, n), float32 in −1…1.
    """

    sample_rate_hz: int
    channels: int
    pieces: Iterable[Floats]


def pcm_of(sound: Sound) -> Pcm | None:
    """Sound in memory as a stream; None where it has no samples.

    Raises:
        InputError: Not sound.
    """
    waveform = sound.waveform
    if waveform.ndim == 3 and waveform.shape[0] == 1:  # AUDIO as the graph holds it
        waveform = waveform[0]
    if waveform.ndim != 2 or sound.sample_rate_hz <= 0:
        raise InputError(
            f"The sound has the shape {tuple(waveform.shape)} at {sound.sample_rate_hz} Hz; "
            "channels × samples and a rate above 0 are needed. Connect one AUDIO."
        )
    channels, samples = int(waveform.shape[0]), int(waveform.shape[1])
    if channels == 0 or samples == 0:
        return None

    def pieces() -> Iterator[Floats]:
        for first in range(0, samples, PIECE_SAMPLES):
            values = to_floats(waveform[:, first : first + PIECE_SAMPLES])
            yield np.clip(np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0)

    return Pcm(sound.sample_rate_hz, channels, pieces())


def exactly(pcm: Pcm, samples: int) -> Pcm:
    """The same sound, cut or padded with silence to so many samples."""

    def pieces() -> Iterator[Floats]:
        left = samples
        for piece in pcm.pieces:
            if left <= 0:
                return
            yield piece[:, :left]
            left -= piece.shape[1]
        while left > 0:
            size = min(left, PIECE_SAMPLES)
            yield np.zeros((pcm.channels, size), np.float32)
            left -= size

    return Pcm(pcm.sample_rate_hz, pcm.channels, pieces())


def in_blocks(pieces: Iterable[Floats], samples: int) -> Iterator[Floats]:
    """The same sound in blocks of `samples`, the last one shorter."""
    rest: Floats | None = None
    for piece in pieces:
        joined = piece if rest is None else np.concatenate([rest, piece], axis=1)
        whole = joined.shape[1] // samples * samples
        for first in range(0, whole, samples):
            yield joined[:, first : first + samples]
        rest = joined[:, whole:]
    if rest is not None and rest.shape[1]:
        yield rest
