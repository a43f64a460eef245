"""One ComfyUI in practice mode for all tests of this folder, with sample inputs in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from loaded_script import loaded_script
from running_comfyui import PACK, install_pack, install_video_helper_suite, running


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    return loaded_script("draw_samples").draw(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="session")
def comfy(tmp_path_factory, samples):
    base = tmp_path_factory.mktemp("comfyui")
    install_pack(base)
    install_video_helper_suite(base)
    probe = PACK / "tests" / "support" / "probe_pack"
    shutil.copytree(probe, base / "custom_nodes" / "probe_pack")
    (base / "input").mkdir()
    for folder in (Path(samples.character).parent, PACK / "web" / "samples"):
        for file in folder.iterdir():
            shutil.copy(file, base / "input" / file.name)
    with running(base, environment={"APIXO_WAN_PRACTICE": "1"}) as process:
        yield process


@pytest.fixture
def idle(comfy):
    """The same ComfyUI, once nothing runs in it."""
    yield comfy
    comfy.interrupt()
