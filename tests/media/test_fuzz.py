"""A few of the damaged files and replies that `make fuzz` makes by the thousand.

And every file that once broke something, each damaged in the way that was found.
"""

from __future__ import annotations

from random import Random

import fuzz_seeds
import pytest
from fuzz_cases import ClipCases, PictureCases, ReplyCases
from mutated_mp4 import mutated, read_boxes

CLIPS, PICTURES, REPLIES = 60, 60, 60


@pytest.fixture(scope="module")
def clips():
    return list(fuzz_seeds.clip_seeds().values())


def test_damaged_clips_end_in_errors_of_ours_and_leave_nothing(clips, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    cases = ClipCases(clips, folder)
    ends = [end for number in range(CLIPS) for end in cases.run(number)]
    assert {end for _, end in ends} >= {"whole", "DecodeError"}


def test_damaged_pictures_end_in_errors_of_ours(tmp_path):
    cases = PictureCases(list(fuzz_seeds.picture_seeds().values()), tmp_path)
    ends = [end for number in range(PICTURES) for end in cases.run(number)]
    assert {end for _, end in ends} >= {"whole", "DecodeError"}


def test_damaged_replies_end_in_errors_of_ours():
    cases = ReplyCases()
    try:
        ends = [end for number in range(REPLIES) for end in cases.run(number)]
    finally:
        cases.close()
    assert {end for _, end in ends} >= {"whole", "ProtocolError", "TransportError"}


def test_a_clip_taken_apart_and_put_together_is_the_same(clips):
    for content in clips:
        assert b"".join(box.dump() for box in read_boxes(content)) == content


def test_a_seed_gives_the_same_damage_again_and_another_seed_another(clips):
    assert mutated(Random(5), clips) == mutated(Random(5), clips)
    assert len({mutated(Random(number), clips) for number in range(30)}) == 30
