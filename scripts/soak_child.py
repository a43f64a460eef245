"""The ComfyUI of a soak: the task service in a process of its own, under orders of `soak.py`.

Each request follows from its number alone, so that the same number is the same request: what it
shows, what the service is told to do with it, and how long that takes.
"""

from __future__ import annotations

import gc
import logging
import random
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pack
import torch
from crash_child import HurriedClock

pack.load()

from apixo_wan_animate.utils.addresses import AddressRule  # noqa: E402
from apixo_wan_animate.utils.apixo.request import WanOptions  # noqa: E402
from apixo_wan_animate.utils.clock import SystemClock  # noqa: E402
from apixo_wan_animate.utils.errors import TaskUnknownError, WanAnimateError  # noqa: E402
from apixo_wan_animate.utils.hosting.practice import PracticeHost  # noqa: E402
from apixo_wan_animate.utils.ledger.ledger import Ledger  # noqa: E402
from apixo_wan_animate.utils.ledger.rows import TaskRow  # noqa: E402
from apixo_wan_animate.utils.ledger.states import State  # noqa: E402
from apixo_wan_animate.utils.media.types import FramesClip, Sound  # noqa: E402
from apixo_wan_animate.utils.settings import Folders, SettingsStore  # noqa: E402
from apixo_wan_animate.utils.tasks.request import PictureCharacter, Request  # noqa: E402
from apixo_wan_animate.utils.tasks.service import Surroundings, TaskService  # noqa: E402
from apixo_wan_animate.utils.tasks.watch import Watch  # noqa: E402
from apixo_wan_animate.utils.transport import Transport  # noqa: E402

FRAMES, HEIGHT, WIDTH = 8, 208, 224
SLOWEST_S = 6.0
_LOOK_S = 0.02
_KINDS = ("Job", "Watch", "Part", "Request", "FramesClip", "PictureCharacter")
"""What must not outlive its task, by the names of the pack's classes."""

WISHES = (
    ("practice:fail GENERATION_FAILED as it happens", 0.03),
    ("practice:busy 1", 0.03),
    ("practice:late 1", 0.03),
    ("practice:odd", 0.04),
    ("practice:cut", 0.03),
    ("practice:lost", 0.03),
    ("practice:silent", 0.15),
    ("practice:credit", 0.01),
    ("practice:refuse 400 not like this", 0.01),
)
"""What the service is told by a prompt, and how often."""


@dataclass(frozen=True)
class Life:
    """What the child is given.

    Attributes:
        folder: The user, output and temp folders lie here.
        origin: Where the service is.
        callbacks: Where callbacks are received.
        log: The pack's log goes here.
        hurry: How much faster than real time the pack's own waits pass.
    """

    folder: Path
    origin: str
    callbacks: str
    log: Path
    hurry: float = 10.0

    @property
    def folders(self) -> Folders:
        """Where this installation keeps things."""
        return Folders(self.folder / "user", self.folder / "output", self.folder / "temp")


def prompt_of(number: int) -> str:
    """What the service is told to do with a request."""
    chance = random.Random(number)
    words = [wish for wish, share in WISHES if chance.random() < share]
    return "; ".join([f"practice:slow {chance.uniform(0, SLOWEST_S):.2f}", *words])


