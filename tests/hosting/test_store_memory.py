"""What an upload costs in memory, measured in a process of its own."""

from __future__ import annotations

import pytest

MB = 1024 * 1024

MEASURE = """
import pathlib, threading, psutil, os
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.hosting.bucket import StoreAddress
from apixo_wan_animate.utils.hosting.store import StoreHost

host = StoreHost(
    StoreAddress.parse("s3://media/wan"), public_url="", clock=SystemClock(), rule=AddressRule(),
    environ=os.environ,
)
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

put(sys.argv[1])  # what the library itself takes is there before
before = process.memory_info().rss
watcher = threading.Thread(target=watch)
watcher.start()
put(sys.argv[2])
done.set()
watcher.join()
print(peak[0] - before)
"""


@pytest.mark.parametrize("size_mb", [64, pytest.param(200, marks=pytest.mark.slow)])
def test_a_large_upload_stays_under_32_mb_of_memory(s3, make_file, run_child, size_mb):
    small, large = make_file(100, "small"), make_file(size_mb * MB, "large")
    raised = int(run_child(MEASURE, str(small), str(large)))
    print(f"{size_mb} MB raise the peak by {raised / MB:.1f} MB")
    assert raised < 32 * MB
    assert len(s3.stored()) == 2
