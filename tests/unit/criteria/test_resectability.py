"""The criterion resectability: unresectable, or no candidate for surgery (clinical.md 4.3; policy I, 1)."""

from typing import Any

import pytest

from tests.builders import (
    CPT,
    NCIT,
    Resource,
    ago,
    attestation,
    concept,
    condition,
    coverage,
    failure,
    form,
    gaps,
    hcc,
    judged,
    notes,
    order,
    procedure,
    resource,
    sct,
    state,
    verification,
    without,
)

BARE = [{"resourceType": "Patient", "id": "pat"}, order(), coverage(), condition("C22.0")]
HEPATECTOMY = sct("107963000")
CONTRAINDICATED = sct("183932001")


def resected(*resources: Resource) -> str:
    """The state of the criterion in a chart with these resources."""
    return state("resectability", [*BARE, *resources])


def tumor(value: str, days: int = 3, name: str = "tumor", **members: Any) -> Resource:
    """A statement about the tumor."""
    return attestation("resectability", value, name, days, **members)


def fit(value: bool, days: int = 3, name: str = "fit", **members: Any) -> Resource:
    """A statement about the person."""
    return attestation("surgical-candidate", value, name, days, **members)


UNRESECTABLE, RESECTABLE = tumor("unresectable"), tumor("resectable")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([UNRESECTABLE], "met"),
        ([fit(False)], "met"),
        ([UNRESECTABLE, fit(True)], "met"),
        ([RESECTABLE, fit(False)], "met"),
        ([RESECTABLE, fit(True)], "not-met"),
        ([RESECTABLE], "unknown"),
        ([fit(True)], "unknown"),
        ([], "unknown"),
    ],
)
def test_either_statement_is_enough_and_both_must_fail(said: list[Resource], expected: str) -> None:
    """clinical.md 4.3, row R: "resectable" without a statement that the patient is fit is unknown."""
    assert resected(*said) == expected


def test_the_gap_says_what_is_missing() -> None:
    """House rule 3."""
    assert gaps("resectability", BARE) == {"no-statement"}
    assert gaps("resectability", [*BARE, RESECTABLE]) == {"fitness-not-stated"}


def test_the_latest_statement_wins_and_one_day_must_agree() -> None:
    """clinical.md 4.3: the latest of the same code wins; another value on the same day is unknown."""
    assert resected(tumor("unresectable", 9), tumor("resectable", 3, "new"), fit(True)) == "not-met"
    assert resected(tumor("resectable", 9), tumor("unresectable", 3, "new")) == "met"
    assert resected(tumor("resectable"), tumor("unresectable", 3, "new")) == "unknown"
    assert "conflict" in gaps("resectability", [*BARE, tumor("resectable"), tumor("unresectable", 3, "new")])
    assert resected(tumor("resectable"), tumor("unresectable", 3, "new"), fit(False)) == "met"
    assert resected(tumor("resectable"), tumor("unresectable", 3, "new"), fit(True)) == "unknown"


@pytest.mark.parametrize(
    "value",
    [
        sct("74778001"),
        concept("unresectable", "http://cds-service.example.org/fhir/CodeSystem/attestation-value"),
    ],
)
def test_inoperable_says_unresectable(value: Resource) -> None:
    """clinical.md 4.3: value 74778001."""
    assert resected(tumor("", valueCodeableConcept=value)) == "met"


def test_unresectable_by_diagnosis_is_a_statement_of_its_own_date() -> None:
    """clinical.md 4.3: NCIt C27359."""
    coded = condition(concept("C27359", NCIT), "coded", onsetDateTime=ago(20))
    assert resected(coded) == "met"
    assert resected(coded, tumor("resectable", 10), fit(True)) == "not-met"
    assert resected(coded, tumor("resectable", 30), fit(True)) == "met"
    assert resected(coded, tumor("resectable", 20), fit(True)) == "unknown"
    for members in (
        {"verificationStatus": verification("provisional")},
        {"verificationStatus": verification("refuted")},
        {"clinicalStatus": concept("resolved", "x")},
    ):
        assert resected(condition(concept("C27359", NCIT), "coded", **members)) == "unknown"
    undated = condition(concept("C27359", NCIT), "coded", onsetDateTime=None)
    assert resected(undated) == "met"
    assert resected(undated, RESECTABLE, fit(True)) == "not-met"


