"""Threads, connections and the HTTP session that calls to EHRs share.

`Prefer: handling=lenient` is sent because an ignored search parameter brings too much, which the rules sort
out (they check patient and code of each resource), while a refused one brings nothing (clients.md section 5).
"""

import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cds_service.evidence.answers import LIMITS, Limits
from cds_service.evidence.batch import Pace
from cds_service.evidence.sockets import TlsSocket, connect

T = TypeVar("T")

_HEADERS = {
    "Accept": "application/fhir+json",
    "Accept-Encoding": "gzip",
    # Some servers answer an equal search from a cache for a minute; what was just saved must count.
    "Cache-Control": "no-cache",
    "Prefer": "handling=lenient",
    "User-Agent": "cds-service",
}


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return connect(self.port)


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return connect(self.port)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """requests on vetted connections, with one TLS context made once."""

    def __init__(self, tls: ssl.SSLContext, size: int) -> None:
        self._tls = tls
        super().__init__(pool_connections=size, pool_maxsize=size)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def cert_verify(self, *args: Any) -> None:
        """Nothing to add: the context verifies, and loading the authorities anew costs 20 ms each time."""


class _Session(requests.Session):
    """requests without settings of the machine, without cookies, without redirects of its own."""

    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.clear()
        self.headers.update(_HEADERS)
        for scheme in ("http://", "https://"):
            self.mount(scheme, adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: whether to follow is decided here, by the origin."""
        return None


class Network:
    """Threads and connections to EHRs, shared by all calls of a process; no thread starts before it is
    needed.
    """

    def __init__(self, limits: Limits = LIMITS, tls: ssl.SSLContext | None = None) -> None:
        """tls: how servers are verified; by default the system's and certifi's authorities."""
        if tls is None:
            tls = ssl.create_default_context()
            tls.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        tls.sslsocket_class = TlsSocket
        self.limits = limits
        self.pace = Pace()
        self.session = _Session(_Adapter(tls, limits.threads))
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="ehr")

    def submit(self, work: Callable[..., T], *args: object) -> Future[T]:
        """Work for one of the threads."""
        return self._threads.submit(work, *args)

    def close(self) -> None:
        """Ends threads and connections."""
        self._threads.shutdown(cancel_futures=True)
        self.session.close()
