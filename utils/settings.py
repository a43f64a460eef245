"""What the owner of this installation has set, and where it lies.

The environment wins over `settings.json`; secrets lie apart in `credentials.json`, which only
its owner can read. Both are in the folder of the ledger, which ComfyUI does not serve.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from .errors import SettingsError
from .replacing import replacing
from .setting_values import (
    DEFAULT_OUTPUT,
    DEFAULT_WAIT_MINUTES,
    Secret,
    parse_key,
    read_callback,
    read_confirmation,
    read_flag,
    read_minutes,
    read_price,
    read_store,
    read_subfolder,
    read_web_address,
    read_whole_seconds,
)
from .settings_lock import only_writer

DEFAULT_BASE_URL = "https://api.apixo.ai"
"""Source: docs/service.md, "Calls", read 2026-11-23."""

KEY_VARIABLE = "APIXO_API_KEY"
PRACTICE_KEY = "practice"
"""The key of the practice service, which has no secret to keep."""

_MAX_FILE_BYTES = 256 * 1024
_MOST_NUMBER = 10**100
"""Numbers of thousands of digits have no text at all."""

_PATIENCE_S = 10.0
"""A writing takes some milliseconds."""


@dataclass(frozen=True)
class Folders:
    """Where this installation keeps things.

    Attributes:
        state: The ledger, settings and locks; not reachable over HTTP.
        output: ComfyUI's output folder, results go into a subfolder of it.
        temp: Scratch space that may vanish between runs.
    """

    state: Path
    output: Path
    temp: Path


def make_private(folder: Path) -> None:
    """Make the folder of the ledger where it is missing, for its owner alone.

    Raises:
        OSError: It cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


@dataclass(frozen=True)
class Settings:
    """Every setting with its default; README.md, "Settings", explains each."""

    api_key: Secret | None = None
    base_url: str = DEFAULT_BASE_URL
    practice: bool = False
    store: str = ""
    store_public_url: str = ""
    store_delete: bool = False
    public_url: str = ""
    public_url_confirmed: str = ""
    temporary_host: bool = False
    callback: str = ""
    price_480p: Decimal | None = None
    price_720p: Decimal | None = None
    daily_seconds: int | None = None
    wait_minutes: float = DEFAULT_WAIT_MINUTES
    output: str = DEFAULT_OUTPUT

    @property
    def prices(self) -> dict[str, Decimal | None]:
        """US dollars a second by resolution, as far as the user has typed them in."""
        return {"480p": self.price_480p, "720p": self.price_720p}


VARIABLES: Mapping[str, str] = {
    "api_key": KEY_VARIABLE,
    "base_url": "APIXO_BASE_URL",
    "practice": "APIXO_WAN_PRACTICE",
    "store": "APIXO_WAN_STORE",
    "store_public_url": "APIXO_WAN_STORE_PUBLIC_URL",
    "store_delete": "APIXO_WAN_STORE_DELETE",
    "public_url": "APIXO_WAN_PUBLIC_URL",
    "public_url_confirmed": "APIXO_WAN_PUBLIC_URL_CONFIRMED",
    "temporary_host": "APIXO_WAN_TEMPORARY_HOST",
    "callback": "APIXO_WAN_CALLBACK",
    "price_480p": "APIXO_WAN_PRICE_480P",
    "price_720p": "APIXO_WAN_PRICE_720P",
    "daily_seconds": "APIXO_WAN_DAILY_SECONDS",
    "wait_minutes": "APIXO_WAN_WAIT_MINUTES",
    "output": "APIXO_WAN_OUTPUT",
}

ENVIRONMENT_ONLY = frozenset({"base_url"})
"""Writable from a page, this one would let a neighbour have the key sent to himself."""

SECRET = frozenset({"api_key"})


_PARSERS: Mapping[str, Callable[[str, str], Any]] = {
    "api_key": lambda text, _: parse_key(text),
    "base_url": lambda text, name: read_web_address(text, name) or DEFAULT_BASE_URL,
    "practice": read_flag,
    "store": read_store,
    "store_public_url": read_web_address,
    "store_delete": read_flag,
    "public_url": read_web_address,
    "public_url_confirmed": read_confirmation,
    "temporary_host": read_flag,
    "callback": read_callback,
    "price_480p": read_price,
    "price_720p": read_price,
    "daily_seconds": read_whole_seconds,
    "wait_minutes": read_minutes,
    "output": read_subfolder,
}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if value is None:
        return ""
    if isinstance(value, int) and abs(value) > _MOST_NUMBER:
        raise SettingsError("A setting is a number with hundreds of digits. Send a smaller one.")
    if isinstance(value, (str, int, float, Decimal)):
        return str(value)
    raise SettingsError("A setting is neither text, a number nor a switch. Send plain values.")


