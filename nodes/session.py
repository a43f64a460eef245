"""What lives as long as this ComfyUI does: the settings and the service that owns every task."""

from __future__ import annotations

import logging
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.clock import SystemClock
from ..utils.ledger.unfinished import has_unfinished
from ..utils.settings import SettingsStore
from . import _host as host
from .news import tell

if TYPE_CHECKING:
    from ..utils.tasks.service import TaskService
    from ..utils.transport import DownloadProgress

log = logging.getLogger(__name__)

_making = threading.Lock()
_made: list[TaskService] = []


def settings_store() -> SettingsStore:
    """The settings of this installation."""
    return SettingsStore(host.folders().state)


def service() -> TaskService:
    """The one service of this process; made, and its unfinished tasks taken up, on first use."""
    # Half of the pack's import time hangs on these, and most starts of ComfyUI need none of it.
    from ..utils.tasks.service import Surroundings, TaskService
    from ..utils.transport import Transport

    with _making:
        if not _made:
            clock = SystemClock()
            port = host.port()
            origins = frozenset(f"http://{name}:{port}" for name in ("127.0.0.1", "localhost"))
            made = TaskService(
                host.folders(),
                settings_store(),
                transport=Transport(clock),
                clock=clock,
                surroundings=Surroundings(port=port, own_origins=origins),
            )
            made.subscribe(tell)
            made.resume()
            _made.append(made)
        return _made[0]


def fetch_clip(url: str, *, stop: threading.Event, progress: DownloadProgress) -> Path:
    """Fetch a clip that a workflow names into the temp folder; the caller removes it.

    Raises:
        InputError: The address is not allowed.
        TransportError: It cannot be fetched whole.
        Stopped: `stop` was set.
    """
    folder = host.folders().temp
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"apixo_{uuid.uuid4().hex}.part"
    try:
        service().download(url, target, stop=stop, progress=progress)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target


def has_unfinished_tasks() -> bool:
    """Whether a ledger lies there with tasks that still need somebody; starts nothing."""
    return has_unfinished(host.folders().state)


def stop_service() -> None:
    """Let go of everything; for tests and the end of the process."""
    with _making:
        while _made:
            _made.pop().stop()
