"""Which service does the work: APIXO with the user's key, or practice; never one for the other."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from ..addresses import AddressRule, is_loopback, origin_of
from ..apixo.client import ApixoClient
from ..clock import Clock
from ..errors import SettingsError
from ..ledger.rows import PRACTICE_ORIGIN, TaskRow
from ..practice.service import PracticeService
from ..settings import PRACTICE_KEY, Folders, Secret, Settings, SettingsStore
from ..transport import Transport


@dataclass(frozen=True)
class Remote:
    """One service as the ledger names it.

    Attributes:
        origin: Its origin, or "practice".
        practice: Whether it is the practice service.
    """

    origin: str
    practice: bool


class Remotes:
    """Gives clients and address rules for the service that the settings name.

    Args:
        settings: Read afresh at each call, so that a new key works at once.
        transport: Talks HTTP.
        clock: For the practice service.
        folders: Where the practice service keeps its files.
        own_origins: Origins of this ComfyUI, whose links are its own.
    """

    def __init__(
        self,
        settings: SettingsStore,
        transport: Transport,
        *,
        clock: Clock,
        folders: Folders,
        own_origins: frozenset[str],
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._folders = folders
        self._own_origins = own_origins
        self._starting = threading.Lock()
        self._practice: PracticeService | None = None

    def current(self, settings: Settings) -> Remote:
        """The service that new requests go to."""
        if settings.practice:
            return Remote(PRACTICE_ORIGIN, practice=True)
        return Remote(origin_of(settings.base_url), practice=False)

    def check_ready(self, settings: Settings) -> None:
        """Refuse to begin what could not be submitted.

        Raises:
            SettingsError: There is no key, and practice mode is off.
        """
        if not settings.practice:
            _key_of(settings)

    def client(self, row: TaskRow) -> ApixoClient:
        """A client for the service of a row; the practice service is started when needed.

        Raises:
            SettingsError: There is no key, the settings name another service than the row's,
                or one of them is malformed.
        """
        settings = self._settings.load()
        if not row.practice and origin_of(settings.base_url) != row.origin:
            # Another service does not know the task, and its 404 would end it after a day.
            raise SettingsError(
                f"This task is at {row.origin}, but APIXO_BASE_URL is {settings.base_url}. Set it "
                "back; the task waits for that."
            )
        return self.current_client(replace(settings, practice=row.practice))

    def check_key(self, row: TaskRow, asked: ApixoClient) -> None:
        """Refuse to believe that a task is unknown where another key has submitted it.

        Args:
            row: The task.
            asked: Who was told so; the present key may be another one by now.

        Raises:
            SettingsError: It asked with another key.
        """
        if row.key_mark and asked.key_mark != row.key_mark:
            raise SettingsError(
                f"APIXO does not know task {row.task_id} for the current key, and another key "
                f"submitted it. Set that key again, or forget row {row.id} by force; the task "
                "waits for that."
            )

    def current_client(self, settings: Settings) -> ApixoClient:
        """A client for the service that the settings name.

        Raises:
            SettingsError: There is no key, and practice mode is off.
        """
        if settings.practice:
            origin = self.practice_origin()
            return ApixoClient(self._transport, base_url=origin, key=Secret(PRACTICE_KEY))
        key = _key_of(settings)
        return ApixoClient(self._transport, base_url=settings.base_url, key=key)

    def rule(self, *, practice: bool) -> AddressRule:
        """Which addresses a link of this service, or one handed to it, may have.

        Raises:
            SettingsError: A setting is malformed.
        """
        exempt = self._own_origins
        if practice:
            return AddressRule(allow_loopback=True, exempt=exempt | {self.practice_origin()})
        base_url = self._settings.load().base_url
        return AddressRule(allow_loopback=is_loopback(base_url), exempt=exempt)

    def practice_origin(self) -> str:
        """Where the practice service is; it is started on first use."""
        with self._starting:
            if self._practice is None:
                service = PracticeService(self._clock, folder=self._folders.temp / "apixo_practice")
                service.start()
                self._practice = service
            return self._practice.origin

    def stop(self) -> None:
        """End the practice service."""
        with self._starting:
            service, self._practice = self._practice, None
        if service is not None:
            service.stop()


def _key_of(settings: Settings) -> Secret:
    if settings.api_key is None:
        raise SettingsError(
            "There is no APIXO key, and practice mode is off. Set APIXO_API_KEY or enter the "
            "key in Settings → Wan Animate (APIXO); or switch practice mode on there "
            "(APIXO_WAN_PRACTICE=1), which needs no key and spends nothing."
        )
    return settings.api_key
