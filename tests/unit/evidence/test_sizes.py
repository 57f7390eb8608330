"""Reading a tumor size: units, comparators, ranges and sizes written as text (clinical.md 3.1 to 3.3)."""

import json
from decimal import Decimal
from typing import Any

import pytest

from cds_service.evidence.sizes import Length, Limit, measured, quantity_length, range_state, written_lengths
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import Observation, Quantity, Range
from cds_service.kernel.truth import Truth
from tests.builders import LOINC, UCUM, Resource, concept, findings, knowledge, quantity, size

MET, NOT, OPEN = Truth.MET, Truth.NOT_MET, Truth.UNKNOWN
LIMIT = Limit(Decimal(50), Decimal(300))


def read(value: Resource) -> Quantity:
    """The Quantity as an element."""
    raw = json.dumps({"status": "final", "code": {"text": "x"}, "valueQuantity": value}).encode()
    resource, damaged = decode(raw, Observation)
    assert resource is not None and not damaged
    assert isinstance(resource.value_quantity, Quantity)
    return resource.value_quantity


def judged(value: Resource) -> Truth:
    """The state a Quantity gives."""
    return LIMIT.state(quantity_length(read(value)))[0]


@pytest.mark.parametrize(
    ("comparator", "value", "state"),
    [
        (None, 0.1, MET), (None, 4.99, MET), (None, 4.999999999, MET), (None, 5, NOT), (None, 6, NOT),
        ("<", 1, MET), ("<", 5, MET), ("<", 5.01, OPEN), ("<", 9, OPEN),
        ("<=", 4.99, MET), ("<=", 5, OPEN), ("<=", 9, OPEN),
        (">", 5, NOT), (">", 9, NOT), (">", 4.99, OPEN), (">", 1, OPEN),
        (">=", 5, NOT), (">=", 9, NOT), (">=", 4.99, OPEN), (">=", 1, OPEN),
    ],
)  # fmt: skip
def test_the_comparator_table(comparator: str | None, value: float, state: Truth) -> None:
    """clinical.md 3.3, comparator table; policy I, third bullet: less than five (5) cm."""
    members = {"comparator": comparator} if comparator else {}
    assert judged(quantity(value, **members)) is state
    assert judged(quantity(round(value * 10, 9), "mm", **members)) is state


@pytest.mark.parametrize(
    ("value", "unit", "state"),
    [
        (49.9, "mm", MET), (4.99, "cm", MET), (5.0, "cm", NOT), (50, "mm", NOT), (50.0000001, "mm", NOT),
        (1.9685, "[in_i]", MET), (1.96851, "[in_i]", NOT),
        (0.05, "m", NOT), (0.0499, "m", MET), (50000, "um", NOT), (49999, "um", MET),
    ],
)  # fmt: skip
def test_lengths_are_compared_unrounded_in_any_unit(value: float, unit: str, state: Truth) -> None:
    """clinical.md 3.3, steps 4 and 5: 49.9 mm and 4.99 cm pass; 5.0 cm and 50 mm fail."""
    assert judged(quantity(value, unit)) is state


def test_an_inch_is_exact() -> None:
    """clinical.md 3.3, step 4: floats give 0.025400000000000002 for an inch."""
    assert quantity_length(read(quantity(1, "[in_i]"))).mm == Decimal("25.4")
    assert quantity_length(read(quantity(0.1, "[in_i]"))).mm == Decimal("2.54")


