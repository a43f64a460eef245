"""The pack's routes behind a real socket, with the server that ComfyUI uses."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import requests
from aiohttp import web
from apixo_wan_animate.nodes import session
from apixo_wan_animate.nodes.routes import register


@dataclass
class Server:
    """The routes behind a real socket, and a session that never meets a proxy."""

    origin: str

    def __post_init__(self):
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, path, **options):
        return self.http.get(self.origin + path, timeout=30, **options)

    def post(self, path, body=None, **options):
        return self.http.post(self.origin + path, json=body, timeout=30, **options)


@contextlib.contextmanager
def serving(address: str = "127.0.0.1") -> Iterator[Server]:
    """Serve the routes at an address of this machine, until the block ends."""
    loop, started, ready = asyncio.new_event_loop(), threading.Event(), SimpleNamespace(port=0)

    async def start():
        app = web.Application()
        routes = web.RouteTableDef()
        register(routes)
        app.add_routes(routes)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, address, 0)
        await site.start()
        ready.runner = runner
        ready.port = runner.addresses[0][1]
        started.set()

    def serve():
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(ready.runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert started.wait(60)
    made = Server(f"http://{address}:{ready.port}")
    try:
        yield made
    finally:
        made.http.close()
        session.stop_service()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)


def every_route() -> list[tuple[str, str]]:
    """Method and path of each route that the pack opens."""
    routes = web.RouteTableDef()
    register(routes)
    return [(route.method, route.path) for route in routes]


def outer_address() -> str:
    """An address of this machine that is not loopback; "" without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return probe.getsockname()[0]
