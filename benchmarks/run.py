"""Measure everything that is promised in figures: `python benchmarks/run.py [part …]`.

Rows of the parts that ran take the place of their older ones in `results.json`; `README.md` is
written from all. With `COMFYUI_PATH` (and `VHS_PATH`) set, and the Python of that ComfyUI, the
real ones are measured as well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import meter
import numpy as np
import psutil

HERE = Path(__file__).resolve().parent
RESULTS, README = HERE / "results.json", HERE / "README.md"
COLUMNS = ("name", "ours_s", "other_s", "ratio", "ours_peak", "other_peak")
QUIET_PERCENT = 5
Part = Callable[[Path, int], Iterator[meter.Row]]


def _part(module: str, *names: str) -> Part:
    """The named measurements of a module, or all of them; imported when they are wanted."""

    def work(folder: Path, rounds: int) -> Iterator[meter.Row]:
        found = import_module(module)
        if not names:
            yield from found.rows(folder, rounds)
        for name in names:
            yield from getattr(found, name)(folder, rounds)

    return work


PARTS: dict[str, Part] = {
    "decode": _part("decode"),
    "decode rivals": _part("decode", "rival_rows"),
    "decode growth": _part("decode", "growth_rows"),
    "decode memory": _part("decode", "memory_rows"),
    "decode long": _part("decode", "long_rows"),
    "colour": _part("colour"),
    "encode": _part("encode"),
    "identity": _part("identity"),
    "pictures": _part("pictures"),
}


def noise() -> float:
    """How far the same small work differs from run to run, in percent."""
    block = np.random.default_rng(1).random((900, 900))
    taken = [meter.seconds_of(lambda: block @ block) for _ in range(15)]
    return round(100 * (max(taken) - min(taken)) / float(np.median(taken)), 1)


class Others:
    """What everybody else took of the processors, the host of a virtual machine included."""

    def __init__(self) -> None:
        self._start = self._now()

    def percent(self) -> float:
        """Of all processors since the start; our own children count as ours once they ended."""
        spent = self._now() - self._start
        return round(100 * max(0.0, spent[0] / spent[1]), 1)

    @staticmethod
    def _now() -> np.ndarray:
        """Seconds that others were busy, and seconds of all processors."""
        system, own = psutil.cpu_times(), os.times()
        free = system.idle + getattr(system, "iowait", 0.0)
        # a guest's time is within the user's
        every = sum(system) - getattr(system, "guest", 0.0) - getattr(system, "guest_nice", 0.0)
        return np.array([every - free - sum(own[:4]), every])


def machine() -> dict[str, object]:
    names = ("av", "opencv-python", "numpy", "torch")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "versions": {name: _version(name) for name in names},
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-"


def _flat(known: dict[str, dict[str, Any]]) -> dict[str, object]:
    """All rows in one list, each with the same first columns and the name of its part."""
    parts = {name: {key: value for key, value in part.items() if key != "rows"}
             for name, part in known.items()}  # fmt: skip
    rows = [
        {**dict.fromkeys(COLUMNS), **row, "part": name}
        for name, part in known.items()
        for row in part["rows"]
    ]
    return {"parts": parts, "rows": rows}


def _by_part(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    rows = {name: [] for name in found["parts"]}
    for row in found["rows"]:
        rows[row["part"]].append({key: row[key] for key in row if key != "part"})
    return {name: {**part, "rows": rows[name]} for name, part in found["parts"].items()}


def keep(name: str, told: str, ran: dict[str, Any]) -> None:
    """Put a part among what is known by now: another run may have ended meanwhile."""
    known = _by_part(json.loads(RESULTS.read_text("utf-8"))) if RESULTS.exists() else {}
    if told == name:  # which says more than a first look did
        known = {key: one for key, one in known.items()
                 if not key.startswith(f"{name}, clips up to")}  # fmt: skip
    known[told] = ran
    part = RESULTS.with_suffix(".part")
    part.write_text(json.dumps(_flat(known), indent=1, ensure_ascii=False), "utf-8")
    part.replace(RESULTS)
    write_readme(known)


def write_readme(known: dict[str, dict[str, Any]]) -> None:
    lines = [
        "# What was measured",
        "",
        "Written by `make bench`; change `benchmarks/run.py`, not this file.",
        "Each part says how busy the machine was: figures of a busy one are no proof of speed,",
        "in either direction. *kept* compares with what the project promises.",
        "",
        *_missed(known),
    ]
    for name, part in known.items():
        lines += [
            f"## {name}",
            "",
            f"{part['when']}, {part['machine']['system']}, {part['cores']} cores, "
            f"{part['machine']['versions']}.  ",
            _told(part),
            "",
            *_table(part["rows"]),
            "",
        ]
    README.write_text("\n".join(lines), encoding="utf-8")


def _missed(known: dict[str, dict[str, Any]]) -> list[str]:
    """What a reader should not have to look for."""
    rows = [row for part in known.values() for row in part["rows"]]
    missed = [f"- {row['name']}: {row['wanted']}; {_reached(row)}."
              for row in rows if row.get("kept") is False]  # fmt: skip
    kept = sum(row.get("kept") is True for row in rows)
    return [
        f"Kept: {kept} of {kept + len(missed)} promises. "
        + ("**Not kept**, on this machine:" if missed else ""),
        "",
        *missed,
        *([""] if missed else []),
    ]


def _reached(row: meter.Row) -> str:
    """The figure that a promise is about."""
    figures = ("ours_to_other", "ours_peak", "levels", "ours_s")
    if str(row["wanted"]).startswith("at least"):
        figures = ("ratio",)
    return str(next((row[key] for key in figures if row.get(key) is not None), "see below"))


def _told(part: dict[str, Any]) -> str:
    first, last = part["spread_percent"]
    quiet = "" if part["others_percent"] < QUIET_PERCENT else ": **not a quiet machine**"
    return (
        f"Others took {part['others_percent']} % of the processors meanwhile{quiet}; the same "
        f"small work differed by {first} % before and by {last} % after."
    )


def _table(rows: list[meter.Row]) -> list[str]:
    columns = [key for key in dict.fromkeys(key for row in rows for key in row)
               if any(row.get(key) not in (None, "") for row in rows)]  # fmt: skip
    cells = [[_cell(row.get(key)) for key in columns] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in [columns, ["---"] * len(columns), *cells]]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return {True: "yes", False: "**no**"}[value] if isinstance(value, bool) else str(value)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=meter.ROUNDS)
    parser.add_argument("--longest", type=float, default=meter.LONGEST_S, help="seconds of clip")
    parser.add_argument("--clips", type=Path, help="a folder that keeps the clips for later runs")
    asked = parser.parse_args()
    meter.LONGEST_S = asked.longest
    wrong = [name for name in asked.parts if name not in PARTS]
    if wrong:
        parser.error(f"no such part: {', '.join(wrong)}")
    with tempfile.TemporaryDirectory(prefix="apixo-bench-") as place:
        place = asked.clips or place
        for name in asked.parts or PARTS:
            print(f"== {name}", flush=True)
            others, before = Others(), noise()
            rows = list(meter.shown(PARTS[name](Path(place), asked.rounds)))
            told = name if asked.longest > 120 else f"{name}, clips up to {asked.longest:g} s"
            ran = {"when": time.strftime("%Y-%m-%d %H:%M"), "machine": machine(),
                   "rounds": asked.rounds, "cores": psutil.cpu_count(),
                   "others_percent": others.percent(), "spread_percent": [before, noise()],
                   "rows": rows}  # fmt: skip
            keep(name, told, ran)
    return 0


if __name__ == "__main__":
    sys.exit(main())