def not_done(
    code: Resource = HEPATECTOMY, reason: Resource | None = CONTRAINDICATED, **members: Any
) -> Resource:
    """A resection that was ruled out."""
    return procedure(code, "ruled-out", ago(20), **{"status": "not-done", "statusReason": reason, **members})


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (not_done(), "met"),
        (not_done(concept(text="Partial hepatectomy")), "met"),
        (not_done(concept(text="Resection of liver")), "met"),
        (not_done(performedDateTime=None), "met"),
        (not_done(reason=sct("105480006")), "unknown"),
        (not_done(reason=concept("Z53.20")), "unknown"),
        (not_done(reason=None), "unknown"),
        (not_done(status="completed"), "unknown"),
        (not_done(concept(text="Colectomy")), "unknown"),
        (not_done(sct("18027006")), "unknown"),
        (not_done(subject={"reference": "Patient/other"}), "unknown"),
        (not_done(performedDateTime="soon"), "unknown"),
    ],
)
def test_a_resection_that_was_contraindicated_makes_no_candidate(done: Resource, expected: str) -> None:
    """clinical.md 4.3: hepatectomy not-done with 183932001; patient refusal is no contraindication."""
    assert resected({key: value for key, value in done.items() if value is not None}) == expected


def test_a_later_statement_of_fitness_overrules_a_resection_ruled_out() -> None:
    """clinical.md 4.3: a not-done Procedure is a statement of its own date."""
    assert resected(not_done(), RESECTABLE, fit(True)) == "not-met"
    assert resected(not_done(), RESECTABLE, fit(True, 30)) == "met"


@pytest.mark.parametrize("code", ["K76.6", "K74.60", "Z76.82"])
def test_context_is_no_statement(code: str) -> None:
    """clinical.md 4.3: portal hypertension, cirrhosis, transplant list are support, not statements."""
    assert resected(condition(code, "context")) == "unknown"


def ordered(code: Resource = HEPATECTOMY, **members: Any) -> Resource:
    """An order beside the ablation."""
    return order(code, "beside", **members)


@pytest.mark.parametrize(
    ("beside", "expected"),
    [
        (ordered(), "unknown"),
        (ordered(concept(text="Right hepatectomy")), "unknown"),
        (ordered(status="active"), "unknown"),
        (ordered(status="on-hold"), "unknown"),
        (ordered(status="completed"), "met"),
        (ordered(status="revoked"), "met"),
        (ordered(doNotPerform=True), "met"),
        (ordered(subject={"reference": "Patient/other"}), "met"),
        (ordered(concept(text="Liver biopsy")), "met"),
        (ordered(concept(text="CT of the liver")), "met"),
        (ordered(sct("18027006")), "met"),
        (ordered(status="soon"), "unknown"),
        (ordered(subject=5), "unknown"),
        (ordered({"coding": [{}]}), "unknown"),
        (ordered({}), "unknown"),
        (ordered(concept(text="Liver biopsy"), status="soon"), "met"),
        (ordered(authoredOn="soon"), "unknown"),
        (ordered(concept(text="CT of the liver"), authoredOn="soon"), "met"),
    ],
)
def test_a_resection_ordered_beside_it_leaves_it_open(beside: Resource, expected: str) -> None:
    """clinical.md 4.3: which tumor is unresectable? Whatever the statements say; and 4.5."""
    assert resected(UNRESECTABLE, beside) == expected


