"""What counts as unreadable, and that damage in one element leaves the others readable (clinical.md 4.5)."""

import json
from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET

from cds_service.kernel import elements
from cds_service.kernel.decode import decode, link_ids, sound_codings

SOUND: dict[type[elements.Element], dict[str, Any]] = {
    elements.Condition: {"code": {"text": "x"}},
    elements.Observation: {"status": "final", "code": {"text": "x"}},
    elements.Procedure: {"status": "completed", "code": {"text": "x"}},
    elements.BodyStructure: {},
    elements.QuestionnaireResponse: {"status": "completed", "questionnaire": "http://example.org/q"},
    elements.Coverage: {"status": "active"},
    elements.ServiceRequest: {"status": "draft"},
    elements.Organization: {},
}


def damage(kind: type[elements.Element], **members: Any) -> set[str]:
    """The damaged elements of a sound resource with these members."""
    resource, damaged = decode(json.dumps({**SOUND[kind], **members}).encode(), kind)
    assert resource is not None
    assert all(getattr(resource, name) is UNSET for name in damaged)
    return set(damaged)


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_resource_has_no_damage_whatever_else_it_holds(kind: type[elements.Element]) -> None:
    """Architecture: strict about what we need, blind to what we do not know."""
    assert damage(kind, unknownMember={"a": [None, {}]}, text={"status": "generated"}, meta=7) == set()


CONCEPT_DAMAGE = [
    None, 5, "text", [], {}, {"coding": []}, {"coding": {}}, {"coding": [{}]}, {"coding": ["C22.0"]},
    {"coding": [{"system": "s"}]}, {"coding": [{"code": "c"}]}, {"coding": [{"system": "s", "code": 7}]},
    {"coding": [{"system": "s", "code": " "}]}, {"text": ""}, {"text": 3}, {"coding": None, "text": "x"},
    {"coding": [{"system": "s", "code": "c"}, {}]},
]  # fmt: skip


@pytest.mark.parametrize("value", CONCEPT_DAMAGE, ids=json.dumps)
def test_a_concept_that_says_nothing_or_has_a_wrong_type_is_damaged(value: Any) -> None:
    """clinical.md 4.5: a coding with neither system and code nor words, an empty value, a wrong type."""
    assert damage(elements.Condition, code=value) == {"code"}
    assert damage(elements.Observation, bodySite=value) == {"body_site"}
    assert damage(elements.ServiceRequest, reasonCode=[value]) == {"reason_code"}


@pytest.mark.parametrize(
    "value",
    [{"text": "x"}, {"coding": [{"display": "x"}]}, {"coding": [{"system": "s", "code": "c"}]}],
    ids=json.dumps,
)
def test_a_concept_by_words_or_by_code_is_sound(value: Any) -> None:
    """clinical.md 4.5: words alone are readable."""
    assert damage(elements.Condition, code=value) == set()


@pytest.mark.parametrize(
    "value",
    [None, {}, [], "Patient/p", {"reference": ""}, {"reference": 5}, {"identifier": {}, "type": 1}],
    ids=json.dumps,
)
def test_a_reference_that_says_nothing_is_damaged(value: Any) -> None:
    """clinical.md 4.5: a reference with neither reference, identifier, display nor type."""
    assert damage(elements.Condition, subject=value) == {"subject"}
    assert damage(elements.ServiceRequest, insurance=[value]) == {"insurance"}


@pytest.mark.parametrize(
    "value",
    [{"reference": "Patient/p"}, {"identifier": {"value": "1"}}, {"display": "Ann"}, {"type": "Patient"}],
    ids=json.dumps,
)
def test_a_reference_that_says_anything_is_sound(value: Any) -> None:
    """clinical.md 4.5."""
    assert damage(elements.Condition, subject=value) == set()


@pytest.mark.parametrize(
    "value", [None, "", "soon", 20261121, {}, ["2026-11-21"], "2026-13-41"], ids=json.dumps
)
def test_a_date_that_cannot_be_parsed_is_damaged(value: Any) -> None:
    """clinical.md 4.5: a date that cannot be parsed."""
    assert damage(elements.Observation, effectiveDateTime=value) == {"effective_date_time"}
    assert damage(elements.Condition, onsetDateTime=value) == {"onset_date_time"}
    assert damage(elements.ServiceRequest, occurrencePeriod={"start": value}) == {"occurrence_period"}


@pytest.mark.parametrize(
    "value", [None, {}, [], "2026", {"start": "2026-11-21", "end": "2026-11-20"}], ids=json.dumps
)
def test_a_period_without_ends_or_the_wrong_way_round_is_damaged(value: Any) -> None:
    """clinical.md 4.5: an empty object, or dates that exclude each other."""
    assert damage(elements.Coverage, period=value) == {"period"}


@pytest.mark.parametrize(
    "value",
    [
        *(None, {}, 3.2, "3.2 cm", {"value": "3.2"}, {"value": None, "unit": "cm"}, {"value": True}),
        *({"value": 1e40}, {"value": 1e-40}, {"value": 3, "comparator": "~"}, {"value": 3, "unit": 5}),
        *({"value": []}, {"system": "s"}),
    ],
    ids=json.dumps,
)
def test_a_quantity_without_a_number_or_with_an_odd_one_is_damaged(value: Any) -> None:
    """clinical.md 4.5: a number that cannot be parsed."""
    assert damage(elements.Observation, valueQuantity=value) == {"value_quantity"}


