"""Where the host's player finds a result: below the output folder, by the names that lead there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from apixo_wan_animate.nodes.places import below


def link(path: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    try:
        path.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links for this user")


def test_a_file_in_a_folder_of_the_output_folder(tmp_path):
    assert below(tmp_path, tmp_path / "wan" / "a.mp4") == Path("wan/a.mp4")


def test_a_results_folder_that_links_to_another_disk(tmp_path):
    output = tmp_path / "output"
    output.mkdir()
    link(output / "wan", tmp_path / "disk")
    assert below(output, output / "wan" / "a.mp4") == Path("wan/a.mp4")


def test_an_output_folder_that_is_a_link_itself_and_a_file_by_its_true_name(tmp_path):
    link(tmp_path / "output", tmp_path / "disk")
    assert below(tmp_path / "output", tmp_path / "disk" / "wan" / "a.mp4") == Path("wan/a.mp4")
    assert below(tmp_path / "output", tmp_path / "output" / "a.mp4") == Path("a.mp4")


def test_a_folder_that_is_named_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert below(Path("output"), tmp_path / "output" / "a.mp4") == Path("a.mp4")
    assert below(tmp_path / "x" / ".." / "output", Path("output/a.mp4")) == Path("a.mp4")


@pytest.mark.parametrize("file", ["elsewhere/a.mp4", "output/../a.mp4", "output"])
def test_a_file_elsewhere_has_no_place_and_is_no_error(tmp_path, file):
    assert below(tmp_path / "output", tmp_path / file) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows makes no such links")
def test_links_in_a_circle_are_no_error(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert below(tmp_path / "output", tmp_path / "a" / "a.mp4") is None
