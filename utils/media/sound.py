"""A clip's sound, laid against its picture to the sample."""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from ..errors import DecodeError, MemoryShortError
from .memory import free_bytes, gigabytes, reserve
from .types import Sound

# Less than this is worth no question whether it fits: eleven minutes in stereo.
_SMALL_BYTES = 256 * 1024 * 1024
# Stamps that are this far off are rounding of the container; beyond it there is a gap.
TOLERANCE_S = 0.03
# How many stamps of a coarse clock (Matroska and Flash count milliseconds) are looked at before
# the first sample gets its place.
STAMPS_ENOUGH = 16
# More than these PyAV does not count right.
_PLANES_COUNTED = 7
_KINDS = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
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
            self._waveform = _silence(samples.shape[0], total)
        if self._cursor is not None:
            self._write(self._position(frame, self._cursor), samples)
            return
        self._waiting.append((self._stamped(frame, 0), samples))
        if self._half_tick < 1 or len(self._waiting) >= STAMPS_ENOUGH:
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
        stamps = [stamp for stamp, _ in self._waiting]
        lengths = [samples.shape[1] for _, samples in self._waiting]
        at = settled_start(stamps, lengths, half_tick=self._half_tick)
        for stamp, samples in self._waiting:
            at = stamp if abs(stamp - at) > TOLERANCE_S * self._rate_hz else at
            self._write(at, samples)
            at += samples.shape[1]
        self._waiting.clear()

    def _stamped(self, frame: AudioFrame, default: int) -> int:
        if frame.pts is None or frame.time_base is None:
            return default
        return round((frame.pts * frame.time_base - self._start_s) * self._rate_hz)

    def _position(self, frame: AudioFrame, cursor: int) -> int:
        """The sample at which a frame starts; frames that follow each other stay seamless."""
        stamped = self._stamped(frame, cursor)
        return stamped if abs(stamped - cursor) > TOLERANCE_S * self._rate_hz else cursor

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


def _silence(channels: int, samples: int) -> Samples:
    """Room for all of a sound; a damaged time stamp may ask for days of it.

    Raises:
        MemoryShortError: It does not fit.
    """
    needed_bytes = 4 * channels * samples
    guarded = needed_bytes > _SMALL_BYTES
    with reserve(needed_bytes, what="The samples of the sound") if guarded else nullcontext():
        try:
            return np.zeros((channels, samples), np.float32)
        except MemoryError as error:
            message = (
                f"The system refused {gigabytes(needed_bytes)} for the sound. "
                "Take fewer frames, or export the clip again."
            )
            raise MemoryShortError(
                message, needed_bytes=needed_bytes, free_bytes=free_bytes()
            ) from error


def settled_start(stamps: list[int], lengths: list[int], *, half_tick: float) -> int:
    """The sample at which sound starts: where all of its first frames' rounded stamps can be true.

    Args:
        stamps: Where each frame is said to start, in samples.
        lengths: How long each is.
        half_tick: How far a stamp can be off, in samples.
    """
    before = [sum(lengths[:index]) for index in range(len(lengths))]
    starts = [stamp - done for stamp, done in zip(stamps, before, strict=True)]
    low, high = max(starts) - half_tick, min(starts) + half_tick
    if low <= starts[0] <= high or low > high:
        return starts[0]
    return round((low + high) / 2)


def _stored(frame: AudioFrame) -> NDArray[Any]:
    """A frame's samples as they are stored, shape (C, T).

    PyAV counts nine planes of eight channels. Reading the ninth, as its own `to_ndarray` does,
    ends the process (14 to 18) or is an error (19), so FFmpeg puts those into one plane first.
    """
    kind = _KINDS.get(frame.format.name.removesuffix("p"))
    if kind is None:
        raise DecodeError(
            f"The clip's sound is stored as {frame.format.name}, which is not supported. Export "
            "it again with AAC."
        )
    channels = frame.layout.nb_channels
    if frame.format.is_planar and channels > _PLANES_COUNTED:
        packed = AudioResampler(format=frame.format.packed.name)
        (frame,) = packed.resample(frame)
    if not frame.format.is_planar:
        plane: Any = frame.planes[0]
        return np.frombuffer(plane, kind, count=channels * frame.samples).reshape(-1, channels).T
    planes: list[Any] = list(frame.planes)
    samples = np.empty((channels, frame.samples), kind)
    for row, plane in zip(samples, planes, strict=True):
        row[:] = np.frombuffer(plane, kind, count=frame.samples)
    return samples


def unit_samples(frame: AudioFrame) -> Samples:
    """A frame's samples as float32 in −1…1, shape (C, T).

    Raises:
        DecodeError: They are of a kind that nobody knows.
    """
    samples = _stored(frame)
    scale = _INTEGER_SCALES.get(samples.dtype.str[1:])
    if scale is None:
        return samples.astype(np.float32, copy=False)
    centre = scale if samples.dtype == np.uint8 else 0.0
    return ((samples.astype(np.float64) - centre) / scale).astype(np.float32)
