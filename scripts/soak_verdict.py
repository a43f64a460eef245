"""What a soak came to: arithmetic over samples, and the ledger held against what was taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pack

pack.load()

from apixo_wan_animate.utils.ledger.rows import TaskRow  # noqa: E402
from apixo_wan_animate.utils.ledger.states import State  # noqa: E402
from apixo_wan_animate.utils.settings import Folders  # noqa: E402
from apixo_wan_animate.utils.tasks.desk import SOUNDS, THUMBNAILS  # noqa: E402

MOST_RISE_MB = 16.0
MOST_RISE_MB_PER_HOUR = 16.0
"""So much the line through the memory may rise: a little at any length, a little more an hour."""

MOST_MORE_FILES = 12
"""Connections to the ledger (two files each) and to the service are kept for the next one who
needs them, at most as many as there were threads that needed one at once."""

ENDS = frozenset({State.COLLECTED, State.REFUSED, State.FAILED, State.ABANDONED})
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Sample:
    """The process under test at one moment.

    Attributes:
        at_s: Seconds since the load began.
        ended: Nodes whose watching is over.
        memory_bytes: Resident set.
        threads: Of the whole process.
        files: Open descriptors, on Windows handles.
    """

    at_s: float
    ended: int
    memory_bytes: int
    threads: int
    files: int

    @property
    def memory_mb(self) -> float:
        """Resident set in units of 10⁶ bytes."""
        return self.memory_bytes / _MEGABYTE


def slope_mb_per_hour(samples: Sequence[Sample]) -> float:
    """How fast the memory grows: the line of least squares through all samples."""
    if len(samples) < 2:
        return 0.0
    middle_s = sum(sample.at_s for sample in samples) / len(samples)
    middle_mb = sum(sample.memory_mb for sample in samples) / len(samples)
    across = sum((sample.at_s - middle_s) ** 2 for sample in samples)
    along = sum((sample.at_s - middle_s) * (sample.memory_mb - middle_mb) for sample in samples)
    return 3600 * along / across if across else 0.0


@dataclass
class Verdict:
    """What came out.

    Attributes:
        minutes: How long the load lasted.
        nodes: Nodes that ran; several may ask for the same.
        submits: Submits on the wire.
        noted: Submits that the ledger had written down before they were sent.
        accepted: Tasks that the service took.
        double: Requests that were bought twice.
        lost: Tasks that were paid for, and whose file did not come or is not whole.
        stuck: Rows and nodes without an end.
        before: At rest, after the first minutes.
        after: At rest, at the end.
        slope_mb_per_hour: Of the memory under load.
        notes: Each thing that is not as it should be, in words.
    """

    minutes: float = 0.0
    nodes: int = 0
    submits: int = 0
    noted: int = 0
    accepted: int = 0
    double: int = 0
    lost: int = 0
    stuck: int = 0
    before: Sample = field(default_factory=lambda: Sample(0, 0, 0, 0, 0))
    after: Sample = field(default_factory=lambda: Sample(0, 0, 0, 0, 0))
    slope_mb_per_hour: float = 0.0
    notes: list[str] = field(default_factory=list[str])

    def judge_rows(
        self, rows: Iterable[TaskRow], taken: Mapping[str, int], succeeded: Iterable[str]
    ) -> None:
        """Hold the ledger against what the service has taken.

        Args:
            rows: All rows.
            taken: Task ids that the service gave out, with the seed of each.
            succeeded: Those of them that it has made.
        """
        rows, made = list(rows), set(succeeded)
        owners = {row.task_id: row for row in rows if row.task_id}
        bought: defaultdict[int, list[str]] = defaultdict(list)
        for task_id, seed in taken.items():
            row = owners.get(task_id)
            if row is None:
                self.lost += 1
                self.notes.append(f"lost: no row has task {task_id} of request {seed}")
            elif row.state is State.FAILED and task_id in made:
                self.lost += 1
                self.notes.append(f"lost: row {row.id} has failed, and {task_id} was made")
            if row is None or row.state is not State.FAILED:
                bought[seed].append(task_id)
        for seed, task_ids in bought.items():
            if len(task_ids) > 1:
                self.double += 1
                self.notes.append(f"double: request {seed} was bought as {task_ids}")
        for row in rows:
            if row.state not in ENDS or (row.task_id and row.task_id not in taken):
                self.stuck += 1
                self.notes.append(f"stuck: row {row.id} is {row.state.value} ({row.task_id})")

    def judge_submits(self) -> None:
        """What was on the wire is what the ledger had written down first: nothing was repeated."""
        if self.submits != self.noted:
            self.notes.append(f"submits: {self.submits} on the wire, {self.noted} in the ledger")

    def judge_files(self, rows: Iterable[TaskRow], output: Path, seen: Mapping[str, int]) -> None:
        """Each collected row has its file, as long as it was when it was looked through.

        Args:
            rows: All rows.
            output: The output folder.
            seen: Sizes of the files that were found whole.
        """
        for row in rows:
            if row.state is not State.COLLECTED:
                continue
            file = output / row.file
            size = file.stat().st_size if row.file and file.is_file() else -1
            if seen.get(str(file)) != size or not file.with_suffix(".json").is_file():
                self.lost += 1
                self.notes.append(f"lost: row {row.id} has {size} bytes of {row.file!r}")

    def judge_leaks(self, samples: Sequence[Sample]) -> None:
        """Nothing may be left of tasks that have ended."""
        self.slope_mb_per_hour = slope_mb_per_hour(samples)
        hours = self.minutes / 60
        rise_mb = self.slope_mb_per_hour * hours
        if rise_mb > MOST_RISE_MB + MOST_RISE_MB_PER_HOUR * hours:
            self.notes.append(f"leak: the memory rose by {rise_mb:.0f} MB under load")
        if self.after.threads > self.before.threads:
            self.notes.append(f"leak: {self.after.threads - self.before.threads} threads more")
        if self.after.files > self.before.files + MOST_MORE_FILES:
            self.notes.append(f"leak: {self.after.files - self.before.files} open files more")

    @property
    def good(self) -> bool:
        """Whether nothing is to be complained of."""
        return not self.notes

    def line(self) -> str:
        """The last line of the report."""
        before, after = self.before, self.after
        return (
            f"soak {self.minutes:.0f} min: nodes {self.nodes}, "
            f"submits {self.submits} of {self.noted} noted, accepted {self.accepted}, "
            f"double {self.double}, lost {self.lost}, stuck {self.stuck}, "
            f"threads {before.threads}→{after.threads}, files {before.files}→{after.files}, "
            f"memory {before.memory_mb:.0f}→{after.memory_mb:.0f} MB"
        )


def leftovers(folders: Folders, rows: Iterable[TaskRow]) -> list[Path]:
    """Temporary files, and files of rows that need none."""
    rows = list(rows)
    needed = {row.sound for row in rows if row.state is State.ABANDONED}
    shown = {row.thumbnail for row in rows}
    left = [path for path in folders.temp.rglob("*") if path.is_file()]
    left += [path for where in (folders.output, folders.state) for path in where.rglob("*.part*")]
    left += [path for path in (folders.state / SOUNDS).glob("*") if path.name not in needed]
    return left + [p for p in (folders.state / THUMBNAILS).glob("*") if p.name not in shown]


def course(samples: Sequence[Sample], *, rows: int = 12) -> str:
    """The samples as a table, evenly spread, each the mean of its span."""
    lines = [
        "| minute | nodes ended | memory, MB | threads | open files |",
        "|---|---|---|---|---|",
    ]
    span = max(1, len(samples) // rows)
    for start in range(0, len(samples) - span + 1, span):
        part = samples[start : start + span]
        memory = sum(sample.memory_mb for sample in part) / span
        threads = f"{min(s.threads for s in part)}–{max(s.threads for s in part)}"
        files = f"{min(s.files for s in part)}–{max(s.files for s in part)}"
        lines.append(
            f"| {part[-1].at_s / 60:.1f} | {part[-1].ended} | {memory:.1f} | {threads} | {files} |"
        )
    return "\n".join(lines)
