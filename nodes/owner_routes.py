"""The settings page's side of the server: for the owner of this installation alone."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aiohttp import web

from ..utils.apixo.client import ApixoClient
from ..utils.clock import SystemClock
from ..utils.errors import AuthError, SettingsError
from ..utils.hosting import choose as hosts
from ..utils.hosting.trial import try_host
from ..utils.setting_values import Secret, parse_key
from ..utils.settings import VARIABLES, Settings, public_view
from ..utils.transport import Transport
from . import _host as host
from .gates import Body, is_from_owner
from .session import service, settings_store
from .workers import HOSTS, KEYS, SETTINGS

_PRACTICE = "Practice mode is on: nothing leaves this machine. Switch it off to test a host."
_RUNNING = "A test of a host is running already. Wait until it has ended, then test again."

_testing = threading.Lock()


async def status(request: web.Request, _: Body) -> dict[str, Any]:
    """Whether nothing is real here, whether a key is set, and whether it may be set from there."""
    known = settings_store().load()
    return {
        "practice": known.practice,
        "key_set": known.api_key is not None,
        "owner": is_from_owner(request),
    }


# Settings


async def settings(_: web.Request, __: Body) -> dict[str, Any]:
    """Every setting; of the key only whether there is one, and its tail."""
    return await SETTINGS.run(_view)


async def save_settings(_: web.Request, body: Body) -> dict[str, Any]:
    """Check changes and keep them; they count from the next request on."""

    def work() -> dict[str, Any]:
        settings_store().save(body["changes"])
        return _changed()

    return await SETTINGS.run(work)


def _view() -> dict[str, Any]:
    store = settings_store()
    known = store.load()
    shown = public_view(known)
    key = {"set": shown.pop("key_set"), "tail": shown.pop("key_tail")}
    return {
        "settings": shown,
        "key": key,
        "from_environment": sorted(store.from_environment()),
        "variables": dict(VARIABLES),
        "ways": ["practice"] if known.practice else list(hosts.configured(known, _context())),
    }


def _changed() -> dict[str, Any]:
    """Let everything that waits for a setting look again, and every page too."""
    service().wake()
    host.send_event("apixo.settings", {})
    return _view()


def _context() -> hosts.HostContext:
    clock = SystemClock()
    return hosts.HostContext(Transport(clock), clock, host.folders().state, port=host.port())


# The key


async def save_key(_: web.Request, body: Body) -> dict[str, Any]:
    """Keep a key that works in the place of the old one."""

    def work() -> dict[str, Any]:
        store = settings_store()
        if "api_key" in store.from_environment():
            store.save_key(None)  # refuses, and names the variable
        key = parse_key(body["key"])
        dollars = _balance(store.load(), key)
        store.save_key(key)
        return _changed() | {"dollars": str(dollars)}

    return await KEYS.run(work)


async def forget_key(_: web.Request, __: Body) -> dict[str, Any]:
    """Forget the key."""

    def work() -> dict[str, Any]:
        settings_store().save_key(None)
        return _changed()

    return await SETTINGS.run(work)


async def test_key(_: web.Request, __: Body) -> dict[str, Any]:
    """What is left on the account of the key that is set.

    Raises:
        SettingsError: No key is set, or APIXO refuses it.
        WanAnimateError: APIXO cannot be asked.
    """

    def work() -> dict[str, Any]:
        known = settings_store().load()
        if known.api_key is None and known.practice:
            return {"practice": True, "dollars": "0"}
        if known.api_key is None:
            raise SettingsError("No key is set. Paste the key from your APIXO dashboard.")
        return {"practice": False, "dollars": str(_balance(known, known.api_key))}

    return await KEYS.run(work)


def _balance(known: Settings, key: Secret) -> Decimal:
    """Ask APIXO itself, also in practice mode: a key is never checked by a stand-in.

    Raises:
        SettingsError: APIXO refuses the key.
        WanAnimateError: APIXO cannot be asked; nobody knows whether the key works.
    """
    client = ApixoClient(Transport(SystemClock()), base_url=known.base_url, key=key)
    try:
        return client.balance()
    except AuthError as error:
        raise SettingsError(
            f"APIXO refuses this key ({error.status}). Copy it again from your APIXO dashboard, "
            "and check there whether it is limited to certain IP addresses; a key that was "
            "already set is kept."
        ) from error


# Hosts


async def test_host(_: web.Request, __: Body) -> dict[str, Any]:
    """Put a small picture where uploads go, and read it back."""
    return await HOSTS.run(lambda: _try_alone("auto"))


async def test_address(_: web.Request, __: Body) -> dict[str, Any]:
    """Publish a small picture here, and read it under the public address."""
    return await HOSTS.run(lambda: _try_alone("self"))


def _try_alone(name: str) -> dict[str, Any]:
    """One test at a time: each may take minutes, and puts files where others pay for them."""
    if not _testing.acquire(blocking=False):
        return {"ok": False, "message": _RUNNING, "warnings": []}
    try:
        return _try(name)
    finally:
        _testing.release()


def _try(name: str) -> dict[str, Any]:
    """Try the hosts of a way in their order, as an upload would."""
    known, context = settings_store().load(), _context()
    if known.practice and name == "auto":
        return {"ok": True, "message": _PRACTICE, "warnings": []}
    told: list[str] = []
    for one in hosts.choose(_real(known), name, context):
        report = try_host(one, transport=context.transport, temp=host.folders().temp)
        told.append(f"{report.host}: {report.text}")
        if report.works:
            return {"ok": True, "message": " ".join(told), "warnings": list(report.warnings)}
    return {"ok": False, "message": " ".join(told), "warnings": []}


def _real(known: Settings) -> Settings:
    """The settings without practice mode, which has a host of its own."""
    return replace(known, practice=False)
