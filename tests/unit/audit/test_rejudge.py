"""Judging a stored decision again: nothing differs by the same policies; what others say is shown."""

from typing import Any

import msgspec
import pytest

from cds_service.audit.rejudge import differences, rejudge
from cds_service.audit.store import Store
from cds_service.knowledge import Knowledge
from tests.builders import BASELINES, changed, coverage, hcc, knowledge, order, without
from tests.conformance.ch.calls import searchset
from tests.unit.audit.stored import answer, assertion

CHARTS = {
    **{name: make() for name, make in BASELINES.items()},
    "open": without(hcc(), "size"),
    "out of scope": changed(hcc(), "order", code={"text": "Chest X-ray"}),
    "two orders": [*hcc(), order("74177", "scan")],
    "no coverage": without(hcc(), "cov"),
}


@pytest.mark.parametrize("chart", CHARTS.values(), ids=list(CHARTS))
def test_by_the_same_policies_nothing_differs(chart: list[dict[str, Any]], store: Store) -> None:
    given = answer(store, chart)
    record = store.decision(given.origins[0].card if given.origins else assertion(given))
    assert record is not None
    now = rejudge(record, knowledge())
    assert now == record["determinations"] and differences(record["determinations"], now) == []


def test_a_coverage_that_could_not_be_looked_up_is_named_as_in_the_answer(store: Store) -> None:
    """resp-43: the answer speaks of the one coverage that the order names."""
    chart = changed(hcc(), "order", insurance=[{"reference": "Coverage/cov"}])
    theirs = coverage(beneficiary={"reference": "Patient/other"})
    part = searchset(theirs, link=[{"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}])
    given = answer(store, chart, prefetch={"patient": chart[0], "coverage": part})
    (found,) = given.determinations
    assert (found.reason, found.coverage) == ("coverage-search-failed", "Coverage/cov")
    record = store.decision(assertion(given))
    assert record is not None
    assert differences(record["determinations"], rejudge(record, knowledge())) == []


def without_criterion(name: str) -> Knowledge:
    """The knowledge with one criterion taken out of every policy."""
    known = knowledge()
    versions = {
        policy: tuple(
            msgspec.structs.replace(v, criteria=tuple(c for c in v.criteria if c.id != name)) for v in each
        )
        for policy, each in known.bundle.versions.items()
    }
    bundle = type(known.bundle)(
        **{
            field: getattr(known.bundle, field)
            for field in type(known.bundle).__dataclass_fields__
            if field != "versions"
        },
        versions=versions,
    )
    return Knowledge(bundle, known.terms, known.recogniser)


def test_what_another_policy_would_say_is_told_in_sentences(store: Store) -> None:
    record = store.decision(assertion(answer(store, without(hcc(), "size"))))
    assert record is not None
    found = differences(record["determinations"], rejudge(record, without_criterion("size")))
    assert "ServiceRequest/order: outcome was needs-info, is meets-criteria." in found
    assert "ServiceRequest/order: criterion size was unknown, is not judged." in found


def test_determinations_that_came_or_went_are_told() -> None:
    one = {"order": "ServiceRequest/1", "coverage": "Coverage/1"}
    two = {"order": "ServiceRequest/2", "coverage": None}
    assert differences([one], [two]) == [
        "ServiceRequest/1: no determination under Coverage/1 now.",
        "ServiceRequest/2: determination under None is new.",
    ]
