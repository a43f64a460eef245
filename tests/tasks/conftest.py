"""A world for each test; and a bare database under a clock that stands, where no more is needed."""

from __future__ import annotations

import pytest
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE
from clocks import HandClock

from .world import World


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / LEDGER_FILE)
    yield made
    made.close()
