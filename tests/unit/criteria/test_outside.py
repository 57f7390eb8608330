"""The criterion extrahepatic: no evidence of malignancy outside the liver (clinical.md 2.5, 2.6, 4.4)."""

from typing import Any

import pytest

from tests.builders import (
    LIVER,
    Resource,
    ago,
    attestation,
    changed,
    concept,
    condition,
    crc,
    failure,
    form,
    gaps,
    hcc,
    m_category,
    n_category,
    net,
    past,
    procedure,
    resource,
    sct,
    state,
    verification,
    without,
)


def outside(chart: list[Resource], *more: Resource) -> str:
    """The state of the criterion."""
    return state("extrahepatic", [*chart, *more])


def silent() -> list[Resource]:
    """Baseline HCC with nothing said about spread."""
    return without(hcc(), "m", "n")


@pytest.mark.parametrize(
    "code",
    [
        "C78.00", "C78.1", "C78.2", "C78.39", "C78.4", "C78.5", "C78.6", "C78.80", "C78.89", "C79.31",
        "C79.51", "C79.89",
        "C7B.01", "C7B.03", "C7B.04", "C7B.09", "C80.0", "C77.0", "C77.2", "C77.9", "R18.0", "J91.0",
        sct("236005001"),
        "C50.911", "C61", "C43.9", "C23", "C24.0", "C25.0", "C34.90", "C73", "C91.10", "C83.30", "C90.00",
        "C21.0",
    ],
)  # fmt: skip
def test_disease_elsewhere_fails_the_criterion(code: str | Resource) -> None:
    """clinical.md 2.5: current and confirmed; gallbladder and bile ducts are outside the liver."""
    for chart in (hcc(), crc(), silent()):
        assert outside(chart, condition(code, "elsewhere")) == "not-met"


OWN = ["C18.7", "C18.1", "C21.8", "C7A.012", "C25.4", "C4A.9", sct("254632001"), sct("255046005")]


@pytest.mark.parametrize("code", OWN)
def test_a_primary_without_a_liver_metastasis_on_record_is_disease(code: str | Resource) -> None:
    """clinical.md 2.5, own primary: without a liver metastasis on record not met."""
    assert outside(hcc(), condition(code, "elsewhere")) == "not-met"


@pytest.mark.parametrize(
    ("code", "gap"),
    [
        ("C44.91", "skin-cancer"),
        (sct("254701007"), "skin-cancer"),
        ("C79.9", "unspecified-site"),
        ("C7B.00", "unspecified-site"),
        ("C7B.8", "unspecified-site"),
        (sct("128462008"), "unspecified-site"),
        ("C7B.1", "unspecified-site"),
        (sct("705176003"), "unspecified-site"),
        ("C80.1", "unspecified-site"),
        (sct("363346000"), "unspecified-site"),
        ("C78", "unspecified-site"),
        (concept("L1", "local", display="Metastatic carcinoma"), "unmapped-malignancy"),
        (concept(text="Sarcoma of the thigh"), "unmapped-malignancy"),
        ({"coding": [*concept("C78.01")["coding"], *concept("C44.91")["coding"]]}, "excludes-each-other"),
        ("C99.9", "unmapped-malignancy"),
    ],
)
def test_what_cannot_be_placed_leaves_the_criterion_open(code: str | Resource, gap: str) -> None:
    """clinical.md 2.5: skin cancer, unspecified sites and unmapped malignancies are never dropped."""
    chart = [*hcc(), condition(code, "elsewhere")]
    assert state("extrahepatic", chart) == "unknown"
    assert gap in gaps("extrahepatic", chart)


@pytest.mark.parametrize(
    ("code", "site", "expected"),
    [
        ("C79.9", "39607008", "not-met"),
        ("C7B.00", "113197003", "not-met"),
        ("C7B.1", "39607008", "not-met"),
        ("C79.9", "999999", "not-met"),
    ],
)
def test_a_body_site_places_an_unplaced_metastasis(code: str, site: str, expected: str) -> None:
    """clinical.md 2.5: unknown unless bodySite is given."""
    assert outside(hcc(), condition(code, "elsewhere", bodySite=[sct(site)])) == expected


