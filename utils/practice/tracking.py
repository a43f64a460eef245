"""Where in a clip somebody moves, from small pictures of its frames."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..media.opencv import opencv

cv2: Any = opencv()

Thumb = NDArray[np.uint8]
Track = NDArray[np.float64]

_CHANGE = 18
_MOST_IN_MEDIAN = 25
_WALKS_ITS_WIDTH = 0.8
_STEADY = 0.3
_FEW_LEAPS = 0.3
_STILL_PX = 0.15
_DANCE = 0.07


class Movement(Enum):
    """How somebody moves in the clip."""

    WALKS = "walks"  # leaves its place, so what is behind it can be known
    STAYS = "stays"  # moves on the spot
    DRIFTS = "drifts"  # the whole picture moves, or nothing does


@dataclass(frozen=True)
class Tracked:
    """A figure's way through a clip.

    Attributes:
        track: Shape (T, 4): centre x, lowest y, height and width, in the thumbs' pixels.
        movement: How it moves.
        masks: Shape (T, h, w), 0 or 255: where it is, unless the picture drifts.
    """

    track: Track
    movement: Movement
    masks: NDArray[np.uint8] | None = None


def follow(thumbs: list[Thumb], frame_rate_fps: float) -> Tracked:
    """Follow whoever moves through the clip; small grey pictures, all of one shape."""
    step = max(1, len(thumbs) // _MOST_IN_MEDIAN)
    ground = np.median(np.stack(thumbs[::step]), axis=0).astype(np.uint8)
    changes = [_changes(thumb, ground) for thumb in thumbs]
    shares = np.array([np.count_nonzero(change) / change.size for change in changes])
    if not 0.003 < float(np.median(shares)) < 0.35:
        return Tracked(_drift(thumbs, frame_rate_fps), Movement.DRIFTS)
    masks = [_largest(change) for change in changes]
    boxes = np.array([_box(mask) for mask in masks])
    found = boxes[:, 2] > 0
    if found.mean() < 0.6:
        return Tracked(_drift(thumbs, frame_rate_fps), Movement.DRIFTS)
    if _leaves_its_place(boxes[found]):
        track = _smoothed(_fill(boxes, found), frame_rate_fps)
        return Tracked(track, Movement.WALKS, np.stack(masks))
    track = _on_the_spot(changes, frame_rate_fps)
    return Tracked(track, Movement.STAYS, np.stack(changes))


def stand(thumb: Thumb, count: int, frame_rate_fps: float) -> Tracked:
    """A place in the middle, with a quiet sway; for clips that are not searched."""
    sway = np.sin(np.arange(max(1, count)) / frame_rate_fps * np.pi)
    return Tracked(_middle(thumb, sway * thumb.shape[1] * 0.08), Movement.DRIFTS)


def smooth(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Smoothed along time without a lag.

    Args:
        values: One a frame, shape (T,).
        sigma: Width of the bell, in frames.
    """
    sigma = max(0.5, sigma)
    reach = min(len(values) - 1, round(sigma * 3))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(values, reach, mode="edge")
    result: Any = np.convolve(padded, weights / weights.sum(), mode="valid")
    return result


def _changes(thumb: Thumb, ground: Thumb) -> Thumb:
    """Where a frame differs from what stays, 0 or 255."""
    _, mask = cv2.threshold(cv2.absdiff(thumb, ground), _CHANGE, 255, cv2.THRESH_BINARY)
    return mask


def _largest(mask: Thumb) -> Thumb:
    """The largest blob of a mask, small gaps bridged."""
    joined = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    if count < 2:
        return mask
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.where(labels == largest, mask, 0).astype(np.uint8)