class SettingsStore:
    """The settings of one installation, read afresh at each `load`.

    Args:
        folder: Where `settings.json` and `credentials.json` lie; made on the first write.
        environ: The environment variables; `os.environ` when left out.
        patience_s: How long a writing waits for those of others.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str] | None = None,
        *,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._folder = folder
        self._patience_s = patience_s
        self._environ: Mapping[str, str] = os.environ if environ is None else environ

    def load(self) -> Settings:
        """Read everything that is set.

        Raises:
            SettingsError: A value is malformed, or a file is damaged.
        """
        stored = self._read("settings.json") | self._read("credentials.json")
        found: dict[str, Any] = {}
        for name, variable in VARIABLES.items():
            if self._environ.get(variable, "") != "":
                found[name] = _PARSERS[name](self._environ[variable], variable)
            elif name in stored and name not in ENVIRONMENT_ONLY:
                text = _as_text(stored[name])
                if text or name not in SECRET:
                    found[name] = _PARSERS[name](text, f"The setting “{name}”")
        return replace(Settings(), **found)

    def from_environment(self) -> frozenset[str]:
        """Names of the settings that the environment decides."""
        return frozenset(n for n, v in VARIABLES.items() if self._environ.get(v, "") != "")

    def check(self, changes: Mapping[str, object]) -> dict[str, str]:
        """Read changes to settings without keeping them.

        Returns:
            The changes as text, in their checked form.

        Raises:
            SettingsError: A name is unknown, secret or for the environment only, the
                environment decides it, or a value is malformed.
        """
        checked: dict[str, str] = {}
        for name, value in changes.items():
            if name not in VARIABLES or name in SECRET:
                raise SettingsError(f"There is no setting “{name[:40]}”. Leave it out.")
            variable = VARIABLES[name]
            if name in ENVIRONMENT_ONLY or name in self.from_environment():
                raise SettingsError(
                    f"The setting “{name}” is set by the environment of this ComfyUI. Change the "
                    f"variable {variable} and restart ComfyUI."
                )
            checked[name] = _as_text(_PARSERS[name](_as_text(value), f"The setting “{name}”"))
        return checked

    def save(self, changes: Mapping[str, object]) -> Settings:
        """Check changes and write them to `settings.json`.

        Raises:
            SettingsError: As `check`, somebody else holds the settings, or the folder cannot be
                written.
        """
        checked = self.check(changes)
        with self._only_writer("settings.json"):
            self._write("settings.json", self._read("settings.json") | checked)
        return self.load()

    def save_key(self, key: Secret | None) -> None:
        """Keep the key in `credentials.json`, or forget it.

        Raises:
            SettingsError: The environment decides the key, somebody else holds the settings, or
                the folder cannot be written.
        """
        if "api_key" in self.from_environment():
            raise SettingsError(
                "The key is set by the environment of this ComfyUI. Change the variable "
                f"{KEY_VARIABLE} and restart ComfyUI."
            )
        with self._only_writer("credentials.json"):
            stored = self._read("credentials.json")
            stored["api_key"] = key.reveal() if key else ""
            self._write("credentials.json", stored)

    @contextlib.contextmanager
    def _only_writer(self, name: str) -> Generator[None]:
        """Between a reading of the file and its writing nobody else may write it."""
        try:
            make_private(self._folder)
            with only_writer(self._folder, patience_s=self._patience_s):
                yield
        except OSError as error:
            raise SettingsError(
                f"{name} cannot be written ({error.strerror}). "
                "Check the permissions of ComfyUI's user folder and the free space on its disk."
            ) from error

    def _read(self, name: str) -> dict[str, Any]:
        path = self._folder / name
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SettingsError(
                f"{name} cannot be read ({error.strerror}). "
                "Check the permissions of ComfyUI's user folder."
            ) from error
        try:
            stored: object = json.loads(content) if len(content) <= _MAX_FILE_BYTES else None
        except (ValueError, RecursionError):
            stored = None
        if not isinstance(stored, dict):
            raise SettingsError(
                f"{name} in ComfyUI's user folder is damaged. Delete it and set the values again."
            )
        known = cast("dict[str, Any]", stored)
        return {name: value for name, value in known.items() if name in VARIABLES}

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        with replacing(self._folder / name) as part:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=2, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())


def public_view(settings: Settings) -> dict[str, object]:
    """The settings as a page may see them: the key only as whether it is there, and its tail.

    A callback address or a path in an object store may hold a token of its owner's; they are
    the owner's own words and are shown, since only the loopback route hands this out.
    """
    view: dict[str, object] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, Secret) or field.name in SECRET:
            view["key_set"] = value is not None
            view["key_tail"] = value.tail if isinstance(value, Secret) else ""
        else:
            view[field.name] = str(value) if isinstance(value, Decimal) else value
    return view
