"""What stands around the character: a plain scene, and its shadow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..media.opencv import opencv
from ..media.types import Size
from .planes import Canvas, Colour, darken, to_yuv

cv2: Any = opencv()

_QUIET = (186.0, 206.0, 228.0)
_DARKEST = 110


def plain_scene(size: Size, colour: Colour, tint: tuple[float, float, float]) -> Canvas:
    """A soft wall and floor in a quiet shade of `tint`, RGB 0…255."""
    width, height = size.width, size.height
    shade = 0.35 * np.array(tint, np.float32) + 0.65 * np.array(_QUIET, np.float32)
    shade *= min(1.0, 226 / float(shade.max()))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    glow = np.exp(-(((x / width - 0.5) / 0.42) ** 2 + ((y / height - 0.42) / 0.5) ** 2))
    floor = 1 / (1 + np.exp(-(y / height - 0.80) * 60))
    light = 0.78 + 0.22 * glow - 0.14 * floor * (1 - 0.5 * glow)
    yuv = to_yuv(np.clip(shade * light[..., None], 0, 255), colour)
    scene = Canvas(size)
    # A little noise, so that the soft slope does not fall into bands.
    noise = np.random.default_rng(7).uniform(-0.5, 0.5, (height, width))
    scene.luma[:] = np.clip(np.rint(yuv[..., 0] + noise), 0, 255)
    for index, plane in enumerate(scene.chroma):
        half = cv2.resize(yuv[..., index + 1], plane.shape[::-1], interpolation=cv2.INTER_AREA)
        plane[:] = np.rint(half)
    return scene


class Shadow:
    """A soft ellipse on the ground."""

    def __init__(self, width_px: float) -> None:
        width, height = max(8, round(width_px)), max(4, round(width_px / 5))
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        distance = ((x - width / 2) / (width / 2)) ** 2 + ((y - height / 2) / (height / 2)) ** 2
        self._share: NDArray[np.uint8] = (np.clip(1 - distance, 0, 1) * _DARKEST).astype(np.uint8)

    def paste(self, canvas: Canvas, x: float, y: float) -> None:
        """Lay it under somebody who stands at a point."""
        height, width = self._share.shape
        left, top = round(x - width / 2), round(y - height * 0.6)
        rows = slice(max(0, top), max(0, min(canvas.size.height, top + height)))
        columns = slice(max(0, left), max(0, min(canvas.size.width, left + width)))
        target = canvas.luma[rows, columns]
        if target.size:
            own_y, own_x = rows.start - top, columns.start - left
            share = self._share[own_y : own_y + target.shape[0], own_x : own_x + target.shape[1]]
            darken(target, np.ascontiguousarray(share))
