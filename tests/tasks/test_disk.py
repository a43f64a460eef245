"""The disk in the way: full, read-only, gone, or held by somebody else."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from apixo_wan_animate.utils.errors import LedgerError, TaskError
from apixo_wan_animate.utils.ledger import database
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.mending import NOTICE_FILE
from apixo_wan_animate.utils.ledger.states import State
from clocks import FastClock, HandClock
from patience import until

from .answers import until_it_is_not_there_yet
from .test_cancel import Gate
from .world import outcome, request

PACK = Path(__file__).resolve().parents[2]


def two_sentences(text: str) -> bool:
    """What happened, and what to do."""
    return len(re.findall(r"[.!;:] [A-Z]", text)) >= 1 and text.endswith(".")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(database, "_BUSY_S", 0.2)


def cli(world, *words: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(PACK / "cli.py")]
    command += ["--user-directory", str(world.folder / "user")]
    command += ["--output-directory", str(world.folders().output)]
    return subprocess.run(
        [*command, *words], capture_output=True, text=True, timeout=120, **options
    )


# Held by another program


@contextmanager
def holder(path: Path, *, seconds: float):
    """Another process that has the ledger to itself."""
    script = (
        "import sqlite3, sys, time\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA locking_mode = EXCLUSIVE')\n"
        "db.execute('BEGIN EXCLUSIVE')\n"
        "print('held', flush=True)\n"
        "time.sleep(float(sys.argv[2]))\n"
        "db.execute('ROLLBACK'); db.close()\n"
    )
    command = [sys.executable, "-c", script, str(path), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"held"
        try:
            yield child
        finally:
            child.kill()


def filled(world) -> Path:
    """A user folder with one finished task, and nobody in it."""
    service = world.service()
    outcome(service.start(request(1)))
    service.stop()
    return world.folders().state / LEDGER_FILE


def test_a_ledger_that_is_held_for_a_moment_is_waited_for(world):
    path = filled(world)
    with holder(path, seconds=0.5):
        assert outcome(world.service().start(request(2))).row.state is State.COLLECTED


def test_a_ledger_that_is_held_for_ever_is_a_sentence_and_no_submit(world, impatient):
    path = filled(world)
    with holder(path, seconds=60):
        with pytest.raises(LedgerError, match="another program") as told:
            outcome(world.service_unresumed().start(request(2)))
        assert two_sentences(str(told.value))
    assert world.submits == 1
    assert not list(path.parent.glob("*damaged*"))
    assert not (path.parent / NOTICE_FILE).exists()


# In the wrong form


def test_a_folder_in_the_place_of_the_ledger_is_named(world):
    path = world.folders().state / LEDGER_FILE
    path.mkdir(parents=True)
    with pytest.raises(LedgerError, match="a folder where") as told:
        outcome(world.service().start(request(1)))
    assert two_sentences(str(told.value))
    path.rmdir()
    assert outcome(world.service().start(request(1))).row.state is State.COLLECTED


def test_a_later_ledger_stops_the_node_and_the_command_and_stays_as_it_is(world):
    path = filled(world)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="Update the pack") as told:
        outcome(world.service().start(request(1)))
    assert two_sentences(str(told.value))
    ran = cli(world, "tasks", "list")
    assert (ran.returncode, "Update the pack" in ran.stderr) == (1, True)
    assert path.read_bytes() == before
    assert world.submits == 1


def mode_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return db.execute("PRAGMA journal_mode").fetchone()[0]


def test_where_the_disk_refuses_a_shared_log_the_ledger_does_without(world):
    state = world.folders().state
    (state / f"{LEDGER_FILE}-shm").mkdir(parents=True)  # no memory can be shared through this
    service = world.service()
    assert outcome(service.start(request(1))).row.state is State.COLLECTED
    service.stop()
    assert mode_of(state / LEDGER_FILE) == "delete"


def test_a_ledger_with_a_log_that_comes_to_such_a_disk_keeps_its_rows(world):
    path = filled(world)
    assert mode_of(path) == "wal"
    path.with_name(f"{LEDGER_FILE}-shm").mkdir()
    assert outcome(world.service().start(request(1))).reused
    assert mode_of(path) == "delete"
    assert world.submits == 1


# Full


CHILD = """
import sys, types
from pathlib import Path
pack = types.ModuleType("p"); pack.__path__ = [sys.argv[1]]; sys.modules["p"] = pack
from p.utils.clock import SystemClock
from p.utils.errors import LedgerError
from p.utils.ledger.database import Database
from p.utils.ledger.ledger import Ledger
from p.utils.ledger.rows import NewTask
path, limit = Path(sys.argv[2]), int(sys.argv[3])
ledger = Ledger(Database(path), SystemClock(), owner="a" * 32)
if limit:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
done = 0
try:
    for n in range(5000):
        row, _ = ledger.admit(NewTask("https://x", False, fingerprint=f"{n:064}", prompt="y" * 900))
        ledger.sending(row.id, daily_limit_s=None)
        ledger.submitted(row.id, f"task-{n}")
        done += 1
except LedgerError as error:
    print(done, error)
