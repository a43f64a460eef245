"""The pack's routes over loopback HTTP, and ledgers that are closed after each test."""

from __future__ import annotations

import pytest
from apixo_wan_animate.nodes import _host as host
from pack_routes import serving
from route_rows import close_ledgers


@pytest.fixture
def server(tmp_path, monkeypatch):
    for name in ("APIXO_API_KEY", "APIXO_WAN_PRACTICE", "APIXO_WAN_STORE", "RUNPOD_POD_ID"):
        monkeypatch.delenv(name, raising=False)
    host.reset(tmp_path)
    with serving() as made:
        yield made


@pytest.fixture(autouse=True)
def _ledgers_are_closed():
    yield
    close_ledgers()
