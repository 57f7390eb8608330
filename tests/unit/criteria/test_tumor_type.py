"""The criterion diagnosis: a type of tumor that the policy names (clinical.md 2; policy I, second bullet)."""

from typing import Any

import pytest

from tests.builders import (
    LIVER,
    MCODE,
    Resource,
    attestation,
    changed,
    concept,
    condition,
    coverage,
    crc,
    failure,
    form,
    gaps,
    hcc,
    judged,
    lesion,
    net,
    notes,
    order,
    past,
    sct,
    size,
    state,
    verification,
    without,
)

LINK = "http://hl7.org/fhir/StructureDefinition/condition-related"
HISTOLOGY = f"{MCODE}/mcode-histology-morphology-behavior"
NOT_CONFIRMED = ("unconfirmed", "provisional", "differential", "refuted", "entered-in-error", "sure")
BOTH = [{"system": "x", "code": code} for code in ("active", "recurrence", "resolved", "refuted")]
LIST_CONFLICT, NOT_LISTED = "code-list-conflict", "code-not-listed"
BASE = [{"resourceType": "Patient", "id": "pat"}, order(), coverage()]


def diagnosis(*conditions: Resource, **ordered: Any) -> str:
    """The state of the criterion in a chart of these diagnoses alone."""
    return state("diagnosis", [*changed(BASE, "order", **ordered), *conditions])


@pytest.mark.parametrize(
    ("code", "expected", "flags"),
    [
        ("C22.0", "met", ()),
        (sct("109841003"), "met", ()),
        (sct("253018005"), "met", ()),
        (sct("25370001"), "met", ()),
        ("C22.1", "not-met", (LIST_CONFLICT,)),
        ("C22.2", "not-met", (LIST_CONFLICT,)),
        ("C22.3", "not-met", (LIST_CONFLICT,)),
        ("C22.4", "not-met", (LIST_CONFLICT,)),
        ("C22.7", "not-met", (LIST_CONFLICT,)),
        (sct("312104005"), "not-met", ()),
        (sct("109843000"), "not-met", ()),
        (sct("109844006"), "not-met", ()),
        ("C22.8", "unknown", ()),
        ("C22.9", "unknown", ()),
        (sct("95214007"), "unknown", ()),
        (sct("187769009"), "unknown", ()),
        (sct("93870000"), "unknown", ()),
        (sct("126851005"), "unknown", ()),
        ("C78.7", "unknown", ()),
        (sct("94381002"), "unknown", ()),
        ("C7B.02", "met", ()),
        ("D37.6", "unknown", ()),
        ("D49.0", "unknown", ()),
        (sct("300332007"), "unknown", ()),
        ("D13.4", "not-met", ()),
        ("D18.03", "not-met", ()),
        (sct("93469006"), "not-met", ()),
        ("C22", "unknown", ()),
        ("I10", "unknown", ()),
    ],
)
def test_liver_diagnoses(code: str | Resource, expected: str, flags: tuple[str, ...]) -> None:
    """clinical.md 2.1 and 2.2, every row of both tables; a header is the unspecified case."""
    found = judged([*BASE, condition(code)])
    assert {c.id: c.state.value for c in found.criteria}["diagnosis"] == expected
    assert found.flags == flags


