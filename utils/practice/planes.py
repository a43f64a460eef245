"""Pictures as Y, U and V planes at half chroma, so that footage is never converted.

Footage comes and goes as 4:2:0; only what is pasted into it is converted, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ..media.opencv import opencv
from ..media.types import Size

cv2: Any = opencv()

Plane = NDArray[np.uint8]
_DIRECT_FORMATS = ("yuv420p", "yuvj420p")


@dataclass(frozen=True)
class Colour:
    """How the footage says its numbers are to be read.

    Attributes:
        hd: By the matrix of BT.709, otherwise BT.601.
        full_range: 0…255, otherwise 16…235.
    """

    hd: bool = True
    full_range: bool = False


class Canvas:
    """One picture in planes; sides are even."""

    def __init__(self, size: Size) -> None:
        self.size = size
        height, width = size.height, size.width
        self.pixels: Plane = np.empty((height * 3 // 2, width), np.uint8)
        self.luma = self.pixels[:height]
        chroma = self.pixels[height:].reshape(2, height // 2, width // 2)
        self.chroma = (chroma[0], chroma[1])

    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Y, U and V."""
        return (self.luma, *self.chroma)

    def copy_from(self, other: Canvas) -> None:
        """Take over another canvas of this size."""
        np.copyto(self.pixels, other.pixels)

    def load(self, frame: av.VideoFrame) -> None:
        """Take over a decoded frame, turned upright and scaled."""
        if frame.format.name not in _DIRECT_FORMATS:
            frame = frame.reformat(format="yuv420p")
        turns = round(rotation_of(frame) / 90) % 4
        for source, target in zip(frame_planes(frame), self.planes(), strict=True):
            upright = np.ascontiguousarray(np.rot90(source, turns)) if turns else source
            if upright.shape == target.shape:
                np.copyto(target, upright)
            else:
                shrinks = upright.shape[0] >= target.shape[0]
                way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
                cv2.resize(upright, target.shape[::-1], dst=target, interpolation=way)

    def frame(self) -> av.VideoFrame:
        """A frame for the encoder; a copy."""
        return av.VideoFrame.from_ndarray(self.pixels, format="yuv420p")


def rotation_of(frame: av.VideoFrame) -> int:
    """By how many degrees the frame is to be turned for showing it."""
    return int(getattr(frame, "rotation", 0) or 0)


def frame_planes(frame: av.VideoFrame) -> list[Plane]:
    """Views of a frame's three planes, without a copy."""
    views: list[Plane] = []
    for plane in frame.planes:
        raw: Any = plane
        rows = np.frombuffer(raw, np.uint8).reshape(-1, plane.line_size)
        views.append(rows[: plane.height, : plane.width])
    return views


def to_yuv(rgb: NDArray[Any], colour: Colour) -> NDArray[np.float32]:
    """RGB of 0…255, shape (H, W, 3), as Y, U and V in one array of that shape."""
    red, blue = (0.2126, 0.0722) if colour.hd else (0.299, 0.114)
    green = 1 - red - blue
    luma_span, chroma_span = (1.0, 1.0) if colour.full_range else (219 / 255, 224 / 255)
    luma = np.array([red, green, blue])
    matrix = np.zeros((3, 4))
    matrix[0, :3] = luma * luma_span
    matrix[0, 3] = 0.0 if colour.full_range else 16.0
    for row, own, weight in ((1, 2, blue), (2, 0, red)):
        unit = np.zeros(3)
        unit[own] = 1.0
        matrix[row, :3] = (unit - luma) / (2 * (1 - weight)) * chroma_span
        matrix[row, 3] = 128.0
    return cv2.transform(np.asarray(rgb, np.float32), matrix.astype(np.float32))


class Sprite:
    """A cut-out picture that can be laid onto a canvas at any place, turn and scale.

    Kept premultiplied: luma with alpha at full size, chroma with alpha at half size.
    """

    def __init__(self, rgb: NDArray[Any], alpha: Plane, colour: Colour) -> None:
        height, width = alpha.shape[0] // 2 * 2, alpha.shape[1] // 2 * 2
        self.size = Size(width, height)
        yuv = to_yuv(rgb[:height, :width], colour)
        weight = alpha[:height, :width].astype(np.float32) / 255
        pre = yuv * weight[..., None]
        half = (width // 2, height // 2)
        luma = [pre[..., 0], weight * 255]
        chroma = [
            cv2.resize(plane, half, interpolation=cv2.INTER_AREA)
            for plane in (pre[..., 1], pre[..., 2], weight * 255)
        ]
        self._luma = _bytes(luma)
        self._chroma = _bytes(chroma)

    def stamp(self, canvas: Canvas, left: int, top: int) -> None:
        """Lay it onto the canvas as it is, wholly inside; both places are even."""
        width, height = self.size.width, self.size.height
        spot = canvas.luma[top : top + height, left : left + width]
        _lay(spot, self._luma[..., 0], self._luma[..., 1])
        rows = slice(top // 2, (top + height) // 2)
        columns = slice(left // 2, (left + width) // 2)
        for index, plane in enumerate(canvas.chroma):
            _lay(plane[rows, columns], self._chroma[..., index], self._chroma[..., 2])

    def paste(self, canvas: Canvas, matrix: NDArray[np.float64]) -> None:
        """Lay it onto the canvas.

        Args:
            canvas: What it is laid onto.
            matrix: 2×3, from the sprite's pixels to the canvas's.
        """
        width, height = self.size.width, self.size.height
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
        spots = corners @ matrix.T
        low = np.floor(spots.min(0) / 2).astype(int) * 2
        high = np.ceil(spots.max(0) / 2).astype(int) * 2
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(canvas.size.width, int(high[0])), min(canvas.size.height, int(high[1]))
        if right - left < 2 or bottom - top < 2:
            return
        shift = matrix.copy()
        shift[:, 2] -= (left, top)
        luma = _warp(self._luma, shift, Size(right - left, bottom - top))
        _lay(canvas.luma[top:bottom, left:right], luma[..., 0], luma[..., 1])
        shift[:, 2] /= 2
        chroma = _warp(self._chroma, shift, Size((right - left) // 2, (bottom - top) // 2))
        rows, columns = slice(top // 2, bottom // 2), slice(left // 2, right // 2)
        for index, plane in enumerate(canvas.chroma):
            _lay(plane[rows, columns], chroma[..., index], chroma[..., 2])


def darken(plane: Plane, share: Plane) -> None:
    """Multiply a plane, or a part of one, by 1 − share / 255."""
    cv2.multiply(plane, 255 - share, dst=plane, scale=1 / 255)


def _bytes(planes: list[Any]) -> Plane:
    return np.clip(np.rint(np.dstack(planes)), 0, 255).astype(np.uint8)


def _warp(source: Plane, matrix: NDArray[np.float64], size: Size) -> Plane:
    return cv2.warpAffine(source, matrix, (size.width, size.height), flags=cv2.INTER_LINEAR)


def _lay(target: Plane, colour: Plane, alpha: Plane) -> None:
    rest = cv2.multiply(target, 255 - alpha, scale=1 / 255)
    np.copyto(target, cv2.add(rest, np.ascontiguousarray(colour)))
