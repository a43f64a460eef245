"""Few threads for much work, and things that happen when they are due."""

from __future__ import annotations

import threading

import pytest
from apixo_wan_animate.utils.tasks import pool as pool_module
from apixo_wan_animate.utils.tasks.agenda import Agenda, RequestBudget
from apixo_wan_animate.utils.tasks.pool import LIMITS, QUICK, WORKERS, Pool
from clocks import HandClock
from patience import until


def test_a_thousand_pieces_of_work_need_no_more_threads_than_allowed():
    pool = Pool({"a": 2, "b": 3}, workers=4, name="test-pool")
    done = threading.Semaphore(0)
    seen: set[str] = set()

    def work():
        seen.add(threading.current_thread().name)
        done.release()

    for n in range(1000):
        pool.put("ab"[n % 2], work)
    for _ in range(1000):
        assert done.acquire(timeout=60)
    pool.stop(timeout_s=5)
    assert len(seen) <= 4


def test_small_work_now_and_then_keeps_one_thread_and_not_all(monkeypatch):
    monkeypatch.setattr(pool_module, "_IDLE_S", 0.5)
    pool = Pool({"a": 8}, workers=8, name="test-pool")
    together, met = threading.Barrier(8), threading.Semaphore(0)

    def meet() -> None:
        together.wait(90)
        met.release()

    for _ in range(8):
        pool.put("a", meet)
    for _ in range(8):
        assert met.acquire(timeout=90)
    pause = threading.Event()

    def only_one_is_left() -> bool:
        pool.put("a", lambda: None)
        pause.wait(0.02)
        return len(pool._threads) == 1

    until(only_one_is_left)
    monkeypatch.setattr(pool_module, "_IDLE_S", 300)
    known: set[threading.Thread] = set()
    for _ in range(40):
        pool.put("a", met.release)
        assert met.acquire(timeout=90)
        until(lambda: pool._idle == 1)
        known |= pool._threads
    assert len(known) == 1
    pool.stop(timeout_s=5)


def test_no_more_of_one_kind_run_at_once_than_its_limit():
    pool = Pool({"a": 2, "b": 2}, workers=4, name="test-pool")
    running, most, lock = 0, 0, threading.Lock()
    gate, done = threading.Event(), threading.Semaphore(0)

    def work():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(0.01)
        with lock:
            running -= 1
        done.release()

    for _ in range(50):
        pool.put("a", work)
    for _ in range(50):
        assert done.acquire(timeout=60)
    pool.stop(timeout_s=5)
    assert most == 2


def test_long_work_of_one_kind_does_not_hold_up_another():
    pool = Pool({"quick": 1, "long": 2}, workers=3, name="test-pool")
    release, quick = threading.Event(), threading.Event()
    for _ in range(5):
        pool.put("long", lambda: release.wait(90))
    pool.put("quick", quick.set)
    assert quick.wait(60)
    release.set()
    pool.stop(timeout_s=5)


def test_what_is_put_in_one_breath_does_not_wait_for_the_one_thread_that_is_idle():
    pool = Pool({"long": 1, "quick": 1}, workers=2, name="test-pool")
    pool.put("quick", lambda: None)
    until(lambda: pool._idle == 1)
    release, quick = threading.Event(), threading.Event()
    with pool._changed:  # the idle thread cannot wake up in between
        pool.put("long", lambda: release.wait(90))
        pool.put("quick", quick.set)
    assert quick.wait(60)
    release.set()
    pool.stop(timeout_s=5)


def test_while_everything_slow_hangs_asking_and_the_ledger_go_on():
    pool = Pool(LIMITS, workers=WORKERS, name="test-pool", quick=QUICK)
    release, hanging = threading.Event(), threading.Semaphore(0)

    def hang():
        hanging.release()
        release.wait(90)

    for kind in set(LIMITS) - QUICK:
        for _ in range(5):
            pool.put(kind, hang)
    for _ in range(WORKERS - 1):
        assert hanging.acquire(timeout=60)
    seen = {kind: threading.Event() for kind in QUICK}
    for kind, event in seen.items():
        pool.put(kind, event.set)
    assert all(event.wait(60) for event in seen.values())
    release.set()
    pool.stop(timeout_s=5)


def test_what_is_put_after_the_end_says_so():
    pool = Pool({"a": 1}, workers=1, name="test-pool")
    pool.stop(timeout_s=5)
    assert not pool.put("a", lambda: None)


def test_work_that_breaks_does_not_take_its_thread_along(caplog):
    pool = Pool({"a": 1}, workers=1, name="test-pool")
    after = threading.Event()
    link = "https://signed.example/?" + "-".join(["se", "cret"])

    def breaks():
        raise ValueError(link)

    pool.put("a", breaks)
    pool.put("a", after.set)
    assert after.wait(60)
    pool.stop(timeout_s=5)
    assert "ValueError" in caplog.text
    assert "se-cret" not in caplog.text


def test_things_happen_in_the_order_in_which_they_are_due():
    clock = HandClock()
    agenda = Agenda(clock, name="test-agenda")
    seen: list[str] = []
    done = threading.Event()
    agenda.after(9, lambda: (seen.append("c"), done.set()))
    agenda.after(3, lambda: seen.append("a"))
    agenda.after(6, lambda: seen.append("b"))
    until(lambda: clock.advance(1) or done.is_set())
    agenda.stop(timeout_s=5)
    assert seen == ["a", "b", "c"]


def test_what_is_cancelled_never_happens():
    clock = HandClock()
    agenda = Agenda(clock, name="test-agenda")
    seen: list[str] = []
    done = threading.Event()
    agenda.after(3, lambda: seen.append("no")).cancel()
    agenda.after(6, done.set)
    until(lambda: clock.advance(1) or done.is_set())
    agenda.stop(timeout_s=5)
    assert seen == []


@pytest.mark.parametrize("per_minute", [60, 1500])
def test_requests_of_any_number_of_tasks_stay_within_the_budget(per_minute):
    clock = HandClock()
    budget = RequestBudget(clock, per_minute=per_minute, burst=20)
    leaves: list[float] = []
    for _ in range(per_minute * 3):
        leaves.append(clock.monotonic() + budget.reserve_s())
        clock.advance(0.001)
    for start in leaves[:: max(1, per_minute // 10)]:
        within = sum(start <= at < start + 60 for at in leaves)
        assert within <= per_minute + 20
