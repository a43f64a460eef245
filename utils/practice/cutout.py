"""The character cut out of its picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DecodeError
from ..media.opencv import opencv
from .picture_header import check_picture_header

cv2: Any = opencv()

_KEY_DISTANCE = 26
_ROUGHEST = 6.0
_LEAST_PX = 8


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


def read_cutout(path: Path, *, longest_px: int) -> Cutout:
    """Read a picture and cut the character out of it.

    Its own alpha is used where it has one, a flat ground is keyed out, and any other picture
    becomes an oval portrait with a soft edge. A larger picture is shrunk to `longest_px`.

    Raises:
        DecodeError: The file is not a picture, an enormous one, or a line.
    """
    content = path.read_bytes()
    check_picture_header(content)
    data = np.frombuffer(content, np.uint8)
    pixels: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise DecodeError("The character is not a picture. Send a PNG, JPEG or WebP.")
    small = _small(pixels, longest_px)
    if min(small.shape[:2]) < _LEAST_PX:
        height, width = pixels.shape[:2]
        raise DecodeError(
            f"The character is {width}×{height} px, a line in which nobody can be seen. "
            "Send a picture whose sides are less unequal."
        )
    rgb, own_alpha = _split(small)
    if own_alpha is not None and own_alpha.min() < 250 and own_alpha.max() > 5:
        alpha = own_alpha
    else:
        alpha = _keyed(rgb)
    ground = _mean(rgb, alpha < 8)
    if alpha is None or not 0.02 < float((alpha > 127).mean()) < 0.97:
        alpha = _portrait(rgb.shape[0], rgb.shape[1])
    return _trimmed(rgb, alpha, ground)


def _small(pixels: Any, longest_px: int) -> Any:
    """At most `longest_px` a side, 8 bit."""
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    scale = longest_px / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    height, width = pixels.shape[:2]
    extent = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, extent, interpolation=cv2.INTER_AREA)


def _split(pixels: Any) -> tuple[NDArray[np.uint8], Any]:
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2), None
    if pixels.shape[2] == 4:
        return np.ascontiguousarray(pixels[..., 2::-1]), pixels[..., 3]
    return np.ascontiguousarray(pixels[..., ::-1]), None


def _keyed(rgb: NDArray[np.uint8]) -> Any:
    """Alpha where the ground is flat or a soft shade along the border, else all opaque."""
    ground, roughness = _ground(rgb)
    if roughness > _ROUGHEST:
        return np.full(rgb.shape[:2], 255, np.uint8)
    distance = np.abs(rgb.astype(np.float32) - ground).max(2)
    like = (distance < _KEY_DISTANCE).astype(np.uint8)
    # Only what hangs together with the border: white inside the figure stays.
    padded = np.pad(like, 1, constant_values=1)
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    figure = np.where(labels[1:-1, 1:-1] == labels[0, 0], 0, 255).astype(np.uint8)
    figure = cv2.erode(figure, np.ones((3, 3), np.uint8))
    return cv2.GaussianBlur(figure, (0, 0), 1.2)


def _ground(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """A smooth ground fitted to the border (not its lower side), and how badly it fits."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.dstack([np.ones_like(x), x, y, x * x, y * y, x * y])
    step = max(1, (height * 2 + width) // 1500)
    border = np.zeros((height, width), np.bool_)
    border[0, ::step] = border[::step, 0] = border[::step, -1] = True
    known, colours = terms[border], rgb[border].astype(np.float32)
    # Six unknowns: the normal equations are exact enough, and quick.
    weights = np.linalg.solve(known.T @ known, known.T @ colours)
    roughness = float(np.abs(known @ weights - colours).mean())
    return (terms @ weights).astype(np.float32), roughness


def _portrait(height: int, width: int) -> NDArray[np.uint8]:
    """An oval with a soft edge."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = ((x / width - 0.5) / 0.47) ** 4 + ((y / height - 0.5) / 0.48) ** 4
    return np.clip((1 - distance) * 900, 0, 255).astype(np.uint8)


def _mean(rgb: NDArray[np.uint8], where: NDArray[np.bool_]) -> tuple[float, float, float]:
    mask = where.astype(np.uint8) if where.any() else None
    red, green, blue, _ = cv2.mean(rgb, mask)
    return red, green, blue


def _trimmed(
    rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], ground: tuple[float, float, float]
) -> Cutout:
    rows = np.flatnonzero((alpha > 20).any(1))
    columns = np.flatnonzero((alpha > 20).any(0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    # A rim of nothing, so that no edge is flat where the figure touches its box.
    sides = ((2, 0), (2, 2))
    return Cutout(
        np.pad(rgb[part], (*sides, (0, 0)), mode="edge"), np.pad(alpha[part], sides), ground
    )
