"""Connections that know what was sent, and refuse to reach where a link must not lead.

The connection classes of urllib3 are where two facts can be seen that no reply tells: whether the
request itself had begun to leave when something broke, and which address was really connected to.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from dataclasses import dataclass
from typing import Any

from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.models import PreparedRequest
from requests.sessions import Session
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.retry import Retry

from .addresses import AddressRule, origin_of, private_address

USER_AGENT = "apixo-wan-animate"


@dataclass
class Exchange:
    """What is known of one request while it is under way.

    Attributes:
        url: Where it goes.
        rule: Which addresses it may reach; None where its owner configured the place.
        began: Whether any byte of the request itself may have left.
    """

    url: str
    rule: AddressRule | None = None
    began: bool = False

    def check(self, address: str) -> None:
        """Refuse an address that the rule does not allow.

        Raises:
            InputError: It is not allowed.
        """
        if self.rule is None:
            return
        found = ipaddress.ip_address(address.partition("%")[0])
        if not self.rule.allows(found, origin_of(self.url)):
            raise private_address(self.url)


class _Current(threading.local):
    exchange: Exchange | None = None


_current = _Current()


def begin(exchange: Exchange) -> None:
    """Make this the request that the connections of this thread belong to."""
    _current.exchange = exchange


class _Watching:
    """What both kinds of connection do beside connecting and sending."""

    sock: Any
    _joining: bool = False

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        exchange = _current.exchange
        if exchange is not None and getattr(self, "proxy", None) is None:
            try:
                exchange.check(str(made.getpeername()[0]))
            except BaseException:
                made.close()
                raise
        return made

    def connect(self) -> None:
        """Connect; what a proxy is told to open the tunnel is not the request."""
        self._joining = True
        try:
            super().connect()  # type: ignore[misc]
        finally:
            self._joining = False

    def send(self, data: Any) -> None:
        """Send; from here on nobody can say that nothing arrived."""
        if self.sock is None and not self._joining:
            self.connect()
        if _current.exchange is not None and not self._joining:
            _current.exchange.began = True
        super().send(data)  # type: ignore[misc]


class _Connection(_Watching, HTTPConnection):
    pass


class _SecureConnection(_Watching, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection  # pyright: ignore[reportAssignmentType]


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection  # pyright: ignore[reportAssignmentType]


_POOLS = {"http": _Pool, "https": _SecurePool}


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS  # type: ignore[attr-defined]

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _OnlyOurHeaders(AuthBase):
    """Keeps a `.netrc` from putting another Authorization in the place of ours."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


def new_session(retry: Retry) -> Session:
    """A session that obeys proxies and certificates of the environment, and no `.netrc`."""
    session = Session()
    session.auth = _OnlyOurHeaders()
    session.headers.clear()
    session.headers["User-Agent"] = USER_AGENT
    session.headers["Accept-Encoding"] = "identity"
    adapter = _Adapter(max_retries=retry, pool_connections=8, pool_maxsize=4)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
