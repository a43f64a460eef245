"""Where the pictures of a clip come from, one at a time."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from typing import Protocol

import torch
from av.video.frame import VideoFrame
from torch import Tensor

from ..errors import InputError
from . import envelope
from .pcm import Pcm, pcm_of
from .pixels import CLIPPED, check_channels, check_dtype, to_levels, to_rgb
from .scaling import fitted
from .types import FramesClip, Size
from .yuv import YuvFrames


class Footage(Protocol):
    """A clip that can be read from its start, as often as needed."""

    @property
    def size(self) -> Size:
        """Extent of each picture, as displayed."""
        ...

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second, constant, as it will be written."""
        ...

    @property
    def frame_count(self) -> int:
        """How many pictures there are."""
        ...

    def frames(self, size: Size) -> Generator[VideoFrame, None, None]:
        """Yield each picture in the form that H.264 takes, scaled to an even size."""
        ...

    def sound(self) -> Pcm | None:
        """The sound that starts with the first picture, or None."""
        ...

    def warnings(self) -> tuple[str, ...]:
        """What was met while reading, a sentence each."""
        ...


class FramesFootage:
    """Frames in memory, read slice by slice.

    Raises:
        InputError: Not frames, no frames, or no frame rate.
    """

    def __init__(self, clip: FramesClip) -> None:
        _check_frames(clip.frames)
        self._clip = clip
        self._rate = envelope.frame_rate(clip.frame_rate)
        self._clipped = False

    @property
    def size(self) -> Size:
        """Extent of each picture."""
        return Size(int(self._clip.frames.shape[2]), int(self._clip.frames.shape[1]))

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second."""
        return self._rate

    @property
    def frame_count(self) -> int:
        """How many pictures there are."""
        return int(self._clip.frames.shape[0])

    def frames(self, size: Size) -> Generator[VideoFrame, None, None]:
        """Yield each picture in the form that H.264 takes."""
        yuv = YuvFrames(size)
        for index in range(self.frame_count):
            with torch.inference_mode():
                rgb = to_rgb(self._clip.frames[index])
            if size == self.size:
                frame, clipped = yuv.of_floats(rgb)
            else:
                levels, clipped = to_levels(rgb)
                frame = yuv.of_levels(fitted(levels, size))
            self._clipped = self._clipped or clipped
            yield frame

    def sound(self) -> Pcm | None:
        """The clip's sound."""
        return None if self._clip.sound is None else pcm_of(self._clip.sound)

    def warnings(self) -> tuple[str, ...]:
        """Whether values were clipped."""
        return (f"The clip: {CLIPPED}",) if self._clipped else ()


def _check_frames(frames: Tensor) -> None:
    if frames.ndim != 4:
        raise InputError(
            f"The frames have the shape {tuple(frames.shape)}; frames × height × width × channels "
            "is needed. Connect a batch of IMAGE frames."
        )
    check_channels("clip", int(frames.shape[3]))
    check_dtype("clip", frames.dtype)
    if frames.shape[0] == 0:
        raise InputError(
            "The clip is empty: it has 0 frames, and at least 1 is needed. Check what loads the "
            "frames, and its start and count."
        )
