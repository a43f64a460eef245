"""Measuring: contenders take turns, medians are reported, memory is told by the system."""

from __future__ import annotations

import ctypes
import multiprocessing
import statistics
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil

PACK = Path(__file__).resolve().parent.parent
ALIAS = "apixo_wan_animate"
ROUNDS = 5
LONGEST_S = float("inf")
"""Clips longer than this are left out; `run.py --longest 5` for a first look."""
Row = dict[str, object]


def find_pack() -> None:
    """Make the pack importable under its alias, without ComfyUI, as the tests do."""
    if ALIAS not in sys.modules:
        package = types.ModuleType(ALIAS)
        package.__path__ = [str(PACK)]
        sys.modules[ALIAS] = package


def wanted(cases: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Width, height and seconds of the clips that are not left out."""
    return (case for case in cases if case[2] <= LONGEST_S)


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(contenders: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median seconds of each contender; each round runs all of them, so that noise hits all."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            taken[name].append(seconds_of(work))
    return {name: statistics.median(times) for name, times in taken.items()}


def peak_of(work: Callable[[], object]) -> int:
    """Most bytes of resident memory beyond what was there before.

    True for the first run of a process only: memory that it leaves to the allocator is there
    already when the next one starts, unless that can be told to give it back.
    """
    with suppress(AttributeError, OSError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)
    before = psutil.Process().memory_info().rss
    return max(0, _most_during(work) - before)


def _most_during(work: Callable[[], object]) -> int:
    """By the system's own high-water mark, which costs the work nothing; elsewhere by looking."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _most_seen(work)
    work()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def _most_seen(work: Callable[[], object]) -> int:
    """By a thread that looks every 2 ms."""
    process, done, most = psutil.Process(), Event(), [0]

    def watch() -> None:
        while not done.is_set():
            most[0] = max(most[0], process.memory_info().rss)
            done.wait(0.002)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return most[0]


def in_child(work: Callable[..., object], *args: object) -> Any:
    """What a function returns that runs in a new process; it and its arguments can be pickled."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as child:
        return child.submit(work, *args).result()


def row(name: str, *, ours_s: float, other_s: float, **more: object) -> Row:
    """One comparison; the ratio says how many times as long the other one takes."""
    known: Row = {"name": name, "ours_s": round(ours_s, 4), "other_s": round(other_s, 4)}
    known["ratio"] = round(other_s / ours_s, 3) if ours_s else None
    return {**known, "ours_peak": None, "other_peak": None, **more}


def shown(rows: Iterable[Row]) -> Iterator[Row]:
    """Print rows as they come and as they will be written."""
    for one in rows:
        print("  ".join(f"{key}={value}" for key, value in one.items()), flush=True)
        yield one


def show(rows: Iterable[Row]) -> None:
    """Print rows as they come."""
    for _ in shown(rows):
        pass
