"""A killed process: once at every point. `make crash` does it twenty times at each."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "crash.py"


def test_a_process_killed_at_any_point_buys_nothing_twice_and_loses_nothing():
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills", "1", "--races", "8"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    last = run.stdout.strip().splitlines()[-1] if run.stdout.strip() else ""
    told = re.fullmatch(r"kills (\d+), double 0, lost 0, stuck 0, asked (\d+)", last)
    assert told, run.stdout + run.stderr
    assert (int(told[1]), int(told[2])) == (16, 4)
    assert "races 8: 8 submits, 16 answers" in run.stdout
    assert run.returncode == 0
