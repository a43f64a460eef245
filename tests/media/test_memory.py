"""What is free is what every limit leaves, less what others have spoken for."""

from __future__ import annotations

import threading

import psutil
import pytest
from apixo_wan_animate.utils.errors import MemoryShortError
from apixo_wan_animate.utils.media import memory
from apixo_wan_animate.utils.media.geometry import Geometry
from apixo_wan_animate.utils.media.store import allocate
from apixo_wan_animate.utils.media.types import Size

GB = 10**9


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with 24 GB free and no control groups but those that a test writes."""

    class Machine:
        root = tmp_path

        def write(self, files):
            for name, text in files.items():
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(str(text))

    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Free", (), {"available": 24 * GB}))
    monkeypatch.setattr(memory, "_ROOT", tmp_path)
    monkeypatch.setattr(memory, "MARGIN_BYTES", 0)
    return Machine()


GROUPS = {
    "no groups": ({}, 24),
    "second version, own group": (
        {
            "proc/self/cgroup": "0::/pod/box\n",
            "sys/fs/cgroup/pod/box/memory.max": 8 * GB,
            "sys/fs/cgroup/pod/box/memory.current": 3 * GB,
            "sys/fs/cgroup/pod/box/memory.stat": f"anon 5\ninactive_file {GB}\n",
        }, 6,
    ),
    "second version, a parent is tighter": (
        {
            "proc/self/cgroup": "0::/pod/box\n",
            "sys/fs/cgroup/pod/box/memory.max": "max\n",
            "sys/fs/cgroup/pod/box/memory.current": 3 * GB,
            "sys/fs/cgroup/pod/memory.max": 7 * GB,
            "sys/fs/cgroup/pod/memory.current": 4 * GB,
        }, 3,
    ),
    "second version, mounted as the root": (
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": 5 * GB,
            "sys/fs/cgroup/memory.current": GB,
        }, 4,
    ),
    "second version, the path is the host's": (
        {
            "proc/self/cgroup": "0::/kube/pod17/box\n",
            "sys/fs/cgroup/memory.max": 5 * GB,
            "sys/fs/cgroup/memory.current": 2 * GB,
        }, 3,
    ),
    "first version": (
        {
            "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/docker/a:b\n",
            "sys/fs/cgroup/memory/docker/a:b/memory.limit_in_bytes": 6 * GB,
            "sys/fs/cgroup/memory/docker/a:b/memory.usage_in_bytes": 2 * GB,
            "sys/fs/cgroup/memory/docker/a:b/memory.stat": f"cache 1\ntotal_inactive_file {GB}\n",
        }, 5,
    ),
    "first version, without a limit": (
        {
            "proc/self/cgroup": "4:memory:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": 9223372036854771712,
            "sys/fs/cgroup/memory/memory.usage_in_bytes": 2 * GB,
        }, 24,
    ),
    "already over its limit": (
        {
            "proc/self/cgroup": "0::/box\n",
            "sys/fs/cgroup/box/memory.max": 2 * GB,
            "sys/fs/cgroup/box/memory.current": 3 * GB,
        }, 0,
    ),
    "files that hold no number": (
        {
            "proc/self/cgroup": "0::/box\nnonsense\n",
            "sys/fs/cgroup/box/memory.max": "what?",
            "sys/fs/cgroup/box/memory.current": "",
        }, 24,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_the_tightest_limit_counts(machine, name):
    files, free = GROUPS[name]
    machine.write(files)
    assert memory.free_bytes() == free * GB


def test_a_reservation_is_taken_off_until_it_is_filled(machine):
    with memory.reserve(10 * GB) as reservation:
        assert memory.free_bytes() == 14 * GB
        reservation.filled(4 * GB)
        assert memory.free_bytes() == 18 * GB
        reservation.filled(40 * GB)
        assert memory.free_bytes() == 24 * GB
    assert memory.free_bytes() == 24 * GB


def test_a_reservation_ends_with_an_error(machine):
    with pytest.raises(KeyError), memory.reserve(10 * GB):
        raise KeyError
    assert memory.reserved_bytes() == 0


def test_what_does_not_fit_is_refused_with_both_numbers(machine):
    with memory.reserve(20 * GB), pytest.raises(MemoryShortError) as caught:
        memory.reserve(16 * GB, what="The 3600 frames").__enter__()
    assert str(caught.value) == (
        "The 3600 frames need 16.0 GB of memory and 4.0 GB is free. Take fewer or smaller frames, "
        "so that they fit in 4.0 GB, or free up 12.0 GB more."
    )
    assert (caught.value.needed_bytes, caught.value.free_bytes) == (16 * GB, 4 * GB)
    assert memory.reserved_bytes() == 0


def test_two_at_once_never_get_more_than_there_is(machine):
    """Fifty threads ask for a tenth each; ten get it, whatever the order."""
    got, refused = [], []
    everybody, done = threading.Barrier(50), threading.Event()

    def ask():
        everybody.wait()
        try:
            with memory.reserve(24 * GB // 10):
                got.append(1)
                done.wait()
        except MemoryShortError:
            refused.append(1)
            if len(refused) == 40:
                done.set()

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (10, 40)


def test_what_the_system_itself_refuses_is_said_in_the_same_way():
    with pytest.raises(MemoryShortError, match=r"The system refused 10133099.2 GB for") as caught:
        allocate(1 << 30, Geometry(Size(1 << 10, 3 << 8), 0))  # beyond any address space
    assert caught.value.needed_bytes == (1 << 30) * (1 << 10) * (3 << 8) * 12


def test_on_this_machine_there_is_something_free():
    assert 0 < memory.free_bytes() < psutil.virtual_memory().total
