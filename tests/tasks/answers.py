"""Answers of the service as tests want them, and time until it has given enough of them."""

from __future__ import annotations

import threading
import time

from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.practice.faults import edited, instead
from patience import until

RESULT = "/files/practice-"
"""Results lie here; uploads do not."""

SOON = {"Retry-After": "1"}


def in_200(code: int):
    """An error in the envelope of an HTTP 200."""
    return instead(200, {"code": code, "message": "no", "data": None})


def without_id(data: object):
    return edited(lambda answer: {**answer, "data": data})


def with_data(change):
    return edited(lambda answer: {**answer, "data": change(answer["data"])})


def ask_until(world, clock, *, step_s: float, over) -> None:
    """Let time pass in steps, each long enough for a question and its answer."""

    def asked() -> int:
        return world.remote.counts["status"] + world.remote.counts["file"]

    pause, end = threading.Event(), time.monotonic() + 240
    while not over():
        assert time.monotonic() < end, "it did not come to that"
        before = asked()
        clock.advance(step_s)
        for _ in range(40):  # the next question may not have been planned yet
            if asked() > before or over():
                break
            pause.wait(0.005)


def until_it_is_not_there_yet(world, clock, watch) -> None:
    """Let time pass until a result is ready and cannot be fetched; from then on it stands still."""
    until(lambda: watch.accepted() is not None)
    ask_until(world, clock, step_s=3, over=lambda: world.only_row().state is State.SUCCEEDED)
    until(lambda: "not there yet" in watch.progress.note)
