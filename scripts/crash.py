"""Kill the pack at every state, start it again, and count what was bought: `make crash`.

A service of its own stands on loopback and outlives every child. Each child is a process that is
killed at one point of a task's way; the next one goes on. What the service has accepted is
compared with what lies in the output folder. Then two processes race for the same requests.

    python scripts/crash.py --kills 20 --races 200

The last line reads `kills N, double 0, lost 0, stuck 0, asked M`: tasks that were bought twice,
results that were paid for and never arrived, tasks that did not end, and rows whose fate only
the user could tell (half of them are settled by callback, half by adopting the task's id).
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pack

pack.load()

import crash_child  # noqa: E402
from apixo_wan_animate.utils.clock import SystemClock  # noqa: E402
from apixo_wan_animate.utils.ledger.database import Database  # noqa: E402
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger  # noqa: E402
from apixo_wan_animate.utils.ledger.rows import TaskRow  # noqa: E402
from apixo_wan_animate.utils.ledger.states import State  # noqa: E402
from apixo_wan_animate.utils.media.probe import verify  # noqa: E402
from apixo_wan_animate.utils.practice.service import PracticeService  # noqa: E402
from callback_server import CallbackServer  # noqa: E402

LANES = 2
"""Children at once; each lane has a user folder of its own, with all its rows."""

PATIENCE_S = 90.0
_CAN_FORK = "forkserver" in multiprocessing.get_all_start_methods()
_processes = multiprocessing.get_context("forkserver" if _CAN_FORK else "spawn")


class Gate:
    """Stands around the submits of the service and holds back the one it is told to."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[bool, threading.Event, threading.Event]] = {}

    def hold(self, seed: int, *, taken: bool) -> tuple[threading.Event, threading.Event]:
        """Hold the submit with this seed, after or before the service has taken it.

        Returns:
            An event that tells that it is held, and one that lets it go.
        """
        reached, release = threading.Event(), threading.Event()
        self._held[seed] = (taken, reached, release)
        return reached, release

    def __call__(self, asked: Any, route: str, handle: Callable[[], Any]) -> Any:
        """Answer one request of the service."""
        if route != "submit" or not self._held:
            return handle()
        body = json.loads(asked.read(1_000_000))
        taken, reached, release = self._held.pop(body["input"]["seed"], (False, None, None))
        if reached is None:
            return handle()
        reply = handle() if taken else None
        reached.set()
        release.wait(PATIENCE_S)
        return reply if reply is not None else handle()


@dataclass
class Tally:
    """What came out."""

    kills: int = 0
    double: int = 0
    lost: int = 0
    stuck: int = 0
    asked: int = 0
    notes: list[str] = field(default_factory=list)
    by_point: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def line(self) -> str:
        """The last line of the report."""
        return (
            f"kills {self.kills}, double {self.double}, lost {self.lost}, "
            f"stuck {self.stuck}, asked {self.asked}"
        )


