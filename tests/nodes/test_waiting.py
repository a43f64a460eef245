"""A node that waits: what is only nice to know never ends it."""

from __future__ import annotations

import pytest
from apixo_wan_animate.nodes import _host as host
from apixo_wan_animate.nodes import session, waiting
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.ledger.database import Database
from apixo_wan_animate.utils.ledger.ledger import LEDGER_FILE, Ledger
from apixo_wan_animate.utils.ledger.rows import NewTask
from apixo_wan_animate.utils.tasks.watch import Progress, Watch


@pytest.fixture
def accepted(tmp_path):
    """An onlooker of a task of which everything is known that a usual time needs."""
    host.reset(tmp_path)
    state = host.folders().state
    ledger = Ledger(Database(state / LEDGER_FILE), SystemClock(), owner="a" * 32)
    row, _ = ledger.admit(
        NewTask("https://api.example.test", False, kind="replace", billable_s=5, fingerprint="f")
    )
    ledger.close()
    watch = Watch(Progress("waiting", 0.0))
    watch.accept(row)
    yield watch
    session.stop_service()


def test_usual_times_that_cannot_be_read_do_not_end_a_node(accepted):
    state = host.folders().state
    for part in state.glob(f"{LEDGER_FILE}*"):
        part.unlink()
    (state / LEDGER_FILE).mkdir()  # nothing can be opened there
    assert waiting._usually(accepted) == ""
