"""What M, N, disease status and statements say of spread (clinical.md 4.1, 4.2 and 4.4)."""

import pytest

from tests.builders import (
    LOINC,
    NCIT,
    Resource,
    ago,
    attestation,
    changed,
    concept,
    condition,
    coverage,
    crc,
    disease_status,
    form,
    gaps,
    hcc,
    m_category,
    n_category,
    net,
    notes,
    observation,
    order,
    past,
    procedure,
    sct,
    state,
    verification,
    without,
)

BARE = [{"resourceType": "Patient", "id": "pat"}, order(), coverage()]
TREATED = procedure("Hepatic resection", "treated", "2026-10-01")


def outside(*resources: Resource) -> str:
    """The state of the criterion in a chart of these resources."""
    return state("extrahepatic", [*BARE, *resources])


def tumor(code: str = "C22.0") -> Resource:
    """A liver tumor found 60 days before the order."""
    return condition(code)


def metastasis(primary: str | Resource = "C18.7", code: str = "C78.7") -> tuple[Resource, Resource]:
    """A liver metastasis of a past primary."""
    return condition(code), past(primary)


SETTINGS = {
    "HCC": (tumor(),),
    "liver primary unspecified": (tumor("C22.8"),),
    "CRC": metastasis(),
    "NET": metastasis("C7A.012"),
    "lung NET": metastasis("C7A.090"),
    "no origin": (condition("C78.7"),),
    "C7B.02 alone": (condition("C7B.02"),),
    "CRC and NET": (*metastasis(), past("C7A.012", "second")),
    "past metastasis only": (condition("C78.7", status="resolved"), past("C18.7")),
    "HCC beside a past metastasis": (tumor(), condition("C78.7", "old", "resolved"), past("C18.7")),
    "liver cancer unspecified": (tumor("C22.9"),),
    "no tumor": (),
}


@pytest.mark.parametrize(
    ("setting", "m0", "m1", "m1a", "m1b", "m1c", "pm0"),
    [
        ("HCC", "met", "not-met", "not-met", "not-met", "not-met", "unknown"),
        ("liver primary unspecified", "met", "not-met", "not-met", "not-met", "not-met", "unknown"),
        ("CRC", "unknown", "unknown", "met", "not-met", "not-met", "unknown"),
        ("NET", "unknown", "unknown", "met", "not-met", "not-met", "unknown"),
        *((name, "unknown", "unknown", "unknown", "unknown", "unknown", "unknown")
          for name in ("lung NET", "no origin", "C7B.02 alone", "CRC and NET", "past metastasis only",
                       "HCC beside a past metastasis")),
        *((name, "met", "unknown", "unknown", "unknown", "unknown",
        "unknown") for name in ("liver cancer unspecified", "no tumor")),
    ],
)  # fmt: skip
def test_what_m_means_by_cancer(
    setting: str, m0: str, m1: str, m1a: str, m1b: str, m1c: str, pm0: str
) -> None:
    """clinical.md 4.2, the table and the rules below it."""
    expected = {"cM0": m0, "cM1": m1, "cM1a": m1a, "cM1b": m1b, "cM1c": m1c, "pM0": pm0, "cM0(i+)": pm0}
    found = {value: outside(*SETTINGS[setting], m_category(value)) for value in expected}
    assert found == expected