@pytest.mark.parametrize(("value", "state"), [(0, OPEN), (-3, OPEN), (300, NOT), (300.1, OPEN), (1e9, OPEN)])
def test_a_size_outside_the_plausible_range_is_unknown(value: float, state: Truth) -> None:
    """clinical.md 3.3, step 6: over 0 and up to 300 mm."""
    assert LIMIT.state(quantity_length(read(quantity(value, "mm"))))[0] is state
    if state is OPEN:
        assert LIMIT.state(quantity_length(read(quantity(value, "mm"))))[1] == "implausible"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"value": 3}, "no-unit"),
        ({"value": 3, "unit": "fruit"}, "no-unit"),
        ({"value": 3, "code": "cm"}, "no-unit"),
        ({"value": 3, "code": "cm", "system": "http://example.org/units"}, "no-unit"),
        ({"value": 3, "code": "Mm", "system": UCUM}, "no-unit"),
        ({"value": 3, "unit": "mm", "code": "cm", "system": UCUM}, "unit-conflict"),
        ({"unit": "cm"}, "no-value"),
    ],
)
def test_a_size_without_a_comparable_unit_is_unknown_with_the_reason(value: Resource, problem: str) -> None:
    """clinical.md 3.3, step 3."""
    assert LIMIT.state(quantity_length(read(value))) == (OPEN, problem)


@pytest.mark.parametrize(
    "value",
    [
        {"value": 3.2, "unit": "cm"},
        {"value": 32, "unit": "Millimetres"},
        {"value": 3.2, "code": "cm", "system": UCUM},
        {"value": 3.2, "code": "cm", "system": "urn:oid:2.16.840.1.113883.6.8", "unit": "centimeter"},
        {"value": 3.2, "unit": "cm", "code": "whatever", "system": "http://example.org/units"},
    ],
)
def test_a_unit_by_ucum_code_or_by_words_is_read(value: Resource) -> None:
    """clinical.md 3.3, step 3; 1.4 for the OID of UCUM."""
    assert quantity_length(read(value)).mm == 32


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("4 cm", [40]), ("4cm", [40]), (" 4.5 cm ", [45]), ("45mm", [45]), ("< 5 cm", [50]), (">=5cm", [50]),
        ("4 x 3 cm", [40, 30]), ("4x3x2 cm", [40, 30, 20]), ("4 × 3 cm", [40, 30]),
        ("4 cm x 30 mm", [40, 30]), ("4 x 30 mm", [4, 30]), ("4 cm x 3 x 20 mm", [40, 3, 20]),
        ("0.5 cm", [5]), ("12.25 mm", ["12.25"]),
    ],
)  # fmt: skip
def test_a_size_may_be_written_as_text(text: str, lengths: list[Any]) -> None:
    """clinical.md 3.3, valueString grammar: a missing unit takes the next one to the right."""
    assert [length.mm for length in written_lengths(text)] == [Decimal(length) for length in lengths]


@pytest.mark.parametrize(
    "text",
    ["", "4", "4 x 3", "about 4 cm", "approximately 4 cm", "3-4 cm", "3 to 4 cm", "4 CM", "4 inches", "-4 cm",
     "4 cm wide", ".5 cm", "4. cm", "4,5 cm", "1 x 2 x 3 x 4 cm", "4 cm x", "x 4 cm", "four cm", "٤ cm",
     "4 cm x 3", "~4 cm", "=4 cm"],
)  # fmt: skip
def test_other_texts_are_unknown(text: str) -> None:
    """clinical.md 3.3: ranges in words, approximations and missing units give unknown."""
    assert LIMIT.worst(written_lengths(text))[0] is OPEN


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("4 x 3 cm", MET),
        ("3 x 6 cm", NOT),
        ("< 5 cm", MET),
        ("<= 5 cm", OPEN),
        ("> 5 cm", NOT),
        ("> 4 cm", OPEN),
        ("5 cm", NOT),
    ],
)
def test_a_written_size_is_judged_by_its_largest_dimension(text: str, state: Truth) -> None:
    """clinical.md 3.3, steps 2 and 5: the diameter is the largest."""
    assert LIMIT.worst(written_lengths(text))[0] is state


