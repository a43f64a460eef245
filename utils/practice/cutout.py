"""The character cut out of its picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DecodeError
from ..media.opencv import opencv

cv2: Any = opencv()

_LONGEST_PX = 900
_KEY_DISTANCE = 26
_FLAT_DISTANCE = 12.0


@dataclass(frozen=True)
class Cutout:
    """A character without its ground, trimmed.

    Attributes:
        rgb: Shape (H, W, 3), 8 bit.
        alpha: Shape (H, W), 8 bit, soft at the edge.
        ground: Mean colour of what was cut away, RGB 0…255.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    ground: tuple[float, float, float]


def read_cutout(path: Path) -> Cutout:
    """Read a picture and cut the character out of it.

    Its own alpha is used where it has one, a flat ground is keyed out, and any other picture
    becomes an oval portrait with a soft edge.

    Raises:
        DecodeError: The file is not a picture.
    """
    data = np.fromfile(path, np.uint8)
    pixels: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if pixels is None:
        raise DecodeError("The character is not a picture. Send a PNG, JPEG or WebP.")
    rgb, own_alpha = _split(_small(pixels))
    if own_alpha is not None and own_alpha.min() < 250 and own_alpha.max() > 5:
        alpha = own_alpha
    else:
        alpha = _keyed(rgb)
    ground = _mean(rgb, alpha < 8)
    if alpha is None or not 0.02 < float((alpha > 127).mean()) < 0.97:
        alpha = _portrait(rgb.shape[0], rgb.shape[1])
    return _trimmed(rgb, alpha, ground)


def _small(pixels: Any) -> Any:
    """At most `_LONGEST_PX` a side, 8 bit."""
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    scale = _LONGEST_PX / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _split(pixels: Any) -> tuple[NDArray[np.uint8], Any]:
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2), None
    if pixels.shape[2] == 4:
        return np.ascontiguousarray(pixels[..., 2::-1]), pixels[..., 3]
    return np.ascontiguousarray(pixels[..., ::-1]), None


def _keyed(rgb: NDArray[np.uint8]) -> Any:
    """Alpha where the ground is flat along the border, else all opaque."""
    border = np.concatenate([rgb[0], rgb[:, 0], rgb[:, -1]]).astype(np.float32)
    colour = np.median(border, axis=0)
    opaque = np.full(rgb.shape[:2], 255, np.uint8)
    if np.abs(border - colour).max(1).mean() > _FLAT_DISTANCE:
        return opaque
    distance = np.abs(rgb.astype(np.int16) - colour.astype(np.int16)).max(2)
    like = (distance < _KEY_DISTANCE).astype(np.uint8)
    # Only what hangs together with the border: white inside the figure stays.
    padded = np.pad(like, 1, constant_values=1)
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    ground = labels[1:-1, 1:-1] == labels[0, 0]
    figure = np.where(ground, 0, 255).astype(np.uint8)
    figure = cv2.erode(figure, np.ones((3, 3), np.uint8))
    return cv2.GaussianBlur(figure, (0, 0), 1.2)


def _portrait(height: int, width: int) -> NDArray[np.uint8]:
    """An oval with a soft edge."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = ((x / width - 0.5) / 0.47) ** 4 + ((y / height - 0.5) / 0.48) ** 4
    return np.clip((1 - distance) * 900, 0, 255).astype(np.uint8)


def _mean(rgb: NDArray[np.uint8], where: NDArray[np.bool_]) -> tuple[float, float, float]:
    part = rgb[where] if where.any() else rgb.reshape(-1, 3)
    red, green, blue = part.mean(0)
    return float(red), float(green), float(blue)


def _trimmed(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], ground: tuple[float, float, float]
) -> Cutout:
    rows = np.flatnonzero((alpha > 20).any(1))
    columns = np.flatnonzero((alpha > 20).any(0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Cutout(np.ascontiguousarray(rgb[part]), np.ascontiguousarray(alpha[part]), ground)