@pytest.mark.parametrize(
    ("setting", "overruled"),
    [("no origin", False), ("C7B.02 alone", False), ("CRC and NET", False), ("lung NET", False),
    ("past metastasis only", False),
     ("CRC", True), ("NET", True), ("HCC", True)],
)  # fmt: skip
def test_a_letter_that_says_nothing_about_the_liver_is_ignored(setting: str, overruled: bool) -> None:
    """clinical.md 4.2: a later M1b does not overrule an older statement where M letters are ignored."""
    stated = attestation("extrahepatic-disease", "absent", days=20)
    assert outside(*SETTINGS[setting], stated, m_category("cM1b", days=5)) == (
        "not-met" if overruled else "met"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (sct("1229901006"), "met"), (sct("1229903009"), "not-met"), (sct("1229916009"), "not-met"),
        (sct("1229904003"), "not-met"),
        (sct("1229907005"), "not-met"), (sct("1229910003"), "not-met"), (sct("1229913001"), "not-met"),
        (sct("1229902004"), "unknown"), (concept("C48740", NCIT), "unknown"), (sct("30893008"), "met"),
        (sct("55440008"), "not-met"),
        (concept("cM0", "http://cancerstaging.org"), "met"), (concept("cM1a", "http://cancerstaging.org"),
        "not-met"),
        ({"text": " CM0 "}, "met"), ({"text": "m0"}, "met"), ({"text": "ycM0"}, "met"),
        ({"text": "pM1b"}, "not-met"),
        ({"text": "rM1"}, "not-met"), ({"text": "M0 "}, "met"), ({"text": "no metastases"}, "unknown"),
        ({"text": "MX"}, "unknown"),
        ({"coding": [*sct("1229901006")["coding"], *sct("1229903009")["coding"]]}, "unknown"),
    ],
)  # fmt: skip
def test_m_categories_by_code_and_by_words(value: Resource, expected: str) -> None:
    """clinical.md 4.1: trimmed, case-insensitive; yp and r like the plain letter; pM0 is no AJCC category."""
    assert outside(tumor(), m_category("", valueCodeableConcept=value)) == expected


@pytest.mark.parametrize("code", [sct("277208005"), sct("399387003"), sct("371497001"),
                                  *(concept(each, LOINC) for each in ("21907-1", "21901-4",
                                  "21913-9"))])  # fmt: skip
def test_m_observations_by_every_code(code: Resource) -> None:
    """clinical.md 4.1; do not filter on category."""
    assert outside(tumor(), observation(code, "m", valueString="cM0")) == "met"
    assert outside(tumor(), observation(code, "m", valueCodeableConcept=sct("1229903009"))) == "not-met"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cN0", "met"),
        ("cN1", "not-met"),
        ("pN2a", "not-met"),
        ("N1c", "not-met"),
        ("cNX", "met"),
        ("what", "unknown"),
    ],
)
def test_nodes_of_a_liver_primary_are_disease_outside(value: str, expected: str) -> None:
    """clinical.md 4.2: N1 or more with HCC; pN1 of a resected colorectal cancer is not current disease."""
    assert outside(tumor(), m_category("cM0"), n_category(value)) == expected
    if value != "what":
        assert outside(*metastasis(), m_category("cM1a"), n_category(value)) == "met"


@pytest.mark.parametrize("code", [sct("277206009"), sct("371494008"),
                                  *(concept(each, LOINC) for each in ("21906-3", "21900-6",
                                  "21912-1"))])  # fmt: skip
def test_n_observations_by_every_code(code: Resource) -> None:
    """clinical.md 4.1."""
    assert outside(tumor(), m_category("cM0"), observation(code, "n", valueString="cN1")) == "not-met"


def test_nodes_beside_a_past_metastasis_count_only_when_they_are_the_liver_primarys() -> None:
    """clinical.md 4.2: an N without a focus may be that of the primary of the metastasis."""
    both = tumor(), condition("C78.7", "old", "resolved"), past("C18.7")
    stated = attestation("extrahepatic-disease", "absent")
    assert outside(*both, stated, n_category("cN1")) == "unknown"
    own = n_category("cN1", "own", focus=[{"reference": "Condition/dx"}])
    assert outside(*both, stated, own) == outside(*both, stated, own, n_category("cN1")) == "not-met"


