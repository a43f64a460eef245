"""One ComfyUI in practice mode for all tests of this folder, with sample inputs in it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest
from running_comfyui import PACK, checkout, install_pack, running


def _samples_drawer():
    spec = importlib.util.spec_from_file_location("samples", PACK / "scripts" / "draw_samples.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["samples"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    return _samples_drawer().draw(tmp_path_factory.mktemp("samples"))


def video_helper_suite() -> Path | None:
    """VideoHelperSuite: `VHS_PATH`, or beside the checkout's other packs."""
    named = os.environ.get("VHS_PATH")
    found = [Path(named)] if named else (checkout() / "custom_nodes").glob("*[Vv]ideo*[Ss]uite*")
    return next((path for path in found if (path / "videohelpersuite").is_dir()), None)


@pytest.fixture(scope="session")
def comfy(tmp_path_factory, samples):
    base = tmp_path_factory.mktemp("comfyui")
    install_pack(base)
    suite = video_helper_suite()
    if suite is not None:
        shutil.copytree(suite.resolve(), base / "custom_nodes" / suite.name,
                        ignore=shutil.ignore_patterns(".git"))  # fmt: skip
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
