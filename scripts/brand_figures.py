"""The dancer's pose as bare joints, and taken up by the fox."""

from __future__ import annotations

import numpy as np
from sample_figures import (
    BROWN,
    BROWN_DARK,
    COAT,
    COAT_DARK,
    COAT_LIGHT,
    CREAM,
    FUR,
    FUR_DARK,
    SCARF,
    SIDES,
    Figure,
    Pose,
    draw_fox_head,
)
from sketch import Ink, Points, Sheet

HEAD_SCALE = 0.00098
"""How large the fox's head is: a pixel of the whole fox, in units of the height."""
BONES: tuple[Ink, ...] = (
    (255, 92, 92), (255, 164, 72), (250, 222, 90), (122, 222, 112), (84, 206, 220),
    (98, 142, 255), (176, 116, 255), (240, 110, 200),
)  # fmt: skip


def draw_joints(sheet: Sheet, at: tuple[float, float], *, pose: Pose, tall_px: float) -> None:
    """A pose as coloured bones between bright joints."""
    figure = Figure(sheet, at, tall_px)
    chains: list[Points] = [
        *(arm[:3] for arm in pose.arms), *pose.legs,
        [pose.neck, pose.hip], [pose.neck, pose.head],
    ]  # fmt: skip
    chains += [[pose.neck, arm[0]] for arm in pose.arms]
    chains += [[pose.hip, leg[0]] for leg in pose.legs]
    for number, chain in enumerate(chains):
        for part in range(len(chain) - 1):
            ink = BONES[(number * 3 + part) % len(BONES)]
            figure.limb(chain[part : part + 2], (0.020, 0.020), ink)
    for joint in {point for chain in chains for point in chain}:
        figure.oval(joint, (0.019, 0.019), (255, 255, 255))


def draw_fox_dancing(sheet: Sheet, at: tuple[float, float], *, pose: Pose, tall_px: float) -> None:
    """The fox in the dancer's pose."""
    figure = Figure(sheet, at, tall_px)
    _tail(figure, pose)
    for side, leg in zip(SIDES, pose.legs, strict=True):
        figure.limb(leg, (0.105, 0.088, 0.074), BROWN)
        knee, foot = leg[1:]
        shin = (knee[0] * 0.45 + foot[0] * 0.55, knee[1] * 0.45 + foot[1] * 0.55)
        toe = (foot[0] + side * 0.03, foot[1] + 0.004)
        figure.limb([shin, foot], (0.094, 0.088), BROWN_DARK)
        figure.limb([foot, toe], (0.086, 0.07), BROWN_DARK)
    for arm, ink in zip(pose.arms, (COAT_DARK, COAT), strict=True):
        wrist, hand = np.array(arm[2]), np.array(arm[3])
        x, y = (wrist + (hand - wrist) * 2.6).tolist()
        figure.oval((x, y), (0.041, 0.041), FUR_DARK)
        figure.limb(arm[:3], (0.11, 0.098, 0.092), ink)
        figure.oval(arm[2], (0.05, 0.05), COAT_LIGHT)
    _coat(figure, pose)
    x, y = pose.head[0], pose.head[1] - 0.03
    head_at = (at[0] + (x - 256 * HEAD_SCALE) * tall_px, at[1] + (y - 218 * HEAD_SCALE) * tall_px)
    draw_fox_head(Figure(sheet, head_at, HEAD_SCALE * tall_px))


def _tail(figure: Figure, pose: Pose) -> None:
    x, y, lean = pose.hip[0], pose.hip[1], -0.05 * pose.sway
    curve = [
        (0.02, 0.10), (0.12, 0.13), (0.215, 0.06), (0.25 + lean, -0.06),
        (0.215 + lean, -0.15), (0.16 + lean, -0.11), (0.155, -0.02), (0.10, 0.035),
    ]  # fmt: skip
    tip = [(0.25 + lean, -0.06), (0.235 + lean, -0.125), (0.205 + lean, -0.165),
           (0.155 + lean, -0.115), (0.166 + lean, -0.06), (0.206 + lean, -0.072)]  # fmt: skip
    figure.blob([(x + dx, y + dy) for dx, dy in curve], FUR)
    figure.blob([(x + dx, y + dy) for dx, dy in tip], CREAM)


def _coat(figure: Figure, pose: Pose) -> None:
    top, hem = np.array(pose.neck), np.array([pose.hip[0] * 0.6, pose.hip[1] + 0.135])
    hip = np.array(pose.hip)

    def beside(middle: np.ndarray, side: float, down: float = 0.0) -> tuple[float, float]:
        return float(middle[0] + side), float(middle[1] + down)

    right = [beside(top, 0.06, 0.02), beside(top, 0.115, 0.08), beside(hip, 0.095, -0.04),
             beside(hem, 0.165), beside(hem, 0.0, 0.022)]  # fmt: skip
    left = [beside(hem, -0.165), beside(hip, -0.095, -0.04), beside(top, -0.115, 0.08),
            beside(top, -0.06, 0.02)]  # fmt: skip
    figure.blob([*right, *left], COAT)
    middle = [beside(top, 0, 0.05), beside(hip, 0, -0.04), beside(hem, 0, 0.014)]
    figure.limb(middle, (0.012, 0.012, 0.012), COAT_LIGHT)
    belt = [beside(hip, -0.098, -0.036), beside(hip, 0, -0.026), beside(hip, 0.098, -0.036)]
    figure.limb(belt, (0.032, 0.034, 0.032), BROWN)
    figure.oval(beside(hip, 0, -0.026), (0.025, 0.022), SCARF)
    figure.oval(beside(hip, 0, -0.026), (0.013, 0.011), BROWN)
    for share in (0.42, 0.70, 1.3):
        spot = top + (hip - top) * share if share < 1 else hip + (hem - hip) * (share - 0.85)
        figure.oval(beside(spot, 0.034), (0.0105, 0.0105), SCARF)
