"""Folders with names that people really give them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.media.probe import verify
from apixo_wan_animate.utils.media.types import FileClip

from .world import World, outcome, request

PACK = Path(__file__).resolve().parents[2]

NAMES = {
    "spaces": "My  Comfy UI folder ",
    "letters": "Übungsvideo – ñandú – 東京 – القاهرة",
    "emoji and signs": "🦊💃🏽 a'b\"c%20#d&e;f$(g)[h]{i}!~ cafe\u0301",
    "200 letters": "n" * 200,
}


@pytest.fixture(params=NAMES.values(), ids=NAMES.keys())
def named_world(request, tmp_path):
    folder = tmp_path / request.param
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"this file system has no such name: {error.strerror}")
    world = World(folder)
    yield world
    world.close()


def test_a_request_goes_its_whole_way_in_such_a_folder(named_world):
    service = named_world.service()
    first = outcome(service.start(request(1))).file
    clip = FileClip(first)  # as a loader gives one from the input folder
    second = outcome(service.start(request(2, motion=clip)))
    assert verify(second.file).frame_count > 0
    assert second.file.is_relative_to(named_world.folders().output)
    told = json.loads(second.file.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["file"]["name"] == second.file.name
    assert named_world.accepted == 2
    service.stop()
    again = outcome(named_world.service().start(request(1)))
    assert (again.reused, again.file) == (True, first)
    assert ids_by_command(named_world) == {row.task_id for row in named_world.rows()}


def ids_by_command(named_world) -> set[str]:
    """The finished tasks that `cli.py` finds there."""
    ran = subprocess.run(
        [
            sys.executable, "-I", str(PACK / "cli.py"),
            "--user-directory", str(named_world.folder / "user"),
            "--output-directory", str(named_world.folders().output),
            "--json", "tasks", "list",
        ],
        capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    return {row["task_id"] for row in found if row["state"] == State.COLLECTED.value}
