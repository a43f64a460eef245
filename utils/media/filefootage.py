"""The pictures and the sound of a clip that is a file, or of the window of one."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.audio.resampler import AudioResampler

from ..errors import DecodeError
from . import envelope
from .container import open_clip, picture_stream, reason, sound_stream
from .pcm import Pcm, pcm_of
from .pixels import Floats, Pixels8
from .types import FileClip, Size


class FileFootage:
    """A file, decoded as it is read."""

    def __init__(self, clip: FileClip) -> None:
        self._clip = clip
        with open_clip(clip.source) as container:
            stream = picture_stream(container)
            frame = next(container.decode(stream), None)
            if frame is None:
                raise DecodeError("The clip holds no picture. Use another file.")
            rotation = int(getattr(frame, "rotation", 0) or 0)
            size = Size(frame.width, frame.height)
            self._size = Size(size.height, size.width) if rotation % 180 else size
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            self._rate = envelope.frame_rate(Fraction(rate))

    @property
    def size(self) -> Size:
        """Extent of each picture, as displayed."""
        return self._size

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second, constant."""
        return self._rate

    @property
    def frame_count(self) -> int | None:
        """Only reading tells."""
        return None

    def pictures(self) -> Iterator[Pixels8]:
        """Yield each picture as 8-bit RGB, laid out to the constant rate."""
        start, length = self._clip.start_s, self._clip.duration_s
        origin: float | None = None
        written = 0
        last: Pixels8 | None = None
        try:
            with open_clip(self._clip.source) as container:
                stream = picture_stream(container)
                for frame in container.decode(stream):
                    time = float(frame.time or 0.0)
                    if time < start - 1e-6:
                        continue
                    if length and time >= start + length - 1e-6:
                        break
                    origin = time if origin is None else origin
                    slot = round((time - origin) * self._rate)
                    while last is not None and written < slot:
                        yield last
                        written += 1
                    last = _rgb(frame)
        except av.FFmpegError as error:
            raise DecodeError(
                f"The clip is damaged after {written / self._rate:.1f} s ({reason(error)}). "
                "Repair it, or trim it to end before that."
            ) from error
        if last is None:
            raise DecodeError("The clip holds no picture in its window. Choose another window.")
        yield last

    def sound(self) -> Pcm | None:
        """The sound that takes the place of the file's own, or that."""
        if self._clip.sound is not None:
            return pcm_of(self._clip.sound)
        with open_clip(self._clip.source) as container:
            stream = sound_stream(container)
            if stream is None:
                return None
            rate_hz = int(stream.codec_context.sample_rate)
            channels = len(stream.codec_context.layout.channels)
        return Pcm(rate_hz, channels, self._pcm(rate_hz))

    def warnings(self) -> tuple[str, ...]:
        """Nothing yet."""
        return ()

    def _pcm(self, rate_hz: int) -> Iterator[Floats]:
        start = self._clip.start_s
        with open_clip(self._clip.source) as container:
            stream = sound_stream(container)
            if stream is None:
                return
            resampler = AudioResampler(format="fltp", rate=rate_hz)
            position: int | None = None
            for frame in container.decode(stream):
                for part in resampler.resample(frame):
                    samples = cast("Floats", part.to_ndarray())
                    if position is None:
                        position = round((float(frame.time or 0.0) - start) * rate_hz)
                        if position > 0:
                            yield np.zeros((samples.shape[0], position), np.float32)
                    before, position = position, position + samples.shape[1]
                    yield samples[:, max(0, -before) :]


def _rgb(frame: Any) -> Pixels8:
    rgb = frame.to_ndarray(format="rgb24")
    turns = int(getattr(frame, "rotation", 0) or 0) // 90
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb
