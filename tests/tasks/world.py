"""A service on loopback that can be told to fail, and task services that meet it over HTTP."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import torch
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.apixo.request import WanOptions
from apixo_wan_animate.utils.clock import Clock, SystemClock
from apixo_wan_animate.utils.hosting.practice import PracticeHost
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.rows import TaskRow
from apixo_wan_animate.utils.ledger.states import State
from apixo_wan_animate.utils.media.types import FramesClip, Sound
from apixo_wan_animate.utils.practice.faults import FaultPlan
from apixo_wan_animate.utils.practice.service import PracticeService
from apixo_wan_animate.utils.settings import Folders, SettingsStore
from apixo_wan_animate.utils.tasks.request import PictureCharacter, Request
from apixo_wan_animate.utils.tasks.service import Surroundings, TaskService
from apixo_wan_animate.utils.tasks.watch import Outcome, Watch
from apixo_wan_animate.utils.transport import Transport
from clocks import FastClock
from patience import until

HURRY = 40.0
"""How much faster than real time the services of a world live, if nothing else is said."""

T, H, W = 9, 208, 224


def picture(seed: int = 1) -> PictureCharacter:
    torch.manual_seed(seed)
    return PictureCharacter(torch.rand(232, 216, 3))


def clip(seed: int = 1, *, frames: int = T, sound: bool = False) -> FramesClip:
    torch.manual_seed(1000 + seed)
    still = torch.rand(1, H, W, 3).expand(frames, H, W, 3)
    voice = Sound(torch.rand(1, 16_000) * 0.2 - 0.1, 16_000) if sound else None
    return FramesClip(still, Fraction(9), voice)


def request(
    seed: int = 1,
    *,
    character=None,
    motion=None,
    prompt: str = "",
    keep_sound: bool = True,
) -> Request:
    options = WanOptions(
        type="replace", resolution="480p", prompt=prompt, seed=seed, provider="key default"
    )
    return Request(
        character if character is not None else picture(),
        motion if motion is not None else clip(),
        options,
        keep_sound=keep_sound,
    )


class World:
    """One remote service, one user folder, and any number of ComfyUIs on it.

    Args:
        folder: For everything.
        request_threads: How many requests the service answers, or holds, at once.
    """

    def __init__(self, folder: Path, *, request_threads: int = 3) -> None:
        self.folder = folder
        self.plan = FaultPlan()
        self.remote = PracticeService(
            SystemClock(),
            folder=folder / "remote",
            faults=lambda asked, route, handle: self.plan(asked, route, handle),
            request_threads=request_threads,
        )
        self.origin = self.remote.start()
        self.environ: dict[str, str] = {
            "APIXO_API_KEY": "practice",
            "APIXO_BASE_URL": self.origin,
        }
        self.transport = Transport(SystemClock())
        self._services: list[TaskService] = []

    def folders(self) -> Folders:
        return Folders(
            state=self.folder / "user" / "__apixo_wan_animate",
            output=self.folder / "output",
            temp=self.folder / "temp",
        )

    def service(self, *, clock: Clock | None = None) -> TaskService:
        """One more ComfyUI on this user folder, with uploads going to the remote service."""
        return self._make(Surroundings(hosts=lambda settings, name: [self.host()]), clock)

    def service_with_own_hosts(self) -> TaskService:
        """One that chooses hosts by its settings, as outside of tests."""
        return self._make(Surroundings(), None)

    def service_around(self, surroundings: Surroundings, clock: Clock | None = None) -> TaskService:
        """One in other surroundings."""
        return self._make(surroundings, clock)

    def service_unresumed(self) -> TaskService:
        """One that has not looked at the ledger yet."""
        return self._make(Surroundings(hosts=lambda settings, name: [self.host()]), None, False)

    def _make(
        self, surroundings: Surroundings, clock: Clock | None, resume: bool = True
    ) -> TaskService:
        made = TaskService(
            self.folders(),
            SettingsStore(self.folders().state, self.environ),
            transport=self.transport,
            clock=clock or FastClock(HURRY),
            surroundings=surroundings,
        )
        if resume:
            made.resume()
        self._services.append(made)
        return made

    def host(self) -> PracticeHost:
        rule = AddressRule(allow_loopback=True)
        return PracticeHost(self.origin, transport=self.transport, rule=rule)

    def crash(self, service: TaskService) -> None:
        """What a killed process leaves: its rows, and a lock that nobody holds.

        Real kills are in `scripts/crash.py`.
        """
        service.stop()

    def heal(self) -> None:
        """No more faults from now on."""
        self.plan = FaultPlan()

    @property
    def submits(self) -> int:
        """Submits on the wire, whatever became of them."""
        return self.remote.counts["submit"]

    @property
    def accepted(self) -> int:
        """Submits that the service took: what is paid for."""
        return self.remote.counts["accepted"]

    def ledger(self) -> Ledger:
        """A bystander's look into the ledger."""
        return Ledger(Database(self.folders().state / LEDGER_FILE), SystemClock())

    def rows(self) -> list[TaskRow]:
        ledger = self.ledger()
        try:
            return ledger.rows()
        finally:
            ledger.close()

    def only_row(self) -> TaskRow:
        (row,) = self.rows()
        return row

    def wait_for(self, state: State, *, limit_s: float = 90.0) -> TaskRow:
        """Wait until the only row is in a state."""
        until(lambda: [r.state for r in self.rows()] == [state], limit_s=limit_s)
        return self.only_row()

    def dashboard(self) -> list[dict]:
        """What the user would see at APIXO."""
        asked = HttpRequest(
            f"{self.origin}/practice/tasks", headers={"Authorization": "Bearer practice"}
        )
        with urlopen(asked) as reply:
            return json.load(reply)["data"]

    def close(self) -> None:
        for service in self._services:
            service.stop()
        self.remote.stop()


def outcome(watch: Watch, *, limit_s: float = 90.0) -> Outcome:
    assert watch.wait(limit_s), f"still {watch.progress}"
    return watch.outcome()


def uploads(world: World) -> int:
    return world.remote.counts["upload"]