def test_the_latest_n_category_counts() -> None:
    """clinical.md 4.4, line 1; a stale N has no effect (4.5)."""
    base = tumor(), m_category("cM0")
    assert outside(*base, n_category("cN1", "old", 50), n_category("cN0")) == "met"
    assert outside(*base, n_category("cN0", "old", 50), n_category("cN1")) == "not-met"
    assert outside(*base, n_category("cN1", "one"), n_category("cN0", "two")) == "unknown"
    assert outside(*base, n_category("cN1", days=181)) == "met"
    assert outside(*base, n_category("cN1", status="preliminary")) == "met"
    assert (
        outside(*base, n_category("cN1", focus=[{"reference": "Condition/other"}]), past("C50.911", "other"))
        == "met"
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"status": "amended"}, "met"),
        ({"status": "corrected"}, "met"),
        ({"status": "preliminary"}, "unknown"),
        ({"status": "registered"}, "unknown"),
        ({"status": "cancelled"}, "unknown"),
        ({"status": "entered-in-error"}, "unknown"),
        ({"subject": {"reference": "Patient/other"}}, "unknown"),
        ({"effectiveDateTime": ago(180)}, "unknown"),
        ({"effectiveDateTime": ago(61)}, "unknown"),
        ({"effectiveDateTime": ago(60)}, "met"),
        ({"effectiveDateTime": None}, "unknown"),
        ({"effectiveDateTime": None, "effectiveInstant": f"{ago(30)}T10:00:00Z"}, "met"),
        ({"effectiveDateTime": None, "effectivePeriod": {"start": ago(90), "end": ago(30)}}, "met"),
        ({"focus": [{"reference": "Condition/dx"}]}, "met"),
        ({"focus": [{"reference": "Condition/other"}]}, "unknown"),
        ({"focus": [{"reference": "Condition/other"}, {"reference": "Condition/dx"}]}, "met"),
        ({"focus": [{"reference": "Condition/gone"}]}, "unknown"),
        ({"focus": [{"display": "the tumor"}]}, "unknown"),
        ({"focus": [{"reference": "Patient/pat"}]}, "met"),
    ],
)
def test_which_m_statements_count(members: Resource, expected: str) -> None:
    """clinical.md 4.2 and 4.5: final, this patient, fresh, not before the onset, about this tumor."""
    made = {key: value for key, value in {**m_category("cM0"), **members}.items() if value is not None}
    assert outside(tumor(), past("C50.911", "other"), made) == expected


def test_staging_of_the_primary_counts_for_its_metastasis() -> None:
    """clinical.md 4.2: neither the liver tumor nor its primary: ignore."""
    about = {"focus": [{"reference": "Condition/primary"}]}
    assert outside(*metastasis(), m_category("cM1a", **about)) == "met"
    assert outside(tumor(), past("C18.7"), m_category("cM0", **about)) == "unknown"


def test_an_m_before_the_onset_is_about_something_else() -> None:
    """clinical.md 4.2: dated before the onset, else the recorded date: ignore."""
    early = m_category("cM1b", days=90)
    assert outside(*metastasis(), m_category("cM1a"), early) == "met"
    recorded = changed(
        [*BARE, *metastasis(), m_category("cM1a")], "dx", onsetDateTime=None, recordedDate=ago(20)
    )
    assert state("extrahepatic", recorded) == "unknown"
    assert "set-aside" in notes("extrahepatic", recorded)


def test_of_several_tumors_the_latest_onset_counts() -> None:
    """clinical.md 4.2: dated before the onset of the liver tumor."""
    older = condition("C22.0", "older", onsetDateTime=ago(400))
    assert outside(older, m_category("cM0", days=100)) == "met"
    assert outside(older, tumor(), m_category("cM0", days=100)) == "unknown"


def test_a_diagnosis_that_contradicts_itself_takes_the_letters_their_meaning() -> None:
    """clinical.md 1.4: codings that exclude each other give unknown."""
    both = {"coding": [*concept("C22.0")["coding"], *concept("C78.7")["coding"]]}
    assert outside(*metastasis(), condition(both, "odd"), m_category("cM1a")) == "unknown"


def test_the_latest_statement_decides_and_one_day_must_agree() -> None:
    """clinical.md 4.4, line 2."""
    absent, present, open_ = (
        lambda days, value=value: attestation("extrahepatic-disease", value, value, days)
        for value in ("absent", "present", "indeterminate")
    )
    assert outside(tumor(), m_category("cM0"), present(5)) == "not-met"
    assert outside(tumor(), m_category("cM1", days=40), absent(5)) == "met"
    assert outside(tumor(), present(9), absent(5)) == "met"
    assert outside(tumor(), absent(5), present(5)) == "unknown"
    assert "conflict" in gaps("extrahepatic", [*BARE, tumor(), absent(5), present(5)])
    assert outside(tumor(), absent(9), open_(5)) == "unknown"
    assert outside(tumor(), open_(9), absent(5)) == "met"
    assert outside(tumor(), m_category("cM0", days=5), open_(5)) == "unknown"
    assert outside(tumor(), present(70)) == outside(tumor(), absent(70)) == "unknown"


