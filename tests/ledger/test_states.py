"""The table of legal steps."""

from __future__ import annotations

import itertools

import pytest
from apixo_wan_animate.utils.ledger.states import LIVE, SPENT, STEPS, UNFINISHED, State, is_legal


def test_every_state_is_in_the_table():
    assert set(STEPS) == set(State)


@pytest.mark.parametrize("state", [State.COLLECTED, State.REFUSED, State.FAILED])
def test_a_final_state_has_no_step_out_of_it(state):
    assert not STEPS[state]


def test_only_preparing_leads_to_sending():
    assert [s for s in State if is_legal(s, State.SENDING)] == [State.PREPARING]


def test_nothing_that_was_accepted_can_go_back_and_be_sent_again():
    reachable = {State.SUBMITTED}
    while True:
        more = set(itertools.chain.from_iterable(STEPS[s] for s in reachable)) | reachable
        if more == reachable:
            break
        reachable = more
    assert not reachable & {State.PREPARING, State.SENDING}


def test_a_row_of_unknown_fate_blocks_its_request_and_counts_as_spent():
    assert State.UNKNOWN in LIVE & SPENT


def test_what_was_never_accepted_neither_blocks_nor_counts():
    assert not {State.REFUSED, State.ABANDONED} & (LIVE | SPENT | UNFINISHED)
