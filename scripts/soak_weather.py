"""The service of a soak: practice in a process of its own, where one request in so many goes wrong.

`Weather` stands around every request. It also writes down which submits were taken, whatever
became of their answers: what was taken is paid for, and everything else is measured by that.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pack

pack.load()

from apixo_wan_animate.utils.clock import SystemClock  # noqa: E402
from apixo_wan_animate.utils.practice import faults  # noqa: E402
from apixo_wan_animate.utils.practice.faults import (  # noqa: E402
    Fault,
    Handle,
    corrupt,
    cut,
    edited,
    instead,
    replaced,
)
from apixo_wan_animate.utils.practice.service import PracticeService  # noqa: E402
from apixo_wan_animate.utils.practice.wire import FilePart, Reply, Request  # noqa: E402

SLOWEST_S = 2.0
_BODY_BYTES = 256 * 1024
_RESULT = "/files/practice-"
_SOON = {"Retry-After": "2"}


def _slow(asked: Request, handle: Handle) -> Reply:
    time.sleep(random.uniform(0.2, SLOWEST_S))
    return handle()


def _slow_after(asked: Request, handle: Handle) -> Reply:
    reply = handle()
    time.sleep(random.uniform(0.2, SLOWEST_S))
    return reply


def _shortened(asked: Request, handle: Handle) -> Reply:
    """A file that ends too early, in a reply that is whole."""
    reply = handle()
    if not isinstance(reply.body, FilePart):
        return reply
    content = reply.body.path.read_bytes()
    return Reply(200, content[: len(content) * 6 // 10], {}, reply.media_type)


def _in_200(code: int) -> Fault:
    return instead(200, {"code": code, "message": "no", "data": None})


def _with_data(**changes: object) -> Fault:
    def edit(answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "data": {**(answer.get("data") or {}), **changes}}

    return edited(edit)


_TROUBLE: dict[str, Fault] = {
    "answer lost": faults.lost,
    "reset after": faults.reset_after,
    "reset before": faults.reset_before,
    "closed": faults.closed,
    "500": instead(500),
    "502 page": instead(502, html=True),
    "503": instead(503),
    "slow": _slow,
    "slow answer": _slow_after,
}
FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "submit": {
        **_TROUBLE,
        "answer cut": cut(20),
        "429": instead(429, headers=_SOON),
        "429 in 200": _in_200(429),
        "400": instead(400),
        "401": instead(401),
        "402": instead(402),
        "502 page, accepted": replaced(502, "<html>", html=True),
        "page in 200, accepted": replaced(200, "<html>hello</html>", html=True),
        "no task id": edited(lambda answer: {**answer, "data": {}}),
    },
    "status": {
        **_TROUBLE,
        "answer cut": cut(30),
        "429": instead(429, headers=_SOON),
        "401": instead(401),
        "404": instead(404),
        "data null": edited(lambda answer: {**answer, "data": None}),
        "page in 200": replaced(200, "<html>busy</html>", html=True),
        "a list": instead(200, b"[]"),
        "unknown state": _with_data(state="dreaming"),
    },
    "upload": _TROUBLE,
    "file": {**_TROUBLE, "404": instead(404), "cut": cut(700)},
    "result": {
        **_TROUBLE,
        "404": instead(404),
        "410": instead(410),
        "403 page": instead(403, html=True),
        "cut": cut(700),
        "shortened": _shortened,
        "corrupt": corrupt,
        "empty": instead(200, b""),
        "page": instead(200, html=True),
        "inwards": faults.redirect("http://10.0.0.1/result.mp4"),
        "to a file": faults.redirect("file:///etc/passwd"),
    },
}
"""What can go wrong with each kind of request, every fault as likely as the next."""

SHARES = {"submit": 1.0, "status": 0.6, "upload": 0.2, "file": 0.1, "result": 1.5}
"""How much more or less often than the share that was asked for; a task uploads and is read often,
and an upload that fails ends it before it is submitted."""


class Weather:
    """Spoils single requests at random.

    Args:
        seed: The same seed draws the same faults.
        share: How many of 1 submits go wrong.
    """

    def __init__(self, seed: int, share: float) -> None:
        self._random = random.Random(seed)
        self._share = share
        self._lock = threading.Lock()
        self.met: Counter[str] = Counter()
        self._taken: dict[str, int] = {}

    def calm(self) -> None:
        """No more faults from now on."""
        self._share = 0.0

    def __call__(self, asked: Request, route: str, handle: Handle) -> Reply:
        """Answer a request, well or badly."""
        kind = "result" if route == "file" and asked.path.startswith(_RESULT) else route
        fault = self._draw(kind)

        def noting() -> Reply:
            reply = handle()
            if route == "submit":
                self._note(asked, reply)
            return reply

        return fault(asked, noting) if fault else noting()

    def _draw(self, kind: str) -> Fault | None:
        with self._lock:
            if kind not in FAULTS or self._random.random() >= self._share * SHARES[kind]:
                return None
            name = self._random.choice(list(FAULTS[kind]))
            self.met[f"{kind}: {name}"] += 1
            return FAULTS[kind][name]

    def all_taken(self) -> dict[str, int]:
        """Tasks that were given out, with the seed of each, as it is now."""
        with self._lock:
            return dict(self._taken)

    def _note(self, asked: Request, reply: Reply) -> None:
        """Write down a submit that was taken."""
        answer = json.loads(reply.body) if isinstance(reply.body, bytes) else {}
        if answer.get("code") == 200:
            with self._lock:
                seed = json.loads(asked.read(_BODY_BYTES))["input"]["seed"]
                self._taken[answer["data"]["taskId"]] = seed


@dataclass(frozen=True)
class Place:
    """Where the service lives, and in what weather.

    Attributes:
        folder: For its files.
        seed: Of the faults.
        share: How many of 1 submits go wrong.
    """

    folder: Path
    seed: int
    share: float


def serve(place: Place, orders: Connection) -> None:
    """Serve, and answer the parent's questions until it says `end`; its origin comes first."""
    weather = Weather(place.seed, place.share)
    service = PracticeService(SystemClock(), folder=place.folder, faults=weather, request_threads=8)
    orders.send(service.start())
    while True:
        order, *rest = orders.recv()
        if order == "end":
            service.stop()
            return
        if order == "calm":
            weather.calm()
        orders.send(_answer(service, weather, (order, *rest)))


def _answer(service: PracticeService, weather: Weather, order: tuple[Any, ...]) -> Any:
    match order:
        case ("taken", seed):
            return [task_id for task_id, number in weather.all_taken().items() if number == seed]
        case ("all taken",):
            return weather.all_taken()
        case ("succeeded",):
            return {task.task_id for task in service.tasks() if task.state == "success"}
        case ("wire",):
            return service.counts.all(), dict(weather.met)
        case _:
            return None
