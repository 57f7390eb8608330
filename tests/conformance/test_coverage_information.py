"""Da Vinci CRD: coverage-information held against facts written down from the two versions."""

from typing import Any

import pytest

from cds_service.answer.coverage_rules import Verdict, problems, verdicts
from cds_service.determination import Determination
from cds_service.kernel.provenance import Evidence, Gap
from cds_service.kernel.truth import Truth
from cds_service.orders.order import Coding
from tests.unit.answer import samples

URL = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
MANY = 99
CODE, TEXT, DAY = "valueCode", "valueString", "valueDate"
# url: (min, max, value element, codes), from the published definitions and not from the program.
BOTH: dict[str, tuple[int, int, str, str]] = {
    "coverage": (1, 1, "valueReference", ""),
    "doc-purpose": (0, MANY, CODE, "withpa withclaim withorder retain-doc OTH"),
    "billingCode": (0, MANY, "valueCoding", ""),
    "reason": (0, MANY, "valueCodeableConcept", ""),
    "detail": (0, MANY, "extension", ""),
    "dependency": (0, MANY, "valueReference", ""),
    "questionnaire": (0, MANY, "valueCanonical", ""),
    "date": (1, 1, DAY, ""),
    "coverage-assertion-id": (1, 1, TEXT, ""),
    "satisfied-pa-id": (0, 1, TEXT, ""),
}
FACTS: dict[str, dict[str, tuple[int, int, str, str]]] = {
    "2.0": BOTH
    | {
        "covered": (1, 1, CODE, "covered not-covered conditional"),
        "pa-needed": (0, 1, CODE, "no-auth auth-needed satisfied performpa conditional"),
        "doc-needed": (0, 1, CODE, "clinical admin both conditional"),
        "info-needed": (0, MANY, CODE, "performer location timeframe contract-window OTH"),
        "response": (0, MANY, "valueReference", ""),
        "contact": (0, MANY, "valueContactPoint", ""),
    },
    "2.2": BOTH
    | {
        "covered": (1, 1, CODE, "covered not-covered conditional indeterminate"),
        "pa-needed": (0, 1, CODE, "no-auth auth-needed satisfied performpa conditional indeterminate"),
        "doc-needed": (0, MANY, CODE, "clinical admin patient conditional indeterminate"),
        "info-needed": (0, MANY, CODE, "performer location timeframe contract-window detail-code OTH"),
        "contact": (0, MANY, "valueContactDetail", ""),
        "expiry-date": (0, 1, DAY, ""),
    },
}
VERSIONS = ["2.0", "2.2"]
EVERY = [(name, version) for name in samples.KINDS for version in VERSIONS]


def say(**parts: Any) -> dict[str, Any]:
    """An extension from `name=code` or `name=[codes]`, underscores read as hyphens, the rest added."""
    extension = [
        {"url": "coverage", "valueReference": {"reference": "Coverage/c"}},
        {"url": "date", DAY: "2026-11-21"},
        {"url": "coverage-assertion-id", TEXT: "a-1"},
    ]
    for name, value in parts.items():
        url = name.replace("_", "-")
        key = FACTS["2.2"].get(url, FACTS["2.0"].get(url, (0, 0, TEXT, "")))[2]
        extension += [{"url": url, key: item} for item in (value if isinstance(value, list) else [value])]
    return {"url": URL, "extension": extension}


REASON = {"text": "Because."}
CONDITIONAL = {"covered": "conditional", "pa_needed": "conditional", "info_needed": "OTH", "reason": REASON}
FORM = {"doc_needed": "clinical", "questionnaire": "http://x.example/Questionnaire/q|1"}
PASS, FAIL, DEPENDS = Verdict.PASS, Verdict.FAIL, Verdict.DEPENDS


@pytest.mark.requirement("CRD-021", "CRD-023", "CRD-024", "CRD-026", "CRD-085", "resp-52")
@pytest.mark.parametrize(("name", "version"), EVERY)
def test_known_parts_as_often_as_allowed_with_known_codes(name: str, version: str) -> None:
    """CRD-021, 023, 024, 026, 085: url, cardinality, value element and code of every part."""
    extension = samples.extension(samples.KINDS[name](), version)
    assert (extension["url"], set(extension)) == (URL, {"url", "extension"})
    counts: dict[str, int] = {}
    for part in extension["extension"]:
        _, _, element, codes = FACTS[version][part["url"]]
        assert set(part) == {"url", element}
        assert not codes or part[element] in codes.split()
        counts[part["url"]] = counts.get(part["url"], 0) + 1
    for url, (low, high, _, _) in FACTS[version].items():
        assert low <= counts.get(url, 0) <= high, url


