"""Made-up charts for tests: the three baselines of clinical.md 7 and the resources they are made of."""

import json
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import Any

from cds_service.determination import Determination
from cds_service.evaluate import evaluate_chart
from cds_service.evidence.chart import Chart, ChartBuilder
from cds_service.evidence.findings import Findings
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.policy.model import PolicyVersion

Resource = dict[str, Any]
TODAY = date(2026, 11, 21)
ORDERED = date(2026, 11, 20)
PATIENT = {"reference": "Patient/pat"}
DOCTOR = {"reference": "Practitioner/doc"}
CPT, SCT, LOINC = "http://www.ama-assn.org/go/cpt", "http://snomed.info/sct", "http://loinc.org"
ICD, PCS = "http://hl7.org/fhir/sid/icd-10-cm", "http://www.cms.gov/Medicare/Coding/ICD10"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
UCUM, OURS = "http://unitsofmeasure.org", "http://cds-service.example.org/fhir"
HL7, MCODE = "http://terminology.hl7.org/CodeSystem", "http://hl7.org/fhir/us/mcode/StructureDefinition"
LIVER = "10200004"
CRITERIA = ("resectability", "diagnosis", "size", "extrahepatic", "amenability")


@cache
def knowledge() -> Knowledge:
    """The built-in policies and terminology."""
    return load_knowledge()


def ago(days: int, since: date = ORDERED) -> str:
    """The day so many days before the order was written."""
    return (since - timedelta(days=days)).isoformat()


def concept(code: str = "", system: str = ICD, *, display: str = "", text: str = "") -> Resource:
    """A CodeableConcept; what is empty is left out."""
    coding = {
        key: value for key, value in {"system": system, "code": code, "display": display}.items() if value
    }
    return {**({"coding": [coding]} if code else {}), **({"text": text} if text else {})}


def sct(code: str) -> Resource:
    """A SNOMED CT concept."""
    return concept(code, SCT)


def resource(kind: str, name: str, **members: Any) -> Resource:
    """A resource of the patient; a member given as None is left out."""
    whose = {"BodyStructure": "patient", "Coverage": "beneficiary"}.get(kind, "subject")
    made = {"resourceType": kind, "id": name, whose: PATIENT, **members}
    return {key: value for key, value in made.items() if value is not None}


def order(code: str | Resource = "47383", name: str = "order", **members: Any) -> Resource:
    """A draft order, by CPT code or with a code element of its own."""
    start = {
        "status": "draft",
        "intent": "order",
        "code": concept(code, CPT) if isinstance(code, str) else code,
        "authoredOn": ORDERED.isoformat(),
        "occurrenceDateTime": "2026-12-01",
    }
    return resource("ServiceRequest", name, **{**start, **members})


def coverage(payer: str = "Capital Blue Cross", name: str = "cov", **members: Any) -> Resource:
    """An active coverage whose payer is named by display."""
    period = {"start": "2020-01-01"}
    return resource(
        "Coverage", name, **{"status": "active", "period": period, "payor": [{"display": payer}], **members}
    )


def condition(
    code: str | Resource, name: str = "dx", status: str | None = "active", **members: Any
) -> Resource:
    """A confirmed diagnosis, by ICD-10-CM code or with a code element of its own."""
    start = {
        "code": concept(code) if isinstance(code, str) else code,
        "clinicalStatus": concept(status, f"{HL7}/condition-clinical") if status else None,
        "verificationStatus": concept("confirmed", f"{HL7}/condition-ver-status"),
        "onsetDateTime": ago(60) if status == "active" else "2021-06-01",
    }
    return resource("Condition", name, **{**start, **members})


def past(code: str | Resource, name: str = "primary", **members: Any) -> Resource:
    """A diagnosis of the past."""
    return condition(code, name, "resolved", **members)


def verification(code: str) -> Resource:
    """A verificationStatus."""
    return concept(code, f"{HL7}/condition-ver-status")


