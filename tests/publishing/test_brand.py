"""Icon and banner are drawn as the registry takes them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from loaded_script import loaded_script


@pytest.fixture(scope="module")
def brand():
    return loaded_script("draw_brand")


def test_the_icon_is_a_small_square_with_round_corners(brand):
    icon = brand.draw_icon()
    assert icon.shape == (400, 400, 4)
    assert icon[0, 0, 3] == icon[-1, -1, 3] == 0
    assert icon[200, 200, 3] == icon[0, 200, 3].clip(255) == 255


def test_the_banner_is_21_to_9_and_none_of_its_figures_is_cut_off(brand):
    assert brand.BANNER[0] * 9 == brand.BANNER[1] * 21
    person, motion, fox, empty = brand.draw_frames()
    for figure in (person, fox):
        changed = np.abs(figure - empty).max(axis=2) > 120
        sides = np.concatenate([changed[:, 0], changed[:, -1], changed[0]])
        assert changed.mean() > 0.05
        assert not sides.any()
    assert cv2.absdiff(person, fox).max() > 100
    assert motion.std() > 10


def test_every_letter_of_the_name_can_be_written():
    lettering, sketch = loaded_script("lettering"), loaded_script("sketch")
    for word in ("Wan", "Animate"):
        sheet = sketch.Sheet(400, 120)
        end = lettering.write(sheet, word, (20, 90), tall_px=40, inks=((255, 255, 255),) * 2)
        assert 60 < end < 400
        columns = sheet.finished()[1].max(axis=0)
        assert columns[: int(end) - 30].any()
        assert not columns[int(end) :].any()
