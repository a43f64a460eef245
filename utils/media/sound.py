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
# How many stamps of a coarse clock (Matroska and Flash count milliseconds) are looked at before
# the first sample gets its place.
_STAMPS_ENOUGH = 16
_INTEGER_SCALES = {"u1": 2.0**7, "i2": 2.0**15, "i4": 2.0**31, "i8": 2.0**63}

Samples = NDArray[np.float32]


class SoundTrack:
    """Sound between two times, filled from decoded frames of any length.

    Args:
        start_s: The time of sample 0, on the file's clock: that of the first picture.
        length_s: How long the picture lasts.
    """

    def __init__(self, start_s: Fraction, length_s: Fraction) -> None:
        self._start_s = start_s
        self._length_s = length_s
        self._waveform: Samples | None = None
        self._rate_hz = 0
        self._half_tick = 0.0
        self._waiting: list[tuple[int, Samples]] = []
        self._cursor: int | None = None
        self._end = 0

    @property
    def complete(self) -> bool:
        """Whether the last sample wanted has been written."""
        return self._waveform is not None and self._end >= self._waveform.shape[1]

    @property
    def heard_s(self) -> float:
        """How far the sound reaches, counted from the first picture."""
        return self._end / self._rate_hz if self._rate_hz else 0.0

    def add(self, frame: AudioFrame) -> None:
        """Write a decoded frame where its time stamp says; a hole before it stays silent."""
        samples = unit_samples(frame)
        if self._waveform is None:
            self._rate_hz = frame.sample_rate
            self._half_tick = float((frame.time_base or 0) * self._rate_hz / 2)
            total = max(0, round(self._length_s * self._rate_hz))
            self._waveform = np.zeros((samples.shape[0], total), np.float32)
        if self._cursor is not None:
            self._write(self._position(frame, self._cursor), samples)
            return
        self._waiting.append((self._stamped(frame, 0), samples))
        if self._half_tick < 1 or len(self._waiting) >= _STAMPS_ENOUGH:
            self._settle()

    def sound(self) -> Sound | None:
        """What was written, up to its last sample; None when there was nothing."""
        self._settle()
        if self._waveform is None or not self._end:
            return None
        return Sound(torch.from_numpy(self._waveform[:, : self._end]), self._rate_hz)

    def _settle(self) -> None:
        """Give the first frames their place: where all of their rounded stamps can be true."""
        if not self._waiting:
            return
        lengths = [samples.shape[1] for _, samples in self._waiting]
        before = [sum(lengths[:index]) for index in range(len(lengths))]
        starts = [stamp - done for (stamp, _), done in zip(self._waiting, before, strict=True)]
        low, high = max(starts) - self._half_tick, min(starts) + self._half_tick
        start = starts[0] if low <= starts[0] <= high or low > high else round((low + high) / 2)
        for done, (stamp, samples) in zip(before, self._waiting, strict=True):
            is_gap = abs(stamp - start - done) > _TOLERANCE_S * self._rate_hz
            self._write(stamp if is_gap else start + done, samples)
        self._waiting.clear()

    def _stamped(self, frame: AudioFrame, default: int) -> int:
        if frame.pts is None or frame.time_base is None:
            return default
        return round((frame.pts * frame.time_base - self._start_s) * self._rate_hz)

    def _position(self, frame: AudioFrame, cursor: int) -> int:
        """The sample at which a frame starts; frames that follow each other stay seamless."""
        stamped = self._stamped(frame, cursor)
        return stamped if abs(stamped - cursor) > _TOLERANCE_S * self._rate_hz else cursor

    def _write(self, at: int, samples: Samples) -> None:
        self._cursor = at + samples.shape[1]
        whole = self._waveform
        if whole is None:
            return
        channels = min(whole.shape[0], samples.shape[0])
        first = max(0, -at)
        last = min(samples.shape[1], whole.shape[1] - at)
        if first < last:
            whole[:channels, at + first : at + last] = samples[:channels, first:last]
            self._end = max(self._end, at + last)


def unit_samples(frame: AudioFrame) -> Samples:
    """A frame's samples as float32 in −1…1, shape (C, T)."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    scale = _INTEGER_SCALES.get(samples.dtype.str[1:])
    if scale is None:
        return samples.astype(np.float32, copy=False)
    centre = scale if samples.dtype == np.uint8 else 0.0
    return ((samples.astype(np.float64) - centre) / scale).astype(np.float32)