def test_a_form_speaks_like_an_attestation() -> None:
    """clinical.md 4.3: form answers count like attestations."""
    assert outside(tumor(), form({"extrahepatic-disease": "absent"})) == "met"
    assert outside(tumor(), m_category("cM0"), form({"extrahepatic-disease": "present"})) == "not-met"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("HCC", "not-met"), ("CRC", "unknown"), ("NET", "unknown"), ("no tumor", "unknown")],
)
def test_distant_metastasis_present(setting: str, expected: str) -> None:
    """clinical.md 4.2: 399409002, HCC not met; CRC and NET unknown."""
    stated = attestation("extrahepatic-disease", "absent", days=20)
    assert outside(*SETTINGS[setting], stated, disease_status("399409002")) == expected


@pytest.mark.parametrize(
    ("treated", "expected"),
    [
        (TREATED, "met"),
        (procedure("Chemoembolization", "treated", "2026-10-01"), "met"),
        (procedure("Colectomy", "treated", "2020"), "met"),
        (procedure("Segmentectomy", "treated", "2020"), "met"),
        (procedure("Cryosurgery of liver", "treated", "2020"), "met"),
        (procedure("FOLFOX chemotherapy", "treated", "2020"), "met"),
        (procedure("Radiotherapy", "treated", "2020"), "met"),
        (procedure(concept("37243", "http://www.ama-assn.org/go/cpt"), "treated", "2026-10-01"), "met"),
        (procedure("Hepatic resection", "treated", ago(3)), "unknown"),
        (procedure("Hepatic resection", "treated", None), "unknown"),
        (procedure("Hepatic resection", "treated", "2026-10-01", status="not-done"), "unknown"),
        (procedure("Appendicitis drainage", "treated", "2026-10-01"), "unknown"),
    ],
)
def test_no_evidence_of_recurrence_counts_only_after_a_completed_treatment(
    treated: Resource, expected: str
) -> None:
    """clinical.md 4.3 and 4.4: 414861001 dated after treatment."""
    assert outside(tumor(), disease_status("414861001"), treated) == expected
    assert outside(tumor(), disease_status("414861001"), treated, procedure("Biopsy", "biopsy")) == expected


def test_disease_status_before_the_onset_or_not_final_is_set_aside() -> None:
    """clinical.md 4.2 and 4.4."""
    assert outside(tumor(), TREATED, disease_status("414861001", days=70)) == "unknown"
    assert outside(tumor(), TREATED, disease_status("414861001", status="preliminary")) == "unknown"
    assert outside(tumor(), TREATED, m_category("cM0"), disease_status("268910001")) == "met"
    broken = disease_status("414861001", valueCodeableConcept=None)
    assert (
        outside(tumor(), m_category("cM0"), {k: v for k, v in broken.items() if v is not None}) == "unknown"
    )
    both = {"coding": [*sct("414861001")["coding"], *sct("399409002")["coding"]]}
    assert (
        outside(tumor(), TREATED, m_category("cM0"), disease_status("", valueCodeableConcept=both))
        == "unknown"
    )


@pytest.mark.parametrize(
    ("form_type", "m", "expected"),
    [
        ("colorectal-metastasis", "cM1a", "met"),
        ("neuroendocrine-metastasis", "cM1a", "unknown"),
        ("hepatocellular-carcinoma", "cM0", "met"),
        ("hepatocellular-carcinoma", "cM1a", "not-met"),
        ("other", "cM1a", "unknown"),
    ],
)
def test_a_tumor_type_that_the_form_decided_tells_how_m_reads(form_type: str, m: str, expected: str) -> None:
    """clinical.md 4.2: the origin is established when liver-tumor-type decided D; not for every NET."""
    said = attestation("liver-tumor-type", form_type)
    found = condition("C78.7") if form_type.endswith("metastasis") else tumor("C22.9")
    assert outside(found, m_category(m), said) == expected


def test_a_provisional_liver_metastasis_is_not_on_record() -> None:
    """clinical.md 2.4: never gives met or not met by itself."""
    unsure = condition("C78.7", "maybe", verificationStatus=verification("provisional"))
    assert outside(tumor(), unsure, m_category("cM1a")) == "not-met"


def test_the_baselines_rest_on_their_m_category() -> None:
    """clinical.md 7: without it the criterion is open."""
    for chart in (hcc(), crc(), net()):
        assert state("extrahepatic", chart) == "met"
        assert state("extrahepatic", without(chart, "m")) == "unknown"