def test_a_range_without_limits_is_damaged() -> None:
    """clinical.md 4.5: an empty object."""
    assert damage(elements.Observation, valueRange={}) == {"value_range"}
    assert damage(elements.Observation, valueRange={"low": {}}) == {"value_range"}


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (elements.Observation, "finished"),
        (elements.Procedure, "final"),
        (elements.QuestionnaireResponse, "final"),
        (elements.Coverage, "valid"),
        (elements.ServiceRequest, "final"),
        (elements.Observation, "FINAL"),
        (elements.Observation, None),
        (elements.Observation, ["final"]),
        (elements.Observation, ""),
    ],
)
def test_a_status_that_is_not_a_known_code_is_damaged(kind: type[elements.Element], bad: Any) -> None:
    """clinical.md 4.5: a status that is not a known code is unreadable."""
    assert damage(kind, status=bad) == {"status"}


@pytest.mark.parametrize(
    "kind", [elements.Observation, elements.Procedure, elements.Coverage, elements.ServiceRequest]
)
def test_a_missing_status_is_damaged(kind: type[elements.Element]) -> None:
    """clinical.md 4.5: a missing status."""
    members = {key: value for key, value in SOUND[kind].items() if key != "status"}
    assert decode(json.dumps(members).encode(), kind)[1] == {"status"}


@pytest.mark.parametrize("bad", ["liver-cryoablation", "Questionnaire/1", "", None, 5])
def test_a_form_whose_questionnaire_is_no_absolute_address_is_damaged(bad: Any) -> None:
    """clinical.md 4.5."""
    assert damage(elements.QuestionnaireResponse, questionnaire=bad) == {"questionnaire"}


@pytest.mark.parametrize(
    ("kind", "member", "element"),
    [
        (elements.Observation, "focus", "focus"),
        (elements.Observation, "performer", "performer"),
        (elements.Observation, "component", "component"),
        (elements.Condition, "bodySite", "body_site"),
        (elements.Condition, "extension", "extension"),
        (elements.QuestionnaireResponse, "item", "item"),
        (elements.Coverage, "payor", "payor"),
        (elements.Coverage, "class", "classes"),
        (elements.ServiceRequest, "supportingInfo", "supporting_info"),
        (elements.ServiceRequest, "orderDetail", "order_detail"),
    ],
)
@pytest.mark.parametrize("bad", [[], None, {}, "x", [{}], [None]], ids=json.dumps)
def test_an_empty_array_or_a_wrong_type_in_its_place_is_damaged(
    kind: type[elements.Element], member: str, element: str, bad: Any
) -> None:
    """clinical.md 4.5: an empty array or object."""
    assert damage(kind, **{member: bad}) == {element}


def test_a_class_type_may_be_malformed_but_a_class_says_something() -> None:
    """clinical.md 6: `class.type` without `coding` is seen in reference data; read leniently."""
    assert damage(elements.Coverage, **{"class": [{"type": {"wrong": 1}, "name": "PPO"}]}) == set()
    assert damage(elements.Coverage, **{"class": [{"type": {}, "name": "PPO"}]}) == {"classes"}
    assert damage(elements.Coverage, **{"class": [{}]}) == {"classes"}


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"5", b"{", b"", b"null", b"[" * 100_000])
def test_what_is_no_object_cannot_be_read_at_all(raw: bytes) -> None:
    """clinical.md 4.5; nothing crashes, deep nesting included."""
    resource, damaged = decode(raw, elements.Observation)
    assert resource is None
    assert {"status", "code", "component"} <= damaged


def test_a_number_keeps_its_digits() -> None:
    """clinical.md 3.3, steps 4 and 5: decimals, compared unrounded."""
    resource, _ = decode(
        b'{"status":"final","code":{"text":"x"},"valueQuantity":{"value":4.990}}', elements.Observation
    )
    assert resource is not None and isinstance(resource.value_quantity, elements.Quantity)
    assert isinstance(resource.value_quantity.value, elements.Number)
    assert str(resource.value_quantity.value.value) == "4.990"
    assert resource.value_quantity.value.value == Decimal("4.99")


@pytest.mark.parametrize(
    ("code", "codings", "words"),
    [
        ({"coding": [{"system": "s", "code": "c", "display": "d"}, {}]}, [("s", "c")], "d"),
        ({"coding": [{"system": "s", "code": 5}], "text": "Carcinoma"}, [], "Carcinoma"),
        ({"coding": "C22.0", "text": "Carcinoma"}, [], "Carcinoma"),
        ({"coding": [7, {"system": "s", "code": "c"}], "text": 9}, [("s", "c")], ""),
        ("C22.0", [], ""),
        (None, [], ""),
    ],
)
def test_what_is_left_of_a_damaged_code_can_still_be_read(code: Any, codings: list[Any], words: str) -> None:
    """clinical.md 4.5: its type and (if readable) code tell which criteria it could bear on."""
    assert sound_codings(json.dumps({"code": code}).encode()) == (codings, words)


def test_nothing_is_left_of_what_is_no_resource() -> None:
    """clinical.md 4.5."""
    assert sound_codings(b"{") == ([], "")
    assert sound_codings(b"[]") == ([], "")
    assert sound_codings(b"{}") == ([], "")


@pytest.mark.parametrize(
    ("item", "names"),
    [
        ([{"linkId": "a", "answer": 5}, {"linkId": "b", "item": [{"linkId": "c"}]}], {"a", "b", "c"}),
        ([{"linkId": "a"}, {"answer": []}], None),
        ([{"linkId": 5}], None),
        ({"linkId": "a"}, None),
        ("a", None),
        ([], None),
        (None, None),
    ],
)
def test_the_questions_of_a_damaged_form_are_told_by_its_link_ids(item: Any, names: set[str] | None) -> None:
    """clinical.md 4.5: a gap for every criterion its answers bear on, all five if unreadable."""
    assert link_ids(json.dumps({"item": item}).encode()) == names