@pytest.mark.requirement(
    "CRD-027", "CRD-028", "CRD-029", "CRD-030", "CRD-031", "CRD-032", "CRD-033", "CRD-034"
)
@pytest.mark.requirement("CRD-035", "CRD-036")
@pytest.mark.parametrize(("name", "version"), EVERY)
def test_the_invariants_hold_on_whatever_leaves(name: str, version: str) -> None:
    """crd-dtr.md 1.3, restated here from the text of each rule."""
    extension = samples.extension(samples.KINDS[name](), version)

    def said(url: str) -> list[Any]:
        return samples.values(extension, url)

    open_ended = "conditional" in said("covered") + said("pa-needed") + said("doc-needed")
    assert not said("questionnaire") or said("doc-needed"), "q1"
    assert said("covered") != ["not-covered"] or not said("pa-needed"), "q2"
    assert version == "2.2" or said("covered") == ["not-covered"] or said("pa-needed"), "q2 of 2.0.1"
    assert open_ended == bool(said("info-needed")), "q3"
    assert said("doc-purpose") == [], "q4, q8"
    assert said("pa-needed") != ["satisfied"] and not said("satisfied-pa-id"), "q5"
    assert len(said("reason")) == 1 and said("reason")[0]["text"].strip(), "q6, q7, q9"


@pytest.mark.parametrize(
    ("parts", "rule", "before", "now"),
    [
        ({"covered": "covered", "pa_needed": "no-auth"}, "q2", PASS, PASS),
        ({"covered": "covered"}, "q2", FAIL, PASS),
        ({"covered": "covered", "pa_needed": "auth-needed"} | FORM, "q1", PASS, PASS),
        ({"covered": "covered", "pa_needed": "auth-needed", "doc_purpose": "withpa"}, "q8", None, FAIL),
        ({"covered": "covered", "pa_needed": "auth-needed", "doc_purpose": "withpa"}, "q4", PASS, DEPENDS),
        (CONDITIONAL | {"doc_purpose": ["withclaim", "withorder", "retain-doc"]}, "q4", PASS, PASS),
        (CONDITIONAL | {"doc_purpose": ["withclaim", "withorder", "retain-doc"]}, "q8", None, PASS),
        ({"covered": "covered", "pa_needed": "no-auth", "doc_purpose": "withpa"}, "q4", FAIL, FAIL),
        ({"covered": "covered", "pa_needed": "satisfied", "doc_purpose": "withpa"}, "q4", FAIL, FAIL),
        ({"covered": "covered", "pa_needed": "satisfied", "satisfied_pa_id": "P"}, "q5", PASS, PASS),
        ({"covered": "covered", "pa_needed": "satisfied"}, "q5", FAIL, FAIL),
        ({"covered": "covered", "pa_needed": "no-auth", "satisfied_pa_id": "P"}, "q5", FAIL, FAIL),
        ({"covered": "not-covered"}, "q2", DEPENDS, PASS),
        ({"covered": "not-covered", "pa_needed": "no-auth"}, "q2", FAIL, FAIL),
        ({"covered": "conditional", "pa_needed": "no-auth"}, "q3", FAIL, FAIL),
        ({"covered": "covered", "pa_needed": "no-auth", "info_needed": "OTH"}, "q3", FAIL, FAIL),
        (CONDITIONAL, "q3", PASS, PASS),
        ({**CONDITIONAL, "reason": []}, "q6", None, FAIL),
        (CONDITIONAL, "q6", None, PASS),
        ({"covered": "conditional", "info_needed": "OTH", "reason": REASON}, "q2", FAIL, PASS),
        (
            {"covered": "covered", "pa_needed": "no-auth", "questionnaire": "http://x.example/q|1"},
            "q1",
            FAIL,
            FAIL,
        ),
        ({"covered": "indeterminate", "pa_needed": "indeterminate"}, "q9", None, FAIL),
        ({"covered": "indeterminate", "reason": REASON}, "q9", None, PASS),
        ({"covered": "covered", "reason": {"coding": [{"code": "x"}]}}, "q7", None, FAIL),
    ],
)
def test_each_combination_has_the_verdict_that_was_worked_out(
    parts: dict[str, Any], rule: str, before: Verdict | None, now: Verdict
) -> None:
    """crd-dtr.md 1.3 and 1.4: pass, fail, or engine-dependent; None where 2.0.1 has no such rule."""
    assert verdicts(say(**parts), "2.0").get(f"crd-ci-{rule}") is before
    assert verdicts(say(**parts), "2.2")[f"crd-ci-{rule}"] is now


