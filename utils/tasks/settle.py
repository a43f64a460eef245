"""Rows of unknown fate: settled by a callback that proves itself, or by the user's word."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from ..apixo.client import check_task_id
from ..apixo.task_ids import named_task_id
from ..clock import growing
from ..errors import InputError, RejectedError, WanAnimateError
from ..ledger.ledger import Ledger, RowGoneError
from ..ledger.rows import TaskRow
from ..ledger.states import State
from ..unexpected import report
from .desk import Desk
from .fingerprint import token_digest
from .remote import Remotes

CALLBACK_PATH = "/apixo_wan_animate/callback/"
"""Below the public address of this ComfyUI; the token of the row follows."""

_NOT_KNOWN = 404
_TRIES = 40
"""So often the service must have denied a candidate; with the delays below, for most of a day."""


class _DeniedError(WanAnimateError):
    """The service's word that it knows nothing of a candidate."""


class Settler:
    """Binds task ids to rows that lack one.

    Args:
        desk: The tools.
        bound: Called with a row that has its id now, to be followed to its end.
        poke: Called with a row whose task has news.
    """

    def __init__(
        self, desk: Desk, *, bound: Callable[[TaskRow], None], poke: Callable[[int], bool]
    ) -> None:
        self._desk = desk
        self._bound = bound
        self._poke = poke
        self._lock = threading.Lock()
        self._looking: set[int] = set()

    def callback(self, token: str, body: bytes) -> bool:
        """Take a callback; it proves nothing, and only says “ask now”.

        Args:
            token: From the path of the address that was called.
            body: What was sent.

        Returns:
            Whether the token is one of ours.
        """
        row = self._desk.ledger.by_token(token_digest(token))
        if row is None:
            return False
        candidate = named_task_id(body)
        if candidate and not row.task_id:
            row = self._desk.ledger.suggest(row.id, candidate)
            self.look(row)
        if row.task_id:  # the answer to the submit may have come in this very moment
            self._poke(row.id)
        return True

    def look(self, row: TaskRow) -> None:
        """Ask about the candidate of an unknown or abandoned row, if it has one."""
        fresh = self._desk.ledger.row(row.id)
        if fresh is None or not fresh.candidate:
            return
        if fresh.state not in {State.UNKNOWN, State.ABANDONED}:
            return
        with self._lock:
            if fresh.id in self._looking:
                return
            self._looking.add(fresh.id)
        delays = growing(5.0, factor=1.6, cap_s=3600.0)
        self._put(fresh.id, delays, left=_TRIES)

    def look_at_all(self) -> None:
        """Ask about the candidates of every row; after a start."""
        for row in self._desk.ledger.in_states({State.UNKNOWN, State.ABANDONED}):
            if row.candidate:
                self.look(row)

    def _put(self, row_id: int, delays: Iterator[float], *, left: int) -> None:
        self._desk.pool.put("poll", lambda: self._ask(row_id, delays, left=left))

    def _ask(self, row_id: int, delays: Iterator[float], *, left: int) -> None:
        row = None
        try:
            row = self._desk.ledger.row(row_id)
            over = row is None or not row.candidate or self._prove(row)
        except Exception as error:  # noqa: BLE001 - it may be paid for: it is asked about again
            report(error)
            left -= isinstance(error, _DeniedError)  # nothing else speaks against a candidate
            over = isinstance(error, (InputError, RowGoneError)) or left < 0
            if row is not None and over and isinstance(error, WanAnimateError):
                over = self._give_up(row, error)
                left = left if over else _TRIES
        if not over:
            self._desk.agenda.after(next(delays), lambda: self._put(row_id, delays, left=left))
            return
        with self._lock:
            self._looking.discard(row_id)

    def _give_up(self, row: TaskRow, error: WanAnimateError) -> bool:
        """The candidate is none; False where another has come meanwhile, to be asked about."""
        with suppress(WanAnimateError):
            fresh = self._desk.ledger.row(row.id)
            if fresh is None or fresh.candidate != row.candidate:
                return fresh is None
            still_unknown = fresh.state is State.UNKNOWN
            known = {"note": str(error)} if still_unknown else {}
            self._desk.ledger.note(row.id, candidate="", **known)
        return True

    def _prove(self, row: TaskRow) -> bool:
        """Bind the candidate if the service answers for it; True when there is no more to ask.

        Raises:
            _DeniedError: The service says that it knows no such task, or nothing of it.
            InputError: It belongs to another row.
            WanAnimateError: It cannot be asked now.
        """
        client = self._desk.remotes.client(row)
        denied = _DeniedError(
            f"Task {row.candidate} was named for this row, but APIXO knows nothing of it. "
            "Look for the task of that time in APIXO's dashboard."
        )
        try:
            status = client.status(row.candidate)
        except RejectedError as error:
            if error.status != _NOT_KNOWN:
                raise
            self._desk.remotes.check_key(row, client)
            raise denied from error
        if not (status.task_id or status.raw_state):
            raise denied
        note = "Its task id was named by the service, and was confirmed."
        self._bound(self._desk.ledger.bind(row.id, row.candidate, note=note))
        return True

    def adopt(self, row_id: int, task_id: str) -> TaskRow:
        """Take the user's word for the id of an unknown or abandoned row, and follow it.

        Raises:
            InputError: The id is malformed, unknown or another row's, or the row needs none.
            LedgerError: There is no such row, or the ledger cannot be written.
        """
        bound = adopt(self._desk.ledger, self._desk.remotes, row_id=row_id, task_id=task_id)
        self._bound(bound)
        return bound


def adopt(ledger: Ledger, remotes: Remotes, *, row_id: int, task_id: str) -> TaskRow:
    """Take the user's word for the id of an unknown or abandoned row.

    Args:
        ledger: Its owner is who follows the row from now on.
        remotes: Asked whether there is such a task, where it answers.
        row_id: The row.
        task_id: What the user found in the dashboard.

    Raises:
        InputError: The id is malformed, unknown or another row's, or the row needs none.
        RowGoneError: There is no such row.
    """
    check_task_id(task_id)
    row = ledger.row(row_id)
    if row is None:
        raise RowGoneError(f"There is no row {row_id}. Look at the list of tasks.")
    try:
        remotes.client(row).status(task_id)
    except RejectedError as error:
        if error.status == _NOT_KNOWN:
            raise InputError(
                f"APIXO knows no task {task_id} for this key. "
                "Compare the id with the one in APIXO's dashboard."
            ) from error
    except WanAnimateError as error:
        report(error)  # it cannot be asked now; the user's word counts
    return ledger.bind(row_id, task_id, note="Its task id was given by the user.")