def test_a_neuroendocrine_metastasis_needs_the_liver_as_its_site_and_is_not_on_the_code_list() -> None:
    """clinical.md 2.1, C7B.8; 2.2, the reverse: met, flagged code-not-listed."""
    assert diagnosis(condition("C7B.8")) == "unknown"
    at_liver = condition("C7B.8", bodySite=[sct(LIVER)])
    found = judged([*BASE, at_liver])
    assert {c.id: c.state.value for c in found.criteria}["diagnosis"] == "met"
    assert found.flags == (NOT_LISTED,)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"verificationStatus": verification("confirmed")}, "met"),
        ({"verificationStatus": None}, "met"),
        *(({"verificationStatus": verification(code)}, "unknown") for code in NOT_CONFIRMED),
        *(({"clinicalStatus": concept(code, "x")}, "met") for code in ("active", "recurrence", "relapse")),
        *(({"clinicalStatus": concept(code, "x")}, "unknown") for code in ("inactive", "remission")),
        ({"clinicalStatus": concept("resolved", "x")}, "unknown"),
        ({"clinicalStatus": None}, "met"),
        ({"clinicalStatus": concept("gone", "x")}, "unknown"),
        ({"clinicalStatus": None, "abatementDateTime": "2026-01-01"}, "unknown"),
        ({"abatementDateTime": "2026-01-01"}, "unknown"),
        ({"abatementString": "last year"}, "unknown"),
        ({"abatementAge": {"value": 60, "unit": "a"}}, "unknown"),
        ({"abatementPeriod": {"start": "2026"}}, "unknown"),
        ({"abatementRange": {"low": {"value": 60}}}, "unknown"),
        ({"clinicalStatus": {"coding": [BOTH[0], BOTH[1]]}}, "met"),
        ({"clinicalStatus": {"coding": [BOTH[0], BOTH[2]]}}, "unknown"),
        ({"verificationStatus": {"coding": [{"system": "x", "code": "confirmed"}, BOTH[3]]}}, "unknown"),
        ({"category": [concept("encounter-diagnosis", "x")]}, "met"),
    ],
)  # fmt: skip
def test_the_statuses_of_a_diagnosis(members: Resource, expected: str) -> None:
    """clinical.md 2.4, every row; codes that are not known are unreadable (4.5)."""
    made = {key: value for key, value in {**condition("C22.0"), **members}.items() if value is not None}
    assert diagnosis(made) == expected


def test_several_current_tumors_have_to_agree() -> None:
    """clinical.md 2.1: met if each alone gives met, not met if each alone does, else unknown."""
    assert diagnosis(condition("C22.0"), condition("C22.0", "again", onsetDateTime="2026-01-01")) == "met"
    assert diagnosis(condition("C22.1"), condition("C22.3", "other")) == "not-met"
    assert diagnosis(condition("C22.0"), condition("C22.1", "other")) == "unknown"
    assert gaps("diagnosis", [*BASE, condition("C22.0"), condition("C22.1", "other")]) >= {"which-tumor"}
    assert diagnosis(condition("C7B.02"), condition("C78.7", "other"), past("C50.911")) == "unknown"


@pytest.mark.parametrize("code", ["C22.8", "C22.9", "D37.6", "D49.0", "D13.4", "D18.03"])
def test_an_unspecified_or_benign_one_beside_a_specific_malignant_one_only_warns(code: str) -> None:
    """clinical.md 2.1."""
    chart = [*BASE, condition("C22.0"), condition(code, "beside")]
    assert state("diagnosis", chart) == "met"
    assert "second-diagnosis" in notes("diagnosis", chart)


@pytest.mark.parametrize("code", ["C22.0", "C22.1", "C22.8"])
@pytest.mark.parametrize("metastasis", ["C78.7", "C7B.02"])
def test_a_primary_of_the_liver_beside_a_metastasis_to_it_is_a_contradiction(
    code: str, metastasis: str
) -> None:
    """clinical.md 2.1: Excludes1, unknown whatever the origin, unless the order names one of them."""
    chart = [*BASE, condition(code, "dx"), condition(metastasis, "met"), past("C18.7")]
    assert state("diagnosis", chart) == "unknown"
    assert "excludes-each-other" in gaps("diagnosis", chart)
    assert (
        state("diagnosis", changed(chart, "order", reasonReference=[{"reference": "Condition/met"}])) == "met"
    )


def test_a_provisional_diagnosis_beside_a_confirmed_one_only_warns() -> None:
    """clinical.md 2.1."""
    unsure = condition("C22.1", "maybe", verificationStatus=verification("differential"))
    assert diagnosis(condition("C22.0"), unsure) == "met"
    assert "provisional-beside" in notes("diagnosis", [*BASE, condition("C22.0"), unsure])
    assert gaps("diagnosis", [*BASE, unsure]) >= {"provisional"}


@pytest.mark.parametrize(
    "named",
    [
        {"reasonReference": [{"reference": "Condition/other"}]},
        {"reasonReference": [{"reference": "https://ehr.example.org/fhir/Condition/other"}]},
        {"reasonCode": [concept("C22.1")]},
        {"reasonCode": [concept("c221", "urn:oid:2.16.840.1.113883.6.90")]},
    ],
)
def test_the_diagnosis_that_the_order_names_alone_decides(named: Resource) -> None:
    """clinical.md 1.4: others are warnings."""
    chart = [*changed(BASE, "order", **named), condition("C22.0"), condition("C22.1", "other")]
    assert state("diagnosis", chart) == "not-met"
    assert "second-diagnosis" in notes("diagnosis", chart)


