"""Every fault while a result is fetched: what is paid for stays owed until it is there."""

from __future__ import annotations

import shutil

import pytest
from apixo_wan_animate.utils.errors import TaskError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice import faults
from apixo_wan_animate.utils.practice.faults import corrupt, cut, instead
from apixo_wan_animate.utils.practice.wire import Reply
from apixo_wan_animate.utils.tasks.rhythm import FILE_GONE_FINAL_S
from clocks import FastClock, HandClock
from patience import until

from .answers import RESULT, ask_until
from .world import outcome, request


def elsewhere(seen: list[str]):
    """A redirect to the same file under another address."""

    def fault(asked, handle):
        if "moved" in asked.query:
            return handle()
        seen.append(asked.path)
        return Reply(302, b"", {"Location": f"{asked.path}?moved=1"}, "text/html")

    return fault


def shortened(asked, handle):
    """A file that ends too early, in a reply that is whole."""
    reply = handle()
    content = reply.body.path.read_bytes()
    return Reply(200, content[: len(content) * 6 // 10], {}, reply.media_type)


FILES = [
    pytest.param(shortened, 2, id="shortened"),
    pytest.param(cut(700), 2, id="cut"),
    pytest.param(faults.lost, 2, id="no answer"),
    pytest.param(instead(403, html=True), 2, id="refused"),
    pytest.param(instead(404), 2, id="gone at first"),
    pytest.param(instead(500), 2, id="500"),
    pytest.param(instead(200, html=True), 2, id="HTML"),
    pytest.param(corrupt, 2, id="corrupt"),
    pytest.param(instead(200, b""), 2, id="empty"),
    pytest.param(faults.redirect("http://10.0.0.1/result.mp4"), 1, id="redirect inwards"),
    pytest.param(faults.redirect("file:///etc/passwd"), 1, id="redirect to a file"),
]


@pytest.mark.parametrize(("fault", "times"), FILES)
def test_trouble_while_fetching_is_ridden_out(world, fault, times):
    world.plan.add("file", fault, times=times, path=RESULT)
    # The node is told after a minute without a file: at this pace, after twelve seconds.
    result = outcome(world.service(clock=FastClock(5)).start(request()))
    assert result.row.state is State.COLLECTED
    assert result.file.stat().st_size > 1000
    assert world.plan.left == 0
    assert not list(result.file.parent.glob("*.part*"))
    assert (world.submits, world.accepted) == (1, 1)


def test_a_redirected_result_is_followed(world):
    seen: list[str] = []
    world.plan.add("file", elsewhere(seen), times=100, path=RESULT)
    assert outcome(world.service().start(request())).file.is_file()
    assert len(seen) == 1


def test_a_file_that_is_gone_stays_owed_and_the_node_is_told(world):
    world.plan.add("file", instead(404), times=10**6, path=RESULT)
    watch = world.service(clock=FastClock(200)).start(request())
    with pytest.raises(TaskError, match="retried automatically"):
        outcome(watch)
    assert world.only_row().state is State.SUCCEEDED
    world.heal()
    world.wait_for(State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_file_that_is_gone_for_a_week_ends_failed(world):
    clock = HandClock()
    world.plan.add("file", instead(410), times=10**6, path=RESULT)
    service = world.service(clock=clock)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    ask_until(world, clock, step_s=9, over=lambda: world.only_row().state is State.SUCCEEDED)
    began = world.only_row().succeeded_at
    ask_until(world, clock, step_s=2400, over=lambda: world.only_row().state is State.FAILED)
    assert clock.now() - began >= FILE_GONE_FINAL_S
    with pytest.raises(TaskError):
        outcome(watch)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_network_that_is_down_for_a_week_loses_nothing(world):
    clock = HandClock()
    world.plan.add("file", faults.reset_before, times=10**6, path=RESULT)
    service = world.service(clock=clock)
    watch = service.start(request())
    until(lambda: watch.accepted() is not None)
    ask_until(world, clock, step_s=9, over=lambda: world.only_row().state is State.SUCCEEDED)
    ask_until(
        world,
        clock,
        step_s=86_400.0,
        over=lambda: clock.now() - (world.only_row().created_at) > 9 * 86_400.0,
    )
    assert world.only_row().state is State.SUCCEEDED
    world.heal()
    ask_until(world, clock, step_s=2400, over=lambda: world.only_row().state is State.COLLECTED)
    assert (world.submits, world.accepted) == (1, 1)


def test_a_file_in_a_former_output_folder_is_named_before_it_is_bought_anew(world):
    """A second ComfyUI has another output folder, and the link has ended meanwhile."""
    first = world.service()
    file = outcome(first.start(request())).file
    first.stop()
    former = world.folders().output
    moved = former.rename(former.with_name("moved"))
    world.plan.add("file", instead(404), times=10**6, path=RESULT)
    watch = world.service().start(request())
    assert watch.wait(60)
    with pytest.raises(TaskError) as caught:
        watch.outcome()
    told = str(caught.value)
    assert str(file) in told
    assert "was deleted" not in told.partition(". ")[0], "nobody knows that"
    assert told.index("output folder was changed or moved") < told.index("forget row")
    assert told.count(". ") == 1
    shutil.rmtree(former)
    moved.rename(former)
    assert outcome(world.service().start(request())).file == file
    assert world.submits == 1
