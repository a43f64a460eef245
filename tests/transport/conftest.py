"""What transport tests stand on: raw servers on loopback, and an environment without proxies."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from apixo_wan_animate.utils.addresses import AddressRule
from apixo_wan_animate.utils.clock import SystemClock
from apixo_wan_animate.utils.transport import Transport, sockets, watch
from rawserver import RawServer, Script, make_certificate
from served_file import LIMIT


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, bundle or .netrc of this machine reaches a test."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", os.devnull)


@pytest.fixture
def transport() -> Transport:
    return Transport(SystemClock())


@pytest.fixture
def loopback() -> AddressRule:
    return AddressRule(allow_loopback=True)


@pytest.fixture
def public() -> AddressRule:
    return AddressRule()


@pytest.fixture
def stop() -> Event:
    return Event()


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    servers: list[RawServer] = []

    def start(script: Script, tls: ssl.SSLContext | None = None) -> RawServer:
        servers.append(RawServer(script, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def fetch(transport, tmp_path, loopback):
    """Download from a server, and give what lies on disk."""

    def run(server: RawServer, path: str = "/r.mp4", **options) -> bytes:
        target = tmp_path / "result.mp4.part"
        options = {"limit_bytes": LIMIT, "rule": loopback} | options
        transport.download(server.origin + path, target, **options)
        return target.read_bytes()

    return run


@pytest.fixture
def limits_pass_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let every limit pass as soon as something is so: no sooner, however slow the machine is."""

    def arrange(happened: Callable[[], object]) -> None:
        def monotonic() -> float:
            return time.monotonic() + (600.0 if happened() else 0.0)

        for module in (watch, sockets):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=monotonic))

    return arrange


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    try:
        return make_certificate(tmp_path_factory.mktemp("certificate"))
    except FileNotFoundError:
        pytest.skip("needs the openssl command, to make a certificate")


@pytest.fixture
def tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own certificate is trusted, as one of a company's proxy would be."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
