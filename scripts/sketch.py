"""Polygons, curves and limbs on a sheet, drawn large and shrunk so that edges are soft."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

FINE = 3  # drawn so much larger, then shrunk

Points = Sequence[tuple[float, float]]
Ink = tuple[int, int, int]


class Sheet:
    """A picture to draw on, in the coordinates of the finished one.

    It begins black and transparent, so a soft edge is stored multiplied by its alpha.
    """

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.rgb = np.zeros((height * FINE, width * FINE, 3), np.uint8)
        self.alpha = np.zeros(self.rgb.shape[:2], np.uint8)

    def shape(self, points: Points, ink: Ink) -> None:
        """A filled polygon."""
        corners = np.rint(np.array(points) * FINE * 16).astype(np.int32)
        cv2.fillPoly(self.rgb, [corners], ink, cv2.LINE_AA, 4)
        cv2.fillPoly(self.alpha, [corners], 255, cv2.LINE_AA, 4)

    def blob(self, points: Points, ink: Ink) -> None:
        """A filled smooth curve through points."""
        self.shape(smooth(points), ink)

    def oval(self, centre: tuple[float, float], radii: tuple[float, float], ink: Ink) -> None:
        """A filled ellipse."""
        turn = np.linspace(0, 2 * np.pi, 60)
        x, y = centre[0] + radii[0] * np.cos(turn), centre[1] + radii[1] * np.sin(turn)
        self.shape(np.column_stack([x, y]), ink)  # type: ignore[arg-type]

    def limb(self, joints: Points, widths: Sequence[float], ink: Ink) -> None:
        """A chain of tapering, rounded parts."""
        for index in range(len(joints) - 1):
            start, end = np.array(joints[index]), np.array(joints[index + 1])
            way = end - start
            side = np.array([-way[1], way[0]]) / max(1e-6, float(np.hypot(*way)))
            first, last = widths[index] / 2, widths[index + 1] / 2
            corners = [
                start + side * first,
                end + side * last,
                end - side * last,
                start - side * first,
            ]
            self.shape(corners, ink)  # type: ignore[arg-type]
        for joint, width in zip(joints, widths, strict=True):
            self.oval(joint, (width / 2, width / 2), ink)

    def finished(self) -> tuple[np.ndarray, np.ndarray]:
        """RGB, already multiplied by its alpha, and alpha, at the finished size."""
        rgb = cv2.resize(self.rgb, self.size, interpolation=cv2.INTER_AREA)
        return rgb, cv2.resize(self.alpha, self.size, interpolation=cv2.INTER_AREA)


def smooth(points: Points) -> Points:
    """A closed Catmull-Rom curve through points."""
    p = np.array(points, float)
    before, after, later = np.roll(p, 1, 0), np.roll(p, -1, 0), np.roll(p, -2, 0)
    parts = []
    for t in np.linspace(0, 1, 14, endpoint=False):
        parts.append(
            0.5 * (2 * p + (after - before) * t
                   + (2 * before - 5 * p + 4 * after - later) * t**2
                   + (3 * p - before - 3 * after + later) * t**3)
        )  # fmt: skip
    return np.stack(parts, 1).reshape(-1, 2)  # type: ignore[return-value]


def mirrored(points: Points, axis: float) -> Points:
    """The same shape on the other side of an upright axis."""
    return [(2 * axis - x, y) for x, y in points]
