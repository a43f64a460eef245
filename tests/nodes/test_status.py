"""The line under a node: known numbers, and none that are made up."""

from __future__ import annotations

import pytest
from apixo_wan_animate.nodes.status import clock_face, describe, span
from apixo_wan_animate.utils.tasks.watch import Progress

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("progress", "usually", "line"),
    [
        (Progress("checking", NOW), "", "checking"),
        (Progress("encoding", NOW, 62, 100, "frames"), "", "encoding 62 %"),
        (Progress("uploading", NOW, 3_100_000, 8_000_000, "bytes"), "", "uploading 3.1 of 8.0 MB"),
        (Progress("waiting", NOW - 42), "", "waiting 0:42"),
        (Progress("waiting", NOW - 42), "1–2 min", "waiting 0:42 · usually 1–2 min here"),
        (Progress("waiting", NOW - 5, note="still asking"), "", "waiting 0:05 · still asking"),
        (Progress("downloading", NOW, 0, None, "bytes"), "", "downloading"),
    ],
)
def test_a_line_says_what_is_known(progress, usually, line):
    assert describe(progress, now=NOW, usually=usually) == line


@pytest.mark.parametrize(
    ("low_s", "high_s", "words"),
    [(38, 52, "38–52 s"), (41, 41.2, "41 s"), (55, 118, "1–2 min"), (100, 112, "2 min"),
     (20, 95, "1–2 min"), (600, 900, "10–15 min")],
)  # fmt: skip
def test_a_usual_time_is_given_in_round_words(low_s, high_s, words):
    assert span(low_s, high_s) == words


@pytest.mark.parametrize(
    ("seconds", "face"),
    [(0, "0:00"), (42.9, "0:42"), (605, "10:05"), (3723, "1:02:03"), (-3, "0:00")],
)
def test_seconds_are_shown_as_on_a_clock(seconds, face):
    assert clock_face(seconds) == face