class Child:
    """A living child process, and the line to it."""

    def __init__(self, life: crash_child.Life) -> None:
        self._orders, theirs = _processes.Pipe()
        self._process = _processes.Process(
            target=crash_child.live, args=(life, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def order(self, *order: Any) -> tuple[Any, ...]:
        """Give an order and wait for the answer; ("dead",) when the child has died."""
        self.begin(*order)
        return self.answer()

    def begin(self, *order: Any) -> None:
        """Give an order."""
        self._orders.send(order)

    def answer(self) -> tuple[Any, ...]:
        """Wait for the answer."""
        try:
            if not self._orders.poll(PATIENCE_S):
                return ("stuck", "no answer")
            return self._orders.recv()
        except (EOFError, ConnectionResetError):
            return ("dead",)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self.bury()

    def bury(self) -> None:
        """Wait until it is gone."""
        self._process.join(PATIENCE_S)
        self._orders.close()

    def end(self) -> None:
        """Let it end in order."""
        self._orders.send(("end",))
        self.bury()


class Ordeal:
    """The service, the callbacks, and the folders of every lane."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = Gate()
        self.service = PracticeService(SystemClock(), folder=folder / "remote", faults=self.gate)
        self.origin = self.service.start()
        self.called_back: dict[str, bytes] = {}
        self.callbacks = CallbackServer(self.called_back.__setitem__)
        self.tally = Tally()
        self._numbers = itertools.count(1)
        self._settled = itertools.count()

    def stop(self) -> None:
        """End."""
        self.service.stop()
        self.callbacks.stop()

    def child(self, lane: int, death: str = "") -> Child:
        """A ComfyUI on a lane's user folder."""
        life = crash_child.Life(
            self.folder / f"lane-{lane}", self.origin, self.callbacks.url, death=death
        )
        return Child(life)

    def accepted(self, number: int) -> list[Any]:
        """The tasks that the service took for a request."""
        return [task for task in self.service.tasks() if task.order.seed == number]

    # One kill

    def kill_at(self, point: str, lane: int) -> None:
        """Kill one child at a point, start another, and see what became of the request."""
        number = next(self._numbers)
        prompt = "practice:busy 1" if point.startswith("busy") else ""
        self._run_to_death(point, lane, (number, prompt))
        child = self.child(lane)
        try:
            answer = child.order("run", number, prompt)
            if answer[0] == "unknown":
                with self.tally.lock:
                    self.tally.asked += 1
                self._settle(child, number, answer[1])
                answer = child.order("run", number, prompt)
            self._judge(point, lane, number=number, answer=answer)
        finally:
            child.kill()

    def _run_to_death(self, point: str, lane: int, wish: tuple[int, str]) -> None:
        child = self.child(lane, point)
        release = None
        if point.startswith("submit"):
            taken = point == "submit on the wire"
            reached, release = self.gate.hold(wish[0], taken=taken)
            child.begin("run", *wish)
            if not reached.wait(PATIENCE_S):
                self._note("stuck", f"{point}: the submit never came")
            child.kill()
            release.set()
        elif child.order("run", *wish)[0] != "dead":
            self._note("stuck", f"{point}: the child did not die there")
            child.kill()
        else:
            child.bury()
        with self.tally.lock:
            self.tally.kills += 1
            self.tally.by_point[point] += 1

    def _settle(self, child: Child, number: int, row_id: int) -> None:
        """What the user, or the service by its callback, does about a row of unknown fate."""
        tasks = self._wait_for_task(number)
        if not tasks:
            child.order("abandon", row_id)
        elif next(self._settled) % 2:
            child.order("adopt", row_id, tasks[0].task_id)
        else:
            token = tasks[0].order.callback_url.rsplit("/", 1)[1]
            body = _wait(lambda: self.called_back.get(token))
            child.order("callback", token, body or b"")
            _wait(lambda: self._row(child, tasks[0].task_id))

    def _wait_for_task(self, number: int) -> list[Any]:
        """The dashboard: a submit that was under way may still arrive."""
        return _wait(lambda: self.accepted(number), limit_s=1.0) or []

    def _row(self, child: Child, task_id: str) -> bool:
        return child.order("collect", task_id)[0] == "file"

    def _judge(self, point: str, lane: int, *, number: int, answer: tuple[Any, ...]) -> None:
        tasks = self.accepted(number)
        if len(tasks) > 1:
            self._note("double", f"{point}: {len(tasks)} tasks for request {number}")
        rows = [
            row
            for row in self._rows(lane)
            if row.seed == number and row.state is not State.ABANDONED
        ]
        if answer[0] != "file":
            kind = "stuck" if answer[0] == "stuck" else "lost"
            self._note(kind, f"{point}: request {number} ended in {answer}")
            return
        good = [row for row in rows if row.state is State.COLLECTED]
        if len(rows) != 1 or len(good) != 1 or good[0].task_id != tasks[0].task_id:
            self._note("lost", f"{point}: request {number} has the rows {rows}")
        verify(Path(answer[1]))

    def _rows(self, lane: int) -> list[TaskRow]:
        database = Database(self.folder / f"lane-{lane}" / "user" / LEDGER_FILE)
        try:
            return Ledger(database, SystemClock()).rows(limit=10**6)
        finally:
            database.close()

    def _note(self, kind: str, text: str) -> None:
        with self.tally.lock:
            setattr(self.tally, kind, getattr(self.tally, kind) + 1)
            self.tally.notes.append(f"{kind}: {text}")

    def look_back(self) -> None:
        """Everything that was accepted is collected, once, on some lane; nothing is half done."""
        for lane in range(LANES):
            folder = self.folder / f"lane-{lane}"
            for row in self._rows(lane) if folder.exists() else []:
                if row.state not in {State.COLLECTED, State.ABANDONED, State.REFUSED}:
                    self._note("stuck", f"row {row.id} is still {row.state.value}")
            for part in folder.rglob("output/**/*.part*"):
                self._note("stuck", f"{part.name} was left")

    # Races

    def race(self, rounds: int) -> tuple[int, int]:
        """Two processes want the same request at the same instant, again and again.

        Returns:
            Submits on the wire, and answers.
        """
        before = self.service.counts["submit"]
        racers = [self.child(LANES), self.child(LANES)]
        answers = 0
        for number in range(10_000, 10_000 + rounds):
            for racer in racers:
                racer.begin("run", number, "")
            found = [racer.answer() for racer in racers]
            answers += sum(answer[0] == "file" for answer in found)
            if len({answer[1] for answer in found}) != 1:
                self.tally.notes.append(f"race {number}: {found}")
        for racer in racers:
            racer.end()
        return self.service.counts["submit"] - before, answers


def _wait(what: Callable[[], Any], *, limit_s: float = PATIENCE_S) -> Any:
    end = time.monotonic() + limit_s
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="apixo-crash-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Kill, race, report; 0 when nothing was bought twice, lost or stuck."""
    parser = argparse.ArgumentParser(description="Kill and restart at every state.")
    parser.add_argument("--kills", type=int, default=20, help="kills at each point")
    parser.add_argument("--races", type=int, default=200, help="requests that two race for")
    asked = parser.parse_args()
    if _CAN_FORK:
        # The server that forks the children has read everything before; it finds it by this.
        os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent)
        _processes.set_forkserver_preload(["crash_child"])
    began = time.monotonic()
    with _scratch() as folder:
        ordeal = Ordeal(folder)
        try:
            with ThreadPoolExecutor(LANES) as lanes:
                list(lanes.map(lambda lane: _lane(ordeal, lane, asked.kills), range(LANES)))
            ordeal.look_back()
            submits, answers = ordeal.race(asked.races)
        finally:
            ordeal.stop()
    tally = ordeal.tally
    for point in crash_child.DEATHS:
        print(f"{point:<26} {tally.by_point[point]:>4} kills")
    for note in tally.notes:
        print(note)
    print(f"races {asked.races}: {submits} submits, {answers} answers")
    print(f"took {time.monotonic() - began:.0f} s")
    print(tally.line(), flush=True)
    raced = submits == asked.races and answers == 2 * asked.races
    return 0 if raced and not (tally.double or tally.lost or tally.stuck) else 1


def _lane(ordeal: Ordeal, lane: int, kills: int) -> None:
    """One lane's share of the kills, the points taken in turn."""
    for turn in range(kills):
        for place, point in enumerate(crash_child.DEATHS):
            if (turn + place) % LANES == lane:
                ordeal.kill_at(point, lane)


if __name__ == "__main__":
    sys.exit(main())
