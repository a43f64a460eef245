"""Trouble at home: a ledger that cannot be written, settings that change, a process that ends."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import replace

import pytest
from apixo_wan_animate.utils.errors import (
    LedgerError,
    Stopped,
    TaskError,
    TaskUnknownError,
)
from apixo_wan_animate.utils.hosting.host import HostedFile
from apixo_wan_animate.utils.hosting.practice import PracticeHost
from apixo_wan_animate.utils.ledger import database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import instead
from apixo_wan_animate.utils.tasks import service as tasks_service
from apixo_wan_animate.utils.tasks.request import ShareWish, UrlCharacter, UrlMotion
from apixo_wan_animate.utils.tasks.service import Surroundings
from clocks import FastClock, HandClock
from patience import until

from .answers import RESULT, until_it_is_not_there_yet
from .test_cancel import Gate
from .world import clip, outcome, picture, request


@pytest.fixture
def impatient(monkeypatch):
    """A write gives up quickly, so that the test need not wait for what a user would."""
    monkeypatch.setattr(database, "_BUSY_S", 0.05)


class Holder:
    """Another program that holds the ledger."""

    def __init__(self, world) -> None:
        self._path = world.folders().state / LEDGER_FILE
        self._db: sqlite3.Connection | None = None

    def hold(self) -> None:
        self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._db.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        assert self._db is not None
        self._db.execute("ROLLBACK")
        self._db.close()


@pytest.mark.parametrize(
    ("fault", "ended"),
    [
        (None, State.COLLECTED),
        (faults.lost, State.UNKNOWN),
        (instead(402), State.REFUSED),
        (instead(429), State.COLLECTED),
    ],
    ids=["accepted", "lost", "refused", "busy"],
)
def test_what_became_of_a_submit_is_written_when_the_ledger_can_be_written_again(
    world, impatient, fault, ended
):
    service, holder = world.service(), Holder(world)

    def while_held(asked, handle):
        holder.hold()
        return fault(asked, handle) if fault else handle()

    world.plan.add("submit", while_held)
    watch = service.start(request())
    until(lambda: "cannot be written" in watch.progress.note)
    assert world.only_row().state is State.SENDING
    holder.release()
    assert watch.wait(30)
    assert world.only_row().state is ended
    assert world.accepted == (0 if ended is State.REFUSED else 1)


def test_a_ledger_that_is_held_by_another_program_is_named(world, impatient):
    service, holder = world.service(), Holder(world)
    outcome(service.start(request(1)))
    holder.hold()
    with pytest.raises(LedgerError, match="another program"):
        outcome(service.start(request(2)))
    holder.release()
    assert outcome(service.start(request(2))).row.state is State.COLLECTED


def test_a_damaged_ledger_is_a_red_node_once(world):
    state = world.folders().state
    state.mkdir(parents=True)
    (state / LEDGER_FILE).write_bytes(b"no database " * 500)
    service = world.service()
    with pytest.raises(LedgerError, match="kept as"):
        outcome(service.start(request()))
    until(lambda: outcome_or_told(service))
    assert world.accepted == 1


def outcome_or_told(service) -> bool:
    """Whether the user was told long enough ago that a request goes on."""
    try:
        return outcome(service.start(request())).row.state is State.COLLECTED
    except LedgerError:
        return False


def test_a_task_of_another_service_waits_for_its_own(world, tmp_path):
    gate = Gate()
    world.plan.add("status", gate, times=99)
    service = world.service()
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    here = world.environ["APIXO_BASE_URL"]
    world.environ["APIXO_BASE_URL"] = "http://127.0.0.1:9"
    gate.open()
    until(lambda: "APIXO_BASE_URL" in watch.progress.note)
    world.environ["APIXO_BASE_URL"] = here
    service.wake()
    assert outcome(watch).row.state is State.COLLECTED


def test_a_process_that_ends_tells_every_node(world):
    gate = Gate()
    world.plan.add("status", gate, times=99)
    service = world.service()
    watches = [service.start(request(n)) for n in range(3)]
    until(lambda: watches[0].accepted() is not None)
    threading.Timer(0.1, gate.open).start()
    service.stop()
    for watch in watches:
        with pytest.raises(Stopped):
            outcome(watch)


def test_an_answer_that_comes_after_the_process_let_go_is_still_written(world, monkeypatch):
    monkeypatch.setattr(tasks_service, "SUBMIT_GRACE_S", 0.1)
    gate = Gate()
    world.plan.add("submit", gate)
    one = world.service()
    one.start(request())
    assert gate.reached.wait(90)
    one.stop()
    world.service()
    world.wait_for(State.UNKNOWN)
    gate.open()
    assert world.wait_for(State.COLLECTED).task_id
    assert (world.submits, world.accepted) == (1, 1)


def test_a_practice_row_of_unknown_fate_fails_with_the_process_that_had_it(world):
    world.environ["APIXO_WAN_PRACTICE"] = "1"
    service = world.service_with_own_hosts()
    wanted = request(prompt="practice:lost")
    for _ in range(2):
        with pytest.raises(TaskUnknownError):
            outcome(service.start(wanted))
    service.stop()
    world.service_with_own_hosts()
    world.wait_for(State.FAILED)


def test_asking_now_fetches_a_file_that_is_waited_for(world):
    clock = HandClock()
    world.plan.add("file", instead(404), times=99, path=RESULT)
    service = world.service(clock=clock)
    watch = service.start(request())
    until_it_is_not_there_yet(world, clock, watch)
    world.heal()
    until(lambda: service.poke(world.only_row().id))  # the note comes a moment before the plan
    assert outcome(watch).row.state is State.COLLECTED


def test_a_task_that_is_forgotten_by_force_is_asked_about_no_more(world):
    world.plan.add("status", instead(500), times=10**6)
    service = world.service(clock=FastClock(400))
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    service.forget(world.only_row().id, force=True)
    with pytest.raises(TaskError, match="forgotten"):
        outcome(watch)
    asked = world.remote.counts["status"]
    threading.Event().wait(0.3)  # two minutes for the service
    assert world.remote.counts["status"] <= asked + 1
    assert world.rows() == []


def test_listeners_hear_every_step_and_whether_a_node_watches(world):
    service = world.service()
    heard: list[tuple[State, bool]] = []
    service.subscribe(lambda row, watched: heard.append((row.state, watched)))
    outcome(service.start(request()))
    states = [state for state, _ in heard]
    assert states[:2] == [State.SENDING, State.SUBMITTED]
    assert states[-2:] == [State.SUCCEEDED, State.COLLECTED]
    assert all(watched for _, watched in heard)


def test_a_listener_that_breaks_does_not_end_a_task(world):
    service = world.service()
    service.subscribe(lambda row, watched: 1 / 0)
    assert outcome(service.start(request())).row.state is State.COLLECTED


def test_no_more_than_sixteen_threads_for_forty_tasks(world):
    service = world.service()
    others = set(threading.enumerate())  # of this process's other tests
    watches = [service.start(request(n, motion=clip(n))) for n in range(40)]
    most = 0

    def over() -> bool:
        nonlocal most
        ours = [thread for thread in threading.enumerate() if thread not in others]
        most = max(most, sum(not thread.name.startswith("practice-") for thread in ours))
        return all(watch.done for watch in watches)

    until(over, limit_s=90)
    assert most <= 16
    assert world.accepted == 40


# Uploads


class Store(PracticeHost):
    """A host that can delete, as an object store can."""

    name = "object store"

    def __init__(self, world) -> None:
        super().__init__(world.origin, transport=world.transport, rule=world.host().rule)
        self.deleted: list[str] = []

    def put(self, *args, **options):
        return replace(super().put(*args, **options), handle="x")

    def delete(self, hosted) -> None:
        self.deleted.append(hosted.url)


class Signing(PracticeHost):
    """A host whose links are signed and do not live long."""

    signed = 0

    def __init__(self, world, clock) -> None:
        super().__init__(world.origin, transport=world.transport, rule=world.host().rule)
        self._clock = clock

    def put(self, *args, **options):
        plain = super().put(*args, **options)
        return replace(self.sign(plain.url), host=plain.host)

    def sign(self, handle: str) -> HostedFile:
        self.signed += 1
        link = f"{handle}?X-Signature=verysecret{self.signed}"
        return HostedFile(link, self._clock.now() + 7200, self.identity, handle)


def test_signed_links_are_kept_in_memory_only_and_signed_anew_when_they_are_old(world):
    clock = HandClock()
    host = Signing(world, clock)
    around = Surroundings(hosts=lambda settings, name: [host])

    def run(seed: int, service) -> None:
        watch = service.start(request(seed))
        until(lambda: clock.advance(1) or watch.done)
        outcome(watch)

    one = world.service_around(around, clock)
    run(1, one)
    run(2, one)
    assert host.signed == 2, "a link that lives is used again"
    one.stop()
    written = [p for p in world.folders().state.rglob("*") if p.is_file()]
    assert not [p for p in written if b"verysecret" in p.read_bytes()]
    run(3, world.service_around(around, clock))
    assert host.signed == 4
    clock.advance(7000)
    run(4, world.service_around(around, clock))
    assert host.signed == 6
    assert world.remote.counts["upload"] == 2


def with_store(world):
    world.environ |= {"APIXO_WAN_STORE": "s3://bucket", "APIXO_WAN_STORE_DELETE": "1"}
    store = Store(world)
    made = world.service_around(Surroundings(hosts=lambda settings, name: [store]))
    return made, store


def test_uploads_are_deleted_when_the_last_task_that_needs_them_has_ended(world):
    service, store = with_store(world)
    gate = Gate()
    world.plan.add("status", gate, times=1)
    motion = clip()
    first = service.start(request(1, motion=motion))
    assert gate.reached.wait(90)
    second = service.start(request(2, motion=motion, character=picture(2)))
    outcome(second)
    until(lambda: len(store.deleted) == 1)
    gate.open()
    outcome(first)
    until(lambda: len(store.deleted) == 3)
    assert len(set(store.deleted)) == 3


def test_uploads_of_a_row_of_unknown_fate_stay(world):
    service, store = with_store(world)
    world.plan.add("submit", faults.lost)
    with pytest.raises(TaskUnknownError):
        outcome(service.start(request(1)))
    outcome(service.start(request(2, motion=clip(2), character=picture(2))))
    until(lambda: len(store.deleted) == 2)
    service.abandon(next(r.id for r in world.rows() if r.state is State.UNKNOWN))
    until(lambda: len(store.deleted) == 4)


def test_a_file_whose_link_was_given_away_is_not_deleted(world):
    service, store = with_store(world)
    shares = [service.share(ShareWish(medium, "auto")) for medium in (picture(), clip())]
    until(lambda: all(share.done for share in shares))
    links = [share.hosted().url for share in shares]
    outcome(service.start(request(character=UrlCharacter(links[0]), motion=UrlMotion(links[1]))))
    outcome(service.start(request(2, character=picture())))
    until(lambda: len(store.deleted) >= 1)
    assert not set(store.deleted) & set(links)


def test_the_same_medium_is_shared_once(world):
    service = world.service()
    first = service.share(ShareWish(picture(), "auto"))
    until(lambda: first.done)
    second = service.share(ShareWish(picture(), "auto"))
    until(lambda: second.done)
    assert first.hosted().url == second.hosted().url
    assert world.remote.counts["upload"] == 1


def test_the_settings_of_a_callback_are_no_part_of_the_fingerprint(world):
    service = world.service()
    first = outcome(service.start(request()))
    world.environ["APIXO_WAN_CALLBACK"] = "https://hooks.test/x"
    assert outcome(service.start(replace(request(), host="self"))).row.id == first.row.id
    assert json.loads(first.file.with_suffix(".json").read_text())["task_id"] == first.row.task_id
