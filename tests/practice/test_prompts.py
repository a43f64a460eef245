"""Prompts that begin with `practice:` are obeyed."""

from __future__ import annotations

import pytest
from apixo_wan_animate.utils.practice.prompts import PromptError, Wishes, read_wishes


@pytest.mark.parametrize(
    ("prompt", "wishes"),
    [
        ("", Wishes()),
        ("a fox; walking", Wishes()),
        ("the practice: scales", Wishes()),
        ("practice:slow 20", Wishes(slow_s=20.0)),
        ("practice:slow 0.5", Wishes(slow_s=0.5)),
        ("PRACTICE:Slow 2", Wishes(slow_s=2.0)),
        ("practice:late 3", Wishes(late_s=3.0)),
        (
            "practice:fail CONTENT_VIOLATION not nice",
            Wishes(fail_code="CONTENT_VIOLATION", fail_message="not nice"),
        ),
        (
            "practice:credit",
            Wishes(refuse_status=402, refuse_message="Insufficient credits (practice)"),
        ),
        ("practice:busy 3", Wishes(busy_times=3)),
        (
            "practice:refuse 503 gone fishing",
            Wishes(refuse_status=503, refuse_message="gone fishing"),
        ),
        ("practice:lost", Wishes(lost=True)),
        ("practice:silent; practice:cut ;practice:gone", Wishes(silent=True, cut=True, gone=True)),
        ("practice:odd; in the rain; practice:slow 1", Wishes(odd=True, slow_s=1.0)),
    ],
)
def test_a_prompt_is_read(prompt, wishes):
    assert read_wishes(prompt) == wishes


def test_a_failure_without_a_code_has_one():
    assert read_wishes("practice:fail").fail_code == "GENERATION_FAILED"


@pytest.mark.parametrize(
    "prompt",
    [
        "practice:",
        "practice:dance",
        "practice:slow",
        "practice:slow nan",
        "practice:slow -1",
        "practice:slow 1e9",
        "practice:busy",
        "practice:busy 0",
        "practice:busy ²",
        "practice:refuse 200",
        "practice:refuse x",
    ],
)
def test_a_command_with_a_wrong_value_is_refused(prompt):
    with pytest.raises(PromptError):
        read_wishes(prompt)
