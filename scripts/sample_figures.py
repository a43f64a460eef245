"""Who is drawn: a fox in a travelling coat, somebody walking, somebody dancing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sketch import Ink, Points, Sheet, mirrored

FUR, FUR_DARK, CREAM = (232, 122, 46), (196, 92, 32), (255, 240, 220)
COAT, COAT_DARK, COAT_LIGHT = (38, 112, 122), (28, 86, 98), (56, 138, 146)
SCARF, SCARF_DARK = (240, 184, 60), (212, 152, 40)
BROWN, BROWN_DARK, NIGHT = (104, 70, 52), (78, 50, 40), (40, 32, 40)


def draw_fox() -> tuple[np.ndarray, np.ndarray]:
    """The fox, RGB and alpha, 512×768."""
    sheet = Sheet(512, 768)
    _fox_tail(sheet)
    _fox_legs(sheet)
    _fox_coat(sheet)
    draw_fox_head(sheet)
    rgb, alpha = sheet.finished()
    light = np.linspace(1.06, 0.86, 512)[None, :] * np.linspace(1.03, 0.94, 768)[:, None]
    return np.clip(rgb * light[..., None], 0, 255).astype(np.uint8), alpha


def _fox_tail(sheet: Sheet) -> None:
    sheet.blob([(300, 600), (372, 610), (440, 560), (462, 470), (440, 392), (404, 372), (384, 420),
                (390, 480), (360, 530), (306, 548)], FUR)  # fmt: skip
    sheet.blob([(462, 470), (452, 415), (430, 382), (404, 368), (388, 400), (398, 432), (420, 428),
                (436, 452)], CREAM)  # fmt: skip
    sheet.blob([(306, 600), (372, 606), (430, 562), (452, 500), (420, 552), (366, 582)], FUR_DARK)


def _fox_legs(sheet: Sheet) -> None:
    for side in (1, -1):
        x = 256 + side * 44
        sheet.limb([(x, 560), (x + side * 4, 640), (x + side * 4, 690)], (62, 54, 46), BROWN)
        sheet.blob([(x - 24 + side * 4, 664), (x + 24 + side * 4, 664), (x + 27 + side * 8, 712),
                    (x + 30 + side * 14, 736), (x + side * 8, 742), (x - 30 + side * 12, 736),
                    (x - 27 + side * 6, 712)], BROWN_DARK)  # fmt: skip
        sheet.limb([(x - 20 + side * 4, 668), (x + 20 + side * 4, 668)], (14, 14), BROWN)


def _fox_coat(sheet: Sheet) -> None:
    arm = [(176, 352), (146, 430), (132, 496)]
    for joints, ink in ((arm, COAT), (mirrored(arm, 256), COAT_DARK)):
        sheet.limb([joints[2], (joints[2][0], joints[2][1] + 18)], (44, 38), FUR_DARK)
        sheet.limb(joints, (64, 60, 56), ink)
        sheet.limb([joints[2], joints[2]], (58, 58), COAT_LIGHT)
    sheet.blob([(198, 318), (256, 306), (314, 318), (344, 372), (342, 450), (362, 560), (376, 628),
                (256, 644), (136, 628), (150, 560), (170, 450), (168, 372)], COAT)  # fmt: skip
    sheet.shape([(256, 330), (330, 360), (338, 450), (368, 612), (340, 634), (256, 642)], COAT_DARK)
    sheet.shape([(250, 330), (262, 330), (262, 643), (250, 643)], COAT_LIGHT)
    sheet.limb([(170, 478), (256, 490), (342, 478)], (24, 26, 24), BROWN)
    sheet.shape([(238, 474), (274, 474), (274, 506), (238, 506)], SCARF)
    sheet.shape([(246, 482), (266, 482), (266, 498), (246, 498)], BROWN)
    for y in (400, 440, 540, 584):
        sheet.oval((278, y), (8, 8), SCARF)
    for x in (196, 316):
        sheet.limb([(x - 22, 548), (x + 22, 548)], (9, 9), COAT_LIGHT)


def draw_fox_head(pen: Sheet | Figure) -> None:
    """Head and scarf, where the whole fox has them: around (256, 200)."""
    pen.blob([(290, 340), (336, 352), (352, 420), (340, 470), (316, 462), (312, 400)], SCARF_DARK)
    pen.blob([(170, 318), (256, 296), (342, 318), (346, 350), (256, 384), (166, 350)], SCARF)
    pen.blob([(186, 346), (256, 366), (326, 346), (330, 356), (256, 382), (180, 358)], SCARF_DARK)
    ear = [(128, 190), (118, 96), (128, 44), (176, 74), (222, 124)]
    inner = [(146, 158), (138, 104), (143, 78), (172, 98), (198, 130)]
    for outer, part in ((ear, inner), (mirrored(ear, 256), mirrored(inner, 256))):
        pen.blob(outer, FUR)
        pen.blob(part, NIGHT)
    pen.blob([(256, 106), (330, 122), (378, 180), (408, 246), (372, 270), (330, 304), (256, 336),
                (182, 304), (140, 270), (104, 246), (134, 180), (182, 122)], FUR)  # fmt: skip
    cheek = [(256, 258), (222, 216), (176, 214), (132, 238), (106, 248), (142, 272), (184, 304),
             (256, 334)]  # fmt: skip
    for half in (cheek, mirrored(cheek, 256)):
        pen.blob(half, CREAM)
    pen.blob([(256, 232), (290, 262), (286, 308), (256, 326), (226, 308), (222, 262)], CREAM)
    pen.blob([(256, 110), (270, 150), (264, 196), (256, 208), (248, 196), (242, 150)], FUR_DARK)
    for x in (196, 316):
        pen.oval((x, 206), (21, 25), NIGHT)
        pen.oval((x - 6, 197), (8, 9), (255, 255, 255))
        pen.oval((x + 7, 216), (4, 4), (255, 255, 255))
    pen.blob([(236, 268), (256, 262), (276, 268), (266, 286), (256, 291), (246, 286)], NIGHT)
    pen.limb([(256, 288), (256, 302)], (4, 4), NIGHT)
    pen.limb([(236, 302), (246, 309), (256, 302), (266, 309), (276, 302)], (4,) * 5, NIGHT)


# The figures, in units of their height.

SKIN, HAIR, SHOE, PACK = (226, 172, 140), (62, 44, 40), (240, 238, 232), (70, 86, 78)
JACKET, JACKET_NEAR, JACKET_FAR = (190, 62, 64), (208, 80, 76), (148, 46, 54)
JEANS, JEANS_FAR = (58, 72, 112), (42, 54, 88)
BONE = 0.235


class Figure:
    """Draws in units of a figure's height, from a point on the ground."""

    def __init__(self, sheet: Sheet, at: tuple[float, float], tall_px: float) -> None:
        self._sheet = sheet
        self._at = at
        self._tall_px = tall_px

    def limb(self, joints: Points, widths: Sequence[float], ink: Ink) -> None:
        """A chain of tapering, rounded parts."""
        self._sheet.limb(self._placed(joints), [w * self._tall_px for w in widths], ink)

    def blob(self, points: Points, ink: Ink) -> None:
        """A filled smooth curve."""
        self._sheet.blob(self._placed(points), ink)

    def oval(self, centre: tuple[float, float], radii: tuple[float, float], ink: Ink) -> None:
        """A filled ellipse."""
        tall = self._tall_px
        self._sheet.oval(self._placed([centre])[0], (radii[0] * tall, radii[1] * tall), ink)

    def _placed(self, points: Points) -> list[tuple[float, float]]:
        tall = self._tall_px
        return [(self._at[0] + x * tall, self._at[1] + y * tall) for x, y in points]