def test_a_resection_ordered_reopens_what_the_statements_failed() -> None:
    """clinical.md 4.3: R unknown whatever the statements say."""
    assert resected(RESECTABLE, fit(True), ordered()) == "unknown"
    assert "resection-ordered" in gaps("resectability", [*BARE, UNRESECTABLE, ordered()])


def test_an_order_without_a_code_could_be_a_resection() -> None:
    """clinical.md 4.5."""
    assert (
        resected(UNRESECTABLE, {key: value for key, value in ordered().items() if key != "code"}) == "unknown"
    )


@pytest.mark.parametrize(
    "broken",
    [
        tumor("perhaps", name="broken"),
        tumor("unresectable", name="broken", effectiveDateTime="soon"),
        tumor("unresectable", name="broken", performer=[]),
        tumor("unresectable", name="broken", valueCodeableConcept=None),
        fit(False, name="broken", status="done"),
        attestation("surgical-candidate", "yes", "broken"),
        form({"resectability": "perhaps"}, "broken"),
        form({"surgical-candidate": True}, "broken", authored="soon"),
        form({"resectability": "unresectable"}, "broken", item=[]),
        resource("Observation", "broken", status="final", code={}),
        condition(concept("C27359", NCIT), "broken", onsetDateTime="soon"),
    ],
)
def test_what_cannot_be_read_leaves_it_open(broken: Resource) -> None:
    """clinical.md 4.5; for C27359 an unreadable part is a gap for R only."""
    made = {key: value for key, value in broken.items() if value is not None}
    assert resected(UNRESECTABLE, made) == "unknown"
    assert "unreadable" in gaps("resectability", [*BARE, UNRESECTABLE, made])
    assert resected(RESECTABLE, fit(True), made) == "not-met"
    if broken["resourceType"] == "Condition":
        assert {c.id for c in judged([*hcc(), made]).open_criteria} == {"resectability"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Observation", "unknown"), ("QuestionnaireResponse", "unknown"), ("ServiceRequest", "unknown"),
    (None, "unknown"),
     ("Condition", "met"), ("Procedure", "met"), ("BodyStructure", "met")],
)  # fmt: skip
def test_failed_searches(kind: str | None, expected: str) -> None:
    """clinical.md 4.5: Observation: R, S, E and A; QuestionnaireResponse: R, E and A."""
    assert resected(UNRESECTABLE, failure(kind)) == expected


def test_the_evidence_is_named() -> None:
    """House rule 3."""
    (said,) = next(c.evidence for c in judged(hcc()).criteria if c.id == "resectability")
    assert (said.reference, said.summary, said.date) == (
        "Observation/resectability",
        "Resectability: unresectable",
        ago(3),
    )
    assert notes("resectability", hcc()) == set()


@pytest.mark.parametrize("code", ["47120", "47122", "47125", "47130"])
def test_every_resection_of_the_liver_by_its_billing_code_leaves_it_open(code: str) -> None:
    """clinical.md 4.3: which tumor is unresectable when another is to be resected?"""
    ordered = order(concept(code, CPT), "resection", status="active")
    assert state("resectability", [*hcc(), ordered]) == "unknown"


def test_an_answer_left_as_our_draft_had_it_is_no_statement_of_its_own() -> None:
    """It would start anew with each saving; the record that it was copied from counts from its own day."""
    made = form({"resectability": "unresectable"})
    origin = {"url": "source", "valueCode": "auto-server"}
    url = "http://hl7.org/fhir/us/davinci-dtr/StructureDefinition/information-origin"
    chart = without(hcc(), "resectability")
    assert state("resectability", [*chart, made]) == "met"
    for source, expected in (("auto-server", "unknown"), ("manual", "met"), ("override", "met")):
        origin["valueCode"] = source
        made["item"][0]["answer"][0]["extension"] = [{"url": url, "extension": [origin]}]
        assert state("resectability", [*chart, made]) == expected
    for odd in ("x", [5], [{"url": url, "extension": "auto-server"}]):
        made["item"][0]["answer"][0]["extension"] = odd
        assert state("resectability", [*chart, made]) == "met"
