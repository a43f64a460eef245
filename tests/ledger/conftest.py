"""A ledger for each test, and a second one on the same file."""

from __future__ import annotations

import pytest
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from clocks import HandClock


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def database(tmp_path):
    made = Database(tmp_path / LEDGER_FILE)
    yield made
    made.close()


@pytest.fixture
def ledger(database, clock):
    return Ledger(database, clock, owner="a" * 32)


@pytest.fixture
def other(database, clock):
    return Ledger(database, clock, owner="b" * 32)
