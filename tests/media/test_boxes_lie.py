"""Boxes and tables that lie cost neither minutes, nor memory, nor an error of somebody else.

Each was found by damaging whole files, or by asking what the one beside it would do.
"""

from __future__ import annotations

import time
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
from apixo_wan_animate.utils.errors import MemoryShortError
from apixo_wan_animate.utils.media.displaymatrix import is_upright
from apixo_wan_animate.utils.media.sound import SoundTrack
from apixo_wan_animate.utils.media.timeline import lay_out
from apixo_wan_animate.utils.media.wholeness import missing_bytes

EVEN = (8).to_bytes(4, "big") + b"free"


@pytest.mark.parametrize("length", [2**64 - 1, 2**63, 2**63 - 1])
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_box_longer_than_any_file_is_no_index(tmp_path, length, in_memory):
    content = (1).to_bytes(4, "big") + b"free" + length.to_bytes(8, "big") + bytes(60)
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    source = BytesIO(content) if in_memory else file
    assert is_upright(source) is None
    assert missing_bytes(source) == length - len(content)


def test_millions_of_empty_boxes_are_not_all_read():
    source = BytesIO(EVEN * 4_000_000)
    began = time.process_time()
    assert is_upright(source) is None
    assert missing_bytes(source) == 0
    assert time.process_time() - began < 1.5


def test_a_last_picture_of_years_is_not_laid_out_to_its_end():
    timeline = lay_out(
        [0, 33, 80, 99, 140, 260],
        time_base=Fraction(1, 1000),
        rates=[],
        last_ticks=2**31,
    )
    assert timeline.variable
    assert len(timeline.shown) / timeline.rate < 3700


def test_sound_that_would_last_for_years_is_refused_with_its_size():
    track = SoundTrack(Fraction(0), Fraction(10**8))
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    with pytest.raises(MemoryShortError, match="The samples of the sound need") as caught:
        track.add(frame)
    assert caught.value.needed_bytes == 4 * 48_000 * 10**8
