"""The ledger: one live row for a request, each step written, nothing lost by a crash."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading

import psutil
import pytest
from apixo_wan_animate.utils.errors import InputError, LedgerError, LimitError
from apixo_wan_animate.utils.tasks.database import Database
from apixo_wan_animate.utils.tasks.ledger import (
    LEDGER_FILE,
    Ledger,
    RowGoneError,
    TaskTakenError,
    has_unfinished,
)
from apixo_wan_animate.utils.tasks.mending import take_notice
from apixo_wan_animate.utils.tasks.rows import NewTask
from apixo_wan_animate.utils.tasks.schema import MIGRATIONS
from apixo_wan_animate.utils.tasks.spending import Spending, local_day
from apixo_wan_animate.utils.tasks.states import State

from .clocks import HandClock

ORIGIN = "https://api.example.test"


def new(fingerprint: str = "f1", **changes) -> NewTask:
    values = {"origin": ORIGIN, "practice": False, "fingerprint": fingerprint, "billable_s": 7}
    return NewTask(**{**values, **changes})


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / LEDGER_FILE)
    yield made
    made.close()


@pytest.fixture
def ledger(database, clock):
    return Ledger(database, clock, owner="a" * 32)


@pytest.fixture
def other(database, clock):
    return Ledger(database, clock, owner="b" * 32)


def open_files() -> int:
    process = psutil.Process()
    return process.num_handles() if os.name == "nt" else process.num_fds()


def accepted(ledger: Ledger, fingerprint: str = "f1", task_id: str = "t-1", **changes):
    row, _ = ledger.admit(new(fingerprint, **changes))
    ledger.sending(row.id, daily_limit_s=None)
    return ledger.submitted(row.id, task_id)


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
            reading.wait(10)
            held.wait(10)

    before = open_files()
    threads = [threading.Thread(target=read) for _ in range(12)]
    for thread in threads:
        thread.start()
    reading.wait(10)
    meanwhile = open_files()
    held.wait(10)
    for thread in threads:
        thread.join()
    assert meanwhile - before >= 24  # the ledger and its log
    # SQLite keeps the ledger's descriptor of a closed connection for the next one that opens it.
    assert open_files() - before <= 12 + 2 * 4


def unknown(ledger: Ledger, fingerprint: str = "f1", **changes):
    row, _ = ledger.admit(new(fingerprint, **changes))
    ledger.sending(row.id, daily_limit_s=None)
    return ledger.step(row.id, State.UNKNOWN)


def test_the_same_request_gets_the_row_that_is_there(ledger, other):
    first, made = ledger.admit(new())
    second, made_again = other.admit(new())
    assert (made, made_again) == (True, False)
    assert second.id == first.id


def test_twenty_threads_with_one_request_make_one_row(tmp_path, clock):
    database = Database(tmp_path / LEDGER_FILE)
    made = []
    gate = threading.Barrier(20)

    def admit():
        ledger = Ledger(database, clock, owner="c" * 32)
        gate.wait()
        made.append(ledger.admit(new()))

    threads = [threading.Thread(target=admit) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    database.close()
    assert len({row.id for row, _ in made}) == 1
    assert sum(first for _, first in made) == 1


def test_the_database_itself_refuses_a_second_live_row(ledger, database):
    ledger.admit(new())
    with pytest.raises(LedgerError), database.write() as db:
        db.execute(
            "INSERT INTO tasks (revision, state, origin, practice, fingerprint, tag, created_at) "
            "VALUES (9, 'preparing', 'x', 0, 'f1', 't', 0)"
        )


def test_a_refused_request_may_be_asked_for_anew(ledger):
    row, _ = ledger.admit(new())
    ledger.step(row.id, State.REFUSED)
    _, made = ledger.admit(new())
    assert made


def test_a_step_that_the_table_lacks_is_refused(ledger):
    row, _ = ledger.admit(new())
    with pytest.raises(LedgerError, match="cannot become collected"):
        ledger.step(row.id, State.COLLECTED)


def test_only_the_owner_moves_a_row(ledger, other):
    row, _ = ledger.admit(new())
    with pytest.raises(RowGoneError):
        other.sending(row.id, daily_limit_s=None)


def test_two_rows_cannot_have_the_same_task(ledger):
    accepted(ledger, "f1", "t-1")
    row, _ = ledger.admit(new("f2"))
    ledger.sending(row.id, daily_limit_s=None)
    with pytest.raises(TaskTakenError, match="row 1 has already"):
        ledger.submitted(row.id, "t-1")


def test_a_row_that_was_typed_in_gives_way_to_the_one_that_bought_the_task(ledger):
    typed, _ = ledger.admit_typed(NewTask(ORIGIN, practice=False), "t-1")
    bought = accepted(ledger, "f1", "t-1")
    assert [row.id for row in ledger.rows()] == [bought.id]
    assert typed.id != bought.id


def test_a_cancelled_row_vanishes_only_while_it_is_preparing(ledger):
    row, _ = ledger.admit(new())
    assert ledger.vanish(row.id)
    kept = accepted(ledger)
    assert not ledger.vanish(kept.id)


def test_rows_of_a_dead_process_are_settled_by_what_it_was_doing(ledger, other):
    preparing, _ = ledger.admit(new("f1"))
    sending, _ = ledger.admit(new("f2"))
    ledger.sending(sending.id, daily_limit_s=None)
    running = accepted(ledger, "f3", "t-3")
    ledger.step(running.id, State.RUNNING)
    heirs = other.inherit(ledger.owner)
    assert other.row(preparing.id) is None
    assert other.row(sending.id).state is State.UNKNOWN
    assert [row.id for row in heirs] == [running.id]
    assert other.row(running.id).owner == other.owner


def test_practice_tasks_of_a_dead_process_have_failed(ledger, other):
    sending, _ = ledger.admit(new("f2", practice=True))
    ledger.sending(sending.id, daily_limit_s=None)
    waiting = accepted(ledger, "f3", "practice-3", practice=True)
    assert other.inherit(ledger.owner) == []
    assert {other.row(r.id).state for r in (sending, waiting)} == {State.FAILED}


@pytest.mark.parametrize("state", [State.PREPARING, State.SUBMITTED])
def test_a_candidate_is_only_noted_where_the_task_id_is_still_open(ledger, state):
    row, _ = ledger.admit(new())
    if state is State.SUBMITTED:
        ledger.sending(row.id, daily_limit_s=None)
        ledger.submitted(row.id, "t-1")
    assert ledger.suggest(row.id, "t-2").candidate == ""


# Settling by hand


def test_an_adopted_row_is_followed_as_if_it_had_been_answered(ledger):
    row = unknown(ledger)
    bound = ledger.bind(row.id, "t-9", note="")
    assert (bound.state, bound.task_id, bound.owner) == (State.SUBMITTED, "t-9", ledger.owner)


def test_a_row_cannot_adopt_the_task_of_another_request(ledger):
    accepted(ledger, "f1", "t-1")
    row = unknown(ledger, "f2")
    with pytest.raises(InputError, match="belongs to row"):
        ledger.bind(row.id, "t-1", note="")


def test_adopting_a_task_that_was_collected_by_its_id_merges_the_two_rows(ledger):
    row = unknown(ledger, "f1", prompt="a cat")
    typed, _ = ledger.admit_typed(NewTask(ORIGIN, practice=False), "t-1")
    bound = ledger.bind(row.id, "t-1", note="")
    assert bound.id == typed.id
    assert (bound.fingerprint, bound.prompt) == ("f1", "a cat")
    assert ledger.row(row.id) is None


def test_a_late_callback_on_an_abandoned_row_does_not_disturb_the_new_one(ledger):
    old = unknown(ledger)
    ledger.abandon(old.id)
    fresh = accepted(ledger, task_id="t-2")
    bound = ledger.bind(old.id, "t-1", note="")
    assert (bound.state, bound.fingerprint) == (State.SUBMITTED, "")
    assert ledger.live("f1").id == fresh.id


@pytest.mark.parametrize("state", ["preparing", "submitted", "collected"])
def test_only_an_unknown_row_can_be_abandoned(ledger, state):
    row, _ = ledger.admit(new())
    if state != "preparing":
        ledger.sending(row.id, daily_limit_s=None)
        ledger.submitted(row.id, "t-1")
    if state == "collected":
        ledger.step(row.id, State.SUCCEEDED)
        ledger.step(row.id, State.COLLECTED)
    with pytest.raises(InputError, match=state):
        ledger.abandon(row.id)


def test_an_unknown_row_is_not_forgotten_by_mistake(ledger):
    row = unknown(ledger)
    with pytest.raises(InputError, match="twice"):
        ledger.forget(row.id)


def test_a_task_under_way_is_not_forgotten_by_mistake(ledger):
    row = accepted(ledger)
    with pytest.raises(InputError, match="paid for"):
        ledger.forget(row.id)


# The daily limit


def test_a_submit_beyond_the_daily_limit_is_refused_and_the_row_stays(ledger):
    accepted(ledger, "f1", "t-1")
    row, _ = ledger.admit(new("f2"))
    with pytest.raises(LimitError, match="7 s of your daily limit of 13 s"):
        ledger.sending(row.id, daily_limit_s=13)
    assert ledger.row(row.id).state is State.PREPARING


def test_a_submit_up_to_the_daily_limit_is_allowed(ledger):
    accepted(ledger, "f1", "t-1")
    row, _ = ledger.admit(new("f2"))
    assert ledger.sending(row.id, daily_limit_s=14).state is State.SENDING


def test_unknown_counts_and_refused_does_not(ledger):
    unknown(ledger, "f1")
    refused, _ = ledger.admit(new("f2"))
    ledger.sending(refused.id, daily_limit_s=None)
    ledger.step(refused.id, State.REFUSED)
    row, _ = ledger.admit(new("f3"))
    with pytest.raises(LimitError, match="and 7 s of"):
        ledger.sending(row.id, daily_limit_s=10)


def test_what_was_forgotten_still_counts(ledger):
    row = accepted(ledger)
    ledger.step(row.id, State.FAILED)
    ledger.forget(row.id)
    fresh, _ = ledger.admit(new())
    with pytest.raises(LimitError, match="and 7 s of"):
        ledger.sending(fresh.id, daily_limit_s=10)


def test_yesterday_does_not_count(ledger, clock):
    accepted(ledger, "f1", "t-1")
    clock.advance(25 * 3600)
    row, _ = ledger.admit(new("f2"))
    assert ledger.sending(row.id, daily_limit_s=7).state is State.SENDING


def test_the_day_ends_at_local_midnight_and_not_a_second_before(ledger, clock):
    _, end = local_day(clock.now())
    clock.advance(end - clock.now() - 1)
    accepted(ledger, "f1", "t-1")
    row, _ = ledger.admit(new("f2"))
    with pytest.raises(LimitError, match="and 7 s of"):
        ledger.sending(row.id, daily_limit_s=13)
    clock.advance(1)
    assert ledger.sending(row.id, daily_limit_s=7).state is State.SENDING


def test_an_adopted_task_counts_on_the_day_of_its_submit(ledger, clock):
    row = unknown(ledger, "f1")
    ledger.bind(row.id, "t-1", note="")
    fresh, _ = ledger.admit(new("f2"))
    with pytest.raises(LimitError, match="and 7 s of"):
        ledger.sending(fresh.id, daily_limit_s=13)
    clock.advance(25 * 3600)
    assert ledger.sending(fresh.id, daily_limit_s=7).state is State.SENDING


def test_practice_neither_counts_nor_is_limited(ledger):
    accepted(ledger, "f1", "practice-1", practice=True)
    accepted(ledger, "f2", "t-2")
    row, _ = ledger.admit(new("f3", practice=True))
    assert ledger.sending(row.id, daily_limit_s=1).state is State.SENDING


def test_a_clip_of_unknown_length_counts_as_the_longest_that_is_billed(ledger):
    row, _ = ledger.admit(new(billable_s=None))
    with pytest.raises(LimitError, match="120 s"):
        ledger.sending(row.id, daily_limit_s=119)


def test_two_submits_at_once_cannot_both_pass_the_limit(database, clock):
    ledgers = [Ledger(database, clock, owner=letter * 32) for letter in "abcdefgh"]
    rows = [ledger.admit(new(f"f{n}"))[0] for n, ledger in enumerate(ledgers)]
    gate = threading.Barrier(8)
    passed = []

    def send(n: int):
        gate.wait()
        with contextlib.suppress(LimitError):
            passed.append(ledgers[n].sending(rows[n].id, daily_limit_s=22))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 3


# Sums


def test_the_seconds_of_a_day_are_told_by_resolution(ledger, database, clock):
    accepted(ledger, "f1", "t-1", resolution="480p", billable_s=7)
    accepted(ledger, "f2", "t-2", resolution="720p", billable_s=11)
    clock.advance(26 * 3600)
    accepted(ledger, "f3", "t-3", resolution="480p", billable_s=13)
    spending = Spending(database)
    start, end = local_day(clock.now())
    assert spending.seconds(start=start, end=end) == 13
    assert [(s.resolution, s.seconds) for s in spending.by_day(start=0, end=end)] == [
        ("480p", 7),
        ("720p", 11),
        ("480p", 13),
    ]


@pytest.mark.parametrize(("finished", "known"), [(4, False), (5, True)])
def test_the_usual_time_is_told_from_five_finished_tasks_on(
    ledger, database, clock, finished, known
):
    for n in range(finished):
        row = accepted(ledger, f"f{n}", f"t-{n}", kind="replace", resolution="480p")
        clock.advance(40 + n)
        ledger.step(row.id, State.SUCCEEDED)
        ledger.step(row.id, State.COLLECTED)
    usual = Spending(database).usual_s("replace", resolution="480p", billable_s=7)
    assert (usual is not None) is known
    if usual:
        assert 40 <= usual[0] <= usual[1] <= 45


# The file


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
