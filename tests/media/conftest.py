"""Where the tests of encoding put their file."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "clip.mp4"