def _reach(start: tuple[float, float], angle: float, length: float) -> tuple[float, float]:
    """Where a bone ends; 0 hangs down, positive angles point forward."""
    turn = np.radians(angle)
    return start[0] + length * float(np.sin(turn)), start[1] + length * float(np.cos(turn))


def _moved(points: Points, by: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x + by[0], y + by[1]) for x, y in points]


def _leg(phase: float) -> list[tuple[float, float]]:
    """Hip at the origin, knee, heel and toe of a walking leg."""
    bend = 6 + 50 * max(0.0, float(np.cos(phase + 0.4))) ** 1.6
    thigh = 25 * float(np.sin(phase)) + 3
    knee = _reach((0.0, 0.0), thigh, BONE)
    heel = _reach(knee, thigh - bend, BONE)
    lift = min(40.0, max(0.0, bend - 12)) * 0.9 - max(0.0, 14 * float(np.sin(phase)))
    return [(0.0, 0.0), knee, heel, _reach(heel, 88 - lift, BONE * 0.36)]


def draw_walker(sheet: Sheet, at: tuple[float, float], *, phase: float) -> None:
    """Somebody seen from the side, walking to the right; `at` is the ground below the hip."""
    figure = Figure(sheet, at, 300)
    legs = [_leg(phase + shift) for shift in (np.pi, 0.0)]
    hip = (0.0, -0.022 - max(max(leg[2][1], leg[3][1]) for leg in legs))
    neck = (hip[0] + 0.025, hip[1] - 0.30)
    shoulder = (neck[0] - 0.01, neck[1] + 0.045)
    arms = []
    for shift in (0.0, np.pi):
        swing = 24 * float(np.sin(phase + shift))
        elbow = _reach(shoulder, swing - 4, 0.15)
        arms.append([shoulder, elbow, _reach(elbow, swing + 16 + 0.4 * abs(swing), 0.14)])
    _side_limbs(figure, _moved(legs[0], hip), arms[0], inks=(JEANS_FAR, JACKET_FAR))
    figure.blob(_moved([(-0.15, 0.06), (-0.03, 0.03), (-0.05, 0.27), (-0.15, 0.25)], neck), PACK)
    middle = ((neck[0] + hip[0]) / 2, (neck[1] + hip[1]) / 2 + 0.01)
    figure.limb([(neck[0] - 0.004, neck[1] + 0.05), middle, hip], (0.105, 0.13, 0.12), JACKET)
    _side_head(figure, (neck[0] + 0.02, neck[1] - 0.085), neck)
    _side_limbs(figure, _moved(legs[1], hip), arms[1], inks=(JEANS, JACKET_NEAR))


