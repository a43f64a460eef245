"""The main job in a real ComfyUI, in practice mode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests
from graphs import animate, loaders, small_clip, small_makers
from patience import until
from running_comfyui import PACK, error_of, load_json, succeeded, to_prompt

pytestmark = pytest.mark.comfyui

TEMPLATES = sorted((PACK / "example_workflows").glob("*.json"))


def results(comfy) -> list[Path]:
    return sorted((comfy.base / "output" / "wan_animate").rglob("*.mp4"))


def test_a_picture_and_a_clip_give_frames_video_and_sound(comfy, samples):
    graph = loaders(samples.character.name, samples.motion.name)
    graph["3"] = animate()
    graph["4"] = {
        "class_type": "CreateVideo",
        "inputs": {"images": ["3", 0], "fps": ["3", 3], "audio": ["3", 2]},
    }
    graph["5"] = {
        "class_type": "SaveVideo",
        "inputs": {"video": ["4", 0], "filename_prefix": "again", "format": "mp4", "codec": "h264"},
    }
    entry = comfy.run(graph)
    assert succeeded(entry), error_of(entry)
    shown = entry["outputs"]["3"]
    assert shown["animated"] == [True]
    place = shown["images"][0]
    assert (comfy.base / "output" / place["subfolder"] / place["filename"]).is_file()
    assert (comfy.base / "output" / "again_00001_.mp4").is_file()


def test_the_result_has_a_sidecar_that_says_what_it_is(comfy):
    graph = {**small_makers(), "3": small_clip(seed=11)}
    entry = comfy.run(graph)
    assert succeeded(entry), error_of(entry)
    place = entry["outputs"]["3"]["images"][0]
    video = comfy.base / "output" / place["subfolder"] / place["filename"]
    sidecar = json.loads(video.with_suffix(".json").read_text())
    assert sidecar["practice"] is True
    assert sidecar["task_id"].startswith("practice-")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda p: p.stem)
def test_each_example_workflow_runs_to_success(comfy, template):
    known = comfy.get("/object_info")
    workflow = load_json(template)
    missing = {
        node["type"] for node in workflow["nodes"]
        if node["type"] not in known and node["type"] not in {"Note", "MarkdownNote"}
    }  # fmt: skip
    if any(name.startswith("VHS_") for name in missing):
        pytest.skip("VideoHelperSuite is not installed in this ComfyUI: set VHS_PATH")
    assert not missing
    entry = comfy.run(to_prompt(workflow, known))
    assert succeeded(entry), error_of(entry)
    assert template.with_suffix(".jpg").is_file()


def test_a_results_folder_that_links_to_another_disk(comfy, tmp_path):
    (comfy.base / "output" / "linked").symlink_to(tmp_path, target_is_directory=True)
    comfy.post("/apixo_wan_animate/settings", {"changes": {"output": "linked"}})
    try:
        entry = comfy.run({**small_makers(), "3": small_clip(seed=12)})
    finally:
        comfy.post("/apixo_wan_animate/settings", {"changes": {"output": "wan_animate"}})
    assert succeeded(entry), error_of(entry)
    place = entry["outputs"]["3"]["images"][0]
    assert place["subfolder"] == "linked"
    assert (tmp_path / place["filename"]).is_file()
    named = {"filename": place["filename"], "subfolder": "linked", "type": "output"}
    assert requests.get(f"{comfy.url}/view", params=named, timeout=30).content[4:8] == b"ftyp"


def test_ten_identical_nodes_submit_once(comfy):
    before = len(results(comfy))
    graph = small_makers()
    graph |= {str(100 + n): small_clip(seed=77) for n in range(10)}
    entry = comfy.run(graph)
    assert succeeded(entry), error_of(entry)
    assert len(results(comfy)) == before + 1


def test_ten_different_nodes_are_under_way_at_once(comfy):
    graph = small_makers()
    graph |= {str(200 + n): small_clip(seed=600 + n) for n in range(10)}
    comfy.post("/probe/release", {})
    before = comfy.get("/probe/accepted")
    comfy.post("/probe/unending", {}).raise_for_status()
    prompt = comfy.queue(graph)
    until(lambda: comfy.get("/probe/accepted") == before + 10)
    comfy.post("/probe/release", {})
    entry = comfy.wait(prompt)
    assert succeeded(entry), error_of(entry)


def test_running_again_reuses_the_result(comfy):
    graph = {**small_makers(), "3": small_clip(seed=88)}
    assert succeeded(comfy.run(graph))
    count = len(results(comfy))
    comfy.post("/free", {"unload_models": True, "free_memory": True})
    graph["3"]["inputs"]["frame_count"] = 3
    entry = comfy.run(graph)
    assert succeeded(entry), error_of(entry)
    assert len(results(comfy)) == count
    assert "reused task" in entry["outputs"]["3"]["text"][0]


def test_a_failed_task_is_a_red_node_with_two_sentences(comfy):
    entry = comfy.run({**small_makers(), "3": small_clip(prompt="practice:fail NSFW_DETECTED")})
    assert not succeeded(entry)
    assert "NSFW_DETECTED" in error_of(entry)
    assert error_of(entry).count(". ") >= 1


def test_submit_lets_the_queue_go_on_and_collect_brings_the_result(comfy):
    widgets = small_clip(seed=303)["inputs"]
    dropped = {"decode_frames", "first_frame", "frame_count", "every_nth", "longest_side"}
    submit = {
        "class_type": "ApixoWanSubmit",
        "inputs": {name: value for name, value in widgets.items() if name not in dropped},
    }
    comfy.post("/probe/release", {})
    comfy.post("/probe/unending", {}).raise_for_status()
    entry = comfy.run({**small_makers(), "3": submit})  # it ends, and its task does not
    assert succeeded(entry), error_of(entry)
    comfy.post("/probe/release", {})
    task_id = entry["outputs"]["3"]["text"][0].split()[-1]
    collect = {
        "class_type": "ApixoWanCollect",
        "inputs": {"task_id": task_id, "decode_frames": True, "first_frame": 0, "frame_count": 0,
                   "every_nth": 1, "longest_side": 0},
    }  # fmt: skip
    entry = comfy.run({"1": collect})
    assert succeeded(entry), error_of(entry)
    assert entry["outputs"]["1"]["images"]
