"""The file under the ledger: opened with care, brought up to date, few connections."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading

import psutil
import pytest
from apixo_wan_animate.utils.errors import LedgerError
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.mending import take_notice
from apixo_wan_animate.utils.ledger.schema import MIGRATIONS
from apixo_wan_animate.utils.ledger.unfinished import has_unfinished

from .rows_made import accepted, new


def open_files() -> int:
    process = psutil.Process()
    return process.num_handles() if os.name == "nt" else process.num_fds()


def test_a_surplus_connection_is_closed_before_the_file_counts_as_nobodys(database, monkeypatch):
    busy_at_close = []

    class Telling(sqlite3.Connection):
        def close(self) -> None:
            busy_at_close.append(database._busy)
            super().close()

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Telling))
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(database.read())
    assert len(busy_at_close) >= 1
    assert all(busy > 0 for busy in busy_at_close)


def test_many_readers_at_once_leave_few_files_open(database):
    reading, held = threading.Barrier(13), threading.Barrier(13)

    def read() -> None:
        with database.read() as db:
            db.execute("SELECT count(*) FROM tasks").fetchone()
            reading.wait(60)
            held.wait(60)

    before = open_files()
    threads = [threading.Thread(target=read) for _ in range(12)]
    for thread in threads:
        thread.start()
    reading.wait(60)
    meanwhile = open_files()
    held.wait(60)
    for thread in threads:
        thread.join()
    assert meanwhile - before >= 24  # the ledger and its log
    # SQLite keeps the ledger's descriptor of a closed connection for the next one that opens it.
    assert open_files() - before <= 12 + 2 * 4


def test_a_damaged_ledger_is_kept_aside_and_said_once(tmp_path):
    path = tmp_path / LEDGER_FILE
    path.write_bytes(b"this is no database, but it was one before " * 200)
    Database(path).close()
    assert "damaged" in take_notice(tmp_path)
    assert take_notice(tmp_path) == ""
    kept = list(tmp_path.glob("ledger.damaged-*.sqlite3"))
    assert len(kept) == 1
    assert kept[0].read_bytes().startswith(b"this is no database")


def test_a_ledger_of_a_later_version_is_left_alone(tmp_path):
    path = tmp_path / LEDGER_FILE
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="later version"):
        Database(path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*damaged*"))


def test_an_older_ledger_is_brought_up_to_date_with_its_rows(tmp_path, clock):
    path = tmp_path / LEDGER_FILE
    old = Database(path)
    row, _ = Ledger(old, clock, owner="a" * 32).admit(new())
    old.close()
    later = (*MIGRATIONS, "ALTER TABLE tasks ADD COLUMN mood TEXT NOT NULL DEFAULT 'good'")
    database = Database(path, later)
    with database.read() as db:
        found = db.execute("SELECT id, mood FROM tasks").fetchall()
        version = db.execute("PRAGMA user_version").fetchone()[0]
    database.close()
    assert [(r["id"], r["mood"]) for r in found] == [(row.id, "good")]
    assert version == len(later)


def test_a_migration_that_fails_changes_nothing(tmp_path):
    path = tmp_path / LEDGER_FILE
    Database(path).close()
    broken = (*MIGRATIONS, "ALTER TABLE tasks ADD COLUMN mood TEXT; SELECT * FROM nowhere")
    with pytest.raises(LedgerError):
        Database(path, broken)
    database = Database(path)
    with database.read() as db:
        columns = [r["name"] for r in db.execute("PRAGMA table_info(tasks)")]
    database.close()
    assert "mood" not in columns


@pytest.mark.skipif(os.name != "posix", reason="there are no such permissions there")
def test_the_ledger_is_its_owners_only(tmp_path):
    database = Database(tmp_path / LEDGER_FILE)
    database.close()
    assert (tmp_path / LEDGER_FILE).stat().st_mode & 0o077 == 0


def test_opening_it_twice_in_one_process_takes_no_lock_away(tmp_path, clock):
    first = Database(tmp_path / LEDGER_FILE)
    Database(tmp_path / LEDGER_FILE).close()
    ledger = Ledger(first, clock, owner="a" * 32)
    ledger.admit(new())
    elsewhere = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
        "db.execute('UPDATE tasks SET note = ?', ('seen',)); db.commit(); db.close()"
    )
    subprocess.run([sys.executable, "-c", elsewhere, str(tmp_path / LEDGER_FILE)], check=True)
    assert ledger.rows()[0].note == "seen"
    assert (tmp_path / f"{LEDGER_FILE}-wal").exists(), "the other process took our log away"
    first.close()


def test_looking_for_unfinished_tasks_makes_no_ledger(tmp_path):
    assert not has_unfinished(tmp_path)
    assert not list(tmp_path.iterdir())


def test_unfinished_tasks_are_seen(tmp_path, ledger):
    assert not has_unfinished(tmp_path)
    accepted(ledger)
    assert has_unfinished(tmp_path)
