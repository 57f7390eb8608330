"""Where a liver metastasis came from: link, code, candidate primaries, histology (clinical.md 2.3)."""

import pytest

from tests.builders import (
    LIVER,
    MCODE,
    Resource,
    concept,
    condition,
    coverage,
    gaps,
    order,
    past,
    sct,
    state,
    verification,
)

LINK = "http://hl7.org/fhir/StructureDefinition/condition-related"
HISTOLOGY = f"{MCODE}/mcode-histology-morphology-behavior"
BASE = [{"resourceType": "Patient", "id": "pat"}, order(), coverage()]


def diagnosis(*conditions: Resource) -> str:
    """The state of the criterion in a chart of these diagnoses alone."""
    return state("diagnosis", [*BASE, *conditions])


def origin(*primaries: Resource) -> str:
    """The state that a liver metastasis has beside these primaries."""
    return diagnosis(condition("C78.7"), *primaries)


@pytest.mark.parametrize(
    ("expected", "codes"),
    [
        ("met", ["C18.0", "C18.2", "C18.7", "C18.9", "C19", "C20", "Z85.038", "Z85.048"]),
        ("unknown", ["C18.1", "C21.8"]),
        ("not-met", ["C21.0", "C21.1", "C21.2"]),
        ("met", ["C7A.012", "C7A.020", "C7A.026", "C7A.1", "C7A.8", "C25.4"]),
        ("met", ["Z85.020", "Z85.030", "Z85.040", "Z85.060", "Z85.110", "Z85.230", "Z85.520"]),
        ("unknown", ["C4A.9", "C74.10", "C75.5", "D3A.012", "C34.90", "C74.90", "C47.9", "Z85.07", "C80.1"]),
        ("not-met", ["C25.0", "C25.3", "C25.7", "C25.9", "C50.911", "C43.9", "C61", "C73", "C49.A0"]),
        ("unknown", ["C44.91", "C83.30", "D05.10", "Z80.0"]),
    ],
)
def test_the_origin_of_a_liver_metastasis_by_icd_10_cm(expected: str, codes: list[str]) -> None:
    """clinical.md 2.3, every row of the table; the last line names what is no candidate."""
    assert {code: origin(past(code)) for code in codes} == dict.fromkeys(codes, expected)


@pytest.mark.parametrize(
    ("expected", "codes"),
    [
        ("met", ["363406005", "363351006", "269533000", "781382000", "429699009"]),
        ("unknown", ["363411007", "255032005", "302833002", "253001006", "363346000"]),
        ("met", ["443492008", "445238008", "255046005", "253000007", "133531000119104", "254612002"]),
        ("met", ["254632001", "432328008"]),
    ],
)
def test_the_origin_of_a_liver_metastasis_by_snomed_ct(expected: str, codes: list[str]) -> None:
    """clinical.md 2.3; policy V, definitions: small cell lung cancer and neuroblastoma are neuroendocrine."""
    assert {code: origin(past(sct(code))) for code in codes} == dict.fromkeys(codes, expected)


@pytest.mark.parametrize(
    ("code", "expected"), [("314998002", "met"), ("314997007", "met"), ("705176003", "met")]
)
def test_a_code_that_states_the_origin_settles_it_at_the_liver(code: str, expected: str) -> None:
    """clinical.md 2.3, rank 2; 2.5: such codes name no site."""
    assert diagnosis(condition(sct(code), bodySite=[sct(LIVER)])) == expected
    both = {"coding": [*concept("C78.7")["coding"], *sct(code)["coding"]]}
    assert diagnosis(condition(both), past("C50.911")) == expected
    assert diagnosis(condition(sct(code))) == "unknown"


def linked(to: str = "Condition/primary") -> Resource:
    """A liver metastasis with a link to its primary."""
    return condition("C78.7", extension=[{"url": LINK, "valueReference": {"reference": to}}])


def test_the_link_to_its_primary_comes_first() -> None:
    """clinical.md 2.3, rank 1."""
    colon, breast = past("C18.7"), past("C50.911", "breast")
    assert diagnosis(linked(), colon, breast) == "met"
    assert diagnosis(linked("Condition/breast"), colon, breast) == "not-met"
    assert diagnosis(linked("Condition/gone"), colon) == "unknown"
    assert diagnosis(linked("Condition/benign"), colon, past("D12.6", "benign")) == "unknown"


@pytest.mark.parametrize(
    "extension", [{"url": LINK}, {"url": LINK, "valueReference": {"display": "colon"}}, {"url": 5}]
)
def test_a_link_that_cannot_be_read_leaves_it_open(extension: Resource) -> None:
    """clinical.md 4.5."""
    assert diagnosis(condition("C78.7", extension=[extension]), past("C18.7")) == "unknown"


def test_all_candidate_primaries_have_to_say_the_same() -> None:
    """clinical.md 2.3: met if every candidate says met, not met if every one says not met, else unknown."""
    assert origin(past("C18.7"), past("C7A.012", "other")) == "met"
    assert origin(past("C50.911"), past("C61", "other")) == "not-met"
    assert origin(past("C18.7"), past("C50.911", "other")) == "unknown"
    assert gaps("diagnosis", [*BASE, condition("C78.7"), past("C18.7"), past("C50.911", "other")]) >= {
        "origin-differs"
    }
    assert origin() == "unknown"
    assert gaps("diagnosis", [*BASE, condition("C78.7")]) >= {"origin-unknown"}


def test_a_provisional_candidate_counts_only_alone_and_leaves_it_open() -> None:
    """clinical.md 2.3."""
    unsure = past("C18.7", "maybe", verificationStatus=verification("provisional"))
    assert origin(unsure) == "unknown"
    assert origin(unsure, past("C50.911")) == "not-met"


def test_refuted_and_erroneous_primaries_are_ignored_and_an_absent_verification_is_used() -> None:
    """clinical.md 2.4."""
    for code in ("refuted", "entered-in-error"):
        assert origin(past("C50.911", "no", verificationStatus=verification(code)), past("C18.7")) == "met"
    assert origin(past("C18.7", verificationStatus=None)) == "met"


@pytest.mark.parametrize(
    ("histology", "expected"),
    [("443492008", "met"), ("109841003", "unknown"), ("999", "unknown")],
)
def test_histology_tells_where_there_is_no_candidate(histology: str, expected: str) -> None:
    """clinical.md 2.3, rank 4."""
    told = {"extension": [{"url": HISTOLOGY, "valueCodeableConcept": sct(histology)}]}
    assert diagnosis(condition("C78.7", **told)) == expected
    assert diagnosis(condition("C78.7", **told), past("C50.911")) == "not-met"


def test_histology_tells_small_cell_from_other_lung_cancers() -> None:
    """clinical.md 2.3: ICD C34, C74 and C47 need histology."""
    told = {"extension": [{"url": HISTOLOGY, "valueCodeableConcept": sct("254632001")}]}
    assert origin(past("C34.90", **told)) == "met"
