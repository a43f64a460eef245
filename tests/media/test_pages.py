"""Memory that is mapped just before it is written."""

from __future__ import annotations

import mmap
import sys

import numpy as np
import psutil
import pytest
from apixo_wan_animate.utils.media.pages import Unwritten

MB = 1 << 20

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux maps what it is asked for")


def page_faults() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt


def knows_how() -> bool:
    """Whether this kernel is 5.14 or later, by its own word."""
    room = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        room.madvise(23)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("shape", [(400, 24, 1031), (3, 1, 1), (1, 1, 1), (2, 2000, 1031)])
def test_what_was_written_stays(shape):  # no place begins with a page
    memory = Unwritten.floats(shape)
    for place in range(shape[0]):
        for row in range(shape[1]):
            memory.rows(place, slice(row, row + 1))[:] = place + row / 4096
    want = np.arange(shape[0])[:, None, None] + np.arange(shape[1])[None, :, None] / 4096
    assert (memory.array == want.astype(np.float32)).all()


def test_a_writer_may_leap_ahead_and_come_back():
    memory = Unwritten.floats((300, 512, 512))
    memory.rows(299)[:] = 7
    memory.rows(3)[:] = 5
    assert (memory.array[299] == 7).all()
    assert (memory.array[3] == 5).all()
    assert (memory.array[4] == 0).all()


def test_the_memory_lasts_as_long_as_a_view_of_it():
    memory = Unwritten.floats((4, 256, 256))
    memory.rows(3)[:] = 9
    last = memory.array[3]
    del memory
    assert (last == 9).all()


@linux
def test_what_is_not_written_takes_no_memory():
    process = psutil.Process()
    before = process.memory_info().rss
    memory = Unwritten.floats((500, 512, 512))  # half a gigabyte
    memory.rows(9)
    assert process.memory_info().rss - before < 16 * MB


@linux
def test_memory_goes_back_to_the_system_with_its_last_view():
    process = psutil.Process()
    memory = Unwritten.floats((200, 512, 512))
    memory.rows(199)[:] = 1
    filled = process.memory_info().rss
    del memory
    assert filled - process.memory_info().rss > 150 * MB


@linux
@pytest.mark.skipif(not knows_how(), reason="this kernel is older than 5.14")
def test_rows_that_are_given_out_cost_no_page_fault_any_more():
    memory = Unwritten.floats((8, 512, 512))
    for place in range(8):
        for row in range(0, 512, 100):
            rows = memory.rows(place, slice(row, row + 100))
            before = page_faults()
            rows[:] = 1
            assert page_faults() - before < 3


@linux
def test_where_the_system_does_not_know_how_writing_does_it():
    deaf = mmap.mmap(-1, 8 * MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)
    with pytest.raises(OSError, match="Errno"):
        deaf.madvise(23)
    memory = Unwritten(np.empty((8, 512, 512), np.float32), deaf)
    memory.rows(7)[:] = 3
    assert (memory.array[7] == 3).all()


def test_more_than_any_machine_has_is_refused():
    with pytest.raises(MemoryError):
        Unwritten.floats((1 << 30, 1 << 20, 3 << 10))
