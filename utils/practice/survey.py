"""A first look over a clip: how long it is, and where in it somebody moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from ..errors import DecodeError, Stopped
from ..media.opencv import opencv
from ..media.types import Size
from .planes import Canvas, Colour, frame_planes, rotation_of

cv2: Any = opencv()

_AREA_PX = {"480p": 832 * 480, "720p": 1280 * 720}
_MULTIPLE_PX = 16
_TINY_AREA_PX = 100_000
_THUMB_PX = 96
_SAMPLES = 9
_MOST_THUMBS_IN_MEDIAN = 25
_CHANGE = 18

Track = NDArray[np.float64]


@dataclass
class Survey:
    """What is known of a clip before its frames are made.

    Attributes:
        size: Of the result, in pixels.
        frame_rate: Frames per second.
        frame_count: How many frames it really has.
        colour: How its numbers are to be read.
        track: Shape (T, 4): the figure's centre x, lowest y, height and width in result pixels.
        walks: Whether the figure was found apart from what stays still.
        still: The footage without the figure, where it walks before a still camera.
        figure: Shape (T, h, w), where the figure is, small and 0 or 255; with `still` only.
    """

    size: Size
    frame_rate: Fraction
    colour: Colour
    frame_count: int = 0
    track: Track = field(default_factory=lambda: np.zeros((0, 4)))
    walks: bool = False
    still: Canvas | None = None
    figure: NDArray[np.uint8] | None = None


def result_size(shown: tuple[float, float], resolution: str) -> Size:
    """The result's size: the resolution's area, the clip's aspect, multiples of 16.

    Clips of less than 0.1 megapixels, which only tests send, keep their area, so that a
    thousand of them are quick.
    """
    width, height = shown
    area = _AREA_PX[resolution] if width * height >= _TINY_AREA_PX else width * height
    scale = (area / (width * height)) ** 0.5
    sides = [max(1, round(side * scale / _MULTIPLE_PX)) * _MULTIPLE_PX for side in (width, height)]
    return Size(sides[0], sides[1])


def open_clip(path: Path) -> Any:
    """Open a clip that has a picture.

    Raises:
        DecodeError: It is not one.
    """
    try:
        container = av.open(str(path))
    except (FFmpegError, ValueError) as error:
        raise DecodeError("The motion is not a clip. Send an MP4, MOV or M4V.") from error
    if not container.streams.video:
        container.close()
        raise DecodeError("The motion has no picture. Send an MP4, MOV or M4V with one.")
    return container


def set_threads(stream: Any, area_px: int) -> None:
    """Several threads for large pictures only; for small ones starting them is the work."""
    if area_px < _TINY_AREA_PX:
        stream.codec_context.thread_count = 1
    else:
        stream.thread_type = "AUTO"


def look_over(path: Path, resolution: str, stop: Event) -> Survey:
    """Decode a clip once, keeping small pictures of its frames.

    Raises:
        DecodeError: It cannot be read, or has no frame.
        Stopped: `stop` was set.
    """
    survey: Survey | None = None
    thumbs: list[Any] = []
    samples: list[Canvas] = []
    with open_clip(path) as container:
        stream = container.streams.video[0]
        set_threads(stream, stream.codec_context.width * stream.codec_context.height)
        every = max(1, _expected_count(stream) // _SAMPLES)
        try:
            for frame in container.decode(stream):
                if stop.is_set():
                    raise Stopped("The practice service was stopped.")
                if survey is None:
                    survey = _begin(stream, frame, resolution)
                if len(thumbs) % every == every // 2 and len(samples) < _SAMPLES:
                    samples.append(Canvas(survey.size))
                    samples[-1].load(frame)
                thumbs.append(_thumb(frame, survey.size))
        except FFmpegError as error:
            if not thumbs:
                raise DecodeError("No frame of the motion can be decoded.") from error
    if survey is None:
        raise DecodeError("The motion has no frames. Send a clip that has some.")
    survey.frame_count = len(thumbs)
    _find_figure(survey, thumbs, samples)
    return survey


def _begin(stream: Any, frame: Any, resolution: str) -> Survey:
    ratio = stream.sample_aspect_ratio or Fraction(1)
    width, height = frame.width * float(ratio), float(frame.height)
    if rotation_of(frame) % 180:
        width, height = height, width
    rate = stream.average_rate or stream.guessed_rate or Fraction(30)
    colour = Colour(hd=int(frame.colorspace) == 1, full_range=int(frame.color_range) == 2)
    return Survey(result_size((width, height), resolution), Fraction(rate), colour)


def _expected_count(stream: Any) -> int:
    if stream.frames:
        return int(stream.frames)
    seconds = float(stream.duration * stream.time_base) if stream.duration else 3.0
    return max(1, round(seconds * float(stream.average_rate or 30)))


def _thumb(frame: Any, size: Size) -> Any:
    if frame.format.name not in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p"):
        frame = frame.reformat(format="yuv420p")
    luma = np.rot90(frame_planes(frame)[0], round(rotation_of(frame) / 90) % 4)
    scale = _THUMB_PX / max(size.width, size.height)
    small = max(8, round(size.width * scale)), max(8, round(size.height * scale))
    return cv2.resize(np.ascontiguousarray(luma), small, interpolation=cv2.INTER_AREA)


def _find_figure(survey: Survey, thumbs: list[Any], samples: list[Canvas]) -> None:
    """Fill in `track`, and what hangs on a still camera."""
    step = max(1, len(thumbs) // _MOST_THUMBS_IN_MEDIAN)
    ground = np.median(np.stack(thumbs[::step]), axis=0).astype(np.uint8)
    masks = [_changed(thumb, ground) for thumb in thumbs]
    shares = np.array([np.count_nonzero(mask) / mask.size for mask in masks])
    boxes = np.array([_box(mask) for mask in masks])
    found = boxes[:, 2] > 0
    scale = survey.size.width / ground.shape[1]
    if found.mean() > 0.6 and 0.004 < float(np.median(shares)) < 0.35:
        track = _fill(boxes, found) * scale
        survey.track = np.column_stack([
            _smooth(track[:, 0], survey, 0.10),
            _smooth(track[:, 1], survey, 0.30),
            _smooth(track[:, 2], survey, 0.50),
            _smooth(track[:, 3], survey, 0.50),
        ])  # fmt: skip
        travel = float(np.ptp(survey.track[:, 0]))
        survey.walks = travel > 0.8 * float(np.median(survey.track[:, 3]))
    else:
        survey.track = _sway(survey, thumbs)
    if survey.walks and len(samples) >= 5:
        survey.still = _middle(samples)
        survey.figure = np.stack(masks)


def _changed(thumb: Any, ground: Any) -> Any:
    """Where a frame differs from what stays, as one blob, 0 or 255."""
    change = cv2.absdiff(thumb, ground)
    _, mask = cv2.threshold(change, _CHANGE, 255, cv2.THRESH_BINARY)
    joined = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    if count < 2:
        return mask
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.where(labels == largest, mask, 0).astype(np.uint8)


def _box(mask: Any) -> tuple[float, float, float, float]:
    """Centre x, lowest y, height and width of a blob."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if len(columns) < 2 or len(rows) < 3:
        return 0.0, 0.0, 0.0, 0.0
    weight = mask.sum(0, dtype=np.float64)
    centre = float((weight * np.arange(len(weight))).sum() / weight.sum()) + 0.5
    width, height = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    return centre, float(rows[-1] + 1), float(height), float(width)


