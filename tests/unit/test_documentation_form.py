"""The documentation form asks what attestation codes name, offers their values, prefills from the chart."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import fhirpathpy as fhirpath
import pytest
from fhirpathpy.models import models

from tests.builders import knowledge

Json = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "fhir_profiles"
FORM: Json = json.loads((FOLDER / "questionnaires" / "liver-cryoablation.json").read_text(encoding="utf-8"))
QUESTIONS = {item["linkId"]: item for item in FORM["item"] if item["type"] != "display"}
ATTESTATION = "http://cds-service.example.org/fhir/CodeSystem/attestation"
# Interface, section 4: the type of each answer.
TYPES = {
    "resectability": "choice",
    "surgical-candidate": "boolean",
    "amenable-to-cryoablation": "boolean",
    "extrahepatic-disease": "choice",
    "primary-tumor-status": "choice",
    "largest-tumor-diameter": "quantity",
    "liver-tumor-type": "choice",
}


def _extensions(item: Json, name: str) -> list[Json]:
    return [part for part in item.get("extension", []) if part["url"].endswith(name)]


def test_one_question_for_each_attestation_code() -> None:
    """Link ids are the attestation codes, with the type of answer the interface promises."""
    assert {link: item["type"] for link, item in QUESTIONS.items()} == TYPES
    for link, item in QUESTIONS.items():
        assert [(code["system"], code["code"]) for code in item["code"]] == [(ATTESTATION, link)]


@pytest.mark.parametrize("link", [link for link, kind in TYPES.items() if kind == "choice"])
def test_choices_are_the_codes_of_the_value_set(link: str) -> None:
    """The form offers exactly what an attestation may say."""
    value_set = json.loads((FOLDER / "valuesets" / f"attestation-{link}.json").read_text(encoding="utf-8"))
    [include] = value_set["compose"]["include"]
    offered = [option["valueCoding"] for option in QUESTIONS[link]["answerOption"]]
    assert offered == [{"system": include["system"], **concept} for concept in include["concept"]]


def test_every_question_names_its_policy_section() -> None:
    """Help text beside each question says which sentence of the policy asks."""
    for item in QUESTIONS.values():
        [text] = [part["text"] for part in item["item"] if part["linkId"].endswith("-help")]
        assert "section I, " in text and "bullet" in text


def test_the_rules_of_a_standard_form_hold() -> None:
    """DTR standard form (dtr:spec-53, dtrq-3, dtrq-6): subject, period, narrative, texts, units, time."""
    assert FORM["subjectType"] == ["Patient"] and FORM["effectivePeriod"]["start"] and FORM["text"]["div"]
    assert _extensions(FORM, "questionnaireAudience")[0]["valueCode"] == "clinical"
    times = {part["url"] for part in _extensions(FORM, "estimated-completion-time")[0]["extension"]}
    assert times == {"clinicalTime", "totalTime"}
    units = [
        part["valueCoding"]["code"] for part in _extensions(QUESTIONS["largest-tumor-diameter"], "unitOption")
    ]
    assert units == ["cm", "mm"]
    for item in FORM["item"]:
        assert all(part["text"] for part in (item, *item.get("item", [])))


def test_no_question_is_hidden_locked_or_gated() -> None:
    """dtr:sec-4, and the form is not cut down per patient: only notes wait for an answer."""
    for item in QUESTIONS.values():
        assert not _extensions(item, "questionnaire-hidden") and not item.get("readOnly")
        assert "enableWhen" not in item and not item.get("required")
    notes = [part for item in QUESTIONS.values() for part in item["item"] if "enableWhen" in part]
    assert notes and all(note["type"] == "display" for note in notes)
    assert {when["question"] for note in notes for when in note["enableWhen"]} <= set(QUESTIONS)


# ---- population: what the expressions make of a chart


def _statement(code: str, **value: Any) -> Json:
    coding = [{"system": ATTESTATION, "code": code}]
    kept = {"resourceType": "Observation", "status": "final", "effectiveDateTime": _ago(10)}
    return {**kept, "code": {"coding": coding}, **value}


def _ago(days: int) -> str:
    """The date so many days before the machine's own, which is FHIRPath's today()."""
    return (datetime.now().astimezone().date() - timedelta(days)).isoformat()


def _coded(code: str) -> Json:
    return {"valueCodeableConcept": {"coding": [{"system": f"{ATTESTATION}-value", "code": code}]}}


def _diagnosis(code: str, **members: Any) -> Json:
    coding = [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]
    return {"resourceType": "Condition", "code": {"coding": coding}, **members}


def _bundle(*resources: Json) -> Json:
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}


def _prefilled(link: str, **searches: Json) -> list[Any]:
    """What the expression of a question yields, given the answers to the form's searches."""
    model = models["r4"]
    known: Json = {"attestations": _bundle(), "conditions": _bundle(), "sizes": _bundle()} | searches
    for variable in (part["valueExpression"] for part in _extensions(FORM, "/variable")):
        if variable["language"] == "text/fhirpath":
            known[variable["name"]] = fhirpath.evaluate({}, variable["expression"], known, model)
    [expression] = [part["valueExpression"] for part in _extensions(QUESTIONS[link], "Expression")]
    found: list[Any] = fhirpath.evaluate({}, expression["expression"], known | {"questionnaire": FORM}, model)
    return found