def test_at_the_liver_it_is_never_outside() -> None:
    """clinical.md 2.5: the liver itself is never extrahepatic."""
    for code in ("C7B.8", "C7B.00"):
        assert outside(net(), condition(code, "second", bodySite=[sct(LIVER)])) == "met"
    for code in ("C22.1", "C22.9", "D37.6", "D13.4"):
        assert outside(hcc(), condition(code, "second")) == "met"


@pytest.mark.parametrize(
    "code",
    ["Z85.3", "Z85.07", "D05.10", "D12.6", "D3A.012", "D48.9", "R91.1", "R59.0", "Z80.0", "Z15.01",
    "Z51.11", "Z08",
     "C91.11", "C81.0A", "I10", "K74.60", sct("429699009")],
)  # fmt: skip
def test_what_is_no_current_malignancy_has_no_effect(code: str | Resource) -> None:
    """clinical.md 2.5: remission, history, in situ, benign, uncertain, family and encounter codes."""
    assert outside(hcc(), condition(code, "elsewhere")) == "met"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"clinicalStatus": concept("resolved", "x")}, "met"),
        ({"abatementDateTime": "2026-01-01"}, "met"),
        ({"verificationStatus": verification("refuted")}, "met"),
        ({"verificationStatus": verification("entered-in-error"), "clinicalStatus": None}, "met"),
        ({"subject": {"reference": "Patient/other"}}, "met"),
        ({"verificationStatus": verification("provisional")}, "unknown"),
        ({"verificationStatus": None}, "not-met"),
        ({"clinicalStatus": None}, "not-met"),
        ({"onsetDateTime": "soon"}, "unknown"),
    ],
)
def test_only_a_current_confirmed_diagnosis_of_this_patient_is_evidence(
    members: Resource, expected: str
) -> None:
    """clinical.md 2.4 and 4.3."""
    made = {
        key: value for key, value in {**condition("C78.01", "lung"), **members}.items() if value is not None
    }
    assert outside(hcc(), made) == expected


def test_a_metastasis_whose_code_also_states_its_origin_is_in_the_liver() -> None:
    """clinical.md 2.3, rank 2; 2.5: codes that state an origin name no site."""
    both = {"coding": [*concept("C78.7")["coding"], *sct("314998002")["coding"]]}
    assert outside(changed(crc(), "dx", code=both)) == "met"


def test_coded_findings_beat_staging() -> None:
    """clinical.md 4.2: an active C78.01 with M1a gives not met."""
    assert outside(crc(), condition("C78.01", "lung")) == "not-met"


# ---------------------------------------------------------------------- the primary itself


def active_primary(
    code: str | Resource = "C18.7", *more: Resource, onset: Any = "2021-06-01"
) -> list[Resource]:
    """Baseline CRC with an active primary and nothing that says it was removed."""
    primary = condition(code, "primary", onsetDateTime=onset)
    return [*without(crc(), "primary", "done"), primary, *more]


def test_an_active_primary_without_resection_leaves_it_open() -> None:
    """clinical.md 2.6: many charts keep C18.7 active after surgery, so ask."""
    assert outside(active_primary()) == "unknown"
    assert "primary-not-resected" in gaps("extrahepatic", active_primary())
    for status in ("resolved", "remission", "inactive"):
        assert outside(changed(active_primary(), "primary", clinicalStatus=concept(status, "x"))) == "met"


@pytest.mark.parametrize(
    ("code", "done"),
    [
        ("C18.7", "Sigmoidectomy"), ("C18.7", "Right hemicolectomy"), ("C18.7", "Colectomy"),
        ("C19", "Low anterior resection"),
        ("C18.7", concept("44145", "http://www.ama-assn.org/go/cpt")),
        ("C18.7", concept("44204", "http://www.ama-assn.org/go/cpt")),
        ("C20", "Proctectomy"), ("C20", concept("45110", "http://www.ama-assn.org/go/cpt")),
        ("C19", "Proctectomy"),
        ("C7A.012", "Enterectomy"), ("C7A.012", "Small bowel resection"),
        ("C7A.012", concept("44120", "http://www.ama-assn.org/go/cpt")),
        ("C25.4", "Distal pancreatectomy"), ("C25.4", concept("48140", "http://www.ama-assn.org/go/cpt")),
        ("C7A.020", "Appendectomy"), ("C18.1", "Appendectomy"),
        (sct("254632001"), "Lobectomy of lung"),
    ],
)  # fmt: skip
def test_a_resection_of_its_organ_clears_an_active_primary(
    code: str | Resource, done: str | Resource
) -> None:
    """clinical.md 2.6: by code or by words."""
    chart = active_primary(code, procedure(done), attestation("extrahepatic-disease", "absent"))
    assert state("extrahepatic", chart) == "met"


