"""What arrived, and what did not: found, absent, failed and never asked are kept apart (determinations 5)."""

import json
from typing import Any

import pytest

from cds_service.evidence.chart import ANY_TYPE, ChartBuilder, read_outcome, search_notes
from cds_service.kernel.elements import Reference
from tests.builders import Resource, condition, failure

ENTRY = {"resourceType": "Bundle", "type": "searchset"}


def built(*entries: Any, search: str | None = None) -> ChartBuilder:
    """A builder that was given a Bundle of these entries."""
    builder = ChartBuilder("Patient/pat")
    builder.add_bundle(json.dumps({**ENTRY, "entry": list(entries)}).encode(), search)
    return builder


def test_resources_are_found_by_type_and_by_any_form_of_reference() -> None:
    """clients.md: relative, absolute and urn references alike."""
    chart = built({"fullUrl": "urn:uuid:1", "resource": condition("C22.0")}).build()
    assert [stored.reference for stored in chart.of("Condition")] == ["Condition/dx"]
    for reference in (
        "Condition/dx",
        "https://x.example/fhir/Condition/dx",
        "urn:uuid:1",
        "Condition/dx/_history/4",
    ):
        found = chart.find(reference)
        assert found is not None and found.type == "Condition"
    assert chart.find("Condition/other") is None
    assert chart.of("Observation") == ()


def test_a_resource_without_an_id_goes_by_its_address_or_its_place() -> None:
    """clients.md: drafts and some test charts have no ids."""
    plain = {key: value for key, value in condition("C22.0").items() if key != "id"}
    chart = built({"fullUrl": "urn:uuid:1", "resource": plain}, {"resource": plain}).build()
    assert [stored.reference for stored in chart.of("Condition")] == ["urn:uuid:1", "Condition/#2"]


def test_the_same_resource_twice_counts_once_and_two_versions_count_twice() -> None:
    """clinical.md 2.4: the same code twice counts once; a contradiction is not lost."""
    one, other = condition("C22.0"), condition("C22.0", status="resolved")
    assert len(built({"resource": one}, {"resource": one}).build().of("Condition")) == 1
    assert len(built({"resource": one}, {"resource": other}).build().of("Condition")) == 2


@pytest.mark.parametrize(
    "entry",
    [5, "x", None, [], {}, {"resource": 5}, {"resource": {}},
     {"resource": None}, {"resource": {"resourceType": 5}},
     {"resource": {"resourceType": ""}}, {"resource": {"resourceType": "Condition", "id": {}}},
     {"fullUrl": 5, "resource": condition("C22.0")}],
    ids=json.dumps,
)  # fmt: skip
def test_an_entry_that_cannot_be_read_could_have_been_anything(entry: Any) -> None:
    """clinical.md 4.5: it is a gap for every type asked for, and the other entries are read all the same."""
    chart = built(entry, {"resource": condition("C78.01", "lung")}).build()
    assert chart.broken
    assert chart.failure("Condition") and chart.failure("Observation")
    assert [stored.reference for stored in chart.of("Condition")] == ["Condition/lung"]
    searched = built(entry, search="Observation").build()
    assert searched.failure("Observation") and not searched.failure("Condition")


@pytest.mark.parametrize(
    "raw", [b"{", b"[]", b'{"entry": 5}', b'{"entry": {}}', b"", b"null", b"[" * 100_000]
)
def test_a_bundle_that_cannot_be_read_is_a_failed_search(raw: bytes) -> None:
    """clinical.md 4.5; nothing crashes, deep nesting included."""
    builder = ChartBuilder()
    builder.add_bundle(raw, "Condition")
    chart = builder.build()
    assert chart.failure("Condition") and not chart.failure("Observation")
    builder.add_bundle(raw)
    assert builder.build().failure("Observation")


@pytest.mark.parametrize("raw", [b'{"entry": []}', b'{"entry": null}', b"{}"])
def test_an_empty_answer_is_absence_not_failure(raw: bytes) -> None:
    """determinations.md 5: asked and absent."""
    builder = ChartBuilder()
    builder.add_bundle(raw, "Condition")
    builder.absent("Procedure")
    chart = builder.build()
    assert chart.asked == {"Condition", "Procedure"}
    assert not chart.failure("Condition")


def test_a_failed_search_is_told_with_its_reason_the_first_one_stays() -> None:
    """determinations.md 5: what did not arrive is a gap with its reason."""
    builder = ChartBuilder()
    builder.failed("Condition", "timed out")
    builder.failed("Condition", "again")
    assert builder.build().failure("Condition") == "timed out"
    assert builder.build().failure("Observation") is None
    builder.failed(ANY_TYPE, "broken")
    assert builder.build().failure("Observation") == "broken"


