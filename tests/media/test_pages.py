"""Memory that is made ready ahead of who writes into it."""

from __future__ import annotations

import time

import numpy as np
import psutil
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