def observation(code: Resource, name: str, days: int = 30, **members: Any) -> Resource:
    """A final Observation, so many days before the order."""
    return resource(
        "Observation", name, **{"status": "final", "code": code, "effectiveDateTime": ago(days), **members}
    )


def quantity(value: float, unit: str = "cm", **members: Any) -> Resource:
    """A Quantity in UCUM."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit, **members}


def size(value: float | Resource = 3.2, name: str = "size", days: int = 30, **members: Any) -> Resource:
    """A tumor size of the liver, in cm or as the value member given."""
    held = value if isinstance(value, dict) else {"valueQuantity": quantity(value)}
    part = {"component": [{"code": concept("33728-7", LOINC), **held}]} if held else {}
    where = {"bodySite": concept(LIVER, SCT)}
    return observation(concept("21889-1", LOINC), name, days, **{**part, **where, **members})


def m_category(value: str = "cM0", name: str = "m", days: int = 30, **members: Any) -> Resource:
    """A clinical M category, as text."""
    value_of = {"valueCodeableConcept": {"text": value}}
    return observation(concept("399387003", SCT), name, days, **{**value_of, **members})


def n_category(value: str = "cN0", name: str = "n", days: int = 30, **members: Any) -> Resource:
    """A clinical N category, as text."""
    value_of = {"valueCodeableConcept": {"text": value}}
    return observation(concept("399534004", SCT), name, days, **{**value_of, **members})


def disease_status(code: str, name: str = "status", days: int = 3, **members: Any) -> Resource:
    """A cancer disease status by SNOMED CT value."""
    value = {"valueCodeableConcept": concept(code, SCT)}
    return observation(concept("97509-4", LOINC), name, days, **{**value, **members})


def attestation(code: str, value: Any, name: str = "", days: int = 3, **members: Any) -> Resource:
    """A practitioner's statement: a bool, a Quantity, or a code of the project."""
    start = {"performer": [DOCTOR], **answer(value, "valueCodeableConcept")}
    about = concept(code, f"{OURS}/CodeSystem/attestation")
    return observation(about, name or code, days, **{**start, **members})


def answer(value: Any, as_code: str = "valueCoding") -> Resource:
    """The value member of a statement."""
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, dict):
        return {"valueQuantity": value}
    code = concept(value, f"{OURS}/CodeSystem/attestation-value")
    return {as_code: code if as_code == "valueCodeableConcept" else code["coding"][0]}


def form(answers: dict[str, Any], name: str = "form", days: int = 3, **members: Any) -> Resource:
    """A completed documentation form."""
    start = {
        "status": "completed",
        "questionnaire": f"{OURS}/Questionnaire/liver-cryoablation|1.0.0",
        "authored": ago(days),
        "author": DOCTOR,
        "item": [{"linkId": code, "answer": [answer(value)]} for code, value in answers.items()],
    }
    return resource("QuestionnaireResponse", name, **{**start, **members})


def procedure(
    code: str | Resource, name: str = "done", when: str | None = "2021-07-20", **members: Any
) -> Resource:
    """A completed Procedure, by its words or with a code element of its own."""
    words = concept(text=code) if isinstance(code, str) else code
    return resource(
        "Procedure", name, **{"status": "completed", "code": words, "performedDateTime": when, **members}
    )


def lesion(name: str = "lesion", site: str = LIVER, **members: Any) -> Resource:
    """A tracked lesion."""
    return resource("BodyStructure", name, **{"location": concept(site, SCT), **members})


def failure(kind: str | None, code: str = "exception") -> Resource:
    """What a failed search leaves in a Bundle."""
    where = {"expression": [kind]} if kind else {}
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code, **where}]}


def hcc() -> list[Resource]:
    """Baseline HCC: hepatocellular carcinoma, all five criteria met."""
    return [
        *_common(),
        condition("C22.0"),
        size(3.2),
        m_category("cM0"),
        n_category("cN0"),
    ]


