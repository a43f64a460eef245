"""Work on another thread ends as it would have here, and leaves nothing behind."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from apixo_wan_animate.utils.media.ahead import ahead
from apixo_wan_animate.utils.media.geometry import Geometry
from apixo_wan_animate.utils.media.memory import reserve
from apixo_wan_animate.utils.media.store import FrameStore
from apixo_wan_animate.utils.media.types import Size
from av.video.frame import VideoFrame


@pytest.fixture
def _no_collector():
    """What lives on in a circle is seen only while nobody looks for circles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Held:
    """Stands for an encoder, or for gigabytes of frames."""


@pytest.mark.usefixtures("_no_collector")
def test_an_error_keeps_nothing_of_the_work_alive():
    held, before = [], set(threading.enumerate())

    def work():
        encoder = Held()
        held.append(weakref.ref(encoder))
        yield 1
        raise ValueError("the third is damaged")

    def consume():
        own = Held()
        held.append(weakref.ref(own))
        with ahead(work(), depth=2) as items:
            list(items)

    try:
        consume()
    except ValueError as error:
        assert "third" in str(error)
    else:
        raise AssertionError("the error did not arrive")
    assert [reference() for reference in held] == [None, None]
    assert not set(threading.enumerate()) - before


@pytest.mark.usefixtures("_no_collector")
def test_an_error_of_the_converter_keeps_no_frames_alive():
    held = []

    def fill():
        with reserve(1000) as reservation:
            store = FrameStore(2, geometry=Geometry(Size(32, 32), 0), reservation=reservation)
            held.append(weakref.ref(store))
            with store:
                store.put(VideoFrame(32, 32, "yuv420p"), 2, 1)  # there are places 0 and 1

    try:
        fill()
    except IndexError:
        pass
    else:
        raise AssertionError("the error did not arrive")
    assert held[0]() is None