@pytest.mark.parametrize(
    ("code", "done"),
    [("C18.7", "Proctectomy"), ("C20", "Sigmoidectomy"), ("C18.7", "Appendectomy"), ("C25.4", "Colectomy"),
     ("C18.7", "Colonoscopy"), ("C7A.012", "Pancreatectomy"), (sct("254632001"), "Thyroid lobectomy")],
)  # fmt: skip
def test_a_resection_of_another_organ_does_not_clear_it(code: str | Resource, done: str) -> None:
    """clinical.md 2.6."""
    assert (
        outside(active_primary(code, procedure(done), attestation("extrahepatic-disease", "absent")))
        == "unknown"
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "met"),
        ({"status": "not-done"}, "unknown"),
        ({"status": "in-progress"}, "unknown"),
        ({"status": "done"}, "unknown"),
        ({"performedDateTime": "2021-05-31"}, "unknown"),
        ({"performedDateTime": "2021-06-01"}, "unknown"),
        ({"performedDateTime": "2021-06-02"}, "met"),
        ({"performedDateTime": "2021"}, "unknown"),
        ({"performedDateTime": "2022"}, "met"),
        ({"performedDateTime": None}, "unknown"),
        ({"performedDateTime": None, "performedPeriod": {"start": "2021-05-01", "end": "2021-07-01"}}, "met"),
        ({"performedDateTime": "soon"}, "unknown"),
        ({"subject": {"reference": "Patient/other"}}, "unknown"),
    ],
)
def test_the_resection_is_completed_and_after_the_onset(members: Resource, expected: str) -> None:
    """clinical.md 2.6; a Procedure that cannot be read clears nothing (4.5)."""
    made = {key: value for key, value in {**procedure("Colectomy"), **members}.items() if value is not None}
    assert outside(active_primary("C18.7", made)) == expected


def test_an_onset_may_be_a_period() -> None:
    """FHIR R4 Condition.onset[x]: its start counts."""
    begun = {"onsetDateTime": None, "onsetPeriod": {"start": "2021-06-01", "end": "2021-12-31"}}
    assert outside(changed(active_primary("C18.7", procedure("Colectomy")), "primary", **begun)) == "met"


def test_without_an_onset_a_resection_clears_nothing() -> None:
    """clinical.md 2.6: after the primary's onset."""
    assert outside(active_primary("C18.7", procedure("Colectomy"), onset=None)) == "unknown"
    recorded = changed(
        active_primary("C18.7", procedure("Colectomy")),
        "primary",
        onsetDateTime=None,
        recordedDate="2021-06-02",
    )
    assert outside(recorded) == "met"


def test_acquired_absence_with_a_matching_history_clears_it() -> None:
    """clinical.md 2.6: Z90.49 with a matching history."""
    assert (
        outside(active_primary("C18.7", condition("Z90.49", "gone"), condition("Z85.038", "history")))
        == "met"
    )
    assert outside(active_primary("C18.7", condition("Z90.49", "gone"))) == "unknown"
    assert (
        outside(active_primary("C18.7", condition("Z90.49", "gone"), condition("Z85.3", "history")))
        == "unknown"
    )


