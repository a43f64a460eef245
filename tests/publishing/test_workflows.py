"""What runs on GitHub may do little, and runs nothing whose content can change under it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
GITHUB = REPOSITORY / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
USES = re.compile(r"^\s*(?:- )?uses:\s*(.+?)\s*$", re.MULTILINE)
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
UNTRUSTED = re.compile(r"\$\{\{\s*(?!matrix\.|runner\.)[^}]*\}\}")


def steps_of_shell(text: str) -> list[str]:
    """The text of every `run:`, on one line or in a block."""
    found = []
    lines = text.splitlines()
    for at, line in enumerate(lines):
        match = re.match(r"(\s*(?:- )?)run:\s*(.*)$", line)
        if not match:
            continue
        block = [match[2]]
        for later in lines[at + 1 :]:
            if later.strip() and len(later) - len(later.lstrip()) <= len(match[1]):
                break
            block.append(later)
        found.append("\n".join(block))
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_actions_are_named_by_commit_and_permissions_are_least(path):
    text = path.read_text(encoding="utf-8")
    for used in USES.findall(text):
        assert used.startswith("./") or PINNED.fullmatch(used), used
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    assert not re.search(r":\s*write\b|write-all|pull_request_target", text)
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_no_value_from_outside_becomes_part_of_a_command(path):
    commands = steps_of_shell(path.read_text(encoding="utf-8"))
    assert commands
    assert [command for command in commands if UNTRUSTED.search(command)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_the_commands_that_are_run_are_there(path):
    known = runpy.run_path(str(REPOSITORY / "scripts" / "run.py"))
    commands = "\n".join(steps_of_shell(path.read_text(encoding="utf-8")))
    for name, words in re.findall(r"scripts/run\.py ([\w-]+)((?: [a-z]+)*)", commands):
        assert name in known["COMMANDS"]
        assert name != "test" or set(words.split()) <= set(known["CHECKS"])


def test_three_systems_are_tested_with_three_pythons():
    tests = (GITHUB / "workflows" / "tests.yml").read_text(encoding="utf-8")
    found = set(re.findall(r'os: (\w+)-latest, python: "([\d.]+)"', tests))
    systems = {system for system, _ in found}
    pythons = {python for _, python in found}
    assert systems == {"ubuntu", "macos", "windows"}
    assert len(pythons) == 3
    assert found == {(system, python) for system in systems for python in pythons}
    assert "run: python scripts/run.py test\n" in tests
    assert "python scripts/run.py test comfyui" in tests


def test_the_oldest_comfyui_that_is_tested_is_the_oldest_that_is_promised():
    told = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    floor = re.search(r'requires-comfyui = ">=([\d.]+)"', told)
    tests = (GITHUB / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert floor
    assert f"v{floor[1]}" in tests


def test_a_bug_report_asks_for_what_is_needed_and_warns_of_keys():
    form = (GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8")
    for wanted in ("id: version", "id: comfyui", "id: text", "key", "link"):
        assert wanted in form
