"""A file to frames and sound: beside the bare decoder, beside its rivals, in time and memory.

Where memory counts, each decoding is a child process of its own, so that nothing that another
one left behind is counted or used.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple
from unittest.mock import patch

import clips
import meter
import numpy as np
import rivals

meter.find_pack()

from apixo_wan_animate.utils.errors import MemoryShortError  # noqa: E402
from apixo_wan_animate.utils.media import decode as decoding  # noqa: E402
from apixo_wan_animate.utils.media import memory, store  # noqa: E402
from apixo_wan_animate.utils.media.decode import decode  # noqa: E402
from apixo_wan_animate.utils.media.framememory import FrameMemory  # noqa: E402

CASES = ((832, 480, 5), (1280, 720, 5), (832, 480, 20), (1280, 720, 20))
WARM_S = 5
"""Rivals keep three results of a longer clip, which is more memory than most machines have."""
FLOAT_BYTES = 12
FLOOR = "decoded and mapped, nothing else"
AT_MOST = {"bare decoder": 1.4}
AT_LEAST = {"list and stack": 1.5, "ComfyUI": 2.2, "VideoHelperSuite": 2.8}


def result_bytes(width: int, height: int, seconds: float) -> int:
    return round(seconds * clips.FRAME_RATE) * width * height * FLOAT_BYTES


def clip_of(folder: Path, width: int, height: int, seconds: float) -> Path:
    target = folder / f"{width}x{height}-{seconds:g}.mp4"
    if not target.exists():
        clips.write_clip(target, width=width, height=height, seconds=seconds)
    return target


class Touched:
    """Gives out the same memory each time, touched before: what is left is computing."""

    def __init__(self) -> None:
        self._pool: dict[tuple[int, ...], np.ndarray] = {}

    def keep(self, memory: np.ndarray) -> None:
        """Give out this from now on."""
        self._pool[memory.shape] = memory

    def __call__(self, count: int, geometry: store.Geometry) -> FrameMemory:
        shape = (count, geometry.size.height, geometry.size.width, 3)
        if shape not in self._pool:
            self._pool[shape] = np.ones(shape, np.float32)
        return FrameMemory(self._pool[shape])


def into_touched(clip: Path, pool: Touched) -> object:
    """Decode without asking for memory; it could not be had twice for a long clip."""
    with (
        patch.object(store, "allocate", pool),
        patch.object(decoding, "reserve", lambda *_, **__: nullcontext(memory.Reservation(0))),
    ):
        return decode(clip)


def bare_rows(folder: Path, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """Must show 1, pure computing: how many times the bare decoder's time ours takes."""
    for width, height, seconds in meter.wanted(CASES):
        clip, pool = clip_of(folder, width, height, seconds), Touched()
        into_touched(clip, pool)
        contenders = {
            "ours": partial(into_touched, clip, pool),
            "bare": partial(rivals.bare_decoder, clip),
        }
        taken = meter.in_turns(contenders, rounds)
        yield meter.row(
            f"decode {width}x{height} {seconds} s, bare decoder",
            ours_s=taken["ours"],
            other_s=taken["bare"],
            ours_to_other=round(taken["ours"] / taken["bare"], 3),
            wanted="at most 1.4",
            kept=taken["ours"] <= AT_MOST["bare decoder"] * taken["bare"],
            counts="pure computing, memory touched before",
        )


