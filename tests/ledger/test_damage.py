"""A damaged ledger: what is readable comes over, what is not is told, nothing is bought twice."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from apixo_wan_animate.utils.errors import LedgerError
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.mending import take_notice
from apixo_wan_animate.utils.ledger.rows import NewTask, TaskRow
from apixo_wan_animate.utils.ledger.states import LIVE, State
from broken_ledger import LEAF_OF_INDEX, LEAF_OF_TABLE, PAGE, overwrite, pages_with
from clocks import HandClock

PACK = Path(__file__).resolve().parents[2]
ORIGIN = "https://api.example.test"
ROWS = 60


def fill(path: Path, *, rows: int = ROWS) -> list[TaskRow]:
    """A ledger with rows in every state; a prompt of some length, so that they fill pages."""
    database = Database(path)
    ledger = Ledger(database, HandClock(), owner="a" * 32)
    for n in range(1, rows + 1):
        prompt = f"prompt {n} " + "x" * 300
        new = NewTask(ORIGIN, practice=False, fingerprint=f"{n:064x}", prompt=prompt, billable_s=7)
        row, _ = ledger.admit(new)
        if n % 5 == 1:
            continue  # still preparing
        ledger.sending(row.id, daily_limit_s=None)
        if n % 5 == 2:
            ledger.step(row.id, State.UNKNOWN)
            continue
        ledger.submitted(row.id, f"task-{n}")
        if n % 5 == 3:
            continue  # under way
        ledger.step(row.id, State.SUCCEEDED)
        ledger.step(row.id, State.COLLECTED, file=f"wan_animate/{n}.mp4")
    before = ledger.rows(limit=10**6)
    database.close()
    return before


def opened(path: Path) -> list[TaskRow]:
    database = Database(path)
    try:
        return Ledger(database, HandClock()).rows(limit=10**6)
    finally:
        database.close()


def buys_again(before: list[TaskRow], after: list[TaskRow]) -> list[int]:
    """Rows whose request would be submitted a second time, or whose task is forgotten."""
    live = {row.fingerprint for row in after if row.state in LIVE}
    tasks = {row.task_id for row in after}
    return [
        row.id
        for row in before
        if (row.sending_at and row.fingerprint not in live)
        or (row.task_id and row.task_id not in tasks)
    ]


@pytest.fixture
def path(tmp_path):
    return tmp_path / LEDGER_FILE


@pytest.mark.parametrize(
    "content", [b"\0" * PAGE, random.Random(3).randbytes(PAGE)], ids=["0", "?"]
)
def test_what_a_damaged_page_held_is_pieced_together_from_the_indexes(path, content):
    before = fill(path)
    (at,) = pages_with(path, b"prompt 33 ", LEAF_OF_TABLE)
    overwrite(path, at, content)
    after = opened(path)
    assert not buys_again(before, after)
    whole = {row.id: row for row in after if row.prompt}
    assert ROWS > len(whole) > ROWS / 2
    assert all(whole[row.id] == row for row in before if row.id in whole)
    states = {row.id: row.state for row in after}
    assert all(states.get(row.id) is row.state for row in before if row.sending_at)
    told = take_notice(path.parent)
    assert "only the essentials" in told
    assert "dashboard" in told


def test_every_row_comes_over_when_only_an_index_is_damaged(path):
    before = fill(path)
    for at in pages_with(path, b"task-33", LEAF_OF_INDEX):
        overwrite(path, at, b"\0" * PAGE)
    assert opened(path) == before
    assert f"all {ROWS} rows" in take_notice(path.parent)


def test_an_index_that_has_lost_a_request_is_found_out(path):
    before = fill(path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA writable_schema = ON")
    (kept,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'tasks_by_state'")
    db.execute("DROP INDEX tasks_by_state")
    db.execute("CREATE INDEX tasks_by_state ON tasks (state, owner) WHERE id < 9")
    db.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'tasks_by_state'", kept)
    db.close()
    assert opened(path) == before
    database = Database(path)
    assert Ledger(database, HandClock()).live(f"{59:064x}") is not None
    database.close()


@pytest.mark.parametrize("share", [0.9, 0.6, 0.3])
def test_a_ledger_that_was_cut_short_gives_what_is_left_and_says_what_is_not(path, share):
    before = fill(path)
    os.truncate(path, int(path.stat().st_size * share))
    after = opened(path)
    assert all(row in before for row in after if row.prompt)
    told = take_notice(path.parent)
    assert "was damaged" in told
    if buys_again(before, after):
        assert "could be paid for twice" in told


@pytest.mark.parametrize("length", [100, PAGE], ids=["header", "first page"])
def test_rows_come_over_when_the_beginning_of_the_file_is_lost(path, length):
    before = fill(path)
    overwrite(path, 0, b"?" * length)
    after = opened(path)
    assert after == before
    assert "not known whether there were more" in take_notice(path.parent)


@pytest.mark.parametrize("content", [b"", b"no database at all " * 700], ids=["empty", "garbage"])
def test_a_ledger_of_which_nothing_is_left_is_not_taken_for_a_new_one(path, content):
    fill(path)
    path.write_bytes(content)
    assert opened(path) == []
    told = take_notice(path.parent)
    assert "none of its rows" in told
    assert "paid for twice" in told


def test_the_damaged_file_is_kept_as_it_was(path):
    fill(path)
    overwrite(path, 2 * PAGE, b"\0" * 3 * PAGE)
    content = path.read_bytes()
    opened(path)
    (kept,) = path.parent.glob("ledger.damaged-*.sqlite3")
    assert kept.read_bytes() == content
    assert kept.name in take_notice(path.parent)
    if os.name == "posix":
        assert not kept.stat().st_mode & 0o077
        assert not path.stat().st_mode & 0o077


def test_a_new_row_gets_a_number_that_no_row_had_before(path):
    fill(path)
    database = Database(path)
    Ledger(database, HandClock()).forget(ROWS)  # the last one
    database.close()
    (at,) = pages_with(path, b"prompt 33 ", LEAF_OF_TABLE)
    overwrite(path, at, b"\0" * PAGE)
    database = Database(path)
    row, _ = Ledger(database, HandClock(), owner="b" * 32).admit(NewTask(ORIGIN, practice=False))
    database.close()
    assert row.id == ROWS + 1


# The log beside it


def with_log(path: Path) -> list[TaskRow]:
    """A ledger of which nothing has gone from the log into the file yet, as a crash leaves it."""
    there = path.with_name("there")
    there.mkdir()
    Database(there / LEDGER_FILE).close()
    holder = sqlite3.connect(there / LEDGER_FILE, isolation_level=None)
    holder.execute("BEGIN")  # while somebody reads, nothing leaves the log
    holder.execute("SELECT count(*) FROM tasks").fetchone()
    before = fill(there / LEDGER_FILE)
    for ending in ("", "-wal"):
        shutil.copy(there / f"{LEDGER_FILE}{ending}", path.with_name(LEDGER_FILE + ending))
    holder.close()
    return before


@pytest.mark.parametrize("left", ["empty", "gone"])
def test_rows_come_over_from_the_log_when_the_file_is(path, left):
    before = with_log(path)
    path.write_bytes(b"")
    if left == "gone":
        path.unlink()
    assert opened(path) == before
    assert take_notice(path.parent)


def test_a_log_that_belongs_to_another_file_loses_no_row_of_either(path, tmp_path):
    before = with_log(path)
    other = tmp_path / "other"
    other.mkdir()
    older = fill(other / LEDGER_FILE, rows=7)
    shutil.copy(other / LEDGER_FILE, path)
    after = opened(path)
    tasks = {row.task_id for row in after}
    assert {row.task_id for row in [*before, *older]} <= tasks


# Cut off


def test_a_mending_that_is_killed_at_any_moment_loses_no_row(tmp_path):
    script = (
        "import sys, types\n"
        "pack = types.ModuleType('p'); pack.__path__ = [sys.argv[1]]; sys.modules['p'] = pack\n"
        "from pathlib import Path\n"
        "from p.utils.ledger.database import Database\n"
        "print('ready', flush=True)\n"
        "Database(Path(sys.argv[2]))\n"
        "print('done', flush=True)\n"
    )
    template = tmp_path / "template.sqlite3"
    before = fill(template, rows=150)
    for at in pages_with(template, b"task-33", LEAF_OF_INDEX):
        overwrite(template, at, b"\0" * PAGE)
    killed = 0
    for n in range(5):
        folder = tmp_path / str(n)
        folder.mkdir()
        path = folder / LEDGER_FILE
        shutil.copy(template, path)
        with subprocess.Popen(
            [sys.executable, "-c", script, str(PACK), str(path)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == b"ready"
            time.sleep(0.006 * n)
            child.kill()
            killed += b"done" not in child.stdout.read()
        assert opened(path) == before
    assert killed >= 2


def test_a_mended_ledger_that_could_not_take_its_place_does_so_at_the_next_opening(path):
    before = fill(path)
    for at in pages_with(path, b"task-33", LEAF_OF_INDEX):
        overwrite(path, at, b"\0" * PAGE)
    shared = path.with_name(f"{LEDGER_FILE}-shm")
    shared.mkdir()  # what cannot be removed, as a file that is open cannot on Windows
    with pytest.raises(LedgerError, match="cannot take its place"):
        Database(path)
    shared.rmdir()
    assert opened(path) == before
    assert len(list(path.parent.glob("ledger.damaged-*.sqlite3"))) == 1
    assert take_notice(path.parent).count("kept as") == 1


def test_a_log_that_lies_there_is_not_read_into_the_mended_file(path, tmp_path):
    before = fill(path)
    for at in pages_with(path, b"task-33", LEAF_OF_INDEX):
        overwrite(path, at, b"\0" * PAGE)
    shared = path.with_name(f"{LEDGER_FILE}-shm")
    shared.mkdir()
    with pytest.raises(LedgerError, match="cannot take its place"):
        Database(path)
    shared.rmdir()
    other = tmp_path / "other"
    other.mkdir()
    with_log(other / LEDGER_FILE)
    shutil.copy(other / f"{LEDGER_FILE}-wal", path.with_name(f"{LEDGER_FILE}-wal"))
    assert opened(path) == before
