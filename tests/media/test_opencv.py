"""OpenCV as people have it: whole, or what is left of two of its packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACK = Path(__file__).resolve().parents[2]

LOAD = """
import sys, types
pack = types.ModuleType("p"); pack.__path__ = [sys.argv[1]]; sys.modules["p"] = pack
sys.path.insert(0, sys.argv[2])
from p.utils.errors import MediaError
from p.utils.media.opencv import opencv
try:
    print(opencv().__version__)
except MediaError as error:
    print(error)
"""


def load_with(folder: Path) -> str:
    ran = subprocess.run(
        [sys.executable, "-S", "-c", LOAD, str(PACK), str(folder)],
        capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_empty_folder_that_a_removed_second_opencv_leaves_is_a_sentence(tmp_path):
    (tmp_path / "cv2").mkdir()
    assert "--force-reinstall" in load_with(tmp_path)


def test_no_opencv_at_all_is_a_sentence(tmp_path):
    assert "Install opencv-python" in load_with(tmp_path)
