"""What every stage of a task's way has at hand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..clock import Clock
from ..hosting.host import Host
from ..ledger.ledger import Ledger
from ..settings import Folders, Settings, SettingsStore
from ..transport import Transport
from .agenda import Agenda, RequestBudget
from .job import Job
from .pool import Pool
from .remote import Remotes
from .upload_cache import UploadCache

SOUNDS = "sounds"
THUMBNAILS = "thumbnails"
"""Folders beside the ledger."""

HostChoice = Callable[[Settings, str], Sequence[Host]]
"""The hosts for a name on the node, in the order in which they are tried."""


@dataclass(frozen=True)
class Desk:
    """The tools of the service; each may be used from any thread.

    Attributes:
        hosts: Chooses hosts; practice media has its own.
        public_url: Where this ComfyUI is reached from outside; "" where nobody knows.
        stopping: Set when the process lets go.
        scratch: A folder of this process for files on their way.
        drop: Ends a job from which nothing was sent, and deletes its row.
        done: Says that a job has come to its end in this process.
    """

    folders: Folders
    settings: SettingsStore
    transport: Transport
    clock: Clock
    ledger: Ledger
    uploads: UploadCache
    pool: Pool
    agenda: Agenda
    budget: RequestBudget
    remotes: Remotes
    hosts: HostChoice
    public_url: Callable[[Settings], str]
    stopping: threading.Event
    scratch: Path
    drop: Callable[[Job], None]
    done: Callable[[Job], None]

    @property
    def sounds(self) -> Path:
        """Sound that may have to be put back into results."""
        return self.folders.state / SOUNDS
