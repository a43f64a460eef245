"""What is put away when tasks have ended."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..errors import WanAnimateError
from ..ledger.rows import TaskRow
from ..ledger.states import State
from ..unexpected import report
from .desk import SOUNDS, THUMBNAILS, Desk

_NEEDS_SOUND = frozenset({State.UNKNOWN, State.ABANDONED, State.SUCCEEDED})


class Tidy:
    """Removes what no task needs any more.

    Args:
        desk: The tools.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def after(self, row: TaskRow) -> None:
        """A row has ended: its sound goes, and uploads that nobody needs if the owner says so."""
        if row.sound and row.state not in _NEEDS_SOUND:
            with suppress(OSError):
                (self._desk.sounds / row.sound).unlink(missing_ok=True)
        self._desk.pool.put("upload", self._delete_uploads)

    def forget(self, row: TaskRow) -> None:
        """A row is gone, and what lay beside the ledger for it goes too; its result stays."""
        remove_beside(self._desk.folders.state, row)
        self._desk.pool.put("upload", self._delete_uploads)

    def _delete_uploads(self) -> None:
        settings = self._desk.settings.load()
        if not settings.store_delete or not settings.store:
            return
        hosts = self._desk.hosts(replace(settings, practice=False), "store")
        places = {host.identity: host for host in hosts}
        for cached in self._desk.uploads.take_needless(set(places)):
            try:
                places[cached.hosted.host].delete(cached.hosted)
            except WanAnimateError as error:
                report(error)


def remove_beside(state: Path, row: TaskRow) -> None:
    """Remove what lies beside the ledger for a row.

    Args:
        state: The folder of the ledger.
        row: The row, which is gone.
    """
    with suppress(OSError):
        if row.sound:
            (state / SOUNDS / row.sound).unlink(missing_ok=True)
        if row.thumbnail:
            (state / THUMBNAILS / row.thumbnail).unlink(missing_ok=True)
