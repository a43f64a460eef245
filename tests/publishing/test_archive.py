"""The archive holds what a user needs, whole, and nothing else."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from loaded_script import loaded_script

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = {"nodes": {".py"}, "utils": {".py"}, "locales": {".json"},
           "example_workflows": {".json", ".jpg"},
           "web": {".js", ".css", ".md", ".jpg", ".png", ".mp4"}}  # fmt: skip
"""The folders that are packed whole, and what may lie in them."""
FILES = {"__init__.py", "cli.py", "pyproject.toml", "requirements.txt", "docs/hosting.md"}
PAPERS = {"README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md"}
MOST_BYTES = 3 * 1024 * 1024


def in_repository(folder: str) -> set[str]:
    listed = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files", "-z", folder],
        capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    return {name for name in listed.stdout.split("\0") if name}


def test_everything_in_the_archive_is_for_users(archive):
    strange = set()
    for name in archive.names - FILES - PAPERS:
        path = PurePosixPath(name)
        if path.suffix not in FOLDERS.get(path.parts[0], set()) or ".." in path.parts:
            strange.add(name)
    assert strange == set()


def test_the_folders_that_users_need_are_packed_whole(archive):
    for folder in FOLDERS:
        assert in_repository(folder) <= archive.names, folder


def test_the_files_at_the_root_are_packed(archive):
    assert archive.names >= FILES
    assert {name for name in PAPERS if (REPOSITORY / name).exists()} <= archive.names


def test_every_module_that_the_pack_imports_is_packed(archive):
    missing = []
    for name in archive.ending(".py"):
        folder = PurePosixPath(name).parent
        for node in ast.walk(archive.tree(name)):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            base = folder
            for _ in range(node.level - 1):
                base = base.parent
            target = base.joinpath(*(node.module or "").split("."))
            found = [target.with_suffix(".py"), target / "__init__.py"]
            if not node.module:
                found = [base / f"{alias.name}.py" for alias in node.names]
                found += [base / alias.name / "__init__.py" for alias in node.names]
            if not {path.as_posix() for path in found} & archive.names:
                missing.append(f"{name}:{node.lineno}")
    assert missing == []


def test_every_picture_of_a_help_page_is_packed(archive):
    pages = [name for name in archive.ending(".md") if name.startswith("web/docs/")]
    pictures = {
        f"web/docs/{picture}"
        for page in pages
        for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", archive.text(page))
    }
    assert len(pages) >= 24
    assert pictures
    assert pictures <= archive.names


def test_every_template_is_packed_with_its_picture_and_its_samples(archive):
    for name in archive.ending(".json"):
        if not name.startswith("example_workflows/"):
            continue
        assert name.removesuffix(".json") + ".jpg" in archive.names
        workflow = json.loads(archive.text(name))
        values = [v for node in workflow["nodes"] for v in node.get("widgets_values", [])]
        loaded = {v for v in values if isinstance(v, str) and v.startswith("wan_animate_")}
        assert {f"web/samples/{value}" for value in loaded} <= archive.names, name


def test_the_archive_is_small(archive):
    size = archive.file.stat().st_size
    print(f"archive: {len(archive.names)} files, {size:,} bytes")
    assert size < MOST_BYTES


def test_every_name_in_the_archive_is_one_that_every_system_can_write(archive):
    allowed = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,/ -]*")
    assert [name for name in archive.names if not allowed.fullmatch(name)] == []
    assert len({name.casefold() for name in archive.names}) == len(archive.names)
    assert max(map(len, archive.names)) < 100  # Windows: 260 with the folders above


def test_the_same_files_give_the_same_archive(archive, tmp_path):
    again = tmp_path / "again.zip"
    loaded_script("archive").write(again)
    assert again.read_bytes() == archive.file.read_bytes()


def test_what_git_does_not_track_is_not_packed(tmp_path, monkeypatch):
    script = loaded_script("archive")
    names = {"__init__.py": True, "nodes/kept.py": True, "tests/test_it.py": True,
             "nodes/__pycache__/kept.pyc": True, ".hidden/file": True, "new.py": False}  # fmt: skip
    clone = tmp_path / "clone"
    for name in names:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(name)
    (clone / ".comfyignore").write_text((REPOSITORY / ".comfyignore").read_text())
    git = ["git", "-C", str(clone)]
    subprocess.run([*git, "init", "-q"], check=True)
    tracked = [name for name, kept in names.items() if kept]
    subprocess.run([*git, "add", "--force", *tracked], check=True)
    monkeypatch.setattr(script, "ROOT", clone)
    script.write(tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as packed:
        assert packed.namelist() == ["__init__.py", "nodes/kept.py"]
    script.write(tmp_path / "pack.zip", untracked=True)
    with zipfile.ZipFile(tmp_path / "pack.zip") as packed:
        assert packed.namelist() == ["__init__.py", "new.py", "nodes/kept.py"]


def test_outside_a_clone_packing_says_what_it_needs(tmp_path, monkeypatch):
    script = loaded_script("archive")
    monkeypatch.setattr(script, "ROOT", tmp_path)
    with pytest.raises(RuntimeError, match=r"Install Git and pack from a clone\.$"):
        script.write(tmp_path / "pack.zip")
