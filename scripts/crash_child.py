"""A ComfyUI that dies on purpose: the child process of `crash.py`.

It runs one request through the task service, and kills itself at the point that it is told. A
living one obeys orders from its parent until it is told to end.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pack
import torch

pack.load()

from apixo_wan_animate.utils.addresses import AddressRule  # noqa: E402
from apixo_wan_animate.utils.apixo.client import ApixoClient  # noqa: E402
from apixo_wan_animate.utils.apixo.request import WanOptions  # noqa: E402
from apixo_wan_animate.utils.clock import SystemClock  # noqa: E402
from apixo_wan_animate.utils.errors import TaskUnknownError, WanAnimateError  # noqa: E402
from apixo_wan_animate.utils.hosting.practice import PracticeHost  # noqa: E402
from apixo_wan_animate.utils.ledger.ledger import Ledger  # noqa: E402
from apixo_wan_animate.utils.ledger.states import State  # noqa: E402
from apixo_wan_animate.utils.media.types import FramesClip  # noqa: E402
from apixo_wan_animate.utils.settings import Folders, SettingsStore  # noqa: E402
from apixo_wan_animate.utils.tasks import fetch, making  # noqa: E402
from apixo_wan_animate.utils.tasks.request import PictureCharacter, Request  # noqa: E402
from apixo_wan_animate.utils.tasks.service import Surroundings, TaskService  # noqa: E402
from apixo_wan_animate.utils.tasks.watch import Watch  # noqa: E402
from apixo_wan_animate.utils.transport import Transport  # noqa: E402

FRAMES, HEIGHT, WIDTH = 8, 208, 224


@dataclass(frozen=True)
class Life:
    """What one child is given.

    Attributes:
        folder: The user, output and temp folders lie here.
        origin: Where the service is.
        callbacks: Where callbacks are received.
        death: The point at which it kills itself; "" for never.
        hurry: How much faster than real time its service lives.
    """

    folder: Path
    origin: str
    callbacks: str
    death: str = ""
    hurry: float = 30.0


class HurriedClock:
    """Runs faster than the real one, so that polls come soon."""

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._began = time.monotonic()
        self._at = time.time()

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return (time.monotonic() - self._began) * self._factor

    def now(self) -> float:
        """Wall time; all children agree on it roughly."""
        return self._at + (time.monotonic() - self._began)

    def wait(self, stop: threading.Event, delay_s: float) -> bool:
        """Wait less."""
        return stop.wait(max(0.0, delay_s / self._factor))


def die() -> None:
    """As by SIGKILL from outside: nothing is cleaned up, no lock released in order."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    time.sleep(60)


def _after(owner: Any, name: str, when: Callable[[tuple[Any, ...]], bool] = lambda _: True) -> None:
    """Die as soon as a function of the pack has done its work."""
    whole = getattr(owner, name)

    def deadly(*args: Any, **options: Any) -> Any:
        result = whole(*args, **options)
        if when(args):
            die()
        return result

    setattr(owner, name, deadly)


def _midway(owner: Any, name: str) -> None:
    """Die when a function of the pack first tells of its progress."""
    whole = getattr(owner, name)

    def deadly(*args: Any, **options: Any) -> Any:
        def progress(done: int, _: int | None) -> None:
            if done > 0:
                die()

        return whole(*args, **{**options, "progress": progress})

    setattr(owner, name, deadly)


def _step(state: State) -> Callable[[], None]:
    return lambda: _after(Ledger, "step", lambda args: args[2] is state)


DEATHS: dict[str, Callable[[], None]] = {
    "row written": lambda: _after(Ledger, "admit"),
    "encoding": lambda: _midway(making, "encode_clip"),
    "uploading": lambda: _midway(Transport, "upload"),
    "one medium uploaded": lambda: _after(making, "place"),
    "sending written": lambda: _after(Ledger, "sending"),
    "submit on the wire": lambda: None,  # the parent kills, when the service has taken it
    "submit not yet read": lambda: None,  # the parent kills, before the service has taken it
    "answer received": lambda: _after(ApixoClient, "submit"),
    "id written": lambda: _after(Ledger, "submitted"),
    "busy, back to preparing": _step(State.PREPARING),
    "first status received": lambda: _after(ApixoClient, "status"),
    "success written": _step(State.SUCCEEDED),
    "downloading": lambda: _midway(Transport, "download"),
    "downloaded and verified": lambda: _after(fetch, "clip_in"),
    "file in its place": lambda: _after(fetch, "write_whole"),
    "collected written": _step(State.COLLECTED),
}
"""Every point, in the order in which a task passes them."""


def request(number: int, *, prompt: str = "") -> Request:
    """The request of a number: its media are its own, so that nothing is uploaded already."""
    torch.manual_seed(number)
    still = torch.rand(1, HEIGHT, WIDTH, 3).expand(FRAMES, HEIGHT, WIDTH, 3)
    options = WanOptions(type="replace", resolution="480p", prompt=prompt, seed=number)
    return Request(
        PictureCharacter(torch.rand(216, 232, 3)), FramesClip(still, Fraction(8)), options
    )


def _service(life: Life) -> TaskService:
    transport = Transport(SystemClock())
    folders = Folders(life.folder / "user", life.folder / "output", life.folder / "temp")
    environ = {
        "APIXO_API_KEY": "practice",
        "APIXO_BASE_URL": life.origin,
        "APIXO_WAN_CALLBACK": "1",
        "APIXO_WAN_PUBLIC_URL": life.callbacks,
    }
    host = PracticeHost(life.origin, transport=transport, rule=AddressRule(allow_loopback=True))
    return TaskService(
        folders,
        SettingsStore(folders.state, environ),
        transport=transport,
        clock=HurriedClock(life.hurry),
        surroundings=Surroundings(hosts=lambda settings, name: [host]),
    )


def live(life: Life, orders: Connection) -> None:
    """Obey orders until the end: each is a tuple, each is answered by one."""
    service = _service(life)
    service.resume()
    DEATHS.get(life.death, lambda: None)()
    while True:
        order, *rest = orders.recv()
        if order == "end":
            service.stop()
            return
        try:
            orders.send(_obey(service, order, rest))
        except WanAnimateError as error:
            orders.send(("error", f"{type(error).__name__}: {error}"))


def _obey(service: TaskService, order: str, rest: list[Any]) -> tuple[Any, ...]:
    if order == "run":
        number, prompt = rest
        return _answer(service, service.start(request(number, prompt=prompt)))
    if order == "collect":
        return _answer(service, service.collect(rest[0]))
    if order == "adopt":
        return ("row", service.adopt(*rest).id)
    if order == "abandon":
        return ("row", service.abandon(rest[0]).id)
    return ("taken", service.callback(*rest))


def _answer(service: TaskService, watch: Watch) -> tuple[Any, ...]:
    if not watch.wait(60):
        return ("stuck", repr(watch.progress))
    try:
        outcome = watch.outcome()
    except TaskUnknownError:
        return ("unknown", service.rows(limit=1)[0].id)
    return ("file", str(outcome.file), outcome.row.task_id)
