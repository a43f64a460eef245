"""What is installed with the pack: named twice by need, and the same in both places."""

from __future__ import annotations

import re
from pathlib import Path

PACK = Path(__file__).resolve().parent.parent


def in_requirements() -> list[str]:
    lines = (PACK / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


def in_project() -> list[str]:
    text = (PACK / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return re.findall(r'"([^"]+)"', found[1])


def test_both_lists_of_dependencies_are_the_same():
    assert in_requirements() == in_project()


def test_a_dependency_has_a_lower_bound_and_no_other():
    """A pin would tear another pack's apart; the Manager installs line by line, without options."""
    assert len(in_requirements()) > 5
    for line in in_requirements():
        assert re.fullmatch(r"[a-z0-9-]+>=\d+(\.\d+)*", line), line