@pytest.mark.parametrize(
    ("kind", "fails"),
    [
        ("BodyStructure", False),
        ("Procedure", False),
        ("QuestionnaireResponse", False),
        ("Condition", True),
        ("Observation", True),
    ],
)
def test_a_search_that_an_ehr_does_not_offer(kind: str, fails: bool) -> None:
    """clinical.md 4.5: three types are noted and change nothing else."""
    builder = ChartBuilder()
    builder.failed(kind, "404", unsupported=True)
    chart = builder.build()
    assert (chart.failure(kind) is not None) is fails
    assert [note.about for note in search_notes(chart)] == [kind]


@pytest.mark.parametrize(
    ("issue", "told"),
    [
        ({"code": "exception", "expression": ["Condition"]}, [("Condition", "exception", False)]),
        ({"severity": "fatal", "code": "x", "expression": ["Condition.code"]}, [("Condition", "x", False)]),
        (
            {"expression": ["Condition", "Observation?code=x"]},
            [("Condition", "failed", False), ("Observation", "failed", False)],
        ),
        ({"location": ["Procedure/1"], "diagnostics": "down"}, [("Procedure", "down", False)]),
        ({"code": "not-supported", "expression": ["Procedure"]}, [("Procedure", "not-supported", True)]),
        (
            {"diagnostics": "404 Not Found", "expression": ["Procedure"]},
            [("Procedure", "404 Not Found", True)],
        ),
        ({"code": "not-supported"}, [(ANY_TYPE, "not-supported", False)]),
        ({"expression": ["somewhere"]}, [(ANY_TYPE, "failed", False)]),
        ({"expression": [None]}, [(ANY_TYPE, "failed", False)]),
        ({"expression": ["Condition", {}]}, [(ANY_TYPE, "failed", False)]),
        ({"expression": ["Bundle.entry[3]"]}, [(ANY_TYPE, "failed", False)]),
        ({"expression": 5, "code": {}}, [(ANY_TYPE, "failed", False)]),
        ({"severity": "warning", "code": "informational"}, []),
        ({"severity": "information"}, []),
    ],
    ids=json.dumps,
)
def test_an_operation_outcome_stands_for_the_search_it_names(issue: Resource, told: list[Any]) -> None:
    """interface.md 3: severity error; `issue.expression` may name the resource type."""
    raw = json.dumps({"resourceType": "OperationOutcome", "issue": [{"severity": "error", **issue}]}).encode()
    assert [(kind, reason, lacking) for kind, reason, lacking in read_outcome(raw)] == told


@pytest.mark.parametrize(
    "issue", [None, [], {}, "x", [5], [{}], [{"severity": "bad"}], [{"severity": None}]], ids=json.dumps
)
def test_an_operation_outcome_that_cannot_be_read_could_stand_for_any_failure(issue: Any) -> None:
    """clinical.md 4.5."""
    chart = built({"resource": {"resourceType": "OperationOutcome", "issue": issue}}).build()
    assert chart.failure("Condition")


def test_an_outcome_in_the_answer_to_a_search_is_about_that_search() -> None:
    """clients.md 5: warnings come as an extra entry of the searchset, errors in place of it."""
    assert built({"resource": failure(None)}, search="Condition").build().failed.keys() == {"Condition"}
    warning = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "x"}]}
    assert not built({"resource": warning}, search="Condition").build().failed


@pytest.mark.parametrize(
    ("subject", "other"),
    [
        (Reference(reference="Patient/pat"), False),
        (Reference(reference="https://x.example/fhir/Patient/pat"), False),
        (Reference(reference="Patient/other"), True),
        (Reference(reference="Group/pat"), True),
        (Reference(display="Ann"), False),
    ],
)
def test_somebody_elses_resources_are_known_by_their_subject(subject: Reference, other: bool) -> None:
    """clinical.md 4.3: servers that ignore a search parameter return them."""
    assert built().build().is_other_patient(subject) is other


def test_a_chart_is_seen_as_the_orders_patients() -> None:
    """clinical.md 4.3: the order's subject says whose chart it is."""
    chart = built().build().about("https://x.example/fhir/Patient/other")
    assert chart.patient == "Patient/other"
    assert chart.about(None).patient == "Patient/other"
    assert not ChartBuilder().build().is_other_patient(Reference(reference="Patient/x"))


def test_one_resource_may_be_added_by_itself() -> None:
    """cds-hooks.md: a prefetch value may be a resource."""
    builder = ChartBuilder()
    builder.add_resource(json.dumps(condition("C22.0")).encode(), "urn:uuid:7")
    assert builder.build().find("urn:uuid:7") is not None
    builder.add_resource(b"5", None, "Condition")
    assert builder.build().failure("Condition")
