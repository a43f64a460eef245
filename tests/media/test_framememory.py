"""Memory that is mapped just before it is written."""

from __future__ import annotations

import mmap
import sys

import av
import numpy as np
import psutil
import pytest
from apixo_wan_animate.utils.media.framememory import FrameMemory
from apixo_wan_animate.utils.media.planes import Converter
from clips_made import Recipe, numbered_pictures, write_clip

MB = 1 << 20

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux maps what it is asked for")


def page_faults() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt


def knows_how() -> bool:
    """Whether this kernel is 5.14 or later, by its own word."""
    if sys.platform != "linux":
        return False
    room = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        room.madvise(23)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("shape", [(400, 24, 1031), (3, 1, 1), (1, 1, 1), (2, 2000, 1031)])
def test_what_was_written_stays(shape):  # no place begins with a page
    memory = FrameMemory.floats(shape)
    for place in range(shape[0]):
        for row in range(shape[1]):
            memory.rows(place, slice(row, row + 1))[:] = place + row / 4096
    want = np.arange(shape[0])[:, None, None] + np.arange(shape[1])[None, :, None] / 4096
    assert (memory.array == want.astype(np.float32)).all()


def test_a_writer_may_leap_ahead_and_come_back():
    memory = FrameMemory.floats((300, 512, 512))
    memory.rows(299)[:] = 7
    memory.rows(3)[:] = 5
    assert (memory.array[299] == 7).all()
    assert (memory.array[3] == 5).all()
    assert (memory.array[4] == 0).all()


def test_the_memory_lasts_as_long_as_a_view_of_it():
    memory = FrameMemory.floats((4, 256, 256))
    memory.rows(3)[:] = 9
    last = memory.array[3]
    del memory
    assert (last == 9).all()


@linux
@pytest.mark.parametrize("place", [9, 250, 499])
def test_what_is_not_written_takes_no_memory(place):
    process = psutil.Process()
    before = process.memory_info().rss
    memory = FrameMemory.floats((500, 512, 511))  # half a gigabyte
    memory.rows(place)[:] = 1
    assert process.memory_info().rss - before < 3 * MB


@linux
def test_memory_goes_back_to_the_system_with_its_last_view():
    process = psutil.Process()
    memory = FrameMemory.floats((200, 512, 512))
    for place in range(200):
        memory.rows(place)[:] = 1
    filled = process.memory_info().rss
    del memory
    assert filled - process.memory_info().rss > 150 * MB


@linux
@pytest.mark.skipif(not knows_how(), reason="this kernel is older than 5.14")
def test_rows_that_are_given_out_cost_no_page_fault_any_more():
    memory = FrameMemory.floats((8, 512, 512))
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
    memory = FrameMemory(np.empty((8, 512, 512), np.float32), deaf)
    memory.rows(7)[:] = 3
    assert (memory.array[7] == 3).all()


@linux
@pytest.mark.skipif(not knows_how(), reason="this kernel is older than 5.14")
def test_where_mapping_stops_working_writing_goes_on(tmp_path):
    file = tmp_path / "room"
    file.write_bytes(bytes(8 * MB))
    with file.open("r+b") as opened:
        room = mmap.mmap(opened.fileno(), 8 * MB)
        opened.truncate(3 * MB)
    memory = FrameMemory(np.empty((8, 512, 512), np.float32), room)
    memory.rows(0)
    with pytest.raises(OSError, match="Errno"):
        room.madvise(23, 4 * MB, MB)
    for place in range(8):
        memory.rows(place)[:] = place
    assert (memory.array == np.arange(8, dtype=np.float32)[:, None, None]).all()


def test_more_than_any_machine_has_is_refused():
    with pytest.raises(MemoryError):
        FrameMemory.floats((1 << 30, 1 << 20, 3 << 10))


@linux
@pytest.mark.skipif(not knows_how(), reason="this kernel is older than 5.14")
def test_a_decoded_frame_is_mapped_strip_by_strip(tmp_path):
    path = write_clip(tmp_path / "a.mp4", numbered_pictures(2, 720, 1280), Recipe())
    given: list[slice] = []
    memory = FrameMemory.floats((1, 720, 1280, 3))

    def slot(rows: slice) -> np.ndarray:
        given.append(rows)
        return memory.rows(0, rows)

    with av.open(str(path)) as container:
        Converter().write_unit(next(container.decode(video=0)), slot)
    assert [rows.start for rows in given] == [0, *(rows.stop for rows in given[:-1])]
    assert given[-1].stop == 720
    assert max(rows.stop - rows.start for rows in given) * 1280 * 12 < 2 * MB