def test_a_reason_that_leads_nowhere_or_cannot_be_read_leaves_it_open() -> None:
    """clinical.md 1.4 and 4.5: reasonCode or reasonReference that cannot be read bears on D."""
    for members in (
        {"reasonReference": [{"reference": "Condition/gone"}]},
        {"reasonReference": []},
        {"reasonCode": [{}]},
    ):
        assert diagnosis(condition("C22.0"), **members) == "unknown"
    assert diagnosis(condition("C22.0"), reasonReference=[{"reference": "Observation/gone"}]) == "met"


def test_a_reason_code_counts_as_a_current_diagnosis_when_no_condition_has_it() -> None:
    """clinical.md 1.4."""
    assert diagnosis(reasonCode=[concept("C22.0")]) == "met"
    assert "not-on-problem-list" in notes("diagnosis", changed(BASE, "order", reasonCode=[concept("C22.0")]))
    gone = condition("C22.0", status="resolved")
    assert diagnosis(gone, reasonCode=[concept("C22.0")]) == "unknown"
    assert diagnosis(condition("C78.7"), past("C18.7"), reasonCode=[sct("94381002")]) == "met"
    assert diagnosis(condition("C22.1"), reasonCode=[concept("M54.5")]) == "not-met"


def test_the_focus_of_the_only_size_names_the_tumor() -> None:
    """clinical.md 2.1."""
    two = [*BASE, condition("C22.0"), condition("C22.1", "other")]
    about = {"focus": [{"reference": "Condition/dx"}]}
    assert state("diagnosis", [*two, size(3, **about)]) == "met"
    assert state("diagnosis", [*two, size(3, **about), size(3, "size2")]) == "unknown"
    assert state("diagnosis", [*two, size(3, **{**about, "component": []})]) == "unknown"
    tied = [{"url": f"{MCODE}/mcode-related-condition", "valueReference": {"reference": "Condition/dx"}}]
    tracked = size(3, focus=[{"reference": "BodyStructure/lesion"}])
    assert state("diagnosis", [*two, lesion(extension=tied), tracked]) == "met"


@pytest.mark.parametrize(
    ("codings", "expected"),
    [
        ([concept("C22.9"), sct("109841003")], "met"),
        ([concept("C22.0"), concept("HEP-1", "local")], "met"),
        ([concept("C22.0"), concept("C22.1")], "unknown"),
        ([concept("C22.0"), concept("C18.7")], "unknown"),
        ([concept("C22.0"), concept("D13.4")], "unknown"),
        ([concept("C22.0"), concept("C80.1")], "met"),
    ],
)
def test_codings_of_one_concept_are_translations_of_each_other(
    codings: list[Resource], expected: str
) -> None:
    """clinical.md 1.4: the more specific one governs; codings that exclude each other give unknown."""
    assert diagnosis(condition({"coding": [each["coding"][0] for each in codings]})) == expected


def test_an_icd_10_address_is_read_as_icd_10_cm_with_a_note() -> None:
    """clinical.md 1.4."""
    chart = [*BASE, condition(concept("C22.0", "http://hl7.org/fhir/sid/icd-10"))]
    assert state("diagnosis", chart) == "met"
    assert "code-read-as" in notes("diagnosis", chart)


@pytest.mark.parametrize(
    "broken",
    [
        {"code": None},
        {"code": {}},
        {"code": "C22.0"},
        {"code": {"coding": [{"system": "x", "code": 5}], "text": "something"}},
        {"code": {"coding": [{"code": "C22.0"}]}},
        {"code": concept("C22.0"), "onsetDateTime": "soon"},
        {"code": concept("C78.01"), "bodySite": []},
        {"code": concept("C18.7"), "clinicalStatus": "active"},
    ],
)
def test_a_condition_that_cannot_be_read_leaves_the_criterion_open_and_never_met(broken: Resource) -> None:
    """clinical.md 4.5: Condition: D and E; a failed criterion stays failed."""
    made = {
        key: value for key, value in {**condition("C22.0", "broken"), **broken}.items() if value is not None
    }
    for base in (hcc(), crc(), net()):
        assert state("diagnosis", [*base, made]) == "unknown"
        assert "unreadable" in gaps("diagnosis", [*base, made])
        assert state("extrahepatic", [*base, made]) == "unknown"
    assert diagnosis(condition("C22.1"), made) == "not-met"


