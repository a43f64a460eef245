"""What users get, laid out as the Manager does, is whole: nodes, page, help, templates, a task."""

from __future__ import annotations

import pytest
import requests
from graphs import small_clip, small_makers
from loaded_script import loaded_script
from running_comfyui import error_of, succeeded

pytestmark = pytest.mark.comfyui

NAME = "apixo-wan-animate"


@pytest.fixture
def installed(comfy):
    return comfy.base / "custom_nodes" / NAME


def test_only_the_archive_lies_in_this_comfyui(installed):
    found = {
        path.relative_to(installed)
        for path in installed.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert found == set(loaded_script("archive").packed_files(untracked=True))
    assert not (installed / "tests").exists()


def test_the_archive_loads_without_a_complaint(comfy):
    log = comfy.log()
    assert NAME in log
    assert not [line for line in log.splitlines() if "IMPORT FAILED" in line and NAME in line]
    nodes = [name for name in comfy.get("/object_info") if name.startswith("Apixo")]
    assert len(nodes) == 8


@pytest.mark.parametrize(
    "path",
    [f"/extensions/{NAME}/apixo.js", f"/extensions/{NAME}/lib/panel.js",
     f"/extensions/{NAME}/apixo.css", f"/extensions/{NAME}/docs/ApixoWanAnimate.md",
     f"/extensions/{NAME}/docs/images/ApixoWanAnimate.jpg",
     f"/extensions/{NAME}/samples/wan_animate_walk.mp4",
     f"/api/workflow_templates/{NAME}/Replace a person in footage.json",
     f"/api/workflow_templates/{NAME}/Replace a person in footage.jpg"],
)  # fmt: skip
def test_the_page_finds_every_kind_of_file_in_the_archive(comfy, path):
    reply = requests.get(comfy.url + path, timeout=60)
    assert reply.status_code == 200
    assert reply.content


def test_a_practice_task_runs_from_the_archive(comfy):
    entry = comfy.run(small_makers() | {"3": small_clip(seed=4711)})
    assert succeeded(entry), error_of(entry)
    assert list((comfy.base / "output" / "wan_animate").glob("PRACTICE*.mp4"))
