"""The criterion amenability, and what all practitioners' statements have in common (clinical.md 4.3, 4.5)."""

from typing import Any

import pytest

from tests.builders import (
    DOCTOR,
    OURS,
    PATIENT,
    Resource,
    ago,
    attestation,
    coverage,
    failure,
    form,
    gaps,
    notes,
    order,
    resource,
    state,
)

BARE = [
    {"resourceType": "Patient", "id": "pat"},
    {"resourceType": "Practitioner", "id": "doc"},
    order(),
    coverage(),
]
CODE = "amenable-to-cryoablation"


def amenable(*resources: Resource) -> str:
    """The state of the criterion in a chart of these resources."""
    return state("amenability", [*BARE, *resources])


def said(value: Any = True, days: int = 3, name: str = "said", **members: Any) -> Resource:
    """A statement; a member given as None is left out."""
    return {k: v for k, v in attestation(CODE, value, name, days, **members).items() if v is not None}


def filled(value: Any = True, days: int = 3, name: str = "form", **members: Any) -> Resource:
    """A form; a member given as None is left out."""
    return {k: v for k, v in form({CODE: value}, name, days, **members).items() if v is not None}


@pytest.mark.parametrize("how", [said, filled])
def test_the_proceduralists_statement_decides(how: Any) -> None:
    """clinical.md 4.3, row A; policy I, fifth bullet: the order alone is not a statement."""
    assert amenable(how(True)) == "met"
    assert amenable(how(False)) == "not-met"
    assert amenable() == "unknown"
    assert gaps("amenability", BARE) == {"no-statement"}


@pytest.mark.parametrize("how", [said, filled])
def test_the_latest_statement_wins_and_one_day_must_agree(how: Any) -> None:
    """clinical.md 4.3, conflicts between statements."""
    assert amenable(how(True, 9), how(False, 3, "new")) == "not-met"
    assert amenable(how(False, 9), how(True, 3, "new")) == "met"
    assert amenable(how(True, 3), how(False, 3, "same")) == "unknown"
    assert "conflict" in gaps("amenability", [*BARE, how(True, 3), how(False, 3, "same")])
    assert amenable(how(True, 3), how(True, 3, "same")) == "met"


@pytest.mark.parametrize(
    ("days", "expected", "note"),
    [(180, "met", None), (181, "unknown", "stale"), (0, "met", None), (-30, "unknown", None)],
)
@pytest.mark.parametrize("how", [said, filled])
def test_only_a_fresh_statement_counts(how: Any, days: int, expected: str, note: str | None) -> None:
    """clinical.md 4.5: exactly 180 days is fresh; a stale one is set aside with a note."""
    assert amenable(how(True, days)) == expected
    assert note is None or note in notes("amenability", [*BARE, how(True, days)])
    assert amenable(how(False, 181), how(True, 3, "new")) == "met"


def test_an_undated_statement_is_set_aside() -> None:
    """clinical.md 4.5: undated ones are stale."""
    assert amenable(said(effectiveDateTime=None)) == amenable(filled(authored=None)) == "unknown"
    assert "undated" in notes("amenability", [*BARE, said(effectiveDateTime=None)])


@pytest.mark.parametrize(
    ("performer", "expected"),
    [
        ([DOCTOR], "met"),
        ([{"reference": "PractitionerRole/r"}], "met"),
        ([{"reference": "https://x.example/fhir/Practitioner/d"}], "met"),
        ([{"type": "Practitioner", "display": "Dr. Doe"}], "met"),
        ([{"reference": "urn:uuid:1", "type": "PractitionerRole"}], "met"),
        ([PATIENT, DOCTOR], "met"),
        ([PATIENT], "unknown"),
        ([{"reference": "RelatedPerson/r"}], "unknown"),
        ([{"reference": "Organization/o"}], "unknown"),
        ([{"display": "Dr. Doe"}], "unknown"),
        ([{"reference": "Patient/pat", "type": "Practitioner"}], "unknown"),
        (None, "unknown"),
    ],
)
def test_only_a_practitioner_states(performer: Any, expected: str) -> None:
    """clinical.md 4.3: others are set aside with a note."""
    assert amenable(said(performer=performer)) == expected
    if expected == "unknown":
        assert "not-a-practitioner" in notes("amenability", [*BARE, said(performer=performer)])
        assert amenable(said(performer=performer), said(False, name="other")) == "not-met"
    if performer is None or len(performer) == 1:
        assert amenable(filled(author=performer and performer[0])) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [("final", "met"), ("amended", "met"), ("corrected", "met"), ("preliminary", "unknown"),
    ("registered", "unknown"),
     ("unknown", "unknown"), ("cancelled", "unknown"), ("entered-in-error", "unknown")],
)  # fmt: skip
def test_the_status_of_an_attestation(status: str, expected: str) -> None:
    """clinical.md 4.3: final, amended, corrected; one that is not is no gap either."""
    assert amenable(said(status=status)) == expected
    assert amenable(said(status=status), said(name="other")) == "met"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("completed", "met"),
        ("amended", "met"),
        ("in-progress", "unknown"),
        ("stopped", "unknown"),
        ("entered-in-error", "unknown"),
    ],
)
def test_the_status_of_a_form(status: str, expected: str) -> None:
    """clinical.md 4.3: completed or amended."""
    assert amenable(filled(status=status)) == expected
    assert amenable(filled(status=status), said()) == "met"


