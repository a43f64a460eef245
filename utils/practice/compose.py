"""The pictures of a result: the character in the footage, or alone on a plain scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..media.opencv import opencv
from .cutout import Cutout
from .marks import marks_for
from .planes import Canvas, Sprite
from .scene import Shadow, plain_scene
from .survey import Survey
from .tracking import Movement

cv2: Any = opencv()

_LEAN_DEGREES = 3.5
_BOB = 0.018
_STEP = 0.42
_TALLER = {Movement.WALKS: 1.04, Movement.STAYS: 1.10, Movement.DRIFTS: 1.15}


class Composer:
    """Makes the result's pictures one after the other."""

    def __init__(self, survey: Survey, cutout: Cutout, *, alone: bool) -> None:
        self._size = survey.size
        self._scale = survey.size.width / survey.thumb_width_px
        self._track = survey.tracked.track * self._scale
        self._masks = survey.tracked.masks
        self._still = survey.still
        self._heights = self._figure_heights(cutout, _TALLER[survey.tracked.movement])
        self._step = self._steps(survey.tracked.movement)
        self._scene = plain_scene(survey.size, survey.colour, cutout.ground) if alone else None
        self._sprite = _sprite(cutout, float(self._heights.max()), survey)
        self._foot_share = _foot_share(cutout.alpha)
        self._shadow = Shadow(float(self._heights.max()) * 0.5)
        self._marks = marks_for(survey.size, survey.colour)

    def compose(self, canvas: Canvas, index: int) -> None:
        """Put the character into frame `index`, which the canvas holds, and mark it."""
        index = min(index, len(self._track) - 1)
        if self._scene is not None:
            canvas.copy_from(self._scene)
        else:
            self._take_figure_out(canvas, index)
        foot = self._foot(index)
        self._shadow.paste(canvas, *foot)
        self._sprite.paste(canvas, self._pose(index, foot))
        self._marks.draw(canvas)

    def _figure_heights(self, cutout: Cutout, taller: float) -> NDArray[np.float64]:
        """How high the character stands in each frame, in pixels."""
        aspect = cutout.alpha.shape[1] / cutout.alpha.shape[0]
        most = min(self._size.height * 0.92, self._size.width * 0.8 / aspect)
        return np.clip(self._track[:, 2] * taller, min(self._size.height * 0.45, most), most)

    def _steps(self, movement: Movement) -> NDArray[np.float64]:
        """How far into a step each frame is, −1…1: with the way that is covered, or the sway."""
        x = self._track[:, 0]
        if movement is Movement.STAYS:
            offset = x - x.mean()
            return offset / max(1.0, float(np.abs(offset).max()))
        moved = np.abs(np.diff(x, prepend=x[0]))
        return np.sin(np.cumsum(moved / np.maximum(1.0, self._heights * _STEP)) * np.pi)

    def _foot(self, index: int) -> tuple[float, float]:
        """Where the character stands."""
        height = self._heights[index]
        x, low = self._track[index, :2]
        return float(x), float(min(max(low, height + 2.0), self._size.height - 2.0))

    def _pose(self, index: int, foot: tuple[float, float]) -> NDArray[np.float64]:
        """From the sprite's pixels to the canvas's: scale, lean and step."""
        step, height = self._step[index], self._heights[index]
        scale = height / self._sprite.size.height
        lean = np.radians(_LEAN_DEGREES) * step
        lift = _BOB * height * abs(step)
        cos, sin = scale * np.cos(lean), scale * np.sin(lean)
        x, y = self._sprite.size.width * self._foot_share, float(self._sprite.size.height)
        return np.array([
            [cos, -sin, foot[0] - cos * x + sin * y],
            [sin, cos, foot[1] - lift - sin * x - cos * y],
        ])  # fmt: skip

    def _take_figure_out(self, canvas: Canvas, index: int) -> None:
        """Lay the still footage over the person whose place the character takes."""
        if self._still is None or self._masks is None:
            return
        grown = cv2.dilate(self._masks[index], np.ones((5, 5), np.uint8))
        columns, rows = np.flatnonzero(grown.any(0)), np.flatnonzero(grown.any(1))
        if not len(columns):
            return
        left, right = max(0, columns[0] - 2), min(grown.shape[1], columns[-1] + 3)
        top, bottom = max(0, rows[0] - 2), min(grown.shape[0], rows[-1] + 3)
        patch = cv2.GaussianBlur(grown, (0, 0), 0.9)[top:bottom, left:right]
        for plane, still in zip(canvas.planes(), self._still.planes(), strict=True):
            scale = plane.shape[1] / grown.shape[1]
            spot = (
                slice(round(top * scale), min(round(bottom * scale), plane.shape[0])),
                slice(round(left * scale), min(round(right * scale), plane.shape[1])),
            )
            target = plane[spot]
            if target.size:
                weight = cv2.resize(patch, target.shape[::-1]).astype(np.float32) * (1 / 255)
                np.copyto(target, cv2.blendLinear(still[spot], target, weight, 1 - weight))


def _sprite(cutout: Cutout, height_px: float, survey: Survey) -> Sprite:
    """The character at the size in which it will be seen, so that it need not shrink."""
    scale = height_px / cutout.alpha.shape[0]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = (max(4, round(cutout.alpha.shape[1] * scale)), max(4, round(height_px)))
    weight = cutout.alpha.astype(np.float32)[..., None] / 255
    pre = cv2.resize(cutout.rgb * weight, size, interpolation=way)
    alpha = cv2.resize(cutout.alpha, size, interpolation=way)
    rgb = pre / np.maximum(alpha[..., None].astype(np.float32) / 255, 1 / 255)
    return Sprite(np.clip(rgb, 0, 255), alpha, survey.colour)


def _foot_share(alpha: NDArray[np.uint8]) -> float:
    """Where along its width the character touches the ground, 0…1."""
    weight = alpha[-max(1, alpha.shape[0] // 12) :].sum(0, dtype=np.float64)
    return float((weight * np.arange(len(weight))).sum() / max(1.0, weight.sum())) / len(weight)