@pytest.mark.parametrize(
    ("parts", "version", "trouble"),
    [
        (CONDITIONAL | {"doc_needed": "both"}, "2.2", "doc-needed says 'both'"),
        (CONDITIONAL | {"doc_needed": ["clinical", "admin"]}, "2.0", "doc-needed stands 2 times"),
        (CONDITIONAL | {"expiry_date": "2026-12-31"}, "2.0", "expiry-date is not known"),
        (
            CONDITIONAL | {"response": {"reference": "QuestionnaireResponse/q"}},
            "2.2",
            "response is not known",
        ),
        (CONDITIONAL | {"contact": {"name": "Desk"}}, "2.0", "contact holds"),
        (
            {"covered": "indeterminate", "pa_needed": "no-auth", "reason": REASON},
            "2.0",
            "says 'indeterminate'",
        ),
        (CONDITIONAL | {"covered": ["covered", "conditional"]}, "2.2", "covered stands 2 times"),
        (CONDITIONAL | {"info_needed": "detail-code"}, "2.0", "says 'detail-code'"),
        (CONDITIONAL | {"doc_purpose": "withpa"}, "2.2", "crd-ci-q4: engine-dependent"),
        (CONDITIONAL | {"questionnaire": ""}, "2.2", "questionnaire is empty"),
    ],
)
@pytest.mark.requirement("CRD-023", "CRD-024", "CRD-031", "CRD-085")
def test_what_a_version_does_not_know_is_refused(parts: dict[str, Any], version: Any, trouble: str) -> None:
    """crd-dtr.md 1.4 and 1.6: shapes of one version are never sent in the other."""
    assert [problem for problem in problems(say(**parts), version) if trouble in problem]


def test_the_disagreement_that_cannot_be_avoided_is_let_through() -> None:
    """2.0.1 crd-ci-q2: not-covered follows the text, without pa-needed (crd-dtr.md 1.3, point 1)."""
    assert problems(say(covered="not-covered", reason=REASON), "2.0") == ()


@pytest.mark.requirement("CRD-026", "CRD-042", "resp-30")
def test_a_2_2_assertion_links_its_policy_and_says_which_code_it_is_for() -> None:
    """crd-dtr.md 1.2: detail with category, code and valueUrl; billingCode without a licensed text."""
    extension = samples.extension(samples.met())
    (detail,) = [part["extension"] for part in extension["extension"] if part["url"] == "detail"]
    assert [part["url"] for part in detail] == ["category", "code", "value"]
    assert detail[0]["valueCode"] == "cat-other"
    (coding,) = detail[1]["valueCodeableConcept"]["coding"]
    assert coding == {
        "system": "http://terminology.hl7.org/CodeSystem/crd-coverage-detail",
        "code": "policy-link",
    }
    assert detail[2]["valueUrl"] == "https://crd.example.org/policies/lakeside/lm-7.3/versions/2026-02-01"
    assert samples.values(extension, "billingCode") == [
        {"system": "http://www.ama-assn.org/go/cpt", "code": "99999"}
    ]
    assert samples.values(samples.extension(samples.met(), "2.0"), "detail") == []


@pytest.mark.requirement("CRD-026")
def test_the_contact_has_the_type_of_its_version() -> None:
    """crd-dtr.md 1.6, point 1; a page is named only where there is no phone (resp-17)."""
    phone = {"system": "phone", "value": "1-800-555-0100"}
    new, old = (
        samples.values(samples.extension(samples.met(), version), "contact") for version in ("2.2", "2.0")
    )
    assert new == [{"name": "Lakeside policy desk", "telecom": [phone]}]
    assert old == [phone]
    (manual,) = samples.values(samples.extension(samples.refer()), "contact")
    assert manual == {"name": "State Manual", "telecom": [{"system": "url", "value": samples.MANUAL.url}]}
    assert samples.values(samples.extension(samples.no_policy()), "contact") == []


@pytest.mark.requirement("CRD-022", "CRD-025")
@pytest.mark.parametrize("version", VERSIONS)
def test_coverage_date_and_id(version: str) -> None:
    """CRD-022, CRD-025: the client's own Coverage, and a plain date of today."""
    extension = samples.extension(samples.met(), version)
    assert samples.values(extension, "coverage") == [{"reference": "Coverage/cov-1"}]
    assert samples.values(extension, "date") == ["2026-11-21"]
    assert samples.values(extension, "coverage-assertion-id")[0].startswith("cda-")


