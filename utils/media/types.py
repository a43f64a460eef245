"""The words in which pictures, clips and sound are spoken of."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

from torch import Tensor


@dataclass(frozen=True)
class Size:
    """Extent of a picture in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}×{self.height}"


@dataclass(frozen=True)
class Sound:
    """Sound in memory.

    Attributes:
        waveform: Shape (C, T), float, −1…1, any device.
        sample_rate_hz: Samples per second and channel.
    """

    waveform: Tensor
    sample_rate_hz: int


@dataclass(frozen=True)
class FramesClip:
    """A clip whose frames lie in memory.

    Attributes:
        frames: Shape (T, H, W, C), float 0…1, C 1, 3 or 4, any device, dtype and strides.
        frame_rate: Frames per second, above 0.
        sound: Sound that starts with the first frame, or None.
    """

    frames: Tensor
    frame_rate: Fraction
    sound: Sound | None = None


@dataclass(frozen=True)
class FileClip:
    """A clip that is a file, or the window of one.

    Attributes:
        source: A path, or the file's content.
        start_s: Where the window starts, 0 or above.
        duration_s: The window's length; 0 means to the end.
        sound: Sound that takes the place of the file's own; it starts with the window.
    """

    source: Path | BytesIO
    start_s: float = 0.0
    duration_s: float = 0.0
    sound: Sound | None = None


Clip = FramesClip | FileClip
