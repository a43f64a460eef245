"""Which hosts a file may go to: what the owner of this installation has configured, in order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..addresses import AddressRule, is_loopback, origin_of
from ..clock import Clock
from ..errors import SettingsError
from ..settings import Settings
from ..transport import Transport
from .bucket import StoreAddress, endpoint_of
from .host import SETTINGS_PAGE, Host
from .practice import PracticeHost
from .published import PublishedFiles
from .selfserved import PublicAddress, SelfServedHost, runpod_address
from .store import StoreHost
from .temporary import TEMPORARY_SERVICES, TemporaryHost

_NOTHING = (
    "No way to host media is set up yet, and the service reads media from public addresses only. "
    f"Choose one of four ways; the first three are also on the page {SETTINGS_PAGE}. "
    "(1) Object store: set APIXO_WAN_STORE to a bucket of your own, such as s3://bucket/prefix. "
    "(2) This ComfyUI: set APIXO_WAN_PUBLIC_URL if it has a public address. "
    "(3) Temporary public hosts: set APIXO_WAN_TEMPORARY_HOST=1 if strangers who get the link "
    "may see the files. "
    "(4) Your own links: put the media online yourself and wire their URLs into the node."
)


@dataclass(frozen=True)
class HostContext:
    """What hosts need beside the settings.

    Attributes:
        transport: Speaks HTTP.
        clock: Tells when links end.
        state: The folder of the ledger.
        port: The port this ComfyUI listens on; None outside of ComfyUI.
        practice_origin: Where the practice service listens; None while it does not run.
        environ: The environment variables.
    """

    transport: Transport
    clock: Clock
    state: Path
    port: int | None = None
    practice_origin: str | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


def choose(settings: Settings, name: str, context: HostContext) -> list[Host]:
    """The hosts that may take a file, the first that works to be used.

    More than one only where the owner has agreed to each of them: the temporary hosts, and
    before them a RunPod address that was found by itself and is not proved yet.

    Args:
        settings: What the owner of this installation has set.
        name: "auto", "store", "self" or "temporary".
        context: What hosts need.

    Raises:
        SettingsError: It is not configured, or not in full; or nothing is.
    """
    if settings.practice:
        return [_practice(context)]
    if name == "auto":
        return _first_configured(settings, context)
    return _WAYS[name](settings, context)


def configured(settings: Settings, context: HostContext) -> tuple[str, ...]:
    """The ways that "auto" takes, in its order; the second only where the first fails."""
    if settings.store:
        return ("store",)
    if settings.public_url:
        return ("self",)
    ways = {
        "self": _address(settings, context) is not None,  # found by itself, perhaps closed
        "temporary": settings.temporary_host,
    }
    return tuple(name for name, there in ways.items() if there)


def public_url(settings: Settings, context: HostContext) -> str:
    """Where this ComfyUI is reached from outside, as typed in or found; "" where nobody knows."""
    address = _address(settings, context)
    return address.url if address else ""


def _first_configured(settings: Settings, context: HostContext) -> list[Host]:
    ways = configured(settings, context)
    if not ways:
        raise SettingsError(_NOTHING)
    return [host for way in ways for host in _WAYS[way](settings, context)]


def _rule(settings: Settings, *addresses: str) -> AddressRule:
    """Public addresses, and the exact origins that the owner has configured."""
    return AddressRule(
        allow_loopback=is_loopback(settings.base_url),
        exempt=frozenset(origin_of(address) for address in addresses if address),
    )


def _practice(context: HostContext) -> Host:
    if context.practice_origin is None:
        raise SettingsError(
            "The practice service is not running. Run again; if that does not help, restart "
            "ComfyUI."
        )
    rule = AddressRule(allow_loopback=True, exempt=frozenset({context.practice_origin}))
    return PracticeHost(context.practice_origin, transport=context.transport, rule=rule)


def _store(settings: Settings, context: HostContext) -> list[Host]:
    if not settings.store:
        raise SettingsError(
            "No object store is configured. Set APIXO_WAN_STORE to a bucket of your own, such as "
            f"s3://bucket/prefix, or on the page {SETTINGS_PAGE}."
        )
    address = StoreAddress.parse(settings.store)
    endpoint = endpoint_of(address, context.environ)
    host = StoreHost(
        address,
        public_url=settings.store_public_url,
        clock=context.clock,
        rule=_rule(settings, settings.store_public_url, endpoint),
        environ=context.environ,
    )
    return [host]


def _address(settings: Settings, context: HostContext) -> PublicAddress | None:
    if settings.public_url:
        url = settings.public_url
        return PublicAddress(url, confirmed=settings.public_url_confirmed in {"1", url})
    return runpod_address(context.environ, port=context.port)


def _self_served(settings: Settings, context: HostContext) -> list[Host]:
    address = _address(settings, context)
    if address is None:
        raise SettingsError(
            "This ComfyUI has no public address that Wan Animate knows of. Set "
            f"APIXO_WAN_PUBLIC_URL, or set it on the page {SETTINGS_PAGE}."
        )
    published = PublishedFiles(context.state, context.clock)
    rule = _rule(settings, address.url)
    return [SelfServedHost(published, address, clock=context.clock, rule=rule)]


def _temporary(settings: Settings, context: HostContext) -> list[Host]:
    if not settings.temporary_host:
        raise SettingsError(
            "The owner of this installation has not agreed to temporary public hosts, and a "
            "workflow cannot do so. Set APIXO_WAN_TEMPORARY_HOST=1 or switch them on at "
            f"{SETTINGS_PAGE}, or choose another host."
        )
    return [
        TemporaryHost(
            service,
            base_url=service.address(context.environ),
            transport=context.transport,
            clock=context.clock,
            rule=_rule(settings, context.environ.get(service.variable, "").rstrip("/")),
        )
        for service in TEMPORARY_SERVICES
    ]


_WAYS = {"store": _store, "self": _self_served, "temporary": _temporary}