def _side_head(figure: Figure, head: tuple[float, float], neck: tuple[float, float]) -> None:
    figure.limb([(neck[0], neck[1] + 0.02), head], (0.06, 0.05), SKIN)
    figure.oval(head, (0.062, 0.072), SKIN)
    figure.oval((head[0] + 0.06, head[1] + 0.012), (0.013, 0.013), SKIN)
    figure.oval((head[0] + 0.036, head[1] - 0.006), (0.007, 0.010), NIGHT)
    hair = [(0.055, -0.045), (0.0, -0.088), (-0.066, -0.05), (-0.074, 0.03), (-0.03, 0.05),
            (-0.012, -0.02)]  # fmt: skip
    figure.blob(_moved(hair, head), HAIR)


def _side_limbs(figure: Figure, leg: Points, arm: Points, *, inks: tuple[Ink, Ink]) -> None:
    figure.limb(leg[:3], (0.095, 0.075, 0.05), inks[0])
    figure.limb(leg[2:], (0.05, 0.036), SHOE)
    hand = _moved([arm[2]], (0.012, 0.016))[0]
    figure.oval(hand, (0.026, 0.026), SKIN)
    figure.limb(arm, (0.066, 0.058, 0.046), inks[1])


@dataclass(frozen=True)
class Pose:
    """Somebody seen from the front, in units of the height, from the ground below.

    Attributes:
        hip: Middle of the hips.
        neck: Where the shoulders meet.
        head: Middle of the head.
        legs: Hip, knee and foot, right and left.
        arms: Shoulder, elbow, wrist and the middle of the hand, right and left.
        sway: How far to the right of the middle, −1…1.
    """

    hip: tuple[float, float]
    neck: tuple[float, float]
    head: tuple[float, float]
    legs: tuple[Points, Points]
    arms: tuple[Points, Points]
    sway: float


