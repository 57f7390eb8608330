"""Which way of asking is chosen at a server, and what a batch-response amounts to."""

import json
from typing import Any

import pytest

from cds_service.evidence.batch import Pace, Way, batch_of, replies_of, says_batch

BASE = "https://ehr.example.org/fhir"


class Now:
    """A clock that tests turn."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def pace(batch: float, parallel: float, now: Now | None = None) -> Pace:
    """A server that offers batches and took so long, twice each."""
    made = Pace(now or Now())
    made.offers(BASE, batch=True)
    for _ in range(2):
        made.took(BASE, Way.PARALLEL, parallel)
        made.took(BASE, Way.BATCH, batch)
    return made


def test_the_faster_way_is_taken() -> None:
    """Issue 5, part 4."""
    assert pace(batch=0.1, parallel=0.2).way(BASE) is Way.BATCH
    assert pace(batch=0.2, parallel=0.1).way(BASE) is Way.PARALLEL


def test_both_ways_are_tried_twice_single_searches_first() -> None:
    made = Pace(Now())
    made.offers(BASE, batch=True)
    for way in (Way.PARALLEL, Way.PARALLEL, Way.BATCH, Way.BATCH):
        assert made.way(BASE) is way
        made.took(BASE, way, 0.1)


def test_only_a_server_that_says_so_and_only_it_gets_a_batch() -> None:
    made = pace(batch=0.1, parallel=0.2)
    assert made.way("https://other.example.org/fhir") is Way.PARALLEL
    made.offers(BASE, batch=False)
    assert made.way(BASE) is Way.PARALLEL


def test_a_batch_that_brought_nothing_twice_is_not_tried_again() -> None:
    made = pace(batch=0.1, parallel=0.2)
    made.took(BASE, Way.BATCH, float("inf"))
    assert made.way(BASE) is Way.BATCH
    made.took(BASE, Way.BATCH, float("inf"))
    assert made.way(BASE) is Way.PARALLEL


def test_all_is_forgotten_after_ten_minutes() -> None:
    now = Now()
    made = pace(0.1, 0.2, now)
    assert not made.is_to_be_asked(BASE)
    now.seconds = 601
    assert made.way(BASE) is Way.PARALLEL
    made.took(BASE, Way.PARALLEL, 0.1)
    assert made.is_to_be_asked(BASE)


def test_a_server_is_asked_once_and_not_at_its_first_call() -> None:
    made = Pace(Now())
    assert not made.is_to_be_asked(BASE)
    made.took(BASE, Way.PARALLEL, 0.1)
    assert made.is_to_be_asked(BASE)
    assert not made.is_to_be_asked(BASE)


def test_no_more_servers_are_remembered_than_a_thousand() -> None:
    """CH-254: nothing grows with what callers name."""
    made = Pace(Now())
    for number in range(2500):
        made.took(f"{BASE}/{number}", Way.PARALLEL, 0.1)
    assert len(made._servers) <= 1000


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"rest": [{"interaction": [{"code": "transaction"}, {"code": "batch"}]}]}, True),
        ({"rest": [{"interaction": [{"code": "transaction"}]}]}, False),
        ({"rest": [{}]}, False),
        ({"rest": {"interaction": "batch"}}, False),
        ({}, False),
        ([], False),
    ],
)
def test_an_offer_is_the_code_batch_of_the_whole_system(statement: Any, expected: bool) -> None:
    """FHIR R4, CapabilityStatement.rest.interaction."""
    assert says_batch(json.dumps(statement).encode()) is expected


def test_entries_are_matched_by_their_place() -> None:
    """FHIR R4, RESTful API: the answer has an entry for each one asked, in the same order."""
    asked = json.loads(batch_of(["Condition?patient=a%7Cb", "Patient/p"]))
    assert [each["request"] for each in asked["entry"]] == [
        {"method": "GET", "url": "Condition?patient=a%7Cb"},
        {"method": "GET", "url": "Patient/p"},
    ]
    patient = {"response": {"status": "200"}, "resource": {"resourceType": "Patient", "weight": 7.10}}
    gone = {"response": {"status": "404 Not Found"}, "resource": {"resourceType": "OperationOutcome"}}
    body = {"resourceType": "Bundle", "type": "batch-response", "entry": [gone, patient]}
    found = replies_of(json.dumps(body).encode(), BASE, ["Condition?x", "Patient/p"])
    assert {path: (reply.url, reply.status) for path, reply in found.items()} == {
        "Patient/p": (f"{BASE}/Patient/p", 200)
    }
    assert json.loads(found["Patient/p"].body) == patient["resource"]
    assert replies_of(json.dumps(body).encode(), BASE, ["Patient/p"]) == {}