def _box(mask: Thumb) -> tuple[float, float, float, float]:
    """Centre x, lowest y, height and width of a blob; zeros for none."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if len(columns) < 2 or len(rows) < 3:
        return 0.0, 0.0, 0.0, 0.0
    return (
        _centre(mask),
        float(rows[-1] + 1),
        float(rows[-1] - rows[0] + 1),
        float(columns[-1] - columns[0] + 1),
    )


def _centre(mask: Thumb) -> float:
    weight = mask.sum(0, dtype=np.float64)
    return float((weight * np.arange(len(weight))).sum() / weight.sum()) + 0.5


def _leaves_its_place(boxes: Track) -> bool:
    """Whether one blob of steady height crosses more than its own width, and not by leaps.

    Arms that go up in turn are blobs of steady height, too, but leap from one to the other.
    """
    heights, width = boxes[:, 2], float(np.median(boxes[:, 3]))
    steps = np.abs(np.diff(boxes[:, 0]))
    leaps = float(steps[steps > width / 2].sum())
    steady = float(heights.std()) < _STEADY * float(heights.mean())
    walks = leaps < _FEW_LEAPS * float(steps.sum())
    return steady and walks and float(np.ptp(boxes[:, 0])) > _WALKS_ITS_WIDTH * width


def _fill(boxes: Track, found: NDArray[np.bool_]) -> Track:
    """Boxes of frames without one, from their neighbours."""
    steps = np.arange(len(boxes))
    columns = [np.interp(steps, steps[found], boxes[found, index]) for index in range(4)]
    return np.column_stack(columns)


def _smoothed(boxes: Track, frame_rate_fps: float) -> Track:
    """Quick in x, slow in what should hardly change."""
    sigmas_s = (0.10, 0.30, 0.50, 0.50)
    columns = [
        smooth(boxes[:, index], sigma_s * frame_rate_fps) for index, sigma_s in enumerate(sigmas_s)
    ]
    return np.column_stack(columns)


def _on_the_spot(changes: list[Thumb], frame_rate_fps: float) -> Track:
    """The room that somebody takes who stays, swaying with the centre of what moves."""
    heat = np.mean(np.stack(changes), axis=0)
    moves = (heat > 255 * 0.03).astype(np.uint8)
    box = _box(_largest(cv2.morphologyEx(moves, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))))
    if not box[2]:
        box = _box(moves)
    columns = np.flatnonzero(moves.any(0))
    middle = float(columns[0] + columns[-1] + 1) / 2 if len(columns) else changes[0].shape[1] / 2
    centres = np.array([_centre(change) if change.any() else middle for change in changes])
    sway = smooth(centres, 0.12 * frame_rate_fps)
    sway -= smooth(sway, 1.5 * frame_rate_fps)
    # Arms that go up in turn move the centre little; the character is to be seen dancing.
    spread = float(sway.std())
    steps = np.tanh(sway / (1.6 * spread)) if spread > _STILL_PX else np.zeros(len(sway))
    rest = np.tile(np.array(box[1:]), (len(changes), 1))
    return np.column_stack([middle + steps * _DANCE * box[2], rest])


def _drift(thumbs: list[Thumb], frame_rate_fps: float) -> Track:
    """A place in the middle that sways with the picture as a whole."""
    width = thumbs[0].shape[1]
    path = np.zeros(len(thumbs))
    before = thumbs[0].astype(np.float32)
    for index in range(1, len(thumbs)):
        now = thumbs[index].astype(np.float32)
        (shift, _), weight = cv2.phaseCorrelate(before, now)
        path[index] = path[index - 1] + (shift if weight > 0.1 else 0.0)
        before = now
    offset = np.tanh((path - smooth(path, frame_rate_fps)) / (width * 0.1)) * width * 0.1
    return _middle(thumbs[0], offset)


def _middle(thumb: Thumb, offset: NDArray[np.float64]) -> Track:
    """Somebody in the middle of the picture, so far beside it in each frame."""
    height, width = thumb.shape
    figure_px = height * 0.68
    rest = np.tile([height * 0.95, figure_px, figure_px * 0.5], (len(offset), 1))
    return np.column_stack([width / 2 + offset, rest])
