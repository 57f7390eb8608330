"""Searches in one batch: only where the server offers it and it is faster, never at the cost of an answer."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cds_service.evidence.answers import Answer, Arrived, Limits
from cds_service.evidence.batch import Way
from cds_service.evidence.gateway import Gateway
from cds_service.evidence.hosts import allowed_hosts
from cds_service.evidence.network import Network
from cds_service.hooks.access import FhirAccess
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Deadline
from tests.integration.loopback import ANY, Behaviour, Ehr, Handler, running, searchset

PATHS = [f"Condition?patient=p1&code={number}" for number in range(5)]
LOCAL = allowed_hosts(["127.0.0.1"])
Json = dict[str, Any]


def found(path: str) -> Json:
    """What a search brings: the query says which Condition."""
    return searchset({"resourceType": "Condition", "id": path[-1]})


def one(handler: Handler) -> None:
    """A search by itself."""
    handler.answer(found(handler.path))


def entries(handler: Handler) -> list[Json]:
    """What a good server answers to a batch."""
    asked = json.loads(handler.body)["entry"]
    assert [each["request"]["method"] for each in asked] == ["GET"] * len(asked)
    return [{"response": {"status": "200 OK"}, "resource": found(each["request"]["url"])} for each in asked]


def whole(handler: Handler) -> None:
    """All of it."""
    handler.answer({"resourceType": "Bundle", "type": "batch-response", "entry": entries(handler)})


def some(*bad: Json) -> Behaviour:
    """All but the first ones, which go wrong."""

    def behave(handler: Handler) -> None:
        entry = [*bad, *entries(handler)[len(bad) :]]
        handler.answer({"resourceType": "Bundle", "type": "batch-response", "entry": entry})

    return behave


def says(body: object, status: int = 200) -> Behaviour:
    """The same whatever is asked."""
    return lambda handler: handler.answer(body, status)


OFFER = {"resourceType": "CapabilityStatement", "rest": [{"interaction": [{"code": "batch"}]}]}


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(Limits(threads=8, bytes=100_000, pages=4))
    yield made
    made.close()


@contextmanager
def ehr_with(batch: Behaviour, metadata: Behaviour | None = None) -> Iterator[Ehr]:
    """A server that takes batches in that way."""
    with running({"": batch, "metadata": metadata or says(OFFER), ANY: one}) as ehr:
        yield ehr


def ask(network: Network, ehr: Ehr, paths: list[str] = PATHS, seconds: float = 5.0) -> dict[str, Answer]:
    return Gateway(network, ehr.base, FhirAccess("s3cret"), LOCAL).round(paths, Deadline.after(seconds))


def settled(network: Network, ehr: Ehr) -> None:
    """A batch is next, because single searches took long."""
    for _ in range(2):
        ask(network, ehr)
    for _ in range(500):
        if network.pace.way(ehr.base) is Way.BATCH:
            break
        threading.Event().wait(0.01)
    assert network.pace.way(ehr.base) is Way.BATCH
    for _ in range(2):
        network.pace.took(ehr.base, Way.PARALLEL, 10.0)


def heard(ehr: Ehr) -> list[str]:
    """The paths asked for since the last look."""
    paths = [path.removeprefix("/fhir") for path, _ in ehr.asked]
    ehr.asked.clear()
    return paths


def right(answers: dict[str, Answer], paths: list[str] = PATHS) -> bool:
    """Whether every search brought its own Condition."""
    return all(
        isinstance(answers[path], Arrived)
        and [each["resource"]["id"] for each in fhir_json.read(answers[path].pages[0])["entry"]] == [path[-1]]  # type: ignore[union-attr]
        for path in paths
    )


def test_a_server_is_asked_what_it_offers_when_it_is_called_again(network: Network) -> None:
    """Issue 5, part 4: a server that is called once, or for little, gets no further call."""
    with ehr_with(whole) as ehr:
        assert right(ask(network, ehr))
        ask(network, ehr, PATHS[:2])
        assert "/metadata" not in heard(ehr)
        settled(network, ehr)
        assert heard(ehr).count("/metadata") == 1


def test_a_batch_brings_what_single_searches_bring_in_one_call(network: Network) -> None:
    with ehr_with(whole) as ehr:
        settled(network, ehr)
        heard(ehr)
        assert right(ask(network, ehr))
        (path,) = heard(ehr)
        assert path == ""


def test_without_the_offer_there_is_no_batch(network: Network) -> None:
    """`transaction` alone is no such offer."""
    statement = {**OFFER, "rest": [{"interaction": [{"code": "transaction"}]}]}
    for behave in (says(statement), says(b"<html>"), says(OFFER, 404), says({"rest": 5})):
        with ehr_with(whole, metadata=behave) as ehr:
            for _ in range(6):
                assert right(ask(network, ehr))
            assert "" not in heard(ehr)


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (says(b"", 500), "refused"),
        (says(b"", 307), "redirected"),
        (says({"resourceType": "Bundle", "type": "batch-response", "entry": []}), "too few"),
        (says({"resourceType": "Bundle", "type": "searchset", "entry": []}), "something else"),
        (says(b"{"), "broken off"),
        (says(b" " * 200_000), "too large"),
        (says({"resourceType": "OperationOutcome"}), "no Bundle"),
        (lambda handler: handler.ehr.over.wait(30), "silence"),
    ],
)
def test_a_batch_that_fails_costs_no_answer_and_is_not_tried_for_long(
    network: Network, behave: Callable[[Handler], None], why: str
) -> None:
    """One batch would otherwise turn one fault into a fault of every search."""
    with ehr_with(behave) as ehr:
        settled(network, ehr)
        for _ in range(4):
            assert right(ask(network, ehr, seconds=1.5)), why
        assert network.pace.way(ehr.base) is Way.PARALLEL


def test_what_went_wrong_inside_a_batch_is_asked_for_by_itself(network: Network) -> None:
    """With further tries, and without what a server held against the query in the batch alone."""
    trouble = {"response": {"status": "503 Busy"}}
    strict = {"response": {"status": "400"}, "resource": {"resourceType": "OperationOutcome"}}
    with ehr_with(some(trouble, strict)) as ehr:
        settled(network, ehr)
        heard(ehr)
        assert right(ask(network, ehr))
        assert sorted(heard(ehr)) == ["", f"/{PATHS[0]}", f"/{PATHS[1]}"]


def test_further_pages_of_a_search_in_a_batch_are_followed(network: Network) -> None:
    """CH-086."""

    def batch(handler: Handler) -> None:
        entry = entries(handler)
        entry[0]["resource"]["link"] = [{"relation": "next", "url": f"{handler.ehr.base}/Condition?page=7"}]
        handler.answer({"resourceType": "Bundle", "type": "batch-response", "entry": entry})

    with ehr_with(batch) as ehr:
        settled(network, ehr)
        answers = ask(network, ehr)
        first = answers[PATHS[0]]
        assert isinstance(first, Arrived) and len(first.pages) == 2 and first.complete
        assert right(answers, PATHS[1:])


def test_the_token_goes_with_a_batch_to_the_same_server(network: Network) -> None:
    """CH-068."""
    with ehr_with(whole) as ehr:
        settled(network, ehr)
        ehr.asked.clear()
        ask(network, ehr)
        ((_, headers),) = ehr.asked
        assert headers["Authorization"] == "Bearer s3cret"
        assert headers["Content-Type"] == "application/fhir+json"
