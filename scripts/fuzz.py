"""Damaged clips, pictures, replies, settings and widget values to whatever reads them.

    python scripts/fuzz.py                       everything; about an hour
    python scripts/fuzz.py --share 0.02          a fiftieth of it
    python scripts/fuzz.py --only clips --first 5000 --count 1       one case again

Each case follows from its number, and runs in a child process, since FFmpeg and OpenCV work in
the process that calls them: where one crashes or hangs, the parent says which case it was, keeps
its file, and goes on with the next. The rest is Hypothesis, in the suite's own tests with more
examples. The last line says what came of it, and so does the exit code.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pack
import psutil

pack.load()
sys.path.insert(0, str(pack.ROOT / "tests" / "support"))

import allocator  # noqa: E402
import fuzz_cases  # noqa: E402
import fuzz_seeds  # noqa: E402

COUNTS = {"clips": 12_000, "pictures": 12_000, "replies": 15_000}
LIMIT_S = 10.0
"""So much of a processor's time a case may take; a busy machine is not ours to blame."""

_STANDSTILL_S = 120.0
_START_S = 300.0
_LOOK_S = 2.0
_BATCH = 1500
_REPEATED = 100
_TURNS = 4
_MOST_RISE_BYTES = 12 << 20
"""So much more memory may the same cases hold after the last turn than after the first: what is
met anew leaves pieces of the allocator's behind, what is met again does not."""

_ROOM_BYTES = 4 << 30
"""What a child may take; a file of some kilobytes that needs more is a finding."""

_EXAMPLES = 2000
_HYPOTHESIS = (
    "tests/apixo/test_fuzz.py",
    "tests/hosting/test_ranges.py",
    "tests/nodes/test_fuzz.py",
    "tests/nodes/test_routes_fuzz.py",
    "tests/test_settings_fuzz.py",
    "tests/transport/test_address_spellings.py",
)
KEPT = pack.ROOT / ".cache" / "fuzz"
_spawn = multiprocessing.get_context("spawn")


def cases_of(kind: str, seeds: list[bytes], folder: Path) -> Any:
    """What runs the cases of a kind."""
    if kind == "replies":
        return fuzz_cases.ReplyCases()
    work = folder / kind
    work.mkdir(exist_ok=True)
    if kind == "pictures":
        return fuzz_cases.PictureCases(seeds, work)
    return fuzz_cases.ClipCases(seeds, work)


def run_batch(line: Connection, kind: str, *given: Any) -> None:
    """The child: one case after the other, each announced before it begins."""
    seeds, span = given
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # what the libraries print of each damage
    _bound_memory()
    with tempfile.TemporaryDirectory(prefix="apixo-fuzz-") as folder:
        cases = cases_of(kind, seeds, Path(folder))
        for number in span:
            line.send(("begin", number))
            began = time.process_time()
            try:
                found: Any = cases.run(number)
            except fuzz_cases.WrongError as error:
                found = str(error)
            line.send(("end", found, time.process_time() - began))
        for _ in range(_TURNS):
            for number in span[:_REPEATED]:
                with contextlib.suppress(fuzz_cases.WrongError):
                    cases.run(number)
            line.send(("held", _held_bytes()))


