"""HTTP to one EHR with one token: vetted addresses, retries, redirects, sizes, and an end at the deadline."""

import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from http.client import HTTPException

import requests
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError
from urllib3.util import Retry

from cds_service.evidence.answers import FetchError, Reply
from cds_service.evidence.hosts import AllowedHosts, HostRefusedError, Origin, follow
from cds_service.evidence.network import Network
from cds_service.evidence.sockets import CALL, LATE
from cds_service.kernel.clock import Deadline

_RETRIED = (429, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)


class Wire:
    """Requests to one origin. Every method is for a thread that is `working`; all raise FetchError."""

    def __init__(self, network: Network, origin: Origin, allowed: AllowedHosts, token: str | None) -> None:
        self._network, self._origin, self._allowed = network, origin, allowed
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def working(self, deadline: Deadline) -> AbstractContextManager[None]:
        """For as long as the block lasts, this thread's requests end at the deadline."""
        return CALL.working(deadline, self._vetted, self._network.limits.connect_seconds)

    def follow(self, current: str, link: str) -> str:
        """The address of a link on a page. Raises HostRefusedError where it leads elsewhere."""
        return follow(self._origin, current, link)

    def get(self, url: str, size: int, stop: threading.Event) -> Reply:
        """A reply, after further tries where they may help and the deadline allows."""
        retry = Retry(self._network.limits.retries, backoff_factor=0.2)
        while True:
            reply = self._redirected(url, size)
            if reply.status not in _RETRIED:
                return reply
            try:
                retry = retry.increment("GET", url)
                pause = retry.parse_retry_after(reply.retry_after) if reply.retry_after else None
            except MaxRetryError:
                return reply
            except InvalidHeader:
                pause = None
            seconds = retry.get_backoff_time() if pause is None else pause
            if seconds >= CALL.deadline.left() or stop.wait(seconds):
                return reply

    def post(self, url: str, body: bytes, size: int) -> Reply:
        """The reply to one POST: no further try, no redirect."""
        with _told():
            return self._once("POST", url, size, body)

    def _vetted(self) -> list[str]:
        """The addresses a connection may go to. Raises HostRefusedError when there are none."""
        host, port = self._origin.host, self._origin.port
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        vetted = [address for address in dict.fromkeys(found) if self._allowed.admits(self._origin, address)]
        if not vetted:
            raise HostRefusedError("a name that leads to an address that is not registered")
        return vetted

    def _redirected(self, url: str, size: int) -> Reply:
        """A reply, after redirects that stay at the server (CH-231)."""
        for _ in range(self._network.limits.redirects):
            with _told():
                reply = self._once("GET", url, size)
                if reply.status not in _REDIRECTS or not reply.location:
                    return reply
                url = self.follow(url, reply.location)
        raise FetchError("the EHR redirects too often")

    def _once(self, method: str, url: str, size: int, sent: bytes | None = None) -> Reply:
        headers = self._headers | ({"Content-Type": "application/fhir+json"} if sent else {})
        waits = (CALL.connect_seconds, CALL.left())
        ask = self._network.session.request
        with closing(
            ask(method, url, data=sent, headers=headers, stream=True, allow_redirects=False, timeout=waits)
        ) as got:
            body = _body(got, size)
        location, later = got.headers.get("Location", ""), got.headers.get("Retry-After", "")
        return Reply(url, got.status_code, body, location, later)


def _body(response: requests.Response, size: int) -> bytes:
    """The body, read as it comes and no further than `size` bytes."""
    parts, length = [], 0
    for part in response.iter_content(65536):
        parts.append(part)
        length += len(part)
        if length > size:
            raise FetchError("the EHR's answer is larger than is read")
    return b"".join(parts)


@contextmanager
def _told() -> Iterator[None]:
    """Whatever goes wrong on the wire becomes a FetchError."""
    try:
        yield
    except HostRefusedError as refused:
        raise FetchError(f"the EHR leads to {refused}") from None
    except (OSError, HTTPError, HTTPException, ValueError) as error:
        raise FetchError(_trouble(error)) from None


def _trouble(error: Exception) -> str:
    if isinstance(error, requests.Timeout | TimeoutError) or not CALL.deadline.left():
        return LATE
    if isinstance(error, requests.exceptions.SSLError):
        return "the EHR's certificate is not trusted"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the EHR's answer broke off"
    return "the EHR could not be reached"
