"""Pages, statuses and outcomes of an EHR's replies are told apart; a part never passes for the whole."""

import json
from typing import Any

import pytest

from cds_service.evidence.answers import Answer, Arrived, Failed, FetchError, Limits, Reply, read, search
from cds_service.evidence.hosts import Origin, follow

BASE = "https://ehr.example.org/fhir"
ORIGIN = Origin("https", "ehr.example.org", 443)
START = f"{BASE}/Condition?patient=p1"


def page(*ids: str, next_page: str | None = None, **members: Any) -> bytes:
    entry = [{"resource": {"resourceType": "Condition", "id": name}} for name in ids]
    link = [{"relation": "next", "url": next_page}] if next_page else []
    return json.dumps({"resourceType": "Bundle", "entry": entry, "link": link, **members}).encode()


def outcome(code: str, severity: str = "error") -> bytes:
    return json.dumps(
        {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}
    ).encode()


class Ehr:
    """Replies by address; remembers what was asked."""

    def __init__(self, replies: dict[str, bytes | tuple[int, bytes] | FetchError]) -> None:
        self.replies = replies
        self.asked: list[str] = []

    def fetch(self, url: str, size: int) -> Reply:
        self.asked.append(url)
        reply = self.replies[url]
        if isinstance(reply, FetchError):
            raise reply
        status, body = (200, reply) if isinstance(reply, bytes) else reply
        if len(body) > size:
            raise FetchError("too large")
        return Reply(url, status, body)


def find(ehr: Ehr, max_pages: int = 40, max_bytes: int = 10_000) -> Answer:
    limits = Limits(pages=max_pages, bytes=max_bytes)
    return search(START, ehr.fetch, lambda current, link: follow(ORIGIN, current, link), limits)


@pytest.mark.requirement("CH-086")
def test_every_page_is_fetched_by_absolute_relative_and_base_links() -> None:
    pages = [
        page("1", next_page=f"{BASE}?_getpages=2"),
        page("2", next_page="?_getpages=3"),
        page("3", total=3),
    ]
    ehr = Ehr({START: pages[0], f"{BASE}?_getpages=2": pages[1], f"{BASE}?_getpages=3": pages[2]})
    assert find(ehr) == Arrived(tuple(pages))


@pytest.mark.requirement("CH-086", "CH-087")
@pytest.mark.parametrize(("begun", "complete"), [(0, False), (1, False), (2, True)])
def test_a_search_begun_by_the_client_counts_what_it_had(begun: int, complete: bool) -> None:
    """Three results in all, one of them on this last page."""
    ehr = Ehr({START: page("3", total=3)})
    found = search(START, ehr.fetch, lambda current, link: link, Limits(), begun)
    assert isinstance(found, Arrived) and found.complete is complete


@pytest.mark.parametrize(
    ("body", "lacks"),
    [
        (page(), None),
        (page("1", total=1), None),
        (page("1", total=2), "announced more"),
        (page(total=1), "announced more"),
        (page("1", next_page="https://evil.net/2"), "another server"),
        (page("1", next_page="http://ehr.example.org/fhir?2"), "another server"),
        (page("1", next_page=START), "more pages"),
        (page("1", link=[{"relation": "next"}]), "tells of an error"),
        (
            page("1", entry=[{"resource": json.loads(outcome("exception"))}, {"resource": {}}]),
            "tells of an error",
        ),
        (
            page("1", entry=[{"resource": json.loads(outcome("x", "warning"))}, {"resource": {}}], total=1),
            None,
        ),
    ],
)
@pytest.mark.requirement("CH-087", "CH-088", "CH-234", "CH-236")
def test_only_a_whole_answer_is_complete(body: bytes, lacks: str | None) -> None:
    ehr = Ehr({START: body})
    found = find(ehr)
    assert isinstance(found, Arrived) and found.pages == (body,)
    assert found.complete is (lacks is None) and (lacks or "") in (found.lacks or "")
    assert ehr.asked == [START]


@pytest.mark.requirement("CH-236")
def test_pages_without_end_stop_at_the_limit() -> None:
    endless = {f"{BASE}/Condition?page={n}": page(str(n), next_page=f"?page={n + 1}") for n in range(1, 99)}
    ehr = Ehr({START: page("0", next_page="?page=1"), **endless})
    found = find(ehr, max_pages=5)
    assert isinstance(found, Arrived) and len(found.pages) == 5 == len(ehr.asked)
    assert "more pages" in (found.lacks or "")


@pytest.mark.requirement("CH-235")
def test_the_size_limit_is_for_all_pages_together() -> None:
    first = page("1", next_page="?page=2")
    found = find(Ehr({START: first, f"{BASE}/Condition?page=2": page("2")}), max_bytes=len(first) + 10)
    assert found == Arrived((first,), "too large")


def test_a_page_that_fails_leaves_the_ones_before_it() -> None:
    """clinical.md 4.5: what did arrive still counts against meeting a criterion."""
    first = page("1", next_page="?page=2")
    for trouble in (FetchError("late"), (410, b""), (500, b""), b"<html>", outcome("exception")):
        found = find(Ehr({START: first, f"{BASE}/Condition?page=2": trouble}))
        assert isinstance(found, Arrived) and found.pages == (first,) and not found.complete


@pytest.mark.requirement("CH-069", "CH-070", "CH-071", "CH-241")
@pytest.mark.parametrize(
    ("status", "body", "reason", "unsupported"),
    [
        (401, b"", "does not accept the token", False),
        (403, outcome("forbidden"), "does not allow", False),
        (404, b"<html>", "no such search", True),
        (405, b"", "no such search", True),
        (501, b"", "no such search", True),
        (400, outcome("not-supported"), "no such search", True),
        (400, outcome("invalid"), "answered 400", False),
        (410, b"", "answered 410", False),
        (500, outcome("exception"), "answered 500", False),
        (204, b"", "answered 204", False),
        (301, b"", "answered 301", False),
        (200, b"<html>secret</html>", "no search result", False),
        (200, b"", "no search result", False),
        (200, page("1")[:-3], "no search result", False),
        (200, b'{"resourceType":"Condition"}', "no search result", False),
        (200, outcome("exception"), "tells of an error", False),
        (200, outcome("not-supported"), "tells of an error", True),
        (200, b"[1]", "no search result", False),
    ],
)
def test_a_reply_that_is_no_result_fails_with_its_reason(
    status: int, body: bytes, reason: str, unsupported: bool
) -> None:
    found = find(Ehr({START: (status, body)}))
    assert isinstance(found, Failed)
    assert reason in found.reason and "secret" not in found.reason and found.unsupported is unsupported


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b"", "does not have it (404)"),
        (410, b"", "answered 410"),
        (200, page("1"), "no Patient"),
        (200, b'{"resourceType":"Group"}', "no Patient"),
        (200, b"", "no Patient"),
        (200, outcome("exception"), "no Patient"),
    ],
)
def test_a_read_brings_the_resource_or_why_not(status: int, body: bytes, reason: str) -> None:
    """CDS Hooks prefetch: a read gives one resource of the type asked for."""
    url = f"{BASE}/Patient/p1"
    found = read(url, "Patient", Ehr({url: (status, body)}).fetch, Limits())
    assert isinstance(found, Failed) and reason in found.reason
    sound = b'{"resourceType":"Patient","id":"p1"}'
    assert read(url, "Patient", Ehr({url: sound}).fetch, Limits()) == Arrived((sound,))