def test_statements_about_another_patient_are_set_aside() -> None:
    """clinical.md 4.3."""
    other = {"reference": "Patient/other"}
    assert amenable(said(subject=other)) == amenable(filled(subject=other)) == "unknown"
    assert amenable(said(False, subject=other), said(name="mine")) == "met"


def test_another_form_is_ignored_and_its_version_does_not_matter() -> None:
    """clinical.md 4.5: a readable address of another form is ignored."""
    assert amenable(filled(questionnaire=f"{OURS}/Questionnaire/liver-cryoablation")) == "met"
    assert amenable(filled(questionnaire=f"{OURS}/Questionnaire/liver-cryoablation|9.9")) == "met"
    assert amenable(filled(questionnaire="http://example.org/Questionnaire/other")) == "unknown"
    assert (
        amenable(filled(questionnaire="http://example.org/Questionnaire/other", status="odd"), said())
        == "met"
    )


def test_answers_are_found_at_any_depth() -> None:
    """interface.md 4: the answer with the same linkId."""
    inner = filled()["item"]
    assert amenable(filled(item=[{"linkId": "group", "item": inner}])) == "met"
    assert (
        amenable(filled(item=[{"linkId": "asked", "answer": [{"valueBoolean": True, "item": inner}]}]))
        == "met"
    )
    assert amenable(filled(item=[{"linkId": CODE}])) == "unknown"


@pytest.mark.parametrize(
    "broken",
    [
        said("yes"),
        said({"value": 1}),
        said(valueBoolean=None),
        said(valueBoolean="true"),
        said(effectiveDateTime="soon"),
        said(performer=[]),
        said(status="done"),
        said(status=None),
        said(subject=5),
        filled("yes"),
        filled(status="done"),
        filled(status=None),
        filled(authored="soon"),
        filled(author={}),
        filled(questionnaire="liver"),
        filled(questionnaire=None),
        filled(item=[]),
        filled(item=[{"answer": [{"valueBoolean": True}]}]),
        filled(item=[{"linkId": CODE, "answer": [{"valueBoolean": "x"}]}]),
        filled(item=[{"linkId": CODE, "answer": [{"valueBoolean": True}, {"valueBoolean": False}]}]),
        filled(item=[{"linkId": "", "answer": [{"valueBoolean": True}]}]),
        resource("Observation", "said", status="final", code={}),
        {"resourceType": "Observation", "id": "said"},
    ],
)
def test_a_statement_that_cannot_be_read_leaves_it_open(broken: Resource) -> None:
    """clinical.md 4.5: attestation: its criterion; form: every criterion that its answers bear on."""
    assert amenable(said(name="sound"), broken) == "unknown"
    assert "unreadable" in gaps("amenability", [*BARE, said(name="sound"), broken])
    assert amenable(said(False, name="sound"), broken) == "not-met"


def test_damage_to_one_answer_makes_the_whole_form_no_evidence() -> None:
    """clinical.md 4.5: what has an unreadable part that a rule needs is evidence neither for nor against."""
    two = form({CODE: True, "resectability": "perhaps"})
    assert amenable(two) == "unknown"
    assert state("resectability", [*BARE, two]) == "unknown"


def test_a_damaged_form_bears_only_on_what_it_answers() -> None:
    """clinical.md 4.5: all five only if its questions cannot be read."""
    other = form({"resectability": "unresectable"}, authored="soon")
    assert amenable(said(), other) == "met"
    assert (
        amenable(
            said(), form({"resectability": "unresectable"}, item=[{"linkId": "resectability", "answer": 5}])
        )
        == "met"
    )
    assert amenable(said(), form({"resectability": "unresectable"}, item="all")) == "unknown"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Observation", "unknown"),
        ("QuestionnaireResponse", "unknown"),
        (None, "unknown"),
        ("Condition", "met"),
    ],
)
def test_failed_searches(kind: str | None, expected: str) -> None:
    """clinical.md 4.5; a failed criterion stays failed."""
    assert amenable(said(), failure(kind)) == expected
    assert amenable(said(False), failure(kind)) == "not-met"
    assert amenable(said(), failure("QuestionnaireResponse", "not-supported")) == "met"


def test_a_date_may_be_a_period_or_an_instant() -> None:
    """FHIR R4 Observation.effective[x]; of a period its end counts."""
    assert amenable(said(effectiveDateTime=None, effectivePeriod={"start": ago(300), "end": ago(3)})) == "met"
    assert amenable(said(effectiveDateTime=None, effectivePeriod={"start": ago(300)})) == "unknown"
    assert amenable(said(effectiveDateTime=None, effectiveInstant=f"{ago(3)}T08:00:00Z")) == "met"
