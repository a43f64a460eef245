"""The command, run by path as a user without a browser runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from apixo_wan_animate.utils.errors import TaskUnknownError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice import faults

from .world import outcome, request

PACK = Path(__file__).resolve().parents[2]


class Command:
    """`cli.py` as a process, in a folder that is not its own."""

    def __init__(self, world, script: Path, *options: str) -> None:
        self._world = world
        self._script = script
        self.options = options

    def __call__(self, *words: str, code: int = 0, typed: str = "") -> str:
        ran = subprocess.run(
            [sys.executable, "-I", str(self._script), *self.options, *words],
            cwd=self._world.folder,
            env={**os.environ, **self._world.environ},
            input=typed,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        self.said = ran.stderr
        return ran.stdout


@pytest.fixture
def cli(world):
    folders = world.folders()
    return Command(
        world,
        PACK / "cli.py",
        "--user-directory",
        str(world.folder / "user"),
        "--output-directory",
        str(folders.output),
    )


def test_the_list_shows_what_was_done(world, cli):
    row = outcome(world.service().start(request(prompt="a cat"))).row
    (told,) = json.loads(cli("tasks", "list", "--json"))
    assert (told["task_id"], told["state"], told["prompt"]) == (row.task_id, "collected", "a cat")
    assert row.task_id in cli("tasks", "list")


def test_one_row_is_shown_in_full_and_without_secrets(world, cli):
    world.environ |= {"APIXO_WAN_CALLBACK": "1", "APIXO_WAN_PUBLIC_URL": "https://comfy.test"}
    row = outcome(world.service().start(request())).row
    told = cli("tasks", "show", str(row.id))
    assert row.file in told
    assert row.token_digest not in told


def test_a_task_id_is_collected(world, cli):
    service = world.service()
    row = outcome(service.start(request())).row
    service.stop()
    shutil.rmtree(world.folders().state)
    shutil.rmtree(world.folders().output)
    assert Path(cli("tasks", "collect", row.task_id, "--wait", "1").strip()).is_file()


def test_an_unknown_row_is_adopted_and_a_running_comfyui_collects_it(world, cli):
    service = world.service()
    world.plan.add("submit", faults.lost)
    with pytest.raises(TaskUnknownError):
        outcome(service.start(request()))
    (task,) = world.dashboard()
    cli("tasks", "adopt", str(world.only_row().id), task["taskId"])
    assert world.wait_for(State.COLLECTED).task_id == task["taskId"]


def test_an_unknown_row_is_abandoned_and_then_forgotten(world, cli):
    world.plan.add("submit", faults.lost)
    with pytest.raises(TaskUnknownError):
        outcome(world.service().start(request()))
    row = str(world.only_row().id)
    cli("tasks", "forget", row, code=1)
    assert "twice" in cli.said
    cli("tasks", "abandon", row)
    assert world.only_row().state is State.ABANDONED
    cli("tasks", "forget", row)
    assert world.rows() == []


def test_a_mistake_is_told_in_a_sentence_and_by_the_exit_code(world, cli):
    outcome(world.service().start(request()))
    cli("tasks", "abandon", "1", code=1)
    assert "only an unknown row" in cli.said
    assert "Traceback" not in cli.said


def test_without_a_ledger_nothing_is_made(world, cli):
    cli("tasks", "list", code=1)
    assert "no ledger" in cli.said
    assert not world.folders().state.exists()


def test_settings_are_kept_and_the_key_is_not_shown(world, cli):
    del world.environ["APIXO_API_KEY"]
    cli("settings", "set", "daily_seconds", "600")
    cli("settings", "key", typed="sk-0123456789abcdefghij\n")
    told = json.loads(cli("settings", "--json"))
    assert (told["daily_seconds"], told["key_set"]) == ("600", True) or told["daily_seconds"] == 600
    assert "0123456789" not in cli("settings")


def test_the_folders_are_found_from_the_packs_own_place(world, cli):
    outcome(world.service().start(request()))
    pack = world.folder / "custom_nodes" / "some name with spaces"
    pack.parent.mkdir()
    shutil.copytree(PACK / "utils", pack / "utils", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PACK / "cli.py", pack)
    found = Command(world, pack / "cli.py")
    assert len(json.loads(found("--json", "tasks", "list"))) == 1


def test_a_prompt_of_any_letters_goes_into_a_pipe_that_is_not_utf8(world, cli):
    prompt = "東京の狐 → 🦊"
    row = outcome(world.service().start(request(prompt=prompt))).row
    command = [sys.executable, str(PACK / "cli.py"), *cli.options]
    environ = {**os.environ, **world.environ, "PYTHONIOENCODING": "cp1252"}
    for words in (["--json", "tasks", "list"], ["tasks", "show", str(row.id)]):
        ran = subprocess.run([*command, *words], env=environ, capture_output=True, timeout=120)
        assert ran.returncode == 0, ran.stderr.decode()
        assert prompt in ran.stdout.decode("utf-8")
