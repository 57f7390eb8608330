"""The criterion size: the target of the order, the form, and what is missing (clinical.md 3.4, 4.3, 4.5)."""

from typing import Any

import pytest

from tests.builders import (
    LIVER,
    MCODE,
    Resource,
    ago,
    attestation,
    changed,
    condition,
    coverage,
    failure,
    form,
    gaps,
    hcc,
    judged,
    lesion,
    notes,
    order,
    quantity,
    resource,
    sct,
    size,
    state,
)

BARE = [{"resourceType": "Patient", "id": "pat"}, order(), coverage(), condition("C22.0")]
SEG5, SEG6, COLON = "277959000", "277960005", "71854001"
RELATED = f"{MCODE}/mcode-related-condition"


def measured(*resources: Resource, **ordered: Any) -> str:
    """The state of the criterion in a chart with one liver tumor and these resources."""
    return state("size", [*changed(BARE, "order", **ordered), *resources])


def at(code: str) -> Resource:
    """A body site."""
    return {"bodySite": sct(code)}


def on(name: str) -> Resource:
    """Measured on a tracked lesion; no site of its own."""
    return {"focus": [{"reference": f"BodyStructure/{name}"}], "bodySite": None}


def test_the_order_may_name_the_segment() -> None:
    """clinical.md 3.4 and 9, point 2: judge that lesion and warn about others of 5 cm or more."""
    chart = [*changed(BARE, "order", bodySite=[sct(SEG5)]), size(3, **at(SEG5)), size(9, "large", **at(SEG6))]
    assert state("size", chart) == "met"
    assert "other-lesion-large" in notes("size", chart)
    assert measured(size(3), bodySite=[sct(SEG5)]) == "unknown"
    assert "target-not-found" in gaps("size", [*changed(BARE, "order", bodySite=[sct(SEG5)]), size(3)])
    assert measured(size(9), size(3, "small", **at(SEG5)), bodySite=[sct(LIVER)]) == "not-met"


@pytest.mark.parametrize(
    "named",
    [
        {"supportingInfo": [{"reference": "BodyStructure/a"}]},
        {
            "supportingInfo": [
                {"reference": "DocumentReference/d"},
                {"reference": "https://ehr.example.org/fhir/BodyStructure/a"},
            ]
        },
        {
            "extension": [
                {"url": "http://example.org/target", "valueReference": {"reference": "BodyStructure/a"}}
            ]
        },
    ],
)
def test_the_order_may_name_the_lesion(named: Resource) -> None:
    """clinical.md 3.4: the order names a BodyStructure."""
    two = lesion("a"), lesion("b"), size(3, **on("a")), size(9, "large", **on("b"))
    assert measured(*two, **named) == "met"
    assert measured(*two[1:2], size(3), **named) == "unknown"
    assert measured(*two) == "not-met"


def test_a_segment_named_by_the_order_is_found_by_the_location_of_its_lesion() -> None:
    """clinical.md 3.4."""
    assert measured(lesion("a", SEG5), size(3, **on("a")), size(9, "big"), bodySite=[sct(SEG5)]) == "met"
    both = [sct(SEG5), sct(SEG6)]
    assert measured(size(3, **at(SEG5)), size(9, "big", **at(SEG6)), bodySite=both) == "not-met"
    assert measured(size(3, **at(SEG5)), bodySite=both) == "unknown"


# ---------------------------------------------------------------------- the form


@pytest.mark.parametrize(
    "how", [attestation, lambda code, value, name="form", days=3: form({code: value}, name, days)]
)
def test_a_stated_diameter_decides_when_it_is_newer_than_every_size(how: Any) -> None:
    """clinical.md 4.3."""

    def said(value: float, days: int = 3, name: str = "said") -> Resource:
        made: Resource = how("largest-tumor-diameter", quantity(value), name, days)
        return made

    assert measured(said(3)) == "met"
    assert measured(said(6)) == "not-met"
    assert measured(size(6), said(3)) == "met"
    assert measured(size(3), said(6)) == "not-met"
    assert measured(size(3, days=3), said(6)) == "unknown"
    assert measured(size(3, days=3), said(4)) == "met"
    assert measured(size(6, days=1), said(3)) == "unknown"
    assert measured(size(3), lesion(), said(3)) == "met"
    assert measured(said(3), said(6, name="again")) == "unknown"
    assert measured(size(3), said(3), failure("BodyStructure")) == "unknown"