def rival_rows(folder: Path, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """Must show 1, page faults included: beside each rival, with both peaks over the result.

    Each decoding has a process of its own: one that has decoded before would find in its heap
    some of the memory that the first one had to ask the system for.
    """
    for width, height, seconds in meter.wanted(CASES):
        clip, size = clip_of(folder, width, height, seconds), result_bytes(width, height, seconds)
        runs = _runs(("ours", *rivals.found()), clip, rounds)
        taken = {name: median(run.seconds for run in done) for name, done in runs.items()}
        peaks = {name: max(run.peak_bytes for run in done) / size for name, done in runs.items()}
        for name in list(runs)[1:]:
            ratio, least = taken[name] / taken["ours"], AT_LEAST.get(name)
            yield meter.row(
                f"decode {width}x{height} {seconds} s, {name}",
                ours_s=taken["ours"],
                other_s=taken[name],
                ours_peak=round(peaks["ours"], 3),
                other_peak=round(peaks[name], 3),
                wanted="" if least is None else f"at least {least}",
                kept=None if least is None else ratio >= least,
                counts="page faults included, one decoding a process",
            )


def floor_rows(folder: Path, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """Beside a program that decodes and maps the result's memory, but converts and hears nothing.

    A rival that takes less than 2.8 times as long as that one cannot be beaten 2.8 times.
    """
    for width, height, seconds in meter.wanted(CASES):
        runs = _runs(("ours", FLOOR), clip_of(folder, width, height, seconds), rounds)
        ours, least = (median(run.seconds for run in done) for done in runs.values())
        yield meter.row(
            f"decode {width}x{height} {seconds} s, {FLOOR}",
            ours_s=ours,
            other_s=least,
            ours_to_other=round(ours / least, 3),
            counts="page faults included, one decoding a process",
        )


def _runs(names: Iterable[str], clip: Path, rounds: int) -> dict[str, list[Run]]:
    """Each by turns, in processes of their own."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, done in runs.items():
            done.append(run_in_child(name, clip))
    return runs


def warm_rows(folder: Path, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """The same computing without page faults, for all alike: what a process frees it keeps.

    What the first touch of memory costs differs from machine to machine by a factor of ten, and
    whoever holds a clip twice pays it twice; here that is left out on both sides.
    """
    if not sys.platform.startswith("linux"):
        return
    kept = (
        "glibc.malloc.arena_max=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1099511627776"
    )
    for width, height, seconds in meter.wanted(case for case in CASES if case[2] <= WARM_S):
        clip = clip_of(folder, width, height, seconds)
        said = subprocess.run(
            [sys.executable, __file__, "--warm", str(clip), str(rounds)],
            env={**os.environ, "GLIBC_TUNABLES": kept},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        taken = json.loads(said.stdout.splitlines()[-1])
        for name in list(taken)[1:]:
            yield meter.row(
                f"decode {width}x{height} {seconds} s, {name}, memory kept",
                ours_s=taken["ours"],
                other_s=taken[name],
                counts="pure computing, memory touched before on both sides",
            )


def time_warm(clip: Path, rounds: int) -> dict[str, float]:
    """Medians after one round that touches the memory; ours asks the system, not the allocator."""
    contenders = {"ours": partial(into_touched, clip, Touched())}
    contenders |= {name: partial(work, clip) for name, work in rivals.found().items()}
    meter.in_turns(contenders, 1)
    return meter.in_turns(contenders, rounds)


class Run(NamedTuple):
    """What one decoding took in a process of its own."""

    seconds: float
    peak_bytes: int


def run_in_child(name: str, clip: Path) -> Run:
    """One decoding in a process that has decoded nothing but a moment of a small clip."""
    return meter.in_child(_run, name, clip)


def _run(name: str, clip: Path) -> Run:
    with tempfile.TemporaryDirectory() as place:
        # Code, buffers and caches that the first use loads are no part of a result.
        small = clips.write_clip(Path(place) / "small.mp4", width=64, height=48, seconds=0.5)
        work = {"ours": decode, FLOOR: rivals.floor}.get(name) or rivals.found()[name]
        work(small)
        taken: list[float] = []
        peak = meter.peak_of(lambda: taken.append(meter.seconds_of(partial(work, clip))))
        return Run(taken[0], peak)


def memory_rows(folder: Path, _rounds: int = 1) -> Iterator[meter.Row]:
    """Must show 2: peak over the result for 20 s of 720p; the guard on 120 s of 720p."""
    clip, size = clip_of(folder, 1280, 720, 20), result_bytes(1280, 720, 20)
    peak = run_in_child("ours", clip).peak_bytes / size
    yield _alone("peak 1280x720 20 s", ours_peak=round(peak, 3), wanted="at most 1.03",
                 kept=peak <= 1.03)  # fmt: skip
    long = clip_of(folder, 1280, 720, 120)
    try:
        decode(long)
    except MemoryShortError as error:
        yield _alone("guard 1280x720 120 s", kept=memory.reserved_bytes() == 0, said=str(error))
    else:
        yield _alone("guard 1280x720 120 s", kept=None, said="it fits on this machine")


def long_rows(folder: Path, _rounds: int = 1) -> Iterator[meter.Row]:
    """Must show 2 and 7: 120 s of 480p (17 GB) to its end. To be run alone."""
    clip, size = clip_of(folder, 832, 480, 120), result_bytes(832, 480, 120)
    peak = run_in_child("ours", clip).peak_bytes / size
    yield _alone("peak 832x480 120 s", ours_peak=round(peak, 3), wanted="at most 1.03",
                 kept=peak <= 1.03)  # fmt: skip


def growth_rows(folder: Path, rounds: int = 3) -> Iterator[meter.Row]:
    """Must show 7: seconds a second of clip, beside those of the 5 s clip.

    First into new memory, then once more into the same: what a system takes to find many
    gigabytes is no matter of decoding, and on virtual machines it does not grow in a line.
    """
    first: tuple[float, float] | None = None
    for _, _, seconds in meter.wanted((832, 480, seconds) for seconds in (5, 20, 60, 120)):
        clip = clip_of(folder, 832, 480, seconds)
        if memory.free_bytes() < result_bytes(832, 480, seconds):
            yield _alone(f"decode growth 832x480 {seconds} s", kept=None, said="does not fit here")
            return
        taken = _new_and_known(clip, rounds=min(rounds, 3) if seconds < 60 else 1)
        first = first or (taken[0] / seconds, taken[1] / seconds)
        yield _alone(
            f"decode growth 832x480 {seconds} s",
            ours_s=round(taken[0], 3),
            known_memory_s=round(taken[1], 3),
            per_second_beside_5_s=round(taken[1] / seconds / first[1], 3),
            new_memory_beside_5_s=round(taken[0] / seconds / first[0], 3),
            counts="pure computing, memory touched before; new memory in the last column",
        )


def _new_and_known(clip: Path, *, rounds: int) -> tuple[float, float]:
    """Median seconds into new memory, and into that of the run before."""
    new, known = [], []
    for _ in range(rounds):
        pool, results = Touched(), []
        new.append(meter.seconds_of(lambda: results.append(decode(clip))))  # noqa: B023
        pool.keep(results.pop().frames.numpy())
        known.append(meter.seconds_of(partial(into_touched, clip, pool)))
    return median(new), median(known)


def _alone(name: str, **more: object) -> meter.Row:
    known = dict.fromkeys(("ours_s", "other_s", "ratio", "ours_peak", "other_peak"))
    return {"name": name, **known, **more}


def rows(folder: Path, rounds: int = meter.ROUNDS) -> Iterator[meter.Row]:
    """What takes a few minutes; rivals take many, and memory wants the machine to itself."""
    yield from bare_rows(folder, rounds)
    yield from floor_rows(folder, rounds)
    yield from warm_rows(folder, rounds)


if __name__ == "__main__" and sys.argv[1:2] == ["--warm"]:
    print(json.dumps(time_warm(Path(sys.argv[2]), int(sys.argv[3]))))
elif __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        wanted = {name: work for name, work in globals().items() if name.endswith("_rows")}
        for name in sys.argv[1:] or wanted:
            meter.show(wanted[name](Path(place)))