@pytest.mark.parametrize("code", ["I10", "D05.10", "Z80.0", "Z90.49", "C91.11"])
def test_damage_in_a_condition_without_effect_does_not_matter(code: str) -> None:
    """clinical.md 4.5: criteria that its type and (if readable) code could bear on."""
    assert state("diagnosis", [*hcc(), condition(code, "broken", onsetDateTime="soon")]) == "met"


def test_a_failed_search_for_conditions_leaves_the_criterion_open() -> None:
    """clinical.md 4.5; a failed criterion stays failed."""
    assert state("diagnosis", [*hcc(), failure("Condition")]) == "unknown"
    assert (
        state("diagnosis", [*changed(hcc(), "dx", code=concept("C22.1")), failure("Condition")]) == "not-met"
    )
    assert "search-failed" in gaps("diagnosis", [*hcc(), failure("Condition")])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("hepatocellular-carcinoma", "met"),
        ("colorectal-metastasis", "met"),
        ("neuroendocrine-metastasis", "met"),
        ("other", "not-met"),
    ],
)
@pytest.mark.parametrize("how", [attestation, lambda code, value: form({code: value})])
def test_a_stated_tumor_type_decides_what_the_chart_leaves_open(value: str, expected: str, how: Any) -> None:
    """clinical.md 4.3: form answers count like attestations."""
    said = how("liver-tumor-type", value)
    assert diagnosis(condition("C22.9"), said) == expected
    assert diagnosis(said) == expected


def test_a_stated_tumor_type_never_overrides_the_chart() -> None:
    """clinical.md 4.3: where a confirmed diagnosis gives another state: unknown, whatever the dates."""
    assert diagnosis(condition("C22.0"), attestation("liver-tumor-type", "other")) == "unknown"
    assert (
        diagnosis(condition("C22.1"), attestation("liver-tumor-type", "hepatocellular-carcinoma"))
        == "unknown"
    )
    assert diagnosis(condition("C22.0"), attestation("liver-tumor-type", "hepatocellular-carcinoma")) == "met"


def test_two_stated_types_of_one_day_decide_nothing_and_the_latest_day_counts() -> None:
    """clinical.md 4.3: the same day with another value means unknown."""
    one = attestation("liver-tumor-type", "hepatocellular-carcinoma", "one", 3)
    assert diagnosis(condition("C22.9"), one, attestation("liver-tumor-type", "other", "two", 3)) == "unknown"
    assert diagnosis(condition("C22.9"), one, attestation("liver-tumor-type", "other", "two", 2)) == "not-met"
    assert diagnosis(condition("C22.9"), one, attestation("liver-tumor-type", "other", "two", 4)) == "met"


def test_a_stated_type_does_not_lift_a_gap() -> None:
    """clinical.md 4.3, last words."""
    said = attestation("liver-tumor-type", "hepatocellular-carcinoma")
    assert diagnosis(condition("C22.9"), said, failure("Condition")) == "unknown"
    assert diagnosis(condition("C22.9"), said, condition({}, "broken")) == "unknown"


def test_the_criterion_says_what_to_document_until_it_is_met() -> None:
    """clinical.md 8: documents for what is missing; none for what is met."""
    asked = {c.id: c.documentation for c in judged(without(crc(), "primary")).criteria}
    assert any("11526-1" in item.loinc for item in asked["diagnosis"])
    assert not {c.id: c.documentation for c in judged(crc()).criteria}["diagnosis"]


@pytest.mark.parametrize("code", ["C22.0", "C22.1", "C22.7"])
def test_a_combined_tumor_is_open_whatever_its_code(code: str) -> None:
    """clinical.md 2.1: the index assignment of combined hepatocellular-cholangiocarcinoma is unknown."""
    words = "Combined hepatocellular-cholangiocarcinoma"
    assert diagnosis(condition(concept(code, text=words))) == "unknown"
    assert diagnosis(condition(concept(code, display="Hepatocholangiocarcinoma"))) == "unknown"