"""


def fill_up(path: Path, limit_bytes: int) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, str(PACK), str(path), str(limit_bytes)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    done, _, said = ran.stdout.strip().partition(" ")
    return int(done), said


def tasks_in(path: Path) -> set[str]:
    opened = Database(path)
    rows = Ledger(opened, HandClock()).rows(limit=10**6)
    opened.close()
    return {row.task_id for row in rows if row.task_id}


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
@pytest.mark.parametrize("limit_kb", [160, 288, 700])
def test_every_task_that_was_written_is_there_after_a_file_could_not_grow(tmp_path, limit_kb):
    path = tmp_path / LEDGER_FILE
    done, said = fill_up(path, limit_kb * 1024)
    assert done > 0
    assert two_sentences(said), said
    assert "free space" in said
    assert {f"task-{n}" for n in range(done)} <= tasks_in(path)
    assert not list(tmp_path.glob("*damaged*"))


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 600 kB, seen by this process alone."""
    if shutil.which("mount") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_every_task_that_was_written_is_there_after_the_disk_was_full(small_disk):
    path = small_disk / LEDGER_FILE
    done, said = fill_up(path, 0)
    assert done > 0
    assert "free space" in said
    assert {f"task-{n}" for n in range(done)} <= tasks_in(path)


def test_a_damaged_ledger_on_a_full_disk_stays_where_it_is_until_there_is_room(small_disk):
    path = small_disk / LEDGER_FILE
    Database(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    with path.open("r+b") as file:
        file.seek(8)
        file.write(b"??????")
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    before = path.read_bytes()
    with pytest.raises(LedgerError, match=r"cannot be (moved aside|opened)") as told:
        Database(path)
    assert two_sentences(str(told.value))
    assert path.read_bytes() == before
    ballast.unlink()
    Database(path).close()
    assert len(list(small_disk.glob("*damaged*.sqlite3"))) == 1


def test_a_result_waits_for_room_and_is_then_fetched(world, small_disk):
    """The task is paid for: no submit more, and no end of it, because of a full disk."""
    output = world.folders().output
    output.symlink_to(small_disk, target_is_directory=True)
    clock = HandClock()
    service = world.service(clock=clock)
    watch = service.start(request(1))
    until_it_is_not_there_yet(world, clock, watch)
    assert world.only_row().state is State.SUCCEEDED
    output.unlink()
    until(lambda: service.poke(world.only_row().id))
    assert outcome(watch).row.state is State.COLLECTED
    assert world.accepted == 1


# The output folder


def test_an_output_folder_that_is_a_file_is_told_and_the_result_comes_when_it_is_one(world):
    output = world.folders().output
    gate = Gate()
    world.plan.add("status", gate, times=1)
    service = world.service(clock=FastClock(400))
    watch = service.start(request(1))
    assert gate.reached.wait(90)
    shutil.rmtree(output, ignore_errors=True)
    output.write_text("not a folder")
    gate.open()
    with pytest.raises(TaskError, match="output folder cannot be written") as told:
        outcome(watch)
    assert two_sentences(str(told.value))
    assert world.only_row().state is State.SUCCEEDED
    output.unlink()
    row = world.wait_for(State.COLLECTED)
    assert (output / row.file).is_file()
    assert world.accepted == 1


def test_an_output_folder_that_may_not_be_written_is_told_and_filled_when_it_may(world, small_disk):
    world.folders().output.symlink_to(small_disk, target_is_directory=True)
    gate = Gate()
    world.plan.add("status", gate, times=1)
    watch = world.service(clock=FastClock(400)).start(request(1))
    assert gate.reached.wait(90)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    gate.open()
    with pytest.raises(TaskError, match="output folder cannot be written") as told:
        outcome(watch)
    assert two_sentences(str(told.value))
    assert world.only_row().state is State.SUCCEEDED
    subprocess.run(["mount", "-o", "remount,rw,size=1g", str(small_disk)], check=True)
    row = world.wait_for(State.COLLECTED)
    assert (small_disk / row.file).is_file()
    assert world.accepted == 1


def test_an_output_folder_that_vanishes_is_made_again(world):
    gate = Gate()
    world.plan.add("status", gate, times=1)
    service = world.service()
    watch = service.start(request(1))
    assert gate.reached.wait(90)
    shutil.rmtree(world.folders().output, ignore_errors=True)
    gate.open()
    assert outcome(watch).file.is_file()


# Folders that may not be written


WRITER = """
import os, sys, types
from pathlib import Path
pack = types.ModuleType("p"); pack.__path__ = [sys.argv[1]]; sys.modules["p"] = pack
from p.utils.errors import WanAnimateError
from p.utils.ledger.database import Database
from p.utils.ledger.owners import Ownership
from p.utils.settings import SettingsStore
state = Path(sys.argv[2])
if os.geteuid() == 0:  # whom no permission binds
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
for work in (
    lambda: Ownership(state / "owners").claim(),
    lambda: Database(state / "ledger.sqlite3"),
    lambda: SettingsStore(state, {}).save({"wait_minutes": "5"}),
):
    try:
        work()
        print("worked")
    except WanAnimateError as error:
        print(error)
"""


@pytest.fixture
def open_folder():
    """A folder that every user of this machine can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
@pytest.mark.parametrize("there", [True, False], ids=["ledger there", "nothing there"])
def test_a_user_folder_that_may_not_be_written_is_a_sentence(open_folder, there):
    state = open_folder / "state"
    state.mkdir()
    if there:
        Database(state / LEDGER_FILE).close()
        (state / LEDGER_FILE).chmod(0o444)
    state.chmod(0o555)
    command = [sys.executable, "-c", WRITER, str(PACK), str(state)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    state.chmod(0o755)
    said = ran.stdout.splitlines()
    assert len(said) == 3, ran.stdout + ran.stderr
    assert all("permissions" in text and two_sentences(text) for text in said), said
