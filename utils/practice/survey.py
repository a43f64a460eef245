"""A first look over a clip: how long it is, and where in it somebody moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from ..errors import DecodeError
from ..media.opencv import opencv
from ..media.types import Size
from .footage import TINY_AREA_PX, frames_of, open_clip, set_threads
from .planes import Canvas, Colour, frame_planes, rotation_of
from .tracking import Tracked, follow, stand

cv2: Any = opencv()

_AREA_PX = {"480p": 832 * 480, "720p": 1280 * 720}
_MULTIPLE_PX = 16
_MOST_FRAMES = 36_000
_UNSAID = 2
_THUMB_PX = 96
_SAMPLES = 9
_FEWEST_SAMPLES = 5


@dataclass(frozen=True)
class Survey:
    """What is known of a clip before its frames are made.

    Attributes:
        size: Of the result, in pixels.
        frame_rate: Frames per second.
        colour: How its numbers are to be read.
        colour_tags: Matrix, primaries, transfer and range, by the numbers of H.273.
        tracked: The figure's way through it, in the pixels of pictures `thumb_width_px` wide.
        thumb_width_px: How wide those are.
        still: The footage without what moves, where the camera stands still.
    """

    size: Size
    frame_rate: Fraction
    colour: Colour
    colour_tags: tuple[int, int, int, int]
    tracked: Tracked
    thumb_width_px: int
    still: Canvas | None = None


def result_size(shown: tuple[float, float], resolution: str) -> Size:
    """The result's size: the resolution's area, the clip's aspect, multiples of 16.

    Clips of less than 0.06 megapixels, which only tests send, keep their area, so that a
    thousand of them are quick.
    """
    width, height = shown
    area = _AREA_PX[resolution] if width * height >= TINY_AREA_PX else width * height
    scale = (area / (width * height)) ** 0.5
    sides = [max(1, round(side * scale / _MULTIPLE_PX)) * _MULTIPLE_PX for side in (width, height)]
    return Size(sides[0], sides[1])


def look_over(path: Path, resolution: str, stop: Event) -> Survey:
    """Decode a clip once, keeping small pictures of its frames.

    Of a tiny clip only the first frame is looked at, and nobody is searched for in it.

    Raises:
        DecodeError: It cannot be read, has no frame, or too many.
        Stopped: `stop` was set.
    """
    with open_clip(path) as container:
        stream = container.streams.video[0]
        set_threads(stream, stream.codec_context.width * stream.codec_context.height)
        rate = Fraction(stream.average_rate or stream.guessed_rate or 30)
        frames = frames_of(container, stream, stop)
        first = next(frames, None)
        if first is None:
            raise DecodeError("No frame of the motion can be decoded. Send a clip that plays.")
        size = result_size(_shown(stream, first), resolution)
        count = _expected_count(stream)
        if size.width * size.height < TINY_AREA_PX:
            tracked, still = stand(_thumb(first, size), count, float(rate)), None
        else:
            tracked, still = _search(
                chain([first], frames), size, every=count // _SAMPLES, rate=rate
            )
    return Survey(
        size=size,
        frame_rate=rate,
        colour=Colour(hd=int(first.colorspace) == 1, full_range=int(first.color_range) == 2),
        colour_tags=_colour_tags(first),
        tracked=tracked,
        thumb_width_px=_thumb_size(size).width,
        still=still,
    )


def _search(
    frames: Iterable[Any], size: Size, *, every: int, rate: Fraction
) -> tuple[Tracked, Canvas | None]:
    """Search all frames for somebody who moves, and for what stays behind."""
    every = max(1, every)
    thumbs: list[Any] = []
    samples: list[Canvas] = []
    for frame in frames:
        if len(thumbs) % every == every // 2 and len(samples) < _SAMPLES:
            samples.append(Canvas(size))
            samples[-1].load(frame)
        thumbs.append(_thumb(frame, size))
        if len(thumbs) > _MOST_FRAMES:
            raise DecodeError(f"The motion has more than {_MOST_FRAMES} frames. Shorten it.")
    tracked = follow(thumbs, float(rate))
    stands = tracked.masks is not None and len(samples) >= _FEWEST_SAMPLES
    return tracked, _middle(samples) if stands else None


def _shown(stream: Any, frame: Any) -> tuple[float, float]:
    """Width and height as they are to be shown."""
    ratio = stream.sample_aspect_ratio or Fraction(1)
    width, height = frame.width * float(ratio), float(frame.height)
    return (height, width) if rotation_of(frame) % 180 else (width, height)


def _colour_tags(frame: Any) -> tuple[int, int, int, int]:
    names = ("colorspace", "color_primaries", "color_trc", "color_range")
    matrix, primaries, transfer, span = (int(getattr(frame, name, _UNSAID)) for name in names)
    return matrix, primaries, transfer, span


def _expected_count(stream: Any) -> int:
    if stream.frames:
        return int(stream.frames)
    seconds = float(stream.duration * stream.time_base) if stream.duration else 3.0
    return max(1, round(seconds * float(stream.average_rate or 30)))


def _thumb(frame: Any, size: Size) -> Any:
    if frame.format.name not in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p"):
        frame = frame.reformat(format="yuv420p")
    luma = np.rot90(frame_planes(frame)[0], round(rotation_of(frame) / 90) % 4)
    small = _thumb_size(size)
    extent = small.width, small.height
    return cv2.resize(np.ascontiguousarray(luma), extent, interpolation=cv2.INTER_AREA)


def _thumb_size(size: Size) -> Size:
    scale = _THUMB_PX / max(size.width, size.height)
    return Size(max(8, round(size.width * scale)), max(8, round(size.height * scale)))


def _middle(samples: list[Canvas]) -> Canvas:
    """The median of up to nine pictures, by exchanges in place: no sort of every pixel."""
    planes = [sample.pixels for sample in samples]
    wanted = len(planes) // 2
    for low in range(wanted + 1):
        for high in range(low + 1, len(planes)):
            least = cv2.min(planes[low], planes[high])
            planes[high] = cv2.max(planes[low], planes[high])
            planes[low] = least
    median = Canvas(samples[0].size)
    np.copyto(median.pixels, planes[wanted])
    return median
