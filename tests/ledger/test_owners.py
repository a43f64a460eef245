"""Whose rows are whose: a living process is never taken for a dead one."""

from __future__ import annotations

import subprocess
import sys

from apixo_wan_animate.utils.ledger.owners import Ownership

_HOLD = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_living_owner_is_not_dead(tmp_path):
    living, other = Ownership(tmp_path), Ownership(tmp_path)
    living.claim()
    other.claim()
    with other.proved_dead(living.name) as dead:
        assert not dead
    living.release()
    other.release()


def test_an_owner_that_has_let_go_is_dead(tmp_path):
    gone, other = Ownership(tmp_path), Ownership(tmp_path)
    gone.claim()
    gone.release()
    with other.proved_dead(gone.name) as dead:
        assert dead


def test_only_one_of_two_can_prove_a_death(tmp_path):
    gone, one, two = Ownership(tmp_path), Ownership(tmp_path), Ownership(tmp_path)
    with one.proved_dead(gone.name) as first, two.proved_dead(gone.name) as second:
        assert (first, second) == (True, False)


def test_a_killed_process_is_dead(tmp_path):
    owner, other = Ownership(tmp_path), Ownership(tmp_path)
    path = tmp_path / f"{owner.name}.lock"
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "held\n"
    with other.proved_dead(owner.name) as dead:
        assert not dead
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    with other.proved_dead(owner.name) as dead:
        assert dead
