"""What an EHR's replies to one read or search amount to: arrived, arrived in part, or failed and why."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from cds_service.evidence.hosts import HostRefusedError
from cds_service.hooks.prefetch import Kind, Value, read_value
from cds_service.hooks.strict_json import BROKEN

_TOO_MANY = "the EHR has more pages than are read"
_FOREIGN = "the EHR's next page is on another server"
_TROUBLED = "the EHR's answer tells of an error"
_FEWER = "the EHR announced more results than it sent"
_NO_RESULT = "the EHR's answer is no search result"
_NOT_OFFERED = (404, 405, 501)
_STATUS = {401: "the EHR does not accept the token (401)", 403: "the token does not allow this (403)"}


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a read or search brought: its pages as JSON, and why there is more that did not arrive, if so."""

    pages: tuple[bytes, ...]
    lacks: str | None = None

    @property
    def complete(self) -> bool:
        """Whether this is the whole answer, so that absence may be concluded from it."""
        return self.lacks is None


@dataclass(frozen=True, slots=True)
class Failed:
    """Why nothing arrived, in words fit for a card.

    unsupported: the EHR offers no such search; rejected: it did not like the query (400, 422).
    """

    reason: str
    unsupported: bool = False
    rejected: bool = False


Answer = Arrived | Failed


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one search may take, and how many run at once in a process."""

    threads: int = 32
    pages: int = 40
    bytes: int = 16_000_000
    connect_seconds: float = 2.0
    retries: int = 2
    redirects: int = 3


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply: the address that gave it, its status and body, and two headers."""

    url: str
    status: int
    body: bytes
    location: str = ""
    retry_after: str = ""


class FetchError(Exception):
    """Why a request brought nothing; the text is fit for a card."""

    def __init__(self, reason: str, unsupported: bool = False, rejected: bool = False) -> None:
        super().__init__(reason)
        self.failed = Failed(reason, unsupported, rejected)


Fetch = Callable[[str, int], Reply]  # (address, most bytes) -> reply; raises FetchError
Follow = Callable[[str, str], str]  # (address of a page, its link) -> address; raises HostRefusedError


def read(url: str, resource_type: str, fetch: Fetch, limits: Limits) -> Answer:
    """One resource of that type."""
    try:
        reply = fetch(url, limits.bytes)
        if reply.status != 200:
            raise _refusal(reply, "does not have it")
        if read_value(reply.body, resource_type).kind is not Kind.RESOURCE:
            raise FetchError(f"the EHR's answer is no {resource_type}")
    except FetchError as error:
        return Failed(error.failed.reason)
    return Arrived((reply.body,))


def search(url: str, fetch: Fetch, follow: Follow, limits: Limits, begun: int = 0) -> Answer:
    """All pages of a search, as far as the limits and the EHR allow (CH-086 to CH-088, CH-235, CH-236).

    begun: how many results were on pages before this one, which the client sent; every page tells the same
    total.
    """
    pages: list[Value] = []
    seen: set[str] = set()
    while True:
        if url in seen or len(pages) >= limits.pages:
            return _arrived(pages, _TOO_MANY)
        seen.add(url)
        try:
            reply = fetch(url, limits.bytes - sum(len(page.raw) for page in pages))
            pages.append(_page(reply))
            if (link := pages[-1].next_page) is None:
                return _arrived(pages, _shortfall(pages, begun))
            url = follow(reply.url, link)
        except FetchError as error:
            return _arrived(pages, error.failed.reason) if pages else error.failed
        except HostRefusedError:
            return _arrived(pages, _FOREIGN)


def _arrived(pages: list[Value], lacks: str | None) -> Arrived:
    return Arrived(tuple(page.raw for page in pages), lacks)


def _shortfall(pages: list[Value], begun: int) -> str | None:
    if any(page.troubled for page in pages):
        return _TROUBLED
    announced = max(page.total or 0 for page in pages)
    return _FEWER if announced > begun + sum(page.matches + page.included for page in pages) else None


def _page(reply: Reply) -> Value:
    """The searchset of a reply. Raises FetchError for any other reply."""
    if reply.status != 200:
        raise _refusal(reply, "offers no such search")
    page = read_value(reply.body, "Bundle")
    if page.kind is Kind.OUTCOME:
        raise FetchError(_TROUBLED, _says_unsupported(reply.body))
    if page.kind not in (Kind.BUNDLE, Kind.EMPTY):
        raise FetchError(_NO_RESULT)
    return page


def _refusal(reply: Reply, lacks: str) -> FetchError:
    """What another status than 200 means; nothing of the body is passed on (CH-241)."""
    if reply.status in _NOT_OFFERED or _says_unsupported(reply.body):
        return FetchError(f"the EHR {lacks} ({reply.status})", unsupported=True)
    reason = _STATUS.get(reply.status, f"the EHR answered {reply.status}")
    return FetchError(reason, rejected=reply.status in (400, 422))


class _Issue(msgspec.Struct):
    code: str = ""


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


def _says_unsupported(body: bytes) -> bool:
    """Whether the body is an OperationOutcome with the issue `not-supported` (clinical.md 4.5)."""
    try:
        return any(issue.code == "not-supported" for issue in msgspec.json.decode(body, type=_Outcome).issue)
    except BROKEN:
        return False
