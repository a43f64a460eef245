"""A whole file that is no sound clip is kept, said, and not fetched again and again."""

from __future__ import annotations

import json
import threading

import pytest
from apixo_wan_animate.utils.errors import TaskError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import instead
from apixo_wan_animate.utils.practice.wire import FilePart, Reply
from clocks import FastClock
from patience import until

from .answers import RESULT
from .world import outcome, request


def damaged(asked, handle):
    """The result with a scratch in its last pictures; always the same, and whole."""
    reply = handle()
    if not isinstance(reply.body, FilePart):
        return reply
    content = bytearray(reply.body.path.read_bytes())
    index, pictures = content.find(b"moov"), content.find(b"mdat")
    end = index - 4 if index > pictures else len(content)
    for at in range(end - 1600, end - 100):
        content[at] ^= 0x55
    return Reply(200, bytes(content), {}, reply.media_type)


def fetched(world) -> int:
    return world.remote.counts["file"]


@pytest.fixture
def kept(world):
    """A service, and the row whose file was kept."""
    world.plan.add("file", damaged, times=10**6, path=RESULT)
    service = world.service(clock=FastClock(60))
    watch = service.start(request())
    with pytest.raises(TaskError):
        outcome(watch)
    row = world.wait_for(State.COLLECTED)
    until(lambda: service._open().table.all() == [])
    return service, row


def test_it_lies_beside_where_the_result_would_be_and_says_so(world, kept):
    _, row = kept
    file = world.folders().output / row.file
    assert file.name.endswith(f"{row.tag}.unverified.mp4")
    beside = json.loads(file.with_suffix(".json").read_text())
    assert (beside["verified"], beside["task_id"]) == (False, row.task_id)
    assert beside["file"] == {"name": file.name, "bytes": file.stat().st_size}
    assert row.file in row.fail_message
    assert not list(file.parent.glob(".*part*"))


def test_it_is_not_fetched_again_and_again(world, kept):
    service, _ = kept
    before = fetched(world)
    assert before < 12
    for _ in range(3):
        service._open().scan()
    house = service._open()
    assert (house.table.all(), house.fetcher._waiting) == ([], {})
    assert fetched(world) == before


def test_the_same_request_is_told_where_it_lies_and_buys_nothing(world, kept):
    service, row = kept
    for asked in (lambda: service.start(request()), lambda: service.collect(row.task_id)):
        with pytest.raises(TaskError) as told:
            outcome(asked())
        for word in ("not sound", row.file, f"forget {row.id}"):
            assert word in str(told.value)
    estimate = service.estimate(request(), stop=threading.Event())
    assert (estimate.billable_s, estimate.ready) == (0, False)
    assert (world.submits, world.accepted) == (1, 1)


def test_once_it_is_deleted_it_is_fetched_anew_and_a_sound_one_takes_its_place(world, kept):
    service, row = kept
    file = world.folders().output / row.file
    file.unlink()
    with pytest.raises(TaskError, match="not sound"):
        outcome(service.start(request()))
    assert file.is_file()
    file.unlink()
    world.heal()
    result = outcome(service.start(request()))
    assert result.file.name.endswith(f"{row.tag}.mp4")
    assert (result.row.fail_code, result.row.fail_message) == ("", "")
    assert outcome(service.start(request())).file == result.file
    assert (world.submits, world.accepted) == (1, 1)


def test_once_the_row_is_forgotten_the_request_is_made_anew(world, kept):
    service, row = kept
    service.forget(row.id)
    world.heal()
    assert not outcome(service.start(request())).reused
    assert (world.submits, world.accepted) == (2, 2)
    assert (world.folders().output / row.file).is_file()


def changing():
    """Damaged each time in another place, as on a bad line."""
    at = iter(range(1000, 10**6))

    def fault(asked, handle):
        reply = damaged(asked, handle)
        if isinstance(reply.body, bytes):
            content = bytearray(reply.body)
            content[next(at)] ^= 0xFF
            reply = Reply(200, bytes(content), {}, reply.media_type)
        return reply

    return fault


PASSING = {
    "an answer in JSON": instead(200, {"message": "the file is being written"}),
    "another damage each time": changing(),
    "a picture": lambda asked, handle: Reply(200, b"\x89PNG\r\n\x1a\n" * 99, {}, "image/png"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_may_still_become_the_clip_is_waited_for(world, fault):
    world.plan.add("file", fault, times=10**6, path=RESULT)
    service = world.service(clock=FastClock(200))
    with pytest.raises(TaskError, match="retried automatically"):
        outcome(service.start(request()))
    before = fetched(world)
    until(lambda: fetched(world) > before + 1)
    assert world.only_row().state is State.SUCCEEDED
    world.heal()
    assert world.wait_for(State.COLLECTED).fail_code == ""
    assert (world.submits, world.accepted) == (1, 1)
