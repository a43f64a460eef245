"""A clip's sound, laid against its picture to the sample."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from .types import Sound

# Stamps that are this far off are rounding of the container; beyond it there is a gap.
_TOLERANCE_S = 0.03
_INTEGER_SCALES = {"u1": 128.0, "i2": 2.0**15, "i4": 2.0**31, "i8": 2.0**63}


class SoundTrack:
    """Sound between two times, filled from decoded frames in any chunks.

    Args:
        start_s: The time of sample 0, on the file's clock: that of the first picture.
        length_s: How long the picture lasts.
    """

    def __init__(self, start_s: Fraction, length_s: Fraction) -> None:
        self._start_s = start_s
        self._length_s = length_s
        self._waveform: NDArray[np.float32] | None = None
        self._rate_hz = 0
        self._cursor: int | None = None
        self._end = 0

    @property
    def end_s(self) -> Fraction:
        """The time after which nothing is wanted."""
        return self._start_s + self._length_s

    @property
    def complete(self) -> bool:
        """Whether the last sample wanted has been written."""
        return self._waveform is not None and self._end >= self._waveform.shape[1]

    def add(self, frame: AudioFrame) -> None:
        """Write a decoded frame where its time stamp says; a hole before it stays silent."""
        samples = unit_samples(frame)
        if self._waveform is None:
            self._rate_hz = frame.sample_rate
            total = max(0, round(self._length_s * self._rate_hz))
            self._waveform = np.zeros((samples.shape[0], total), np.float32)
        position = self._position(frame)
        self._cursor = position + samples.shape[1]
        self._write(self._waveform, samples, position)

    def sound(self) -> Sound | None:
        """What was written, up to its last sample; None when there was nothing."""
        if self._waveform is None or not self._end:
            return None
        return Sound(torch.from_numpy(self._waveform[:, : self._end]), self._rate_hz)

    def _position(self, frame: AudioFrame) -> int:
        """The sample at which a frame starts; frames that follow each other stay seamless."""
        if frame.pts is None or frame.time_base is None:
            return self._cursor or 0
        stamped = round((frame.pts * frame.time_base - self._start_s) * self._rate_hz)
        if self._cursor is None or abs(stamped - self._cursor) > _TOLERANCE_S * self._rate_hz:
            return stamped
        return self._cursor

    def _write(self, whole: NDArray[np.float32], samples: NDArray[np.float32], at: int) -> None:
        channels = min(whole.shape[0], samples.shape[0])
        first = max(0, -at)
        last = min(samples.shape[1], whole.shape[1] - at)
        if first < last:
            whole[:channels, at + first : at + last] = samples[:channels, first:last]
            self._end = max(self._end, at + last)


def unit_samples(frame: AudioFrame) -> NDArray[np.float32]:
    """A frame's samples as float32 in −1…1, shape (C, T)."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    scale = _INTEGER_SCALES.get(samples.dtype.str[1:])
    if scale is None:
        return samples.astype(np.float32, copy=False)
    centre = 128.0 if samples.dtype == np.uint8 else 0.0
    return ((samples.astype(np.float64) - centre) / scale).astype(np.float32)
