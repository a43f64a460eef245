"""A result with several links: the one that leads to a whole clip is found."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from apixo_wan_animate.utils.errors import TaskError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import instead, lost
from apixo_wan_animate.utils.practice.wire import Reply
from clocks import FastClock
from patience import until

from .answers import RESULT, with_data
from .test_unverified import damaged
from .world import outcome, request


def is_first(asked) -> bool:
    return "first" in asked.query


def name_two(world, serve) -> None:
    """Each answer names two links to the file, signed anew; `serve` answers for both."""
    answers = iter(range(1, 10**6))

    def edit(data):
        if data["state"] != "success":
            return data
        (link,) = json.loads(data["resultJson"])["resultUrls"]
        n = next(answers)
        links = [f"{link}?first=1&n={n}", f"{link}?second=1&n={n}"]
        return {**data, "resultJson": json.dumps({"resultUrls": links})}

    world.plan.add("status", with_data(edit), times=10**6)
    world.plan.add("file", serve, times=10**6, path=RESULT)


def test_a_damaged_first_link_is_passed_over_when_the_file_is_fetched_again_too(world):
    name_two(world, lambda asked, handle: (damaged if is_first(asked) else passed)(asked, handle))
    service = world.service(clock=FastClock(20))
    first = outcome(service.start(request()))
    assert first.row.fail_code == ""
    first.file.unlink()
    assert outcome(service.start(request())).row.fail_code == ""


def passed(asked, handle):
    return handle()


def test_a_damaged_first_link_does_not_end_it_while_the_second_is_down(world):
    down = [True]

    def serve(asked, handle):
        if is_first(asked):
            return damaged(asked, handle)
        return instead(503)(asked, handle) if down else handle()

    name_two(world, serve)
    service = world.service(clock=FastClock(30))
    with pytest.raises(TaskError):
        outcome(service.start(request()))
    assert world.only_row().state is State.SUCCEEDED
    down.clear()
    assert world.wait_for(State.COLLECTED).fail_code == ""


def test_expired_links_are_asked_for_anew_though_another_cannot_be_reached(world):
    def serve(asked, handle):
        if int(asked.query["n"]) > 1:
            return handle()
        return lost(asked, handle) if is_first(asked) else instead(403)(asked, handle)

    name_two(world, serve)
    world.service(clock=FastClock(60)).start(request())
    world.wait_for(State.COLLECTED)


def test_a_link_that_brings_a_little_more_each_time_is_not_given_up_for_a_picture(world):
    begun: list[str] = []

    def serve(asked, handle):
        if not is_first(asked):
            return Reply(200, b"\x89PNG\r\n\x1a\n" * 99, {}, "image/png")
        begun.append(asked.headers.get("range", ""))
        reply = handle()
        if len(begun) % 5:  # four attempts in a row that bring nothing end a try
            return replace(reply, unsent=True)
        return replace(reply, cut_after=reply.body.path.stat().st_size * 3 // 10)

    name_two(world, serve)
    service = world.service(clock=FastClock(120))
    service.start(request())
    row = world.wait_for(State.COLLECTED)
    until(lambda: service._open().table.all() == [])
    assert row.fail_code == ""
    assert len({at for at in begun if at}) >= 3
