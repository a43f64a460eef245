"""The way of a task under Windows' rule for open files, which this machine is made to obey."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
import windows_locks
from apixo_wan_animate.utils.errors import LedgerError
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.replacing import replacing
from apixo_wan_animate.utils.setting_values import Secret
from apixo_wan_animate.utils.settings import SettingsStore
from apixo_wan_animate.utils.tasks.result_file import put_in_place

from .world import clip, outcome, request

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="what is open is read from /proc"
)


@pytest.fixture
def refused(monkeypatch):
    return windows_locks.obey(monkeypatch)


def test_the_rule_is_obeyed(refused, tmp_path):
    target = tmp_path / "a.json"
    with target.open("w"), pytest.raises(PermissionError), replacing(target) as part:
        part.write_text("{}")
    assert set(refused) == {"replace a.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_task_with_sound_goes_its_whole_way(world, refused):
    wish = request(motion=clip(sound=True), prompt="practice:silent")
    done = outcome(world.service().start(wish))
    assert done.row.state is State.COLLECTED
    assert outcome(world.service().start(wish)).reused
    assert refused == []


def test_a_result_whose_name_a_player_holds_open_gets_another_one(refused, tmp_path):
    part, file = tmp_path / "a.part", tmp_path / "a.mp4"
    part.write_bytes(b"new")
    with file.open("wb"):
        placed = put_in_place(part, file)
    assert placed != file
    assert placed.read_bytes() == b"new"
    assert refused == ["replace a.mp4"]


def test_settings_and_keys_are_kept(refused, tmp_path):
    store = SettingsStore(tmp_path, {})
    store.save({"output": "mine"})
    store.save({"output": "yours"})
    store.save_key(Secret("sk-0123456789abcdef"))
    assert store.load().output == "yours"
    assert refused == []


def test_settings_are_saved_as_soon_as_somebody_has_read_them(refused, tmp_path):
    store = SettingsStore(tmp_path, {})
    store.save({"output": "mine"})
    reading = (tmp_path / "settings.json").open("rb")
    done = threading.Timer(0.1, reading.close)
    done.start()
    store.save({"output": "yours"})
    done.join()
    assert store.load().output == "yours"
    assert "replace settings.json" in refused


def test_a_damaged_ledger_that_another_holds_names_the_way_out(refused, tmp_path):
    path = tmp_path / LEDGER_FILE
    Database(path).close()
    other = sqlite3.connect(path)
    other.execute("SELECT count(*) FROM tasks").fetchone()
    with path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(LedgerError, match="Stop every ComfyUI"):
        Database(path)
    other.close()
    Database(path).close()
    assert path.stat().st_size > 100
