"""Frames that come unevenly are laid out to an even rate by their time stamps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from apixo_wan_animate.utils.media.decode import decode
from apixo_wan_animate.utils.media.selection import Selection
from apixo_wan_animate.utils.media.timeline import lay_out
from clips_made import (
    Recipe,
    Track,
    click_starts,
    clicks,
    numbered_pictures,
    numbers_of,
    write_clip,
)

H, W = 48, 80
TICK = Fraction(1, 15360)
FRAME = 512  # ticks of a frame at 30 a second
UNEVEN = {
    # name: stamps, frames shown, rate
    "two dropped, then one": (
        [FRAME * n for n in range(20) if n not in (7, 8, 13)],
        [0, 1, 2, 3, 4, 5, 6, 6, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 15, 16], 30,
    ),
    "half at half the rate": (
        [FRAME * n for n in range(8)] + [FRAME * (8 + 2 * n) for n in range(4)],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 9, 10, 10, 11], 30,
    ),
    "a burst that no rate can hold": (
        [FRAME * n for n in range(10)] + [FRAME * 10 + n for n in range(2)]
        + [FRAME * n for n in range(11, 15)],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15], 30,
    ),
    "a jitter of a quarter": (
        [FRAME * (n + 1) + (130, -110, 40, -128, 90)[n % 5] for n in range(15)],
        list(range(15)), 30,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNEVEN)
def test_each_slot_shows_the_frame_that_was_due(tmp_path, name):
    stamps, shown, rate = UNEVEN[name]
    recipe = Recipe(
        options={"crf": "6", "preset": "medium", "bf": "2"}, stamps=stamps, time_base=TICK
    )
    clip = write_clip(tmp_path / "uneven.mp4", numbered_pictures(len(stamps), H, W), recipe)
    decoded = decode(clip)
    assert numbers_of(decoded.frames) == shown
    assert decoded.frame_rate == rate


def test_sound_stays_with_an_uneven_picture(tmp_path):
    stamps = [FRAME * n for n in range(40) if n % 7 != 3]
    recipe = Recipe(
        options={"crf": "6", "preset": "medium", "bf": "2"}, stamps=stamps, time_base=TICK,
        sound=Track(clicks(40 / 30)),
    )  # fmt: skip
    decoded = decode(write_clip(tmp_path / "a.mp4", numbered_pictures(34, H, W), recipe))
    assert len(decoded.frames) == 40
    assert decoded.sound.waveform.shape[1] == 64_000
    assert click_starts(decoded.sound.waveform) == [0, 24_000, 48_000]


def test_a_selection_counts_slots_and_not_packets(tmp_path):
    stamps, shown, _ = UNEVEN["two dropped, then one"]
    recipe = Recipe(options={"crf": "6", "bf": "2"}, stamps=stamps, time_base=TICK)
    clip = write_clip(tmp_path / "uneven.mp4", numbered_pictures(17, H, W), recipe)
    assert numbers_of(decode(clip, Selection(start=5, every_nth=2)).frames) == shown[5::2]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 60,
                                  Fraction(60000, 1001), Fraction(1237, 100)])  # fmt: skip
@pytest.mark.parametrize("tick", [Fraction(1, 1000), Fraction(1, 90000), Fraction(1, 15360)])
def test_stamps_rounded_by_the_container_are_an_even_rate(tick, rate):
    stamps = [round(number / Fraction(rate) / tick) for number in range(601)]
    line = lay_out(stamps, time_base=tick, rates=[Fraction(rate)])
    assert (line.rate, line.variable, len(line.shown)) == (rate, False, 601)
    unaided = lay_out(stamps, time_base=tick, rates=[])
    assert (unaided.variable, len(unaided.shown)) == (False, 601)
    assert abs(unaided.rate / Fraction(rate) - 1) < Fraction(1, 10_000)


def test_a_rate_that_the_file_only_claims_is_not_believed():
    stamps = [FRAME * number for number in range(90)]
    line = lay_out(stamps, time_base=TICK, rates=[Fraction(90_000), Fraction(12)])
    assert (line.rate, line.variable) == (30, False)


def test_a_mostly_still_clip_is_not_blown_up_by_a_burst():
    stamps = sorted([15360 * n for n in range(20)] + [40_000, 40_050, 40_100])
    line = lay_out(stamps, time_base=TICK, rates=[Fraction(30)])
    assert line.variable
    assert len(line.shown) < 5 * len(stamps)


def test_the_last_frame_stays_as_long_as_it_should():
    stamps = [0, FRAME, 3 * FRAME, 4 * FRAME]
    line = lay_out(stamps, time_base=TICK, rates=[], last_ticks=6 * FRAME)
    assert line.shown.tolist() == [0, 1, 1, 2] + [3] * 6


@pytest.mark.parametrize("seed", range(20))
def test_no_slot_is_empty_and_time_never_runs_back(seed):
    random = np.random.default_rng(seed)
    stamps = np.cumsum(random.integers(1, 2000, 50)).tolist()
    line = lay_out(random.permutation(stamps), time_base=TICK, rates=[])
    assert line.shown[0] == 0
    assert line.shown[-1] == 49
    assert (np.diff(line.shown) >= 0).all()
    slot_s = np.array([float(line.slot_s(slot)) for slot in range(len(line.shown))])
    due_s = line.stamps[line.shown] * float(TICK)
    assert (due_s <= slot_s + 0.51 / float(line.rate)).all()
