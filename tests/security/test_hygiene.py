"""What lies on the disk, who may read it, and what is in the package."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest
import torch
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.hosting.published import PublishedFiles
from apixo_wan_animate.utils.hosting.secret_file import own_secret
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.owners import Ownership
from apixo_wan_animate.utils.ledger.rows import NewTask
from apixo_wan_animate.utils.setting_values import Secret
from apixo_wan_animate.utils.settings import SettingsStore
from apixo_wan_animate.utils.tasks.request import PictureCharacter
from apixo_wan_animate.utils.tasks.thumbnail import write_thumbnail

PACK = Path(__file__).resolve().parents[2]
KEY = "sk-test-0123456789abcdef"

posix = pytest.mark.skipif(os.name != "posix", reason="needs the file modes of Unix")


@pytest.fixture
def open_umask():
    """A system that lets everybody do everything, unless somebody says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def keep_key(state: Path) -> None:
    SettingsStore(state, {}).save_key(Secret(KEY))


def keep_setting(state: Path) -> None:
    SettingsStore(state, {}).save({"output": "films"})


def keep_row(state: Path) -> None:
    ledger = Ledger(Database(state / LEDGER_FILE), SystemClock(), owner="x")
    ledger.admit(NewTask("https://api.apixo.ai", False, fingerprint="f"))
    names = (LEDGER_FILE, f"{LEDGER_FILE}-wal", f"{LEDGER_FILE}-shm")
    modes = {name: mode_of(state / name) for name in names}
    ledger.close()
    assert set(modes.values()) == {0o600}, modes


def keep_lock(state: Path) -> None:
    ownership = Ownership(state / "owners")
    ownership.claim()
    ownership.release()


def keep_secret(state: Path) -> None:
    own_secret(state / "published.key")


def keep_published(state: Path) -> None:
    state.parent.mkdir(exist_ok=True)
    file = state.parent / "a.bin"
    file.write_bytes(b"1")
    clock = SystemClock()
    PublishedFiles(state, clock).publish(file, extension=".png", expires_at=clock.now() + 99,
                                progress=lambda *_: None, stop=threading.Event())  # fmt: skip


FIRST = [keep_key, keep_setting, keep_row, keep_lock, keep_secret, keep_published]


@posix
@pytest.mark.parametrize("first", FIRST)
def test_whatever_comes_first_makes_a_folder_of_its_owner_alone(tmp_path, open_umask, first):
    state = tmp_path / "user" / "__apixo_wan_animate"
    first(state)
    assert mode_of(state) == 0o700
    for keep in FIRST:
        keep(state)
    write_thumbnail(PictureCharacter(torch.rand(9, 8, 3)), state / "thumbnails" / "1.jpg")
    assert mode_of(state) == 0o700
    secrets = {"credentials.json", "settings.json", "published.key", LEDGER_FILE}
    assert {name: mode_of(state / name) for name in secrets} == dict.fromkeys(secrets, 0o600)
    assert mode_of(state / "published") == 0o700


@posix
@pytest.mark.parametrize("mode", [0o644, 0o666, 0o640])
def test_a_key_that_lay_open_is_closed_by_the_next_writing(tmp_path, open_umask, mode):
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps({"api_key": "sk-old-0123456789"}))
    file.chmod(mode)
    reader = file.open("rb")  # whoever had it open reads the old one only
    keep_key(tmp_path)
    assert mode_of(file) == 0o600
    assert KEY.encode() not in reader.read()
    reader.close()
    keep_key(tmp_path)
    assert mode_of(file) == 0o600
    assert not list(tmp_path.glob("*.part"))


@posix
def test_a_link_in_the_place_of_the_key_is_replaced_and_not_written_through(tmp_path):
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text("{}")
    state = tmp_path / "state"
    state.mkdir()
    (state / "credentials.json").symlink_to(elsewhere)
    keep_key(state)
    assert elsewhere.read_text() == "{}"
    assert not (state / "credentials.json").is_symlink()


# What SECURITY.md says


def test_each_threat_names_tests_that_are_there_and_none_of_this_room_is_left_out():
    text = (PACK / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    linked = [re.findall(r"\]\((tests/[^)]+)\)", row) for row in rows]
    assert rows
    assert all(linked), "a threat without a test"
    named = {name for names in linked for name in names}
    assert {name for name in named if not (PACK / name).is_file()} == set()
    here = {f"tests/security/{p.name}" for p in Path(__file__).parent.glob("test_*.py")}
    assert here <= named


# The package


def packed() -> list[str]:
    """What the registry's client would pack: what git has, without what .comfyignore names."""
    if shutil.which("git") is None or not (PACK / ".git").exists():
        pytest.skip("needs a clone and git")

    def listed(*more: str) -> set[str]:
        done = subprocess.run(["git", "ls-files", "-z", *more], cwd=PACK, capture_output=True,
                              text=True, check=True)  # fmt: skip
        return set(filter(None, done.stdout.split("\0")))

    return sorted(listed() - listed("-c", "-i", f"--exclude-from={PACK / '.comfyignore'}"))


def test_the_package_holds_what_runs_and_nothing_of_the_workshop():
    files = packed()
    first = {name.split("/")[0] for name in files}
    assert {"__init__.py", "nodes", "utils", "web", "locales", "LICENSE"} <= first
    assert not first & {"tests", "scripts", "benchmarks", ".ci", ".github", "Makefile"}
    hidden = {name for name in files if name.rsplit("/", 1)[-1].startswith(".")}
    assert hidden <= {".comfyignore"}


def test_the_package_holds_no_secret():
    ends = (".sqlite3", ".key", ".pem", ".env", "credentials.json", "settings.json")
    files = packed()
    assert not [name for name in files if name.endswith(ends) and not name.startswith("locales/")]
    for name in files:
        content = (PACK / name).read_bytes()
        assert b"PRIVATE KEY-----" not in content, name
        assert b"AKIA" not in content, name
