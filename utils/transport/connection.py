"""The connections of urllib3 and the adapter of requests, made to use sockets of ours.

The adapter is the layer of requests below redirects, cookies and `.netrc`. None of the three is
wanted: each could send a request, or the key, where nobody asked for it.
"""

from __future__ import annotations

import socket
import threading
from functools import lru_cache
from typing import Any, cast

from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError
from urllib3.util.retry import Retry

from ..addresses import origin_of
from ..errors import NotSentError
from .sockets import CONNECT_LIMIT_S, WatchedSocket, dial
from .watch import running_watch

HTTPS_PORT = 443
_POOL_SIZE = 16


class _Watched:
    """What each kind of connection does in another way than urllib3."""

    def _new_conn(self) -> socket.socket:
        connection = cast("Any", self)
        watch = running_watch()
        watch.dialled()
        if hasattr(self, "_socks_options"):  # a proxy of that kind is dialled by its own library
            connection.timeout = min(CONNECT_LIMIT_S, watch.left_s())
            return cast("Any", super())._new_conn()
        host: str = getattr(connection, "_dns_host", connection.host)
        try:
            return dial(host, connection.port, watch, origin=self._origin(connection))
        except OSError as error:
            raise NewConnectionError(connection, "no connection") from error
        except UnicodeError as error:  # not worth another attempt
            raise NotSentError("The host name cannot be looked up. Correct the address.") from error

    def _origin(self, connection: Any) -> str | None:
        """What is really connected to, as the rule names it; None for a proxy."""
        if getattr(connection, "proxy", None) is not None:
            return None
        host: str = connection.host.strip("[]")
        scheme = "https" if connection.default_port == HTTPS_PORT else "http"
        return origin_of(f"{scheme}://{f'[{host}]' if ':' in host else host}:{connection.port}")

    def connect(self) -> None:
        """Connect, TLS and a proxy's tunnel included: only then can a request leave."""
        cast("Any", super()).connect()
        connection = cast("Any", self)
        connection.sock = WatchedSocket(connection.sock)
        running_watch().connected = True

    def _tunnel(self) -> None:
        """Have a proxy open the way; its answer is waited for like any other."""
        connection = cast("Any", self)
        bare, limit_s = connection.sock, connection.sock.gettimeout()
        connection.sock = WatchedSocket(bare)
        cast("Any", super())._tunnel()
        connection.sock = bare
        bare.settimeout(limit_s)  # for TLS


@lru_cache(maxsize=8)
def _watched_pool(pool: Any) -> Any:
    """The pool with connections of ours, for each scheme and kind of proxy."""
    connection = type("WatchedConnection", (_Watched, pool.ConnectionCls), {})
    return type("WatchedPool", (pool,), {"ConnectionCls": connection})


def _use_watched(manager: Any) -> Any:
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {s: _watched_pool(pool) for s, pool in pools.items()}
    return manager


class Patience(Retry):
    """Repeats with growing delays that `stop` and the limits can end."""

    def sleep(self, response: Any = None) -> None:
        """Wait before the next attempt; what `Retry-After` asks for is the caller's affair."""
        del response
        running_watch().pause(self.get_backoff_time())


class WatchedAdapter(HTTPAdapter):
    """Sends prepared requests over connections of ours."""

    def __init__(self, retry: Retry) -> None:
        self._first_use = threading.Lock()
        super().__init__(max_retries=retry, pool_maxsize=_POOL_SIZE)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """As requests does, with connections of ours."""
        super().init_poolmanager(*args, **options)
        _use_watched(cast("Any", self).poolmanager)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        """As requests does, with connections of ours."""
        with self._first_use:
            if proxy in self.proxy_manager:
                return self.proxy_manager[proxy]
            return _use_watched(super().proxy_manager_for(proxy, **options))