SIDES = (1, -1)


def dance(phase: float) -> Pose:
    """Where a dancer's joints are at a phase of the music."""
    sway = float(np.sin(phase))
    dip = 0.018 + 0.014 * float(np.cos(2 * phase))
    hip = (0.05 * sway, -1.98 * BONE + dip)
    neck = (hip[0] - 0.03 * sway, hip[1] - 0.30)
    legs, arms = [], []
    for side in SIDES:
        foot = (side * 0.085, -0.02 - 0.04 * max(0.0, side * sway))
        start = (hip[0] + side * 0.042, hip[1])
        knee = ((start[0] + foot[0]) / 2 + side * (0.006 + dip), (start[1] + foot[1]) / 2)
        legs.append((start, knee, foot))
        lift = 92 + 48 * float(np.sin(phase + side * np.pi / 2))
        shoulder = (neck[0] + side * 0.085, neck[1] + 0.045)
        elbow = _reach(shoulder, side * lift, 0.15)
        wrist = _reach(elbow, side * (lift + 55) + 20 * sway, 0.14)
        arms.append((shoulder, elbow, wrist, _reach(wrist, side * (lift + 55) + 20 * sway, 0.02)))
    head = (neck[0] + 0.02 * sway, neck[1] - 0.085)
    return Pose(hip, neck, head, (legs[0], legs[1]), (arms[0], arms[1]), sway)


def draw_dancer(
    sheet: Sheet, at: tuple[float, float], *, phase: float, tall_px: float = 500
) -> None:
    """Somebody seen from the front, dancing on the spot."""
    figure, pose = Figure(sheet, at, tall_px), dance(phase)
    for side, leg, ink in zip(SIDES, pose.legs, (JEANS, JEANS_FAR), strict=True):
        figure.limb(leg, (0.1, 0.078, 0.055), ink)
        foot = leg[2]
        figure.limb([foot, (foot[0] + side * 0.035, foot[1] + 0.005)], (0.05, 0.04), SHOE)
    neck, waist = pose.neck, (pose.hip[0], pose.hip[1] - 0.02)
    for side in SIDES:
        chest = (neck[0] + side * 0.05, neck[1] + 0.05)
        figure.limb([chest, (waist[0] + side * 0.035, waist[1])], (0.1, 0.085), JACKET)
    figure.limb([(neck[0], neck[1] + 0.05), waist], (0.1, 0.09), JACKET)
    for arm, ink in zip(pose.arms, (JACKET_NEAR, JACKET_FAR), strict=True):
        figure.oval(arm[3], (0.028, 0.028), SKIN)
        figure.limb(arm[:3], (0.068, 0.058, 0.046), ink)
    _front_head(figure, pose.head, neck)


def _front_head(figure: Figure, head: tuple[float, float], neck: tuple[float, float]) -> None:
    figure.limb([(neck[0], neck[1] + 0.015), head], (0.058, 0.055), SKIN)
    figure.oval((head[0], head[1] - 0.012), (0.074, 0.082), HAIR)
    figure.oval((head[0], head[1] + 0.01), (0.058, 0.066), SKIN)
    fringe = [
        (-0.06, 0.0),
        (-0.052, -0.05),
        (0.0, -0.066),
        (0.052, -0.05),
        (0.06, 0.0),
        (0.02, -0.03),
    ]
    figure.blob(_moved(fringe, head), HAIR)
    for side in (1, -1):
        figure.oval((head[0] + side * 0.022, head[1] + 0.006), (0.0075, 0.01), NIGHT)
    smile = [(-0.02, 0.036), (-0.01, 0.043), (0.0, 0.045), (0.01, 0.043), (0.02, 0.036)]
    figure.limb(_moved(smile, head), (0.007,) * 5, (150, 66, 70))
