"""A service whose words and links mean harm: clean lines, nothing fetched inside the house."""

from __future__ import annotations

import json
import logging

import pytest
from apixo_wan_animate.utils.errors import TaskError, WanAnimateError
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import edited

from .world import request

EVIL_WORDS = {
    "a megabyte": "A" * 1_000_000,
    "colours": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b31m",
    "lines": "one\r\nWARNING: forged line\nthree\u2028four\u0085five",
    "NUL and backspaces": "a\0b\x08\x08\x7f",
    "right to left": "abc\u202egpj.exe\u2066\ufeff",
    "a lone surrogate": "\ud800\udfff",
    "a signed link": "see https://cdn.example/r.mp4?X-Signature=5ecret for more",
    "a signed link without its scheme": "see cdn.example/r.mp4?X-Signature=5ecret for more",
    "a signed link as PHP writes it": r"see https:\/\/cdn.example\/r.mp4?X-Signature=5ecret",
    "a signed link, encoded": "see https%3A%2F%2Fcdn.example%2Fr.mp4%3FX-Signature%3D5ecret",
    "markup": "<img src=x onerror=alert(1)>",
}


@pytest.mark.parametrize("words", EVIL_WORDS)
def test_words_of_a_failure_reach_node_ledger_and_log_in_one_clean_line(world, caplog, words):
    caplog.set_level(logging.DEBUG)
    evil = EVIL_WORDS[words]

    def fail(answer):
        data = {**answer["data"], "state": "failed", "failCode": f"NSFW{evil[:99]}",
                "failMsg": evil}  # fmt: skip
        return {**answer, "data": data}

    world.plan.add("status", edited(fail), times=99)
    task = world.service().start(request())
    assert task.wait(30)
    with pytest.raises(TaskError) as caught:
        task.outcome()
    row = world.only_row()
    assert row.state is State.FAILED
    shown = [str(caught.value), row.fail_code, row.fail_message, *caplog.messages]
    for text in shown:
        assert text.isprintable()
        assert len(text) < 1200
        assert "5ecret" not in text


@pytest.mark.parametrize(
    "task_id",
    [
        "../../../etc/passwd",
        "a\r\nX-Evil: 1",
        "t" * 1_000_000,
        "",
        "a b",
        {"$ne": 1},
        "\ud800",
        ".",
    ],
    ids=lambda t: ascii(t)[:16],
)
def test_an_evil_task_id_is_no_receipt_and_is_not_bought_again(world, task_id):
    def rename(answer):
        return {**answer, "data": {**answer["data"], "taskId": task_id}}

    world.plan.add("submit", edited(rename), times=9)
    service = world.service()
    for _ in range(2):
        task = service.start(request())
        assert task.wait(30)
        with pytest.raises(WanAnimateError, match=r"(?i)unknown|dashboard") as caught:
            task.outcome()
        assert str(caught.value).isprintable()
    assert world.submits == 1
    assert world.only_row().state is State.UNKNOWN


@pytest.mark.parametrize(
    "link",
    ["http://169.254.169.254/latest/meta-data/a.mp4", "http://10.0.0.1/a.mp4",
     "http://[fd00::1]/a.mp4", "https://nas.local/a.mp4", "file:///etc/passwd",
     "https://user:word@example.org/a.mp4"],
)  # fmt: skip
def test_a_result_link_into_the_house_is_not_fetched_and_the_result_not_given_up(world, link):
    def lead_inside(answer):
        data = answer["data"]
        if "resultJson" in data:
            data = {**data, "resultJson": json.dumps({"resultUrls": [link]})}
        return {**answer, "data": data}

    world.plan.add("status", edited(lead_inside), times=999)
    task = world.service().start(request())
    assert task.wait(30)
    with pytest.raises(WanAnimateError):
        task.outcome()
    assert world.only_row().state is State.SUCCEEDED, "a later answer may name the right one"
    assert not [p for p in world.folders().output.rglob("*") if p.is_file()]