@pytest.mark.parametrize(
    ("low", "high", "state"),
    [
        (3, 4.9, MET), (3, 5, OPEN), (None, 4.9, MET), (None, 5, OPEN), (5, 6, NOT), (5, None, NOT),
        (4.9, 6, OPEN), (4.9, None, OPEN), (6, 4, OPEN), (0, 4, MET), (1, 400, OPEN),
    ],
)  # fmt: skip
def test_a_range_is_met_below_and_failed_above_the_limit(
    low: float | None, high: float | None, state: Truth
) -> None:
    """clinical.md 3.3, valueRange: met if high < 5 cm, not met if low >= 5, else unknown."""
    ends = {name: quantity(end) for name, end in (("low", low), ("high", high)) if end is not None}
    assert range_state(LIMIT, span(ends))[0] is state


def span(ends: Resource) -> Range:
    """The Range as an element."""
    raw = json.dumps({"status": "final", "code": {"text": "x"}, "valueRange": ends}).encode()
    resource, damaged = decode(raw, Observation)
    assert resource is not None and not damaged and isinstance(resource.value_range, Range)
    return resource.value_range


@pytest.mark.parametrize(
    "ends",
    [
        {"low": {"value": 1}, "high": quantity(4)},
        {"low": quantity(5), "high": {"value": 9}},
        {"high": quantity(4, comparator="<")},
        {"low": quantity(6, comparator=">")},
        {"high": {"value": 4}},
    ],
)
def test_a_range_whose_ends_cannot_be_compared_is_unknown(ends: Resource) -> None:
    """clinical.md 3.3, step 3."""
    assert range_state(LIMIT, span(ends))[0] is OPEN


def part(code: str, value: Resource) -> Resource:
    """A component of a size."""
    return {"code": concept(code, LOINC), **value}


CM6, CM3, CM2 = ({"valueQuantity": quantity(number)} for number in (6, 3, 2))


@pytest.mark.parametrize(
    ("members", "state", "shown"),
    [
        ({"component": [part("33728-7", CM3)]}, MET, "longest diameter 3 cm"),
        ({"component": [part("33728-7", CM3), part("33729-5", CM6)]}, NOT, "longest diameter 6 cm"),
        ({"component": [part("33729-5", CM2), part("33728-7", CM3)]}, MET, "longest diameter 3 cm"),
        ({"component": [part("33728-7", {"valueString": "4 x 3 cm"})]}, MET, "longest diameter 4 x 3 cm"),
        ({"component": [part("33728-7", CM3), part("33729-5", {})]}, OPEN, "longest diameter 3 cm"),
        ({"component": [part("33728-7", CM6), part("33729-5", {})]}, NOT, "longest diameter 6 cm"),
        ({"component": [part("33728-7", {"valueRange": {"high": quantity(4)}})]}, MET, "a range"),
        ({"component": [part("33728-7", {"valueRange": {"low": quantity(6)}})]}, NOT, "a range"),
        ({"component": [part("33756-8", CM6)], **CM3}, MET, "longest diameter 3 cm"),
        ({"component": [part("33728-7", CM3)], **CM6}, MET, "longest diameter 3 cm"),
        (CM3, MET, "longest diameter 3 cm"),
        (CM6, NOT, "longest diameter 6 cm"),
        ({"valueString": "3 cm"}, MET, "longest diameter 3 cm"),
        ({"valueString": "some cm"}, OPEN, "some cm"),
        ({"valueRange": {"high": quantity(4)}}, MET, "a range"),
        ({}, OPEN, "no diameter"),
    ],
)  # fmt: skip
def test_components_come_first_and_the_largest_dimension_decides(
    members: Resource, state: Truth, shown: str
) -> None:
    """clinical.md 3.3, step 2: every Quantity in 33728-7 and 33729-5, else the Observation's own value."""
    resource, damaged = decode(json.dumps(size(**{"value": {}, **members})).encode(), Observation)
    assert resource is not None and not damaged
    found = measured(resource, findings().model.sizes, LIMIT, knowledge().terms)
    assert (found.state, found.seen) == (state, shown)


def test_no_dimension_at_all_is_unknown() -> None:
    """House rule 2."""
    assert LIMIT.worst([]) == (OPEN, "no-value")
    assert LIMIT.state(Length(None, "", "no-unit")) == (OPEN, "no-unit")
