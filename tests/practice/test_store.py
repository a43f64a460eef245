"""What nobody needs any more is removed."""

from __future__ import annotations

import os

import pytest
from apixo_wan_animate.utils.practice import store
from apixo_wan_animate.utils.practice.store import FileStore


@pytest.fixture
def files(tmp_path, stepped):
    found = FileStore(tmp_path / "files", stepped)
    found.open()
    return found


def put(files, name, size_bytes=10, *, at):
    files.write(name, lambda part: part.write_bytes(b"x" * size_bytes))
    os.utime(files.path(name), (at, at))


def names(files):
    return sorted(path.name for path in files.path("a.png").parent.iterdir())


def test_what_was_not_used_for_an_hour_goes(files, stepped):
    put(files, "old.png", at=stepped.time - 3601)
    put(files, "young.png", at=stepped.time - 3599)
    files.sweep()
    assert names(files) == ["young.png"]


def test_reading_a_file_keeps_it(files, stepped):
    put(files, "old.png", at=stepped.time - 3601)
    assert files.find("old.png")
    files.sweep()
    assert names(files) == ["old.png"]


def test_what_an_unfinished_task_needs_stays(files, stepped):
    put(files, "held.mp4", at=stepped.time - 9999)
    files.hold("held.mp4")
    files.hold("held.mp4")
    files.release("held.mp4")
    files.sweep()
    assert names(files) == ["held.mp4"]
    files.release("held.mp4")
    files.sweep()
    assert names(files) == []


def test_the_oldest_go_when_there_is_too_much(files, stepped, monkeypatch):
    monkeypatch.setattr(store, "_KEEP_BYTES", 25)
    for age, name in enumerate(["c.png", "b.png", "a.png"]):
        put(files, name, at=stepped.time - 100 + age)
    files.sweep()
    assert names(files) == ["a.png", "b.png"]


def test_a_clock_that_runs_ahead_of_the_disks_removes_nothing_new(files, stepped):
    stepped.time += 400 * 86_400
    with_sweep = []

    def make(part):
        part.write_bytes(b"half")
        files.sweep()
        with_sweep.append(part.exists())

    files.write("new.png", make)
    files.sweep()
    assert with_sweep == [True]
    assert names(files) == ["new.png"]


def test_a_file_that_cannot_be_made_leaves_nothing(files):
    def fail(part):
        part.write_bytes(b"half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        files.write("a.png", fail)
    assert names(files) == []