def _held_bytes() -> int:
    """Memory of this process, without what the allocator keeps for later."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # other C libraries have no such call
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return psutil.Process().memory_info().rss


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    most = psutil.Process().memory_info().vms + _ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@dataclass
class Tally:
    """What came of the cases of one kind."""

    kind: str
    cases: int = 0
    took_s: float = 0.0
    longest: tuple[float, int] = (0.0, -1)
    rises_bytes: list[int] = field(default_factory=list[int])
    memory_bytes: tuple[int, int] = (0, 0)
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[int]] = field(default_factory=dict)

    def note(self, what: str, number: int) -> None:
        """A finding; the same one with other numbers in its words is no new one."""
        alike = (known for known in self.wrong if _plain(known) == _plain(what))
        self.wrong.setdefault(next(alike, what), []).append(number)

    def end(self, number: int, found: Any, took_s: float) -> None:
        """A case has ended by itself."""
        self.cases += 1
        self.longest = max(self.longest, (took_s, number))
        if isinstance(found, str):
            self.note(found, number)
        else:
            self.outcomes.update(f"{step}: {end}" for step, end in found)

    def report(self) -> str:
        """The tally as lines of text."""
        first, last = (size / 1e6 for size in self.memory_bytes)
        rise = max(self.rises_bytes, default=0) / 1e6
        lines = [
            f"## {self.kind}",
            f"{self.cases} cases in {self.took_s:.0f} s; the longest took {self.longest[0]:.2f} s "
            f"of a processor (number {self.longest[1]})",
            f"memory after {_REPEATED} cases and after {_TURNS - 1} more turns of them: "
            f"{first:.0f}→{last:.0f} MB in the last process, at most {rise:+.1f} MB in any",
        ]
        lines += [f"  {count:>6}  {name}" for name, count in sorted(self.outcomes.items())]
        for what, numbers in self.wrong.items():
            lines.append(f"WRONG {len(numbers)}×, as in number {numbers[0]}: {what}")
        return "\n".join(lines)


def _plain(what: str) -> str:
    """A finding without its numbers, but for the line of the code."""
    place, _, detail = what.partition(": ")[2].partition(": ")
    return what.partition(": ")[0] + place + re.sub(r"\d+", "", detail)


class Batch:
    """One child with its cases, watched."""

    def __init__(self, kind: str, seeds: list[bytes], span: range) -> None:
        self._span = span
        self._line, theirs = _spawn.Pipe()
        self._process = _spawn.Process(
            target=run_batch, args=(theirs, kind, seeds, span), daemon=True
        )
        self._process.start()
        self._seen = psutil.Process(self._process.pid)
        theirs.close()

    def _heard(self, begun: bool) -> bool:
        """Wait for a word from the child; False when its case takes too long."""
        began, worked = time.monotonic(), self._worked()
        while not self._line.poll(_LOOK_S):
            waited = time.monotonic() - began
            if begun and (self._worked() - worked > LIMIT_S or waited > _STANDSTILL_S):
                return False
            if waited > _START_S:
                return False
        return True

    def _worked(self) -> float:
        try:
            return sum(self._seen.cpu_times()[:2])
        except psutil.Error:
            return 0.0

    def run(self, tally: Tally) -> int:
        """Watch it to its end, or to the case that ended it; gives the next case's number."""
        number, begun = self._span.start, False
        held: list[int] = []
        while True:
            try:
                if not self._heard(begun):
                    tally.note(f"hang: over {LIMIT_S:.0f} s of work, or a standstill", number)
                    break
                message = self._line.recv()
            except (EOFError, ConnectionResetError):
                self._process.join(10)
                if begun or self._process.exitcode:
                    tally.note(f"crash: exit code {self._process.exitcode}", number)
                break
            if message[0] == "begin":
                number, begun = message[1], True
                continue
            begun = False
            if message[0] == "held":
                held.append(message[1])
                continue
            tally.end(number, message[1], message[2])
            if message[2] > LIMIT_S:
                tally.note(f"slow: over {LIMIT_S:.0f} s of work", number)
        self._process.kill()
        self._process.join(10)
        if len(held) > 1:
            tally.memory_bytes = held[0], held[-1]
            tally.rises_bytes.append(held[-1] - held[0])
            if tally.rises_bytes[-1] > _MOST_RISE_BYTES:
                tally.note("leak: more memory after each turn of the same cases", self._span.start)
        return number + 1


def fuzz_kind(kind: str, span: range) -> Tally:
    """Run the cases of a kind."""
    named = {"clips": fuzz_seeds.clip_seeds, "pictures": fuzz_seeds.picture_seeds}
    seeds = list(named[kind]().values()) if kind in named else []
    tally, began = Tally(kind), time.monotonic()
    number = span.start
    while number < span.stop:
        number = Batch(kind, seeds, range(number, min(number + _BATCH, span.stop))).run(tally)
        print(f"{kind}: {number - span.start} of {len(span)}", flush=True)
    tally.took_s = time.monotonic() - began
    print(tally.report(), flush=True)
    _keep(tally, seeds)
    return tally


def _keep(tally: Tally, seeds: list[bytes]) -> None:
    """Keep the files of findings, three of each."""
    with tempfile.TemporaryDirectory() as folder:
        cases = cases_of(tally.kind, seeds, Path(folder)) if tally.wrong else None
        for numbers in tally.wrong.values():
            for number in numbers[:3]:
                KEPT.mkdir(parents=True, exist_ok=True)
                (KEPT / f"{tally.kind}-{number}").write_bytes(cases.content(number))


def hypotheses(share: float) -> bool:
    """The suite's own properties with more examples; whether they hold."""
    examples = max(100, round(_EXAMPLES * share))
    environ = os.environ | {"FUZZ_EXAMPLES": str(examples)}
    command = [sys.executable, "-m", "pytest", "-q", "--durations=0", *_HYPOTHESIS]
    print(f"hypothesis: {examples} examples of each property", flush=True)
    return subprocess.run(command, cwd=pack.ROOT, env=environ, check=False).returncode == 0


def main() -> int:
    """Fuzz, report; 0 when only the pack's own errors came out."""
    parser = argparse.ArgumentParser(description="Damaged input to whatever reads it.")
    parser.add_argument("--only", choices=[*COUNTS, "hypothesis"], help="one kind of input")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of cases")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--count", type=int, help="how many cases of each kind")
    asked = parser.parse_args()
    allocator.give_back()
    tallies: list[Tally] = []
    for kind, usual in COUNTS.items():
        count = asked.count or max(1, round(usual * asked.share))
        if asked.only in {None, kind}:
            tallies.append(fuzz_kind(kind, range(asked.first, asked.first + count)))
    held = asked.only not in {None, "hypothesis"} or hypotheses(asked.share)
    wrong = sum(len(numbers) for tally in tallies for numbers in tally.wrong.values())
    counted = ", ".join(f"{tally.kind} {tally.cases}" for tally in tallies)
    print(f"fuzz: {counted}; wrong {wrong}; properties {'held' if held else 'BROKEN'}", flush=True)
    return 0 if held and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
