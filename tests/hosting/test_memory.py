"""What an upload costs in memory, measured in a process of its own."""

from __future__ import annotations

import shutil

import pytest

MB = 1024 * 1024

MEASURE = """
import os, pathlib, psutil, threading
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.hosting.choose import HostContext, choose
from apixo_wan_animate.utils.settings import Settings
from apixo_wan_animate.utils.transport import Transport

way, origin, state, small, large = sys.argv[1:]
clock = SystemClock()
settings = Settings(
    store="s3://media/wan", public_url=origin, temporary_host=True, base_url="http://127.0.0.1:9"
)
host = choose(settings, way, HostContext(Transport(clock), clock, pathlib.Path(state)))[0]
process = psutil.Process()
peak, done = [0], threading.Event()

def watch():
    while not done.wait(0.002):
        peak[0] = max(peak[0], process.memory_info().rss)

def put(path):
    host.put(
        pathlib.Path(path), media_type="video/mp4", extension=".mp4",
        progress=lambda sent, total: None, stop=threading.Event(),
    )

put(small)  # what the libraries themselves take is there before
before = process.memory_info().rss
watcher = threading.Thread(target=watch)
watcher.start()
put(large)
done.set()
watcher.join()
print(peak[0] - before)
"""


@pytest.fixture
def swallowing_site(start_site):
    """A temporary host that takes everything and keeps nothing."""
    return start_site(
        lambda handler: handler.reply(200, f"http://{handler.headers['Host']}/a.mp4".encode())
    )


@pytest.mark.parametrize("way", ["store", "temporary", "self"])
def test_an_upload_of_200_mb_stays_under_32_mb_of_memory(
    request, make_file, run_child, monkeypatch, tmp_path, way
):
    origin = "http://127.0.0.1:9"
    if way == "store":
        request.getfixturevalue("s3")
    if way == "temporary":
        origin = request.getfixturevalue("swallowing_site").origin
        monkeypatch.setenv("APIXO_WAN_LITTERBOX_URL", origin)
    files = [str(make_file(size, name)) for size, name in ((100, "small"), (200 * MB, "large"))]
    raised = int(run_child(MEASURE, way, origin, str(tmp_path / "state"), *files))
    print(f"200 MB by {way} raise the peak by {raised / MB:.1f} MB")
    shutil.rmtree(tmp_path / "state", ignore_errors=True)
    assert raised < 32 * MB
