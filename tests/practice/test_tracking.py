"""Who moves in a clip is found, and how."""

from __future__ import annotations

import numpy as np
import pytest
from apixo_wan_animate.utils.practice.tracking import Movement, follow, smooth

T, H, W, RATE = 40, 54, 96, 20.0


def ground():
    y, x = np.mgrid[0:H, 0:W]
    return (120 + 40 * np.sin(x / 9) + 20 * np.cos(y / 7)).astype(np.uint8)


def walker():
    """A dark box, 10 wide and 30 high, from left to right."""
    for index in range(T):
        picture = ground()
        x = 8 + index * 2
        picture[15:45, x - 5 : x + 5] = 10
        yield picture


def dancer():
    """A dark body that sways on the spot, with arms that go up in turn."""
    for index in range(T):
        picture = ground()
        swing = np.sin(index / RATE * 2 * np.pi)
        sway = round(float(2 * swing))
        picture[15:48, 43 + sway : 53 + sway] = 10
        if swing > 0.4:
            picture[8:18, 53:60] = 10
        if swing < -0.4:
            picture[22:30, 34:43] = 10
        yield picture


def pan():
    """The whole picture moves."""
    wide = np.random.default_rng(1).integers(0, 255, (H, W + T * 3), dtype=np.uint8)
    for index in range(T):
        yield wide[:, index * 3 : index * 3 + W]


def still():
    for _ in range(T):
        yield ground()


def test_a_walker_is_followed():
    found = follow(list(walker()), RATE)
    assert found.movement is Movement.WALKS
    middle, low, height, width = found.track[T // 2]
    assert middle == pytest.approx(8 + T // 2 * 2, abs=1.5)
    assert (low, height, width) == (pytest.approx(45, abs=1.5), pytest.approx(30, abs=2),
                                    pytest.approx(10, abs=2))  # fmt: skip
    assert found.masks.shape == (T, H, W)


def test_a_dancer_stays_and_sways():
    found = follow(list(dancer()), RATE)
    assert found.movement is Movement.STAYS
    assert np.abs(found.track[:, 0] - 47).max() < 8
    assert np.ptp(found.track[:, 0]) > 1


@pytest.mark.parametrize("frames", [pan, still])
def test_without_a_figure_the_place_is_the_middle(frames):
    found = follow(list(frames()), RATE)
    assert found.movement is Movement.DRIFTS
    assert found.masks is None
    assert np.abs(found.track[:, 0] - W / 2).max() < W * 0.15
    assert (found.track[:, 1] <= H).all()


@pytest.mark.parametrize("frames", [walker, dancer, pan, still])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_frames_are_enough(frames, count):
    found = follow(list(frames())[:count], RATE)
    assert found.track.shape == (count, 4)
    assert np.isfinite(found.track).all()


def test_smoothing_keeps_length_and_level():
    assert smooth(np.full(9, 4.0), 30).tolist() == pytest.approx([4.0] * 9)