@pytest.mark.parametrize(
    "value", [{"value": 3}, quantity(3, "Mm"), quantity(5, comparator=">="), quantity(400, "mm")]
)
def test_a_stated_diameter_is_read_like_a_size(value: Resource) -> None:
    """clinical.md 3.3, 4.3."""
    expected = "not-met" if value.get("comparator") else "unknown"
    assert measured(size(3), attestation("largest-tumor-diameter", value)) == expected


def test_a_stated_diameter_that_cannot_be_read_is_a_gap() -> None:
    """clinical.md 4.5."""
    assert measured(size(3), attestation("largest-tumor-diameter", {"unit": "cm"})) == "unknown"
    assert measured(size(3), attestation("largest-tumor-diameter", True)) == "unknown"


# ---------------------------------------------------------------------- gaps


@pytest.mark.parametrize(
    "broken",
    [
        size(3, "broken", effectiveDateTime="soon"),
        size(3, "broken", bodySite={}),
        size(3, "broken", focus=[]),
        size(3, "broken", specimen={}),
        size({"valueQuantity": {"value": "3"}}, "broken"),
        size({"valueQuantity": {"value": 3, "comparator": "~"}}, "broken"),
        size(3, "broken", focus=[{"reference": "BodyStructure/odd"}]),
        resource("Observation", "broken", status="final", code={}),
        lesion("broken", location={}),
        lesion("broken", location=None),
        lesion("broken", active=5),
    ],
)  # fmt: skip
def test_what_cannot_be_read_leaves_it_open(broken: Resource) -> None:
    """clinical.md 4.5: size, BodyStructure: S; an Observation without a readable code."""
    odd = lesion("odd", location={}) if "odd" in str(broken) else lesion("fine", COLON)
    assert measured(size(3), odd, broken) == "unknown"
    assert measured(size(6), odd, broken) == "not-met"


def test_damage_where_no_rule_reads_does_not_matter() -> None:
    """clinical.md 4.5: a wrong type where a rule reads."""
    assert measured(size(3, method=5, note="x", performer=[])) == "met"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Observation", "unknown"), ("BodyStructure", "unknown"), (None, "unknown"), ("Procedure", "met")],
)
def test_a_failed_search_leaves_it_open(kind: str | None, expected: str) -> None:
    """clinical.md 4.5; a failed criterion stays failed."""
    assert measured(size(3), failure(kind)) == expected
    assert measured(size(6), failure(kind)) == "not-met"


def test_an_ehr_that_has_no_body_structures_is_noted() -> None:
    """clinical.md 4.5: the focus then leads nowhere and the body site decides."""
    lacking = failure("BodyStructure", "not-supported")
    focused = size(3, focus=[{"reference": "BodyStructure/a"}])
    assert measured(focused) == "unknown"
    assert measured(focused, lacking) == "met"
    assert "search-unsupported" in notes("size", [*BARE, focused, lacking])
    assert measured(size(3, focus=[{"reference": "Condition/gone"}]), lacking) == "unknown"


@pytest.mark.parametrize("part", [{"bodySite": "x"}, {"supportingInfo": []}, {"extension": [{}]}])
def test_an_order_whose_target_cannot_be_read_leaves_it_open(part: Resource) -> None:
    """clinical.md 4.5: bodySite, supportingInfo and extension of the order: S."""
    assert measured(size(3), **part) == "unknown"
    assert measured(size(6), **part) == "not-met"


def test_sizes_and_lesions_of_another_patient_are_set_aside() -> None:
    """clinical.md 4.3."""
    other = {"reference": "Patient/other"}
    assert measured(size(3), size(9, "theirs", subject=other)) == "met"
    assert measured(size(3), lesion(patient=other)) == "met"
    assert measured(lesion(patient=other), size(3, **on("lesion"))) == "unknown"


def test_a_lesion_without_a_location_is_placed_by_its_diagnosis() -> None:
    """clinical.md 3.2: relatedCondition of the BodyStructure."""
    tied = [{"url": RELATED, "valueReference": {"reference": "Condition/dx"}}]
    assert measured(lesion(location=None, extension=tied), size(3, **on("lesion"))) == "met"


def test_the_value_is_shown_as_it_was_seen() -> None:
    """House rule 3: every result names the resource, the value and its date."""
    (shown,) = next(c.evidence for c in judged(hcc()).criteria if c.id == "size")
    assert (shown.reference, shown.summary, shown.date) == (
        "Observation/size",
        "longest diameter 3.2 cm",
        ago(30),
    )