def request(number: int) -> Request:
    """The request of a number; a character is met again soon, a clip a few times in a row."""
    options = WanOptions(
        type="replace" if number % 2 else "animate",
        resolution="480p",
        prompt=prompt_of(number),
        seed=number,
    )
    return Request(_character(number % 40), _motion(number // 3), options)


def _character(number: int) -> PictureCharacter:
    tone = torch.Generator().manual_seed(number)
    coarse = torch.rand(1, 3, 8, 8, generator=tone)
    return PictureCharacter(
        torch.nn.functional.interpolate(coarse, size=(232, 216))[0].permute(1, 2, 0)
    )


def _motion(number: int) -> FramesClip:
    tone = torch.Generator().manual_seed(10_000_000 + number)
    coarse = torch.rand(FRAMES, 3, 6, 6, generator=tone)
    frames = torch.nn.functional.interpolate(coarse, size=(HEIGHT, WIDTH)).permute(0, 2, 3, 1)
    voice = Sound(torch.rand(1, 16_000, generator=tone) * 0.2 - 0.1, 16_000)
    return FramesClip(frames, Fraction(8), voice if number % 2 else None)


class Nodes:
    """What is under way in this process: each ticket is a node that watches its task."""

    def __init__(self, life: Life) -> None:
        self._noted = _count_notes()
        transport = Transport(SystemClock())
        environ = {
            "APIXO_API_KEY": "practice",
            "APIXO_BASE_URL": life.origin,
            "APIXO_WAN_CALLBACK": "1",
            "APIXO_WAN_PUBLIC_URL": life.callbacks,
        }
        rule = AddressRule(allow_loopback=True)
        host = PracticeHost(life.origin, transport=transport, rule=rule)
        self.service = TaskService(
            life.folders,
            SettingsStore(life.folders.state, environ),
            transport=transport,
            clock=HurriedClock(life.hurry),
            surroundings=Surroundings(hosts=lambda settings, name: [host]),
        )
        self.service.resume()
        self._watches: dict[int, tuple[int, Watch]] = {}

    def obey(self, order: str, *rest: Any) -> tuple[Any, ...] | None:
        """Do what the parent says; None where the answer comes later."""
        if order == "run":
            ticket, number = rest
            self._watches[ticket] = (number, self.service.start(request(number)))
            return None
        if order == "leave":
            _, watch = self._watches.pop(rest[0], (0, None))
            if watch is not None:
                watch.leave()
            return None
        if order == "callback":
            self.service.callback(*rest)
            return None
        if order == "alive":
            return ("alive", _alive())
        if order == "sent":
            return ("sent", len(self._noted))
        return self._settle(order, *rest)

    def _settle(self, order: str, ticket: int, *rest: Any) -> tuple[Any, ...]:
        """What the user decides about a row of unknown fate."""
        try:
            getattr(self.service, order)(*rest)
        except WanAnimateError as error:
            return ("settled", ticket, f"{type(error).__name__}: {error}")
        return ("settled", ticket, "")

    def ended(self) -> list[tuple[Any, ...]]:
        """Answers of the nodes whose watching is over."""
        done = [ticket for ticket, (_, watch) in self._watches.items() if watch.done]
        return [self._answer(ticket, *self._watches.pop(ticket)) for ticket in done]

    def _answer(self, ticket: int, number: int, watch: Watch) -> tuple[Any, ...]:
        try:
            outcome = watch.outcome()
        except TaskUnknownError:
            rows = self.service.rows(limit=2000)
            found = [r for r in rows if r.seed == number and r.state is State.UNKNOWN]
            return ("ended", ticket, "unknown", found[0].id if found else 0, "")
        except WanAnimateError as error:
            return ("ended", ticket, "error", type(error).__name__, str(error))
        kind = "reused" if outcome.reused else "file"
        return ("ended", ticket, kind, str(outcome.file), outcome.row.task_id)


def _count_notes() -> list[int]:
    """Rows as the ledger writes down that their submit is about to leave, one entry a submit."""
    rows: list[int] = []
    write = Ledger.sending

    def sending(ledger: Ledger, row_id: int, **limit: Any) -> TaskRow:
        row = write(ledger, row_id, **limit)
        rows.append(row_id)
        return row

    Ledger.sending = sending  # type: ignore[method-assign]
    return rows


def _alive() -> dict[str, int]:
    """How many objects there are that belong to single tasks."""
    gc.collect()
    kinds = (type(thing) for thing in gc.get_objects())
    found = Counter(kind.__name__ for kind in kinds if str(kind.__module__).startswith(pack.ALIAS))
    return {name: found[name] for name in _KINDS if found[name]}


def live(life: Life, orders: Connection) -> None:
    """Obey orders until the end; tell of each node whose watching is over."""
    logging.basicConfig(filename=life.log, format="%(levelname)s %(message)s")
    nodes = Nodes(life)
    while True:
        if orders.poll(_LOOK_S):
            order = orders.recv()
            if order[0] == "end":
                nodes.service.stop()
                return
            answer = nodes.obey(*order)
            if answer is not None:
                orders.send(answer)
        for answer in nodes.ended():
            orders.send(answer)