def crc() -> list[Resource]:
    """Baseline CRC: liver metastasis of a colon cancer that was resected, all five criteria met."""
    primary = condition("C18.7", "primary", "resolved")
    return [
        *_common(),
        condition("C78.7"),
        primary,
        procedure("Sigmoid colectomy"),
        size(3),
        m_category("cM1a"),
    ]


def net() -> list[Resource]:
    """Baseline NET: liver metastasis of an ileal carcinoid that was resected, all five criteria met."""
    primary = condition("C7A.012", "primary", "resolved")
    removed = procedure("Small bowel resection")
    return [*_common(), condition("C7B.02"), primary, removed, size(2.4), m_category("M1a")]


def _common() -> list[Resource]:
    return [
        {"resourceType": "Patient", "id": "pat"},
        {"resourceType": "Practitioner", "id": "doc"},
        order(),
        coverage(),
        attestation("resectability", "unresectable"),
        attestation("amenable-to-cryoablation", True),
    ]


BASELINES = {"HCC": hcc, "CRC": crc, "NET": net}


def without(resources: Iterable[Resource], *names: str) -> list[Resource]:
    """The chart without the resources of these ids, which must be there."""
    kept = list(resources)
    for name in names:
        assert any(each.get("id") == name for each in kept), f"no {name} in this chart"
    return [each for each in kept if each.get("id") not in names]


def changed(resources: Iterable[Resource], name: str, **members: Any) -> list[Resource]:
    """The chart with members of one resource replaced; None takes a member out."""
    kept = list(resources)
    assert any(each.get("id") == name for each in kept), f"no {name} in this chart"
    return [_with(each, members) if each.get("id") == name else each for each in kept]


def _with(each: Resource, members: Resource) -> Resource:
    return {key: value for key, value in {**each, **members}.items() if value is not None}


def bundle(resources: Iterable[Resource]) -> bytes:
    """A collection Bundle with absolute addresses."""
    entries = [
        {"fullUrl": f"https://ehr.example.org/fhir/{each['resourceType']}/{each['id']}", "resource": each}
        if "id" in each
        else {"resource": each}
        for each in resources
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def judged(resources: Iterable[Resource]) -> Determination:
    """The one determination of the order called `order`."""
    (only,) = all_judged(resources)
    return only


def all_judged(resources: Iterable[Resource], name: str = "order") -> list[Determination]:
    """The determinations of one order, one for each coverage."""
    found = evaluate_chart(bundle(resources), TODAY, knowledge())
    return [each for each in found if each.order.reference == f"ServiceRequest/{name}"]


def outcome(resources: Iterable[Resource]) -> str:
    """The outcome of a chart with one coverage."""
    return judged(resources).outcome.value


def state(criterion: str, resources: Iterable[Resource]) -> str:
    """The state of one criterion."""
    return next(result.state.value for result in judged(resources).criteria if result.id == criterion)


def gaps(criterion: str, resources: Iterable[Resource]) -> set[str]:
    """The codes of one criterion's gaps."""
    return {
        gap.code for result in judged(resources).criteria if result.id == criterion for gap in result.gaps
    }


def notes(criterion: str, resources: Iterable[Resource]) -> set[str]:
    """The codes of one criterion's notes."""
    return {
        note.code for result in judged(resources).criteria if result.id == criterion for note in result.notes
    }


def chart(*resources: Resource) -> Chart:
    """A chart of the patient that holds these resources."""
    builder = ChartBuilder("Patient/pat")
    builder.add_bundle(bundle(resources))
    return builder.build()


def policy() -> PolicyVersion:
    """The policy version with criteria."""
    return next(version for version in knowledge().bundle.all_versions if version.criteria)


def findings(*resources: Resource, ordered: Resource | None = None) -> Findings:
    """What a chart of these resources says for one order."""
    known, held = knowledge(), chart(*resources)
    read = known.recogniser.read(ordered or order(), TODAY, held.aliases)
    model = next(iter(known.bundle.tumors.values()))
    return Findings(held, read, TODAY, policy().limits, model, known.bundle.attestations, known.terms)