@pytest.mark.parametrize(
    "how", [attestation, lambda code, value, name="form", days=3: form({code: value}, name, days)]
)
def test_what_is_stated_of_the_primary_comes_first(how: Any) -> None:
    """clinical.md 4.3: resected clears an active primary, in-place is not met, unknown changes nothing."""
    assert outside(active_primary("C18.7", how("primary-tumor-status", "resected"))) == "met"
    assert outside(active_primary("C18.7", how("primary-tumor-status", "unknown"))) == "unknown"
    assert (
        outside(active_primary("C18.7", procedure("Colectomy"), how("primary-tumor-status", "in-place")))
        == "not-met"
    )
    assert outside(crc(), how("primary-tumor-status", "in-place")) == "not-met"
    assert outside(hcc(), how("primary-tumor-status", "in-place")) == "met"
    assert outside(hcc(), past("C78.7", "old"), how("primary-tumor-status", "in-place")) == "not-met"
    both = how("primary-tumor-status", "resected"), how("primary-tumor-status", "in-place", "other")
    assert outside(crc(), *both) == "unknown"
    assert "conflict" in gaps("extrahepatic", [*crc(), *both])
    assert (
        outside(
            crc(),
            how("primary-tumor-status", "in-place", "other", 9),
            how("primary-tumor-status", "resected"),
        )
        == "met"
    )


@pytest.mark.parametrize("code", ["314965007", "314966008"])
def test_a_local_recurrence_is_disease(code: str) -> None:
    """clinical.md 2.6."""
    assert outside(crc(), condition(sct(code), "recurrence")) == "not-met"
    assert outside(crc(), past(sct(code), "recurrence")) == "met"


# ---------------------------------------------------------------------- gaps


def test_nothing_said_leaves_it_open() -> None:
    """clinical.md 4.3: silence is unknown."""
    assert outside(silent()) == "unknown"
    assert "no-statement" in gaps("extrahepatic", silent())


@pytest.mark.parametrize("kind", ["Condition", "Observation", "QuestionnaireResponse", None])
def test_a_failed_search_leaves_it_open_and_a_failed_criterion_failed(kind: str | None) -> None:
    """clinical.md 4.5."""
    assert outside(hcc(), failure(kind)) == "unknown"
    assert outside(hcc(), failure(kind), condition("C78.01", "lung")) == "not-met"


def test_a_failed_search_for_procedures_takes_only_what_they_would_have_cleared() -> None:
    """clinical.md 4.5."""
    assert outside(crc(), failure("Procedure")) == "met"
    assert outside(active_primary("C18.7"), failure("Procedure")) == "unknown"


@pytest.mark.parametrize(
    "broken",
    [
        m_category("cM7", "broken"),
        m_category("cM0", "broken", valueCodeableConcept={}),
        m_category("cM0", "broken", effectiveDateTime="soon"),
        m_category("cM0", "broken", focus=[{"reference": "Condition/gone"}]),
        n_category("?", "broken"),
        attestation("extrahepatic-disease", "perhaps", "broken"),
        attestation("extrahepatic-disease", True, "broken"),
        attestation("extrahepatic-disease", "absent", "broken", performer=[{}]),
        attestation("primary-tumor-status", "gone", "broken"),
        resource("Observation", "broken", status="final", code={}),
        form({"extrahepatic-disease": "absent"}, "broken", questionnaire="form"),
        form({"extrahepatic-disease": "absent"}, "broken", authored="soon"),
        form({"extrahepatic-disease": "perhaps"}, "broken"),
        condition({}, "broken"),
    ],
)
def test_what_cannot_be_read_leaves_it_open(broken: Resource) -> None:
    """clinical.md 4.5."""
    assert outside(hcc(), broken) == "unknown"
    assert "unreadable" in gaps("extrahepatic", [*hcc(), broken])
    assert outside(hcc(), broken, condition("C78.01", "lung")) == "not-met"


def test_a_statement_dated_in_the_future_is_a_gap() -> None:
    """House rule 2: nobody can have said it yet."""
    assert outside(hcc(), m_category("cM0", "ahead", effectiveDateTime=ago(-40))) == "unknown"
    assert "future-dated" in gaps(
        "extrahepatic", [*hcc(), m_category("cM0", "ahead", effectiveDateTime=ago(-40))]
    )


@pytest.mark.parametrize(
    "words",
    ["Lung mets, biopsy proven", "Colon adenoCA, stage III", "NSCLC stage IV", "Glioblastoma multiforme"],
)
def test_short_words_for_a_malignancy_leave_it_open(words: str) -> None:
    """clinical.md 2.5: words that no code explains are unmapped, and unknown is not no."""
    assert state("extrahepatic", [*hcc(), condition(concept(text=words), "words")]) == "unknown"
