"""Time zones, and clocks that are set while tasks run."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest
from apixo_wan_animate.utils.errors import LimitError
from apixo_wan_animate.utils.hosting.host import HostedFile
from apixo_wan_animate.utils.ledger.ledger import Ledger
from apixo_wan_animate.utils.ledger.rows import NewTask
from apixo_wan_animate.utils.ledger.spending import Spending, local_day
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import instead
from apixo_wan_animate.utils.tasks.rhythm import MISSING_FINAL_S
from apixo_wan_animate.utils.tasks.upload_cache import CachedUpload, UploadCache
from clocks import FastClock
from patience import until

from .test_cancel import Gate
from .world import outcome, request

DAY_S = 86_400.0
UNKNOWN = instead(404)
JUMPS = pytest.mark.parametrize(
    "jump_s", [DAY_S, -DAY_S, -40 * 365 * DAY_S, 40 * 365 * DAY_S],
    ids=["a day on", "a day back", "40 years back", "40 years on"],
)  # fmt: skip


# Tasks under way


@JUMPS
def test_a_task_is_collected_though_the_clock_is_set_while_it_runs(world, jump_s):
    clock, gate = FastClock(40), Gate()
    world.plan.add("status", gate, times=1)
    watch = world.service(clock=clock).start(request())
    assert gate.reached.wait(90)
    clock.jump(jump_s)
    gate.open()
    assert outcome(watch).row.state is State.COLLECTED
    assert (world.submits, world.accepted) == (1, 1)


def missing(world, clock, *, times: int = 8, fault=UNKNOWN) -> int:
    """A task of which the service says that it knows nothing; how often it was asked."""
    world.plan.add("status", fault, times=10**6)
    watch = world.service(clock=clock).start(request())
    until(lambda: watch.accepted() is not None)
    until(lambda: world.remote.counts["status"] >= times)
    return world.remote.counts["status"]


@JUMPS
def test_a_task_that_is_missing_for_minutes_is_not_given_up_because_the_clock_is_set(world, jump_s):
    clock = FastClock(400)
    asked = missing(world, clock)
    clock.jump(jump_s)
    until(lambda: world.remote.counts["status"] >= asked + 6)
    assert world.only_row().state in {State.SUBMITTED, State.RUNNING}
    world.heal()
    world.wait_for(State.COLLECTED)


@pytest.mark.parametrize("jump_s", [DAY_S, -40 * 365 * DAY_S], ids=["a day on", "40 years back"])
def test_a_task_without_a_trace_is_given_up_after_a_day_though_the_clock_is_set(world, jump_s):
    clock = FastClock(50_000)
    said_at: list[float] = []

    def unknown(asked, handle):
        said_at.append(clock.monotonic())
        return UNKNOWN(asked, handle)

    missing(world, clock, times=3, fault=unknown)
    clock.jump(jump_s)
    world.wait_for(State.FAILED)
    assert clock.monotonic() - said_at[0] >= MISSING_FINAL_S


@JUMPS
def test_a_file_that_is_gone_for_an_hour_is_not_given_up_because_the_clock_is_set(world, jump_s):
    world.plan.add("file", instead(404), times=10**6, path="/files/practice-")
    clock = FastClock(20_000)
    service = world.service(clock=clock)
    watch = service.start(request())
    until(lambda: "not there yet" in watch.progress.note)
    until(lambda: clock.monotonic() > 4000)
    clock.jump(jump_s)
    for _ in range(3):
        tried = world.remote.counts["file"]
        until(lambda: service.poke(world.only_row().id))
        until(lambda tried=tried: world.remote.counts["file"] > tried)
    assert world.only_row().state is State.SUCCEEDED
    world.heal()
    world.wait_for(State.COLLECTED)


# The daily limit


def bought(ledger: Ledger, fingerprint: str, seconds: int) -> None:
    new = NewTask("https://x", practice=False, fingerprint=fingerprint, billable_s=seconds)
    row, _ = ledger.admit(new)
    ledger.sending(row.id, daily_limit_s=20)
    ledger.submitted(row.id, f"task-{fingerprint}")


@pytest.mark.parametrize("back_s", [DAY_S, 40 * 365 * DAY_S], ids=["a day", "40 years"])
def test_setting_the_clock_back_gives_no_second_allowance(database, clock, back_s):
    ledger = Ledger(database, clock, owner="a" * 32)
    bought(ledger, "f1", 15)
    clock.jump(-back_s)
    with pytest.raises(LimitError, match="15 s of your daily limit"):
        bought(ledger, "f2", 7)


def test_a_clock_that_was_a_day_ahead_counts_what_was_bought_in_between(database, clock):
    ledger = Ledger(database, clock, owner="a" * 32)
    bought(ledger, "f1", 7)
    clock.jump(DAY_S)
    bought(ledger, "f2", 15)
    clock.jump(-DAY_S)
    with pytest.raises(LimitError, match="22 s of your daily limit"):
        bought(ledger, "f3", 5)


@pytest.fixture
def live_in(monkeypatch):
    """Moves this process to a time zone, as a journey or another setting of the machine does."""
    if not hasattr(time, "tzset"):
        pytest.skip("Windows takes no zone from TZ")

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def moment(*when: int) -> float:
    return datetime(*when, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("zone", "noon", "hours"),
    [
        ("UTC0", (2026, 3, 29, 12), 24),
        ("CET-1CEST,M3.5.0,M10.5.0/3", (2026, 3, 29, 10), 23),
        ("CET-1CEST,M3.5.0,M10.5.0/3", (2026, 10, 25, 11), 25),
        ("EST5EDT,M3.2.0,M11.1.0", (2026, 3, 8, 16), 23),
        ("EST5EDT,M3.2.0,M11.1.0", (2026, 11, 1, 17), 25),
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", (2026, 4, 5, 0), 25),
        ("LHST-10:30LHDT-11,M10.1.0,M4.1.0", (2026, 10, 4, 1), 23.5),
        ("<+02>-2<+03>,M3.5.4/24,M10.5.5/1", (2026, 3, 27, 9), 23),
        ("<-01>1<+00>,M3.5.0/0,M10.5.0/1", (2026, 10, 25, 12), 25),
    ],
    ids=["UTC", "Berlin on", "Berlin back", "New York on", "New York back", "Auckland back",
         "Lord Howe on", "a midnight that is not there", "a midnight that comes twice"],
)  # fmt: skip
def test_a_local_day_is_as_long_as_the_clocks_on_the_wall_say(live_in, zone, noon, hours):
    live_in(zone)
    at = moment(*noon)
    start, end = local_day(at)
    assert start <= at < end
    assert (end - start) / 3600 == hours
    assert local_day(start - 1)[1] == start
    assert local_day(end)[0] == end


def test_a_journey_through_time_zones_counts_each_second_once(database, clock, live_in):
    ledger = Ledger(database, clock, owner="a" * 32)
    bought(ledger, "f1", 11)
    spending = Spending(database)
    for zone in ("UTC0", "NZST-12", "<-11>11"):
        live_in(zone)
        (spent,) = spending.by_day(start=0, end=2.0**62)
        assert (spent.seconds, spent.day) == (11, datetime.fromtimestamp(clock.now()).date())
        with pytest.raises(LimitError):
            bought(ledger, f"f-{zone}", 13)


# Links


def cached(clock, *, lives_s: float) -> CachedUpload:
    hosted = HostedFile("https://files.example.test/x.png", clock.now() + lives_s, "place", "")
    return CachedUpload("digest", hosted, size_bytes=9, first_bytes=b"123")


@pytest.mark.parametrize("back_s", [DAY_S, 40 * 365 * DAY_S], ids=["a day", "40 years"])
def test_a_link_does_not_live_longer_because_the_clock_is_set_back(database, clock, back_s):
    cache = UploadCache(database, clock)
    cache.keep(cached(clock, lives_s=7200), source_digest="s")
    clock.jump(-back_s)
    clock.advance(7000)
    found = cache.find("digest", "place")
    assert found is not None
    assert found.hosted.expires_at - clock.now() == pytest.approx(200)


def test_a_link_of_an_earlier_run_that_is_not_made_yet_is_dead(database, clock):
    UploadCache(database, clock).keep(cached(clock, lives_s=7200), source_digest="s")
    clock.jump(-DAY_S)
    found = UploadCache(database, clock).find("digest", "place")
    assert found is not None
    assert found.hosted.expires_at < clock.now()


def test_the_usual_time_knows_no_task_that_ended_before_it_began(database, clock):
    ledger = Ledger(database, clock, owner="a" * 32)
    for n in range(6):
        new = NewTask("https://x", False, f"f{n}", kind="replace", resolution="480p", billable_s=7)
        row, _ = ledger.admit(new)
        ledger.sending(row.id, daily_limit_s=None)
        ledger.submitted(row.id, f"t-{n}")
        clock.advance(40)
        clock.jump(-DAY_S if n == 3 else 0)
        ledger.step(row.id, State.SUCCEEDED)
        ledger.step(row.id, State.COLLECTED)
    assert Spending(database).usual_s("replace", resolution="480p", billable_s=7) == (40, 40)
