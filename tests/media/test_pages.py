"""Memory that is made ready ahead of who writes into it."""

from __future__ import annotations

import mmap
import sys
import time

import numpy as np
import psutil
import pytest
from apixo_wan_animate.utils.media import pages as module
from apixo_wan_animate.utils.media.pages import PagesAhead

MB = 1 << 20


def test_what_was_written_is_never_touched_again():
    places = np.empty((400, 24, 1031), np.float32)  # no place begins with a page
    with PagesAhead(places) as pages:
        for index in range(len(places)):
            pages.wait_for(index + 1)
            places[index] = index + 1
    want = np.arange(1, len(places) + 1, dtype=np.float32)[:, None, None]
    assert (places == want).all()


def test_a_writer_that_leaps_ahead_does_not_wait_for_ever():
    places = np.empty((300, 512, 512), np.float32)
    with PagesAhead(places) as pages:
        pages.wait_for(len(places))
        places[-1] = 7
    assert (places[-1] == 7).all()


def test_what_is_far_from_being_written_takes_no_memory():
    process = psutil.Process()
    before = process.memory_info().rss
    places = np.empty((500, MB), np.uint8)
    with PagesAhead(places) as pages:
        pages.wait_for(1)
        time.sleep(0.3)  # as far as it would run
        assert process.memory_info().rss - before < 100 * MB
    time.sleep(0.1)
    assert process.memory_info().rss - before < 100 * MB


def test_leaving_early_ends_its_thread():
    with PagesAhead(np.empty((500, MB), np.uint8)) as pages:
        pages.wait_for(3)
        thread = pages._thread
    assert not thread.is_alive()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a thread its page faults")
def test_pages_are_touched_one_by_one_only_where_each_has_to_be_mapped():
    room = mmap.mmap(-1, 8 * MB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room.madvise(mmap.MADV_NOHUGEPAGE)
    memory = np.frombuffer(room, np.uint8)
    assert module._touch_and_judge(memory) == module._PAGE_BYTES
    assert module._touch_and_judge(memory) == module._HUGE_BYTES  # all are there by now
