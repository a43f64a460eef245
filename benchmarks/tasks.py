"""A thousand tasks at once: threads, memory, requests a minute and wall time.

The practice service stands in this process and counts what is on the wire; the task service runs
in a process of its own, which is what is measured. Each task has a clip of its own (one second,
208 × 224), which is encoded, uploaded and proved; the character is shared.

    python benchmarks/tasks.py --tasks 1000
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import pack  # noqa: E402

pack.load()

import psutil  # noqa: E402
import torch  # noqa: E402
from apixo_wan_animate.utils.addresses import AddressRule  # noqa: E402
from apixo_wan_animate.utils.apixo.request import WanOptions  # noqa: E402
from apixo_wan_animate.utils.clock import SystemClock  # noqa: E402
from apixo_wan_animate.utils.hosting.practice import PracticeHost  # noqa: E402
from apixo_wan_animate.utils.media.types import FramesClip  # noqa: E402
from apixo_wan_animate.utils.practice.routes import Limits  # noqa: E402
from apixo_wan_animate.utils.practice.service import PracticeService  # noqa: E402
from apixo_wan_animate.utils.settings import Folders, SettingsStore  # noqa: E402
from apixo_wan_animate.utils.tasks.request import PictureCharacter, Request  # noqa: E402
from apixo_wan_animate.utils.tasks.service import Surroundings, TaskService  # noqa: E402
from apixo_wan_animate.utils.tasks.watch import Watch  # noqa: E402
from apixo_wan_animate.utils.transport import Transport  # noqa: E402

RATE, HEIGHT, WIDTH = 12, 208, 224
LOOK_S = 0.1
LIMIT_S = 1800.0
API_ROUTES = ("submit", "status", "balance")


class Sampler:
    """Watches this process's memory and threads, without counting itself."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._stop = threading.Event()
        self.base_bytes = self._process.memory_info().rss
        self.peak_bytes = self.base_bytes
        self.threads = 0
        self.ours = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            self.peak_bytes = max(self.peak_bytes, self._process.memory_info().rss)
            names = [thread.name for thread in threading.enumerate()]
            self.ours = max(self.ours, sum(name.startswith("apixo") for name in names))
            self.threads = max(self.threads, len(names) - 1)

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()


def run_tasks(folder: Path, origin: str, *, tasks: int, report: Connection) -> None:
    """Run every task in this process and report what it took."""
    transport = Transport(SystemClock())
    folders = Folders(folder / "user", folder / "output", folder / "temp")
    environ = {"APIXO_API_KEY": "practice", "APIXO_BASE_URL": origin}
    host = PracticeHost(origin, transport=transport, rule=AddressRule(allow_loopback=True))
    service = TaskService(
        folders,
        SettingsStore(folders.state, environ),
        transport=transport,
        clock=SystemClock(),
        surroundings=Surroundings(hosts=lambda settings, name: [host]),
    )
    torch.manual_seed(1)
    still = torch.rand(1, HEIGHT, WIDTH, 3).expand(RATE, HEIGHT, WIDTH, 3)
    character = PictureCharacter(torch.rand(232, 216, 3))
    service.start(_request(character, still, 0)).wait(60)  # loads every library
    sampler = Sampler()
    began = time.monotonic()
    watches = [service.start(_request(character, still, n)) for n in range(1, tasks + 1)]
    accepted_s = _until_all(watches, began, lambda watch: watch.accepted() is not None)
    all_s = _until_all(watches, began, lambda watch: watch.done)
    sampler.stop()
    files = {watch.outcome().file for watch in watches}
    service.stop()
    report.send(
        {
            "tasks": tasks,
            "collected": sum(file.is_file() for file in files),
            "accepted_after_s": round(accepted_s, 1),
            "collected_after_s": round(all_s, 1),
            "threads_of_ours": sampler.ours,
            "python_threads_in_all": sampler.threads,
            "memory_before_mb": round(sampler.base_bytes / 1e6),
            "memory_peak_mb": round(sampler.peak_bytes / 1e6),
        }
    )


def _request(character: PictureCharacter, still: torch.Tensor, number: int) -> Request:
    """A request whose clip is its own: its exact rate is part of what identifies it."""
    rate = Fraction(RATE * 10_000 + number, 10_000)
    return Request(character, FramesClip(still, rate), WanOptions(seed=number))


def _until_all(watches: list[Watch], began: float, there: Callable[[Watch], bool]) -> float:
    for watch in watches:
        while not there(watch):
            if time.monotonic() - began > LIMIT_S:
                raise SystemExit(f"A task did not get there: {watch.progress}")
            time.sleep(0.01)
    return time.monotonic() - began


def most_in_a_minute(samples: list[tuple[float, int]]) -> int:
    """The most requests in any 60 s, from running totals."""
    most, first = 0, 0
    for at, total in samples:
        while samples[first][0] < at - 60:
            first += 1
        most = max(most, total - samples[first][1])
    return most


def measure(tasks: int) -> dict[str, Any]:
    """Run the tasks in a child against a practice service here."""
    processes = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="apixo-bench-") as name:
        folder = Path(name)
        limits = Limits(tasks_at_once=1000)
        remote = PracticeService(SystemClock(), folder=folder / "remote", limits=limits)
        origin = remote.start()
        ours, theirs = processes.Pipe(duplex=False)
        child = processes.Process(
            target=run_tasks, args=(folder, origin), kwargs={"tasks": tasks, "report": theirs}
        )
        child.start()
        theirs.close()
        samples: list[tuple[float, int]] = []
        while child.is_alive():
            total = sum(remote.counts[route] for route in API_ROUTES)
            samples.append((time.monotonic(), total))
            child.join(LOOK_S)
        result: dict[str, Any] = ours.recv() if ours.poll() else {"collected": 0}
        result |= {
            "submits": remote.counts["submit"] - 1,
            "refused_as_busy": remote.counts["submit"] - remote.counts["accepted"],
            "status_requests": remote.counts["status"],
            "uploads": remote.counts["upload"],
            "most_requests_a_minute": most_in_a_minute(samples),
        }
        remote.stop()
    return result


def main() -> int:
    """Measure and print; 0 when every task was collected within what is promised."""
    parser = argparse.ArgumentParser(description="Many tasks at once.")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args()
    found = measure(asked.tasks)
    for name, value in found.items():
        print(f"{name:<24} {value}")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2))
    kept = (
        found["collected"] == asked.tasks
        and found["submits"] - found["refused_as_busy"] == asked.tasks
        and found["threads_of_ours"] <= 16
        and found["most_requests_a_minute"] <= 2000
    )
    print("as promised" if kept else "NOT as promised", f"({os.cpu_count()} cores)")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