@pytest.mark.requirement("CRD-036", "resp-43")
def test_a_technical_failure_says_so_in_2_2_and_is_conditional_in_2_0() -> None:
    """resp-43: the code `technical` and a text; 2.0.1 knows neither code."""
    new, old = samples.extension(samples.technical()), samples.extension(samples.technical(), "2.0")
    (reason,) = samples.values(new, "reason")
    assert reason["coding"][0]["code"] == "technical"
    assert samples.values(new, "covered") == samples.values(new, "pa-needed") == ["indeterminate"]
    assert samples.values(old, "covered") == samples.values(old, "pa-needed") == ["conditional"]
    assert samples.values(old, "info-needed") == ["OTH"]
    assert set(samples.values(old, "reason")[0]) == {"text"}
    assert "coding" not in samples.values(samples.extension(samples.cannot_evaluate()), "reason")[0]


@pytest.mark.requirement("CRD-037", "CRD-038", "CRD-039", "CRD-040", "resp-38")
@pytest.mark.parametrize(
    ("made", "covered", "authorization", "documents"),
    [
        (samples.no_authorization(), ["covered"], ["no-auth"], []),
        (samples.authorization_required(), ["covered"], ["auth-needed"], []),
        (samples.met(), ["covered"], ["conditional"], []),
        (samples.needs_info(), ["conditional"], ["conditional"], ["clinical"]),
        (samples.investigational(), ["not-covered"], [], []),
        (samples.refer(), ["conditional"], ["conditional"], []),
        (samples.no_policy(), ["conditional"], ["conditional"], []),
        (samples.out_of_scope(), ["conditional"], ["conditional"], []),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_each_outcome_says_what_was_decided(
    made: Determination, covered: list[str], authorization: list[str], documents: list[str], version: str
) -> None:
    """The table of determinations.md section 1."""
    extension = samples.extension(made, version)
    assert samples.values(extension, "covered") == covered
    assert samples.values(extension, "pa-needed") == authorization
    assert samples.values(extension, "doc-needed") == documents
    assert samples.values(extension, "questionnaire") == [samples.FORM] * len(documents)


@pytest.mark.requirement("CRD-040", "covinfo-2")
def test_the_reason_names_policy_date_and_criteria() -> None:
    """determinations.md section 1: policy number, version date, the failed and the open criteria by name."""
    other = samples.criterion(Truth.UNKNOWN, "No spread")
    made = samples.investigational(criteria=(samples.FAILED, other))
    (reason,) = samples.values(samples.extension(made), "reason")
    for words in (
        "LM 7.3",
        "2026-02-01",
        "Lakeside Health Plan",
        "Smaller than 5 cm",
        "No spread",
        "investigational",
    ):
        assert words in reason["text"]
    (reason,) = samples.values(samples.extension(samples.needs_info()), "reason")
    assert "open: Smaller than 5 cm" in reason["text"]
    assert (
        "may be considered medically necessary"
        in samples.values(samples.extension(samples.met()), "reason")[0]["text"]
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_another_order_that_the_answer_leaned_on_is_named(version: str) -> None:
    """determinations.md section 5: from evidence and gaps; not the order itself, nor other resources."""
    leaning = samples.criterion(
        Truth.UNKNOWN,
        evidence=(Evidence("Observation/o1", "3.1 cm"), Evidence("ServiceRequest/order-1", "site")),
        gaps=(Gap("resection-ordered", "Resection", "ServiceRequest/other-9"), Gap("absent")),
    )
    made = samples.needs_info(criteria=(leaning, leaning))
    assert samples.values(samples.extension(made, version), "dependency") == [
        {"reference": "ServiceRequest/other-9"}
    ]
    assert samples.values(samples.extension(samples.needs_info(), version), "dependency") == []


@pytest.mark.parametrize(
    ("asked", "before"), [("patient", "admin"), ("clinical", "clinical"), ("admin", "admin")]
)
def test_who_must_document_is_said_in_the_codes_of_the_version(asked: str, before: str) -> None:
    """2.0.1 has no `patient`; staff, not clinicians, are the nearest it can say."""
    made = samples.needs_info(doc_needed=asked)
    assert samples.values(samples.extension(made), "doc-needed") == [asked]
    assert samples.values(samples.extension(made, "2.0"), "doc-needed") == [before]


def test_several_billing_codes_are_all_named() -> None:
    """resp-30: the assertion holds for each of the order's codes."""
    codes = (Coding("urn:a", "1"), Coding("urn:a", "2"))
    made = samples.met(order=samples.order(billing_codes=codes))
    assert [code["code"] for code in samples.values(samples.extension(made), "billingCode")] == ["1", "2"]
