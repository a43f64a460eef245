"""What a large file costs in memory, seen from outside the process that moves it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rawserver import Wire, reply_bytes

PACK = Path(__file__).resolve().parents[2]
SIZE = 200_000_000
MOST = 32 * 1024 * 1024

CHILD = """
import json, sys, types, psutil
pack, way, origin, file = sys.argv[1:]
package = types.ModuleType("pack")
package.__path__ = [pack]
sys.modules["pack"] = package
from pathlib import Path
from pack.utils.clock import SystemClock
from pack.utils.transport import Form, Transport

process, peak, told = psutil.Process(), 0, []

def look(done, total):
    global peak
    if not told or done - told[-1] >= 1_000_000 or done == total:
        peak = max(peak, process.memory_info().rss)
        told.append(done)

transport = Transport(SystemClock())
transport.get(origin + "/small")
before = process.memory_info().rss
if way == "download":
    transport.download(
        origin + "/large", Path(file), limit_bytes=10**9, rule=None, progress=look
    )
else:
    form = Form("f", "clip.mp4", "video/mp4", {"a": "b"}) if way == "form" else None
    transport.upload(origin + "/large", Path(file), form=form, progress=look)
print(json.dumps({"grown": peak - before, "told": len(told), "last": told[-1],
                  "monotone": told == sorted(told)}))
"""


def server_side(wire: Wire) -> None:
    """Swallows what comes up, and sends down as much."""
    while head := wire.head():
        line, *rows = head.decode().split("\r\n")
        sizes = [int(row.split(":")[1]) for row in rows if row.lower().startswith("content-length")]
        left = (sizes or [0])[0] - len(wire.rest)
        wire.rest = b""
        while left > 0 and (data := wire.sock.recv(1 << 18)):
            left -= len(data)
        if not line.startswith("GET /large"):
            wire.reply(200, b"{}")
            continue
        wire.send(reply_bytes(200, b"", length=SIZE))
        for _ in range(SIZE // 1_000_000):
            wire.send(bytes(1_000_000))


@pytest.mark.parametrize("way", ["put", "form", "download"])
def test_two_hundred_megabytes_grow_the_process_by_less_than_thirty_two(serve, tmp_path, way):
    pytest.importorskip("psutil", reason="needs psutil, to measure")
    file = tmp_path / "clip.mp4"
    if way != "download":
        with file.open("wb") as out:
            out.truncate(SIZE)
    try:
        ran = subprocess.run(
            [sys.executable, "-c", CHILD, str(PACK), way, serve(server_side).origin, str(file)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert file.stat().st_size == SIZE
    finally:
        file.unlink(missing_ok=True)
    found = json.loads(ran.stdout)
    print(f"{way}: {found['grown'] / 2**20:.1f} MiB more at {found['told']} looks")
    assert found["grown"] < MOST
    assert found["told"] > 100
    assert (found["last"], found["monotone"]) == (SIZE, True)
