"""The archive that users get, packed once and laid out in a folder."""

from __future__ import annotations

import ast
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from loaded_script import SCRIPTS, loaded_script


@dataclass(frozen=True)
class Archive:
    """What is packed.

    Attributes:
        file: The ZIP file.
        folder: Where it was laid out.
        names: What is in it, with `/` between folders.
    """

    file: Path
    folder: Path
    names: frozenset[str]
    _trees: dict[str, ast.Module] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def tree(self, name: str) -> ast.Module:
        """A module of it, parsed once."""
        if name not in self._trees:
            self._trees[name] = ast.parse(self.text(name))
        return self._trees[name]

    def ending(self, *suffixes: str) -> list[str]:
        return sorted(name for name in self.names if name.endswith(suffixes))


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    if shutil.which("git") is None or not (SCRIPTS.parent / ".git").exists():
        pytest.skip("needs Git and a clone: what Git tracks is what is packed")
    folder = tmp_path_factory.mktemp("archive")
    loaded_script("archive").write(folder / "pack.zip")
    with zipfile.ZipFile(folder / "pack.zip") as packed:
        packed.extractall(folder / "pack")
        return Archive(folder / "pack.zip", folder / "pack", frozenset(packed.namelist()))
