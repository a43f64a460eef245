"""A practice service on loopback, a caller of it, and media."""

from __future__ import annotations

from fractions import Fraction

import pytest
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.practice import PracticeService

from .caller import Client, SteppedClock
from .drawn import make_clip, make_picture


@pytest.fixture
def stepped():
    return SteppedClock()


@pytest.fixture
def serve(tmp_path):
    """Start a service with these options; gives a client of it."""
    started = []

    def start(clock=None, **options):
        service = PracticeService(
            clock or SystemClock(), folder=tmp_path / f"practice-{len(started)}", **options
        )
        service.start()
        started.append(service)
        return Client(service)

    yield start
    for service in started:
        service.stop()


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture(scope="session")
def picture(tmp_path_factory):
    return make_picture(tmp_path_factory.mktemp("picture") / "picture.png")


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "tiny.mp4"
    return make_clip(path, size=(208, 208), count=12, rate=Fraction(12))