def _fill(boxes: Track, found: NDArray[np.bool_]) -> Track:
    """Boxes of frames without one, from their neighbours."""
    steps = np.arange(len(boxes))
    columns = [np.interp(steps, steps[found], boxes[found, index]) for index in range(4)]
    return np.column_stack(columns)


def _smooth(values: NDArray[np.float64], survey: Survey, sigma_s: float) -> NDArray[np.float64]:
    """Smoothed along time, without a lag."""
    sigma = max(0.5, sigma_s * float(survey.frame_rate))
    reach = min(len(values) - 1, round(sigma * 3))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(values, reach, mode="edge")
    smooth: Any = np.convolve(padded, weights / weights.sum(), mode="valid")
    return smooth


def _sway(survey: Survey, thumbs: list[Any]) -> Track:
    """A place in the middle that moves with the picture as a whole."""
    width, height = survey.size.width, survey.size.height
    scale = width / thumbs[0].shape[1]
    path = np.zeros(len(thumbs))
    before = thumbs[0].astype(np.float32)
    for index in range(1, len(thumbs)):
        now = thumbs[index].astype(np.float32)
        (shift, _), weight = cv2.phaseCorrelate(before, now)
        path[index] = path[index - 1] + (shift * scale if weight > 0.1 else 0.0)
        before = now
    offset = np.tanh((path - _smooth(path, survey, 1.0)) / (width * 0.1)) * width * 0.1
    figure_px = height * 0.78
    rest = np.tile([height * 0.95, figure_px, figure_px * 0.5], (len(thumbs), 1))
    return np.column_stack([width / 2 + offset, rest])


def _middle(samples: list[Canvas]) -> Canvas:
    """The median of up to nine pictures, by exchanges in place: no sort of every pixel."""
    planes = [sample.pixels for sample in samples]
    wanted = len(planes) // 2
    for low in range(wanted + 1):
        for high in range(low + 1, len(planes)):
            least = cv2.min(planes[low], planes[high])
            planes[high] = cv2.max(planes[low], planes[high])
            planes[low] = least
    result = samples[0]
    median = planes[wanted].copy()
    np.copyto(result.pixels, median)
    return result
