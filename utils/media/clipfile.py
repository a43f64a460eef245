"""A clip as a file that can be sent: how it is wanted, and what it became."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from . import envelope
from .types import Size

Progress = Callable[[int, "int | None"], None]


@dataclass(frozen=True)
class EncodeOptions:
    """How a clip is written.

    Attributes:
        max_pixels: The most pixels a frame can use at the asked resolution; None for no limit.
        limit_bytes: The largest file wanted; quality falls until it fits.
        keep_sound: Whether the sound is written.
        crf: x264's quality to begin with; lower is better.
    """

    max_pixels: int | None = None
    limit_bytes: int = envelope.CLIP_LIMIT_BYTES
    keep_sound: bool = True
    crf: int = 19


@dataclass(frozen=True)
class EncodedClip:
    """A file ready to be sent.

    Attributes:
        path: Where it lies.
        size: Extent of its pictures.
        frame_rate: Frames per second, exact.
        frame_count: How many pictures.
        duration_s: Their length in seconds.
        size_bytes: Of the whole file.
        remuxed: Whether its pictures are the source's own packets, unchanged.
        warnings: One sentence for each thing that the user should know.
    """

    path: Path
    size: Size
    frame_rate: Fraction
    frame_count: int
    duration_s: float
    size_bytes: int
    remuxed: bool
    warnings: tuple[str, ...] = ()
