"""What a prefetched value means, and what our templates ask for."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.hooks.prefetch import DISCOVERY, Kind, Value, classify, expand, read_value
from tests.unit.hooks.bodies import bundle, wire

CONDITION = {"resourceType": "Condition", "id": "c1"}
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]}
ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
NEXT = [{"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}]


def entries(*items: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(items), **members}


def of(value: object) -> Value:
    return read_value(wire(value), "Condition")


@pytest.mark.requirement("CH-073", "CH-074", "CH-075")
def test_absent_and_null_are_two_things() -> None:
    absent, null = (
        classify({}, "conditions", "Condition"),
        classify({"conditions": None}, "conditions", "Condition"),
    )
    assert (absent.kind, absent.complete) == (Kind.ABSENT, False)
    assert (null.kind, null.complete) == (Kind.NULL, True)


@pytest.mark.requirement("CH-076", "CH-077", "CH-081")
@pytest.mark.parametrize(
    "value",
    [
        {"resourceType": "Bundle", "type": "searchset", "total": 0},
        entries(),
        entries({"search": {"mode": "outcome"}, "resource": WARNING}, total=0),
        entries({"resource": WARNING}),
        {"resourceType": "Bundle", "entry": None},
    ],
)
def test_a_search_that_found_nothing_says_so(value: object) -> None:
    assert (of(value).kind, of(value).complete) == (Kind.EMPTY, True)


@pytest.mark.requirement("CH-082", "CH-083", "CH-084")
@pytest.mark.parametrize(
    "value",
    [
        bundle(CONDITION, type="collection"),
        entries({"resource": CONDITION}, {"search": {"mode": "outcome"}, "resource": WARNING}),
        entries(
            {"resource": CONDITION}, {"search": {"mode": "include"}, "resource": {"resourceType": "Patient"}}
        ),
        entries({"resource": CONDITION, "search": "odd"}, total=1),
    ],
)
def test_matches_are_counted_without_what_stands_beside_them(value: object) -> None:
    assert (of(value).kind, of(value).matches, of(value).complete) == (Kind.BUNDLE, 1, True)


@pytest.mark.requirement("CH-086", "CH-087")
@pytest.mark.parametrize(
    "value",
    [
        entries({"resource": CONDITION}, link=NEXT),
        entries(link=NEXT),
        entries({"resource": CONDITION}, total=2),
        entries(total=7),
        entries({"resource": CONDITION}, {"resource": ERROR}),
        entries({"resource": CONDITION}, link="odd"),
        entries({"resource": CONDITION}, link=[{"url": "x"}]),
        entries({"resource": CONDITION}, link=[5]),
        entries({"resource": CONDITION}, {"resource": {"resourceType": "OperationOutcome"}}),
    ],
)
def test_absence_is_not_concluded_from_a_part(value: object) -> None:
    assert (of(value).kind, of(value).complete) == (Kind.BUNDLE, False)


def test_the_next_page_and_the_query_as_understood_are_told() -> None:
    """R4 search: links of a searchset by relation."""
    found = of(entries(link=[*NEXT, {"relation": "self", "url": "https://e/Condition?patient=1"}]))
    assert (found.next_page, found.self_link) == (NEXT[0]["url"], "https://e/Condition?patient=1")


@pytest.mark.requirement("CH-078")
@pytest.mark.parametrize(
    "value", [ERROR, WARNING, entries({"resource": ERROR}), entries({"resource": ERROR}, total=0)]
)
def test_an_outcome_is_neither_data_nor_absence(value: object) -> None:
    assert (of(value).kind, of(value).complete) == (Kind.OUTCOME, False)


@pytest.mark.requirement("CH-085", "CH-071")
@pytest.mark.parametrize(
    "value",
    [
        "<html>",
        [],
        7,
        {},
        {"response": {"status": "200"}, "resource": CONDITION},
        {"resourceType": "Patient", "id": "p"},
        {"resourceType": ["Condition"]},
        {"resourceType": "Bundle", "entry": {}},
        {"resourceType": "Bundle", "entry": "x"},
    ],
)
def test_what_was_not_asked_for_is_unusable(value: object) -> None:
    assert (of(value).kind, of(value).complete) == (Kind.UNUSABLE, False)


@pytest.mark.requirement("CH-085")
def test_a_single_resource_answers_a_search() -> None:
    assert (of(CONDITION).kind, of(CONDITION).complete) == (Kind.RESOURCE, True)


@pytest.mark.parametrize("damaged", [5, {"resource": 3}, {"resource": []}, "x"])
def test_a_damaged_entry_is_something_rather_than_nothing(damaged: Any) -> None:
    """clinical.md 4.5: an unreadable resource is a gap, so a Bundle of it is not empty."""
    found = of(entries(damaged, {"resource": WARNING}))
    assert (found.kind, found.matches) == (Kind.BUNDLE, 1)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=3)
        | st.sampled_from(["Bundle", "Condition"]),
        lambda part: (
            st.lists(part, max_size=2)
            | st.dictionaries(
                st.sampled_from(["resourceType", "entry", "link", "total", "resource", "issue"]), part
            )
        ),
        max_leaves=8,
    )
)
def test_any_value_is_classified(value: object) -> None:
    """HAPI FHIR 6836 and its like: no value of a prefetch key is a reason to fail."""
    found = of(value)
    assert not found.complete or found.kind in (Kind.EMPTY, Kind.BUNDLE, Kind.RESOURCE)


@pytest.mark.requirement("CH-009", "CH-010", "CH-011", "CH-015", "CH-016")
def test_discovery_asks_for_what_every_call_needs_in_plain_tokens() -> None:
    assert [item.key for item in DISCOVERY] == ["patient", "coverage"]
    for item in DISCOVERY:
        tokens = item.template.split("{{")[1:]
        assert tokens and all(token.startswith("context.patientId}}") for token in tokens)
        names = [part.split("=")[0] for part in item.template.partition("?")[2].split("&")]
        assert len(names) == len(set(names))


@pytest.mark.requirement("CH-095", "CH-233")
def test_tokens_are_filled_in_and_encoded() -> None:
    tokens = {"context.patientId": "1&_include=*|../x", "context.userId": "Practitioner/7"}
    assert expand(DISCOVERY[1].template, tokens) == (
        "Coverage?patient=1%26_include%3D%2A%7C..%2Fx&status=active"
    )
    assert expand("{{ context.userId }}", tokens) == "Practitioner/7"
    assert expand("Encounter/{{context.encounterId}}", tokens) is None
    assert expand("metadata", {}) == "metadata"


def test_the_raw_value_stays_as_sent() -> None:
    """Nothing is written anew between the client and the rules."""
    raw = b'{"resourceType":"Condition", "x": 1.50}'
    assert read_value(raw, "Condition").raw is raw
    assert json.loads(raw)["x"] == 1.5
