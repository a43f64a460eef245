"""The pictures of a result: the character in the footage, or alone on a plain scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..media.opencv import opencv
from .cutout import Cutout
from .marks import Marks
from .planes import Canvas, Sprite, darken, to_yuv
from .survey import Survey

cv2: Any = opencv()

_LEAN_DEGREES = 3.5
_BOB = 0.018
_STEP = 0.42


class Composer:
    """Makes the result's pictures one after the other."""

    def __init__(self, survey: Survey, cutout: Cutout, *, alone: bool) -> None:
        self._survey = survey
        self._marks = Marks(survey.size, survey.colour)
        self._scene = _plain_scene(survey, cutout) if alone else None
        self._heights = self._figure_heights(cutout)
        self._sprite = _sprite(cutout, float(self._heights.max()), survey)
        self._phase = self._gait()
        self._shadow = _shadow(int(self._heights.max() * 0.5))

    def compose(self, canvas: Canvas, index: int) -> None:
        """Put the character into frame `index`, which the canvas holds, and mark it."""
        index = min(index, len(self._survey.track) - 1)
        if self._scene is not None:
            canvas.copy_from(self._scene)
        elif self._survey.still is not None:
            self._take_figure_out(canvas, index)
        self._put_shadow(canvas, index)
        self._sprite.paste(canvas, self._pose(index))
        self._marks.draw(canvas)

    def _figure_heights(self, cutout: Cutout) -> NDArray[np.float64]:
        """How high the character stands in each frame, in pixels."""
        size = self._survey.size
        tall = self._survey.track[:, 2] * (1.04 if self._survey.walks else 1.15)
        aspect = cutout.alpha.shape[1] / cutout.alpha.shape[0]
        most = min(size.height * 0.92, size.width * 0.8 / aspect)
        return np.clip(tall, min(size.height * 0.45, most), most)

    def _gait(self) -> NDArray[np.float64]:
        """Phase of the walk in each frame: it goes on with the way that is covered."""
        moved = np.abs(np.diff(self._survey.track[:, 0], prepend=self._survey.track[0, 0]))
        return np.cumsum(moved / np.maximum(1.0, self._heights * _STEP)) * np.pi

    def _foot(self, index: int) -> tuple[float, float]:
        size, height = self._survey.size, self._heights[index]
        x, low = self._survey.track[index, :2]
        return float(x), float(min(max(low, height + 2.0), size.height - 2.0))

    def _pose(self, index: int) -> NDArray[np.float64]:
        """From the sprite's pixels to the canvas's: scale, lean and step."""
        x, y = self._foot(index)
        phase, height = self._phase[index], self._heights[index]
        scale = height / self._sprite.size.height
        lean = np.radians(_LEAN_DEGREES) * np.sin(phase)
        y -= _BOB * height * abs(np.sin(phase))
        cos, sin = scale * np.cos(lean), scale * np.sin(lean)
        foot_x, foot_y = self._sprite.size.width / 2, float(self._sprite.size.height)
        return np.array([
            [cos, -sin, x - cos * foot_x + sin * foot_y],
            [sin, cos, y - sin * foot_x - cos * foot_y],
        ])  # fmt: skip

    def _put_shadow(self, canvas: Canvas, index: int) -> None:
        x, y = self._foot(index)
        height, width = self._shadow.shape
        left, top = round(x - width / 2), round(y - height * 0.6)
        size = canvas.size
        rows = slice(max(0, top), min(size.height, top + height))
        columns = slice(max(0, left), min(size.width, left + width))
        part = self._shadow[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
        if part.size:
            darken(canvas.luma[rows, columns], np.ascontiguousarray(part))

    def _take_figure_out(self, canvas: Canvas, index: int) -> None:
        """Lay the still footage over the person whose place the character takes."""
        still, figures = self._survey.still, self._survey.figure
        assert still is not None and figures is not None  # noqa: S101
        grown = cv2.dilate(figures[index], np.ones((5, 5), np.uint8))
        columns, rows = np.flatnonzero(grown.any(0)), np.flatnonzero(grown.any(1))
        if not len(columns):
            return
        scale = canvas.size.width / grown.shape[1]
        low_x, high_x = max(0, columns[0] - 2), min(grown.shape[1], columns[-1] + 3)
        low_y, high_y = max(0, rows[0] - 2), min(grown.shape[0], rows[-1] + 3)
        patch = cv2.GaussianBlur(grown, (0, 0), 0.9)[low_y:high_y, low_x:high_x]
        for plane, source, part in zip(canvas.planes(), still.planes(), (1, 2, 2), strict=True):
            left, right = (round(value * scale / part) for value in (low_x, high_x))
            top, bottom = (round(value * scale / part) for value in (low_y, high_y))
            spot = slice(top, min(bottom, plane.shape[0])), slice(left, min(right, plane.shape[1]))
            target: Any = plane[spot]
            weight = cv2.resize(patch, target.shape[::-1]).astype(np.float32) * (1 / 255)
            np.copyto(target, cv2.blendLinear(source[spot], target, weight, 1 - weight))


def _sprite(cutout: Cutout, height_px: float, survey: Survey) -> Sprite:
    """The character at the size in which it will be seen, so that it need not shrink."""
    scale = height_px / cutout.alpha.shape[0]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (max(4, round(cutout.alpha.shape[1] * scale)), max(4, round(height_px)))
    weight = cutout.alpha.astype(np.float32)[..., None] / 255
    pre = cv2.resize(cutout.rgb * weight, size, interpolation=way)
    alpha = np.clip(cv2.resize(cutout.alpha, size, interpolation=way), 0, 255)
    rgb = pre / np.maximum(alpha[..., None].astype(np.float32) / 255, 1 / 255)
    return Sprite(np.clip(rgb, 0, 255), alpha.astype(np.uint8), survey.colour)


def _shadow(width_px: int) -> NDArray[np.uint8]:
    """A soft ellipse."""
    width, height = max(8, width_px), max(4, width_px // 5)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = ((x - width / 2) / (width / 2)) ** 2 + ((y - height / 2) / (height / 2)) ** 2
    return (np.clip(1 - distance, 0, 1) * 110).astype(np.uint8)


def _plain_scene(survey: Survey, cutout: Cutout) -> Canvas:
    """A soft wall and floor in a quiet shade of the picture's own ground."""
    width, height = survey.size.width, survey.size.height
    tint = np.array(cutout.ground, np.float32)
    tint = np.clip(0.45 * tint + 0.55 * np.array([206, 214, 226], np.float32), 60, 235)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    glow = np.exp(-(((x / width - 0.5) / 0.42) ** 2 + ((y / height - 0.42) / 0.5) ** 2))
    floor = 1 / (1 + np.exp(-(y / height - 0.80) * 60))
    light = 0.80 + 0.24 * glow - 0.14 * floor * (1 - 0.5 * glow)
    yuv = to_yuv(np.clip(tint * light[..., None], 0, 255), survey.colour)
    scene = Canvas(survey.size)
    noise = np.random.default_rng(7).uniform(-0.5, 0.5, yuv.shape[:2])
    scene.luma[:] = np.clip(np.rint(yuv[..., 0] + noise), 0, 255)
    for index, plane in enumerate(scene.chroma):
        plane[:] = np.rint(
            cv2.resize(yuv[..., index + 1], plane.shape[::-1], interpolation=cv2.INTER_AREA)
        )
    return scene