def test_statements_that_agree_are_offered_and_others_are_not() -> None:
    """Two equal statements prefill; two that differ, or one that is not final, leave the question open."""
    agreed = _bundle(*[_statement("resectability", **_coded("unresectable"))] * 2)
    split = _bundle(*(_statement("resectability", **_coded(code)) for code in ("unresectable", "resectable")))
    draft = _bundle(_statement("resectability", **_coded("unresectable")) | {"status": "preliminary"})
    assert [answer["code"] for answer in _prefilled("resectability", attestations=agreed)] == ["unresectable"]
    assert _prefilled("resectability", attestations=split) == []
    assert _prefilled("resectability", attestations=draft) == []


def test_what_is_too_old_to_count_is_not_put_into_the_form_again() -> None:
    """clinical.md 4.5: a click on save would make a stale statement a fresh one; the policies' limit."""
    limits = {each.limits.fresh_days for each in knowledge().bundle.all_versions if each.limits}
    assert limits == {180}
    for days, expected in ((180, ["unresectable"]), (181, [])):
        said = _statement("resectability", **_coded("unresectable")) | {"effectiveDateTime": _ago(days)}
        found = _prefilled("resectability", attestations=_bundle(said))
        assert [answer["code"] for answer in found] == expected


def test_a_no_is_offered_as_a_no() -> None:
    """False is a statement and not the lack of one."""
    assert _prefilled(
        "surgical-candidate", attestations=_bundle(_statement("surgical-candidate", valueBoolean=False))
    ) == [False]
    assert _prefilled("surgical-candidate") == []


@pytest.mark.parametrize(
    ("diagnoses", "offered"),
    [
        ([_diagnosis("C22.0"), _diagnosis("K74.60")], ["hepatocellular-carcinoma"]),
        ([_diagnosis("C7B.02")], ["neuroendocrine-metastasis"]),
        ([_diagnosis("C78.7")], []),
        ([_diagnosis("C22.0"), _diagnosis("C78.7")], []),
        ([_diagnosis("C22.0", abatementDateTime="2020-01-01")], []),
        ([_diagnosis("C22.0", verificationStatus={"coding": [{"code": "provisional"}]})], []),
        ([], []),
    ],
)
def test_tumor_type_is_offered_only_for_the_one_current_confirmed_diagnosis(
    diagnoses: list[Json], offered: list[str]
) -> None:
    """A code without a type, a second liver tumor, a past or a provisional one leave the question open."""
    answers = _prefilled("liver-tumor-type", conditions=_bundle(*diagnoses))
    assert [answer["code"] for answer in answers] == offered


def test_sizes_on_record_are_candidates_only() -> None:
    """The practitioner chooses: the form cannot tell which size is of the liver."""
    part = {
        "code": {"coding": [{"system": "http://loinc.org", "code": "33728-7"}]},
        "valueQuantity": {"value": 3.2},
    }
    size = {"resourceType": "Observation", "status": "final", "component": [part]}
    fresh, stale = size | {"effectiveDateTime": _ago(30)}, size | {"effectiveDateTime": _ago(200)}
    assert len(_prefilled("largest-tumor-diameter", sizes=_bundle(fresh, stale, size))) == 1
    assert _extensions(QUESTIONS["largest-tumor-diameter"], "initialExpression") == []
