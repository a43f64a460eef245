"""What makes two requests the same, and what does not."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from apixo_wan_animate.utils.apixo.request import WanOptions
from apixo_wan_animate.utils.ledger.rows import PRACTICE_ORIGIN
from apixo_wan_animate.utils.tasks.fingerprint import fingerprint

OPTIONS = WanOptions(type="replace", resolution="480p", prompt="a cat", seed=7, provider="auto")
ORIGIN = "https://api.example.test"


def mark(options: WanOptions = OPTIONS, origin: str = ORIGIN, **media: str) -> str:
    return fingerprint(origin, options, **{"character": "c", "motion": "m", **media})


DIFFERENT = {
    "as it is": mark(),
    "type": mark(replace(OPTIONS, type="animate")),
    "resolution": mark(replace(OPTIONS, resolution="720p")),
    "prompt": mark(replace(OPTIONS, prompt="a  cat")),
    "no prompt": mark(replace(OPTIONS, prompt="")),
    "seed": mark(replace(OPTIONS, seed=8)),
    "random seed": mark(replace(OPTIONS, seed=-1)),
    "provider": mark(replace(OPTIONS, provider="value")),
    "key default": mark(replace(OPTIONS, provider="key default")),
    "character": mark(character="d"),
    "motion": mark(motion="n"),
    "swapped": mark(character="m", motion="c"),
    "origin": mark(origin="https://api.other.test"),
    "practice": mark(origin=PRACTICE_ORIGIN),
    "shifted": mark(character="cm", motion=""),
}


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(DIFFERENT, 2)))
def test_every_part_of_a_request_counts(one, other):
    assert DIFFERENT[one] != DIFFERENT[other]


def test_spaces_around_a_prompt_do_not_count():
    assert mark(replace(OPTIONS, prompt=" a cat\n")) == mark()


def test_the_fingerprint_of_a_version_stays_what_it_is():
    pinned = "e6efad67971bddae0e25ccdad5c48bc549d1d834df00d943413c08c664316763"
    assert mark() == pinned  # a change would buy again what users have bought
