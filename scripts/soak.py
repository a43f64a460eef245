"""Twenty tasks at a time for minutes or hours, in bad weather, and then nothing may be left.

    python scripts/soak.py --minutes 60

The service is a process of its own, in which one request in so many goes wrong, and so is the
ComfyUI that is judged. Nodes come as others go: most wait for their file, some leave, some want
what another one wants, some want what is there already. Rows of unknown fate are settled by the
callback, or by adopting the task, or by abandoning the row, as a person would.

At the end everything drains. Then each row has its end, the service's list of tasks and the
ledger agree, each file is whole, and threads, open files, memory and temporary files are as
before. The last line says so, and so does the exit code.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pack

pack.load()

import allocator  # noqa: E402
import soak_child  # noqa: E402
import soak_weather  # noqa: E402
from apixo_wan_animate.utils.clock import SystemClock  # noqa: E402
from apixo_wan_animate.utils.errors import WanAnimateError  # noqa: E402
from apixo_wan_animate.utils.ledger.database import Database  # noqa: E402
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger  # noqa: E402
from apixo_wan_animate.utils.ledger.rows import TaskRow  # noqa: E402
from apixo_wan_animate.utils.ledger.states import UNFINISHED, State  # noqa: E402
from apixo_wan_animate.utils.media.probe import verify  # noqa: E402
from soak_lines import Callbacks, Process  # noqa: E402
from soak_verdict import Sample, Verdict, course, leftovers  # noqa: E402

AT_ONCE = 20
KINDS = {"new": 0.74, "left": 0.10, "twin": 0.08, "again": 0.08}
"""What a node does: it waits; it leaves; another wants the same; it was done before."""

_LEAVES_WITHIN_S = 4.0
_LOOK_S = 0.05
_SAMPLE_S = 1.0
_TELL_S = 60.0
_CALLBACK_WAIT_S = 9.0
_MOST_TRIES = 60
_PATIENCE_S = 300.0


@dataclass
class Ticket:
    """One node that watches a request."""

    number: int
    tries: int = 0
    leaves: bool = False
    adopt_now: bool = False


class Soak:
    """The load, and what is seen of it.

    Args:
        folder: For everything.
        share: How many of 1 submits go wrong.
        seed: Of the load and of the faults.
    """

    def __init__(self, folder: Path, *, share: float, seed: int) -> None:
        self.folder = folder
        self.verdict = Verdict()
        self.ends: Counter[str] = Counter()
        self.samples: list[Sample] = []
        self._random = random.Random(seed)
        self._callbacks = Callbacks()
        weather = soak_weather.Place(folder / "remote", seed, share)
        self.remote = Process(soak_weather.serve, weather)
        origin = self.remote.line.recv()
        self._log = folder / "pack.log"
        self._life = soak_child.Life(folder / "comfyui", origin, self._callbacks.url, self._log)
        self.nodes = Process(soak_child.live, self._life)
        self._ledger = self._life.folders.state / LEDGER_FILE
        self._tickets = itertools.count(1)
        self._numbers = itertools.count(1)
        self._under_way: dict[int, Ticket] = {}
        self._due: list[tuple[float, int, str]] = []
        self._done: list[int] = []
        self._whole: dict[str, int] = {}
        self._answers: dict[str, Any] = {}
        self._began = time.monotonic()
        self._sampled = 0.0

    # The load

    def load(self, minutes: float) -> float:
        """Keep twenty nodes busy for so long, or until Ctrl+C; gives the minutes that it was."""
        began, told = time.monotonic(), time.monotonic()
        with suppress(KeyboardInterrupt):
            while time.monotonic() < began + 60 * minutes:
                while len(self._under_way) < AT_ONCE:
                    self._begin()
                self._turn()
                if time.monotonic() > told + _TELL_S:
                    told = time.monotonic()
                    now = self.samples[-1]
                    print(f"{(told - began) / 60:.0f} min: {now}", flush=True)
        return (time.monotonic() - began) / 60

    def _begin(self) -> None:
        kind = self._random.choices(list(KINDS), list(KINDS.values()))[0]
        if kind == "again" and self._done:
            self._run(Ticket(self._random.choice(self._done[-200:])))
            return
        number = next(self._numbers)
        self._run(Ticket(number, leaves=kind == "left"))
        if kind == "twin":
            self._run(Ticket(number))

    def _run(self, ticket: Ticket, key: int | None = None) -> None:
        if key is None:
            key = next(self._tickets)
            self.verdict.nodes += 1
        self._under_way[key] = ticket
        self.nodes.line.send(("run", key, ticket.number))
        if ticket.leaves:
            self._later(self._random.uniform(0, _LEAVES_WITHIN_S), key, "leave")

    def _later(self, delay_s: float, key: int, what: str) -> None:
        heapq.heappush(self._due, (time.monotonic() + delay_s, key, what))

    def _turn(self) -> None:
        """Hear what there is to hear, and do what is due."""
        if self.nodes.line.poll(_LOOK_S):
            self._hear(*self.nodes.line.recv())
        while not self._callbacks.bodies.empty():
            self.nodes.line.send(("callback", *self._callbacks.bodies.get()))
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, key, what = heapq.heappop(self._due)
            self._do(key, what)
        if now - self._sampled >= _SAMPLE_S:
            self._sampled = now
            self.samples.append(self.sample())

    def _do(self, key: int, what: str) -> None:
        ticket = self._under_way.get(key)
        if ticket is None:
            return
        if what == "leave":
            del self._under_way[key]
            self.ends["left"] += 1
            self.nodes.line.send(("leave", key))
        else:
            self._run(ticket, key)

    def measure_from_here(self) -> None:
        """What was before was warming up."""
        self.samples.clear()
        self._began = time.monotonic()

    def sample(self) -> Sample:
        """The process under test as it is now."""
        seen = self.nodes.seen
        with seen.oneshot():
            return Sample(
                at_s=time.monotonic() - self._began,
                ended=sum(self.ends.values()),
                memory_bytes=seen.memory_info().rss,
                threads=seen.num_threads(),
                files=seen.num_handles() if os.name == "nt" else seen.num_fds(),
            )

    # What nodes say

    def _hear(self, kind: str, *rest: Any) -> None:
        if kind in {"alive", "sent"}:
            self._answers[kind] = rest[0]
            return
        key, ticket = rest[0], self._under_way.get(rest[0])
        if kind == "settled":
            if ticket is not None:
                self._again(key, ticket, 0.2)
        elif ticket is not None:
            self._ended(key, ticket, rest[1:])

    def _ended(self, key: int, ticket: Ticket, answer: tuple[Any, ...]) -> None:
        end, what, words = answer
        if end in {"file", "reused"}:
            self._look_through(what)
            self._done.append(ticket.number)
        elif end == "unknown":
            self.ends["unknown (settled)"] += ticket.tries == 0
            self._settle(key, ticket, what)
            return
        elif "retried automatically" in words:
            self.ends["file late (waited on)"] += ticket.tries == 0
            self._again(key, ticket, 1.0)
            return
        else:
            end = what
            if "broke" in words:
                self.verdict.notes.append(f"broken: request {ticket.number}: {words}")
        self.ends[end] += 1
        del self._under_way[key]

    def _settle(self, key: int, ticket: Ticket, row_id: int) -> None:
        """What a person does: look at the dashboard, wait a little for the callback, decide."""
        tasks = self._unclaimed(self.remote.ask("taken", ticket.number))
        if not tasks:
            self.nodes.line.send(("abandon", key, row_id))
        elif ticket.adopt_now:
            self.nodes.line.send(("adopt", key, row_id, tasks[-1]))
        else:
            ticket.adopt_now = True
            self._again(key, ticket, _CALLBACK_WAIT_S)

    def _unclaimed(self, tasks: list[str]) -> list[str]:
        """Tasks that no row has: one that failed may be another row's of the same request."""
        ledger = Ledger(Database(self._ledger), SystemClock())
        try:
            return [task_id for task_id in tasks if not ledger.by_task(task_id)]
        finally:
            ledger.close()

    def _again(self, key: int, ticket: Ticket, delay_s: float) -> None:
        ticket.tries += 1
        if ticket.tries > _MOST_TRIES:
            self.verdict.stuck += 1
            self.verdict.notes.append(f"stuck: request {ticket.number} came to no end")
            del self._under_way[key]
        else:
            self._later(delay_s, key, "run")

    def _look_through(self, name: str) -> None:
        """Every file is read to its end once."""
        if name in self._whole:
            return
        try:
            verify(Path(name))
        except WanAnimateError as error:
            self.verdict.notes.append(f"damaged: {name}: {error}")
        else:
            self._whole[name] = Path(name).stat().st_size

    # The end

    def drain(self) -> None:
        """No new node; wait until the last one and the last row have their end."""
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            self._turn()
            if not self._settle_rows() and not self._under_way:
                return
        self.verdict.stuck += len(self._under_way)
        for ticket in self._under_way.values():
            self.verdict.notes.append(f"stuck: a node of request {ticket.number} waits")
        self._under_way.clear()

    def _settle_rows(self) -> int:
        """Rows without an end; those of unknown fate, whose node has left, get one."""
        time.sleep(0.3)
        rows = self.rows({*UNFINISHED, State.UNKNOWN})
        for row in rows:
            if row.state is State.UNKNOWN:
                self._settle(-row.id, Ticket(row.seed, adopt_now=True), row.id)
        return len(rows)

    def rows(self, states: set[State] | None = None) -> list[TaskRow]:
        """The ledger as a bystander sees it."""
        ledger = Ledger(Database(self._ledger), SystemClock())
        try:
            return ledger.in_states(states or set(State))
        finally:
            ledger.close()

    def rest(self, seconds: float) -> Sample:
        """How the process is when nothing is to be done: threads that idle end, memory settles."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._turn()
        return self.sample()

    def judge(self) -> None:
        """Hold everything against everything."""
        verdict, rows = self.verdict, self.rows()
        wire, _ = self.remote.ask("wire")
        taken = self.remote.ask("all taken")
        verdict.submits, verdict.noted = wire["submit"], self._asked("sent")
        verdict.accepted = len(taken)
        verdict.judge_submits()
        verdict.judge_rows(rows, taken, self.remote.ask("succeeded"))
        for row in rows:  # of nodes that left, nobody has looked at the file yet
            if row.state is State.COLLECTED:
                self._look_through(str(self._life.folders.output / row.file))
        verdict.judge_files(rows, self._life.folders.output, self._whole)
        left = leftovers(self._life.folders, rows)
        verdict.notes += [f"left: {path.relative_to(self.folder)}" for path in left[:20]]
        if (alive := self._asked("alive")) != {}:
            verdict.notes.append(f"leak: objects of ended tasks are alive: {alive}")
        errors = [line for line in self._log.read_text().splitlines() if line.startswith("ERROR")]
        verdict.notes += [f"log: {line}" for line in errors[:20]]

    def _asked(self, what: str) -> Any:
        """The answer of the process under test, among what its nodes say; None where none comes."""
        self.nodes.line.send((what,))
        end = time.monotonic() + 30
        while what not in self._answers and time.monotonic() < end:
            self._turn()
        return self._answers.get(what)

    def stop(self) -> None:
        """End both processes."""
        if not self.nodes.end():
            self.verdict.notes.append("stuck: the process did not end in order")
        self.remote.end()
        self._callbacks.stop()


def soak(folder: Path, asked: argparse.Namespace) -> bool:
    """Run it all and print the report; whether nothing is to be complained of."""
    soaked = Soak(folder, share=asked.faults, seed=asked.seed)
    verdict = soaked.verdict
    try:
        soaked.load(asked.warm_up)
        soaked.drain()
        verdict.before = soaked.rest(asked.rest)
        soaked.measure_from_here()
        verdict.minutes = soaked.load(asked.minutes)
        under_load = list(soaked.samples)
        soaked.remote.ask("calm")
        soaked.drain()
        verdict.after = soaked.rest(asked.rest)
        verdict.judge_leaks(under_load)
        soaked.judge()
        wire, met = soaked.remote.ask("wire")
    finally:
        soaked.stop()
    print(course(under_load), end="\n\n")
    for title, counted in (
        ("on the wire", wire),
        ("how nodes ended", soaked.ends),
        ("faults", met),
    ):
        print(f"{title}: " + ", ".join(f"{name} {n}" for name, n in sorted(counted.items())))
    print(f"faults in all {sum(met.values())}; memory {verdict.slope_mb_per_hour:+.1f} MB an hour")
    for note in verdict.notes:
        print(note)
    print(verdict.line(), flush=True)
    return verdict.good


@contextmanager
def _scratch(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="apixo-soak-"))
    try:
        yield folder
    finally:
        if keep:
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Soak, report; 0 when nothing is to be complained of."""
    parser = argparse.ArgumentParser(description="Load for a long time, in bad weather.")
    minutes = float(os.environ.get("MINUTES") or 5)
    parser.add_argument("--minutes", type=float, default=minutes, help="how long the load lasts")
    parser.add_argument("--warm-up", type=float, default=2.0, help="minutes before it is measured")
    parser.add_argument("--rest", type=float, default=25.0, help="seconds of rest before measuring")
    parser.add_argument("--faults", type=float, default=0.12, help="share of submits that go wrong")
    parser.add_argument("--seed", type=int, default=1, help="of the load and the faults")
    parser.add_argument("--keep", action="store_true", help="keep all files")
    asked = parser.parse_args()
    allocator.give_back()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    with _scratch(asked.keep) as folder:
        return 0 if soak(folder, asked) else 1


if __name__ == "__main__":
    sys.exit(main())
