"""How the ledger's file keeps its log: tried out while the file is new, and left alone after."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from apixo_wan_animate.utils.ledger import database
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.mending import take_notice

from .rows_made import new

PACK = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / LEDGER_FILE


@pytest.fixture
def no_shared_memory(path):
    """A disk on which processes cannot share memory."""
    path.with_name(f"{LEDGER_FILE}-shm").mkdir()


def mode_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA journal_mode").fetchone()[0]


def test_a_new_ledger_gets_a_shared_log_and_keeps_it(path):
    for _ in range(2):
        Database(path).close()
        assert mode_of(path) == "wal"


def test_a_mended_ledger_gets_a_shared_log(path, tmp_path):
    path.write_bytes(b"no database " * 500)
    Database(path).close()
    assert take_notice(tmp_path)
    assert mode_of(path) == "wal"


def test_opening_a_ledger_without_a_shared_log_changes_no_byte(path, no_shared_memory):
    Database(path).close()
    before = path.read_bytes()
    Database(path).close()
    assert path.read_bytes() == before


def test_it_can_be_opened_while_somebody_reads_it(path, no_shared_memory, clock, monkeypatch):
    first = Database(path)
    for number in range(3):
        Ledger(first, clock, owner="a" * 32).admit(new(f"{number:064}"))
    monkeypatch.setattr(database, "_BUSY_S", 0.2)
    with first.read() as db:
        reading = db.execute("SELECT id FROM tasks")
        reading.fetchone()
        second = Database(path)
        assert len(Ledger(second, clock).rows()) == 3
        reading.fetchall()
    second.close()
    first.close()


OPENS = """
import sys, types
from pathlib import Path
pack = types.ModuleType("p"); pack.__path__ = [sys.argv[1]]; sys.modules["p"] = pack
from p.utils.ledger.database import Database
for _ in range(6):
    Database(Path(sys.argv[2])).close()
"""


def test_a_process_that_opens_it_again_and_again_disturbs_no_other(path, no_shared_memory, clock):
    ledger = Ledger(Database(path), clock, owner="a" * 32)
    command = [sys.executable, "-c", OPENS, str(PACK), str(path)]
    written = 0
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        while child.poll() is None:
            ledger.admit(new(f"{written:064}"))
            assert len(ledger.rows(limit=5)) > 0
            written += 1
        assert child.returncode == 0, child.stderr and child.stderr.read()
    assert ledger.count() == written
    ledger.close()
