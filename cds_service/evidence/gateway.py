"""FHIR reads and searches with the hook's token: host allow-list, page and size limits, one deadline.

With `wire.py` and `network.py` the only code that calls an EHR. No client found does these together: a token
that goes to one origin only, a connection only to an address that was vetted after it was resolved, no
redirect or page link to another server, and an end to every call at the deadline, however slowly the other
side talks.
"""

import re
import threading
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from cds_service.evidence.answers import Answer, Failed, FetchError, Limits, Reply, read, search
from cds_service.evidence.batch import WORTH, Way, batch_of, replies_of, says_batch
from cds_service.evidence.hosts import AllowedHosts, HostRefusedError, follow
from cds_service.evidence.network import Network
from cds_service.evidence.sockets import LATE
from cds_service.evidence.wire import Wire
from cds_service.hooks.access import FhirAccess
from cds_service.hooks.request import HookRequest
from cds_service.kernel.clock import Deadline

_REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/([^/?#\s]+)(?:/_history/[^/?#\s]+)?\Z")
_GRACE = 0.05  # what a worker needs to hand over the pages it has when time is out
_SPARED = 0.1  # the part of the time left that reads which decide nothing may take
_BATCHED = 0.4  # the part of the time left that a batch may take; then each path is asked for by itself
_ABSOLUTE = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class _Round:
    """What the parts of one round share. inner: its end for workers; firsts: first pages from a batch."""

    inner: Deadline
    one_page: Container[str]
    begun: Mapping[str, int]
    firsts: Mapping[str, Reply]
    stop: threading.Event = field(default_factory=threading.Event)


class Gateway:
    """One EHR for one call: reads and searches it with the token that the call brought."""

    def __init__(
        self, network: Network, server: str, access: FhirAccess | None, allowed: AllowedHosts
    ) -> None:
        """access: None only for servers that are open to everybody. Raises HostRefusedError (CH-226 to
        CH-232).
        """
        self._origin, self._base = allowed.base(server)
        self._network = network
        self._wire = Wire(network, self._origin, allowed, access.token if access else None)
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
        asked = list(paths)
        until = Deadline(min(deadline.at, self._expires), deadline.monotonic)
        inner = until.keep_back(_GRACE)
        if not inner.left():
            return dict.fromkeys(asked, Failed(LATE))
        began, way, firsts = time.monotonic(), *self._first(asked, inner)
        plan = _Round(inner, one_page, begun or {}, firsts)
        tasks = {path: self._network.submit(self._answer, path, plan) for path in asked}
        wait([task for path, task in tasks.items() if path not in spare], timeout=until.left())
        wait(tasks.values(), timeout=until.left() * _SPARED)
        plan.stop.set()
        if len(asked) >= WORTH:
            seconds = time.monotonic() - began if way is Way.PARALLEL or firsts else float("inf")
            self._network.pace.took(self._base, way, seconds)
        return {path: _result(task) for path, task in tasks.items()}

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

    def _first(self, paths: Sequence[str], inner: Deadline) -> tuple[Way, Mapping[str, Reply]]:
        """How this round is made, and the first pages that a batch has brought."""
        pace = self._network.pace
        if len(paths) < WORTH:
            return Way.PARALLEL, {}
        if pace.is_to_be_asked(self._base):
            self._network.submit(self._learn, inner)
        way = pace.way(self._base)
        if way is Way.PARALLEL:
            return way, {}
        soon = inner.keep_back(inner.left() * (1 - _BATCHED))
        task = self._network.submit(self._batch, [p for p in paths if not p.startswith(_ABSOLUTE)], soon)
        wait([task], timeout=soon.left())
        return way, task.result() if task.done() else {}

    def _learn(self, deadline: Deadline) -> None:
        """Reads what the server offers; nobody waits for it."""
        most, never = self._network.limits.bytes, threading.Event()
        with self._wire.working(deadline):
            try:
                reply = self._wire.get(f"{self._base}/metadata", most, never)
            except FetchError:
                return
        self._network.pace.offers(self._base, reply.status == 200 and says_batch(reply.body))

    def _batch(self, paths: Sequence[str], deadline: Deadline) -> Mapping[str, Reply]:
        """The first pages of these paths as far as one batch brings them."""
        with self._wire.working(deadline):
            try:
                reply = self._wire.post(self._base, batch_of(paths), self._network.limits.bytes)
            except FetchError:
                return {}
        return replies_of(reply.body, self._base, paths) if reply.status == 200 else {}

    def _answer(self, path: str, plan: _Round) -> Answer:
        limits = self._network.limits
        with self._wire.working(plan.inner):
            return self._fetched(path, replace(limits, pages=1) if path in plan.one_page else limits, plan)

    def _fetched(self, path: str, limits: Limits, plan: _Round) -> Answer:
        first = plan.firsts.get(path)

        def fetch(url: str, size: int) -> Reply:
            return first if first and url == first.url else self._wire.get(url, size, plan.stop)

        if path.startswith(_ABSOLUTE):
            found = search(path, fetch, self._wire.follow, limits, plan.begun.get(path, 0))
            # A page that is gone does not mean that the EHR offers no such search.
            return Failed(found.reason) if isinstance(found, Failed) else found
        if "?" in path:
            return search(f"{self._base}/{path}", fetch, self._wire.follow, limits)
        return read(f"{self._base}/{path}", path.partition("/")[0], fetch, limits)


def _result(task: Future[Answer]) -> Answer:
    """The answer of a task that is done; a waiting one is called off, a running one ends by itself."""
    if task.done():
        return task.result()
    task.cancel()
    return Failed(LATE)


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
