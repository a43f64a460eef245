"""What a soak complains of, shown on ledgers and samples that are made up; `make soak` soaks."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from apixo_wan_animate.utils.ledger.rows import TaskRow
from apixo_wan_animate.utils.ledger.states import State
from loaded_script import SCRIPTS, loaded_script


@pytest.fixture(scope="module")
def soaking():
    """The module that judges, from beside the pack."""
    return loaded_script("soak_verdict")


def row(number: int, state: State = State.COLLECTED, task_id: str | None = None) -> TaskRow:
    """A row of request `number`."""
    nothing = dict.fromkeys(TaskRow.__dataclass_fields__, "")
    whole = {
        **nothing, "id": number, "seed": number, "state": state, "result_urls": (),
        "task_id": f"task-{number}" if task_id is None else task_id, "file": f"{number}.mp4",
    }  # fmt: skip
    return TaskRow(**whole)


def judged(soaking, rows, taken, made=()):
    verdict = soaking.Verdict()
    verdict.judge_rows(rows, taken, made)
    return verdict.double, verdict.lost, verdict.stuck


def test_rows_that_agree_with_the_service_are_not_complained_of(soaking):
    rows = [row(1), row(2, State.REFUSED, ""), row(3, State.FAILED), row(4, State.ABANDONED, "")]
    assert judged(soaking, rows, {"task-1": 1, "task-3": 3}, {"task-1"}) == (0, 0, 0)


def test_a_request_that_was_bought_twice_is_double_unless_the_first_had_failed(soaking):
    taken = {"task-1": 1, "again": 1}
    second = replace(row(1), id=9, task_id="again")
    assert judged(soaking, [row(1), second], taken) == (1, 0, 0)
    assert judged(soaking, [row(1, State.FAILED), second], taken) == (0, 0, 0)


def test_a_task_without_a_row_or_with_a_row_that_gave_up_is_lost(soaking):
    assert judged(soaking, [], {"task-1": 1}) == (0, 1, 0)
    assert judged(soaking, [row(1, State.FAILED)], {"task-1": 1}, {"task-1"}) == (0, 1, 0)


def test_a_submit_that_the_ledger_does_not_know_is_complained_of(soaking):
    for submits, noted, good in ((3, 3, True), (4, 3, False), (2, 3, False)):
        verdict = soaking.Verdict(submits=submits, noted=noted)
        verdict.judge_submits()
        assert verdict.good is good


@pytest.mark.parametrize("state", [State.PREPARING, State.SENDING, State.UNKNOWN, State.SUCCEEDED])
def test_a_row_without_an_end_is_stuck(soaking, state):
    assert judged(soaking, [row(1, state, "")], {}) == (0, 0, 1)


def test_a_file_that_is_gone_or_has_another_length_is_lost(soaking, tmp_path):
    for number in (1, 2):
        (tmp_path / f"{number}.mp4").write_bytes(bytes(10))
        (tmp_path / f"{number}.json").write_text("{}")
    seen = {str(tmp_path / "1.mp4"): 10, str(tmp_path / "2.mp4"): 11}
    verdict = soaking.Verdict()
    verdict.judge_files([row(1)], tmp_path, seen)
    assert verdict.good
    verdict.judge_files([row(2), row(3)], tmp_path, seen)
    assert verdict.lost == 2


def samples(soaking, mb_per_hour: float):
    return [
        soaking.Sample(second, second, round((500 + mb_per_hour * second / 3600) * 1e6), 20, 30)
        for second in range(0, 3600, 10)
    ]


def test_the_memory_of_an_hour_may_rise_a_little_and_no_more(soaking):
    for rise, good in ((-50, True), (20, True), (60, False)):
        verdict = soaking.Verdict(minutes=60)
        verdict.judge_leaks(samples(soaking, rise))
        assert verdict.slope_mb_per_hour == pytest.approx(rise, abs=0.1)
        assert verdict.good is good


def test_a_thread_or_many_open_files_more_are_a_leak(soaking):
    before = soaking.Sample(0, 0, 0, 20, 30)
    for after, good in ((20, True), (21, False)):
        verdict = soaking.Verdict(before=before, after=replace(before, threads=after))
        verdict.judge_leaks([])
        assert verdict.good is good
    verdict = soaking.Verdict(before=before, after=replace(before, files=43))
    verdict.judge_leaks([])
    assert not verdict.good


@pytest.mark.slow
def test_a_short_soak_leaves_nothing():
    run = subprocess.run(
        [sys.executable, str(SCRIPTS / "soak.py"), "--minutes", "0.2", "--warm-up", "1"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    last = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else ""
    assert re.match(r"soak 0 min: nodes \d+, .*, double 0, lost 0, stuck 0,", last), run.stderr
    assert run.returncode == 0, run.stdout
