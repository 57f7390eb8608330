"""FHIR reads and searches with the hook's token: host allow-list, page and size limits, one deadline.

The only module that calls an EHR. No client found does these together: a token that goes to one origin only,
a connection only to an address that was vetted after it was resolved, no redirect or page link to another
server, and an end to every call at the deadline, however slowly the other side talks.
"""

import re
import socket
import threading
import time
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import replace
from http.client import HTTPException
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError
from urllib3.util import Retry

from cds_service.evidence.answers import Answer, Failed, FetchError, Limits, Reply, read, search
from cds_service.evidence.hosts import AllowedHosts, HostRefusedError, follow
from cds_service.evidence.network import Network
from cds_service.evidence.sockets import CALL, LATE
from cds_service.hooks.access import FhirAccess
from cds_service.hooks.request import HookRequest
from cds_service.kernel.clock import Deadline

_RETRIED = (429, 502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)
_REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/([^/?#\s]+)(?:/_history/[^/?#\s]+)?\Z")
_GRACE = 0.05  # what a worker needs to hand over the pages it has when time is out
_SPARED = 0.1  # the part of the time left that reads which decide nothing may take


class Gateway:
    """One EHR for one call: reads and searches it with the token that the call brought."""

    def __init__(
        self, network: Network, server: str, access: FhirAccess | None, allowed: AllowedHosts
    ) -> None:
        """access: None only for servers that are open to everybody. Raises HostRefusedError (CH-226 to
        CH-232).
        """
        self._origin, self._base = allowed.base(server)
        self._network, self._allowed = network, allowed
        self._headers = {"Authorization": f"Bearer {access.token}"} if access else {}
        life = access.expires_in if access and access.expires_in is not None else float("inf")
        self._expires = time.monotonic() + life

    def round(
        self,
        paths: Iterable[str],
        deadline: Deadline,
        one_page: Container[str] = (),
        begun: Mapping[str, int] | None = None,
        spare: Container[str] = (),
    ) -> dict[str, Answer]:
        """All answers of one parallel round, by path; never later than the deadline, never an exception.

        A path is `Type/id` or `Type?query` below the server's base, ids and values encoded, or an address at
        the same server that a page named as the next one. one_page: searches of which one page is enough;
        begun: how many results were on the pages before such a next one; spare: paths that the answer can do
        without, which get little time of their own.
        """
        until = Deadline(min(deadline.at, self._expires), deadline.monotonic)
        inner, stop = until.keep_back(_GRACE), threading.Event()
        tasks: dict[str, Future[Answer]] = {}
        if inner.left():
            tasks = {
                path: self._network.submit(
                    self._answer, path, path in one_page, (begun or {}).get(path, 0), inner, stop
                )
                for path in paths
            }
            wait([task for path, task in tasks.items() if path not in spare], timeout=until.left())
            wait(tasks.values(), timeout=until.left() * _SPARED)
            stop.set()
        return {path: _result(tasks.get(path)) for path in paths}

    def owns(self, url: str) -> bool:
        """Whether an absolute address may be asked with this call's token."""
        try:
            return "://" in url and bool(follow(self._origin, f"{self._base}/", url))
        except HostRefusedError:
            return False

    def path_of(self, reference: str) -> str | None:
        """`Type/id` of a reference to this server, encoded; None for any other (CH-234)."""
        found = _REFERENCE.match(reference.strip().removeprefix(f"{self._base}/"))
        return f"{found[1]}/{quote(found[2], safe='')}" if found and found[2] not in (".", "..") else None

    def _answer(
        self, path: str, one_page: bool, begun: int, deadline: Deadline, stop: threading.Event
    ) -> Answer:
        limits = self._network.limits
        with CALL.working(deadline, self._vetted, limits.connect_seconds):
            return self._fetched(path, replace(limits, pages=1) if one_page else limits, begun, stop)

    def _fetched(self, path: str, limits: Limits, begun: int, stop: threading.Event) -> Answer:
        def fetch(url: str, size: int) -> Reply:
            return self._get(url, size, stop)

        if path.startswith(("https://", "http://")):
            found = search(path, fetch, self._follow, limits, begun)
            # A page that is gone does not mean that the EHR offers no such search.
            return Failed(found.reason) if isinstance(found, Failed) else found
        if "?" in path:
            return search(f"{self._base}/{path}", fetch, self._follow, limits)
        return read(f"{self._base}/{path}", path.partition("/")[0], fetch, limits)

    def _follow(self, current: str, link: str) -> str:
        return follow(self._origin, current, link)

    def _vetted(self) -> list[str]:
        """The addresses a connection may go to. Raises HostRefusedError when there are none."""
        host, port = self._origin.host, self._origin.port
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        vetted = [address for address in dict.fromkeys(found) if self._allowed.admits(self._origin, address)]
        if not vetted:
            raise HostRefusedError("a name that leads to an address that is not registered")
        return vetted

    def _get(self, url: str, size: int, stop: threading.Event) -> Reply:
        """A reply, after further tries where they may help and the deadline allows. Raises FetchError."""
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

    def _redirected(self, url: str, size: int) -> Reply:
        """A reply, after redirects that stay at the server (CH-231). Raises FetchError."""
        try:
            for _ in range(self._network.limits.redirects):
                reply = self._once(url, size)
                if reply.status not in _REDIRECTS or not reply.location:
                    return reply
                url = self._follow(url, reply.location)
        except HostRefusedError as refused:
            raise FetchError(f"the EHR leads to {refused}") from None
        except (OSError, HTTPError, HTTPException, ValueError) as error:
            raise FetchError(_trouble(error)) from None
        raise FetchError("the EHR redirects too often")

    def _once(self, url: str, size: int) -> Reply:
        waits = (CALL.connect_seconds, CALL.left())
        session = self._network.session
        with closing(
            session.get(url, headers=self._headers, stream=True, allow_redirects=False, timeout=waits)
        ) as got:
            body = _body(got, size)
        location, later = got.headers.get("Location", ""), got.headers.get("Retry-After", "")
        return Reply(url, got.status_code, body, location, later)


def _body(response: requests.Response, size: int) -> bytes:
    """The body, read as it comes and no further than `size` bytes. Raises FetchError."""
    parts, length = [], 0
    for part in response.iter_content(65536):
        parts.append(part)
        length += len(part)
        if length > size:
            raise FetchError("the EHR's answer is larger than is read")
    return b"".join(parts)


def _trouble(error: Exception) -> str:
    if isinstance(error, requests.Timeout | TimeoutError) or not CALL.deadline.left():
        return LATE
    if isinstance(error, requests.exceptions.SSLError):
        return "the EHR's certificate is not trusted"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the EHR's answer broke off"
    return "the EHR could not be reached"


def _result(task: Future[Answer] | None) -> Answer:
    """The answer of a task that is done; a waiting one is called off, a running one ends by itself."""
    if task is None or not task.done():
        if task is not None:
            task.cancel()
        return Failed(LATE)
    return task.result()


def open_gateway(
    request: HookRequest, network: Network, allowed: AllowedHosts, without_token: bool = False
) -> tuple[Gateway | None, str | None]:
    """(the way to the EHR that the call names, or None and why there is none).

    without_token: also call servers that are open to everybody (demonstration and tests); else a call without
    a usable token leads to no outside call at all (CH-067).
    """
    if request.fhir_server is None:
        return None, request.access_problem or "the call names no fhirServer"
    if request.fhir_access is None and not without_token:
        return None, request.access_problem or "the call brings no fhirAuthorization"
    try:
        return Gateway(network, request.fhir_server, request.fhir_access, allowed), None
    except HostRefusedError as refused:
        return None, f"fhirServer is {refused}"
