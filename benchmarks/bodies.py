"""Makes the chart of one invented patient: evidence that meets the criteria, among much that does not matter.

Deterministic: the same numbers give the same bytes. Shapes follow US Core, with displays, identifiers and
reference ranges as EHRs send them, so that the body has a realistic size (0.4 MB for 100 and 300).
"""

import json
import random
from datetime import date, timedelta
from typing import Any

Json = dict[str, Any]

PATIENT = "bench-1"
ORDERED = date(2026, 11, 20)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
OWN = "http://cds-service.example.org/fhir/CodeSystem"
# Everyday problems and results; none of them speaks to any criterion.
PROBLEMS = [
    ("I10", "Essential hypertension"),
    ("E78.5", "Hyperlipidemia"),
    ("K21.9", "Reflux without esophagitis"),
    ("M54.50", "Low back pain"),
    ("J30.9", "Allergic rhinitis"),
    ("E11.9", "Type 2 diabetes"),
    ("H52.4", "Presbyopia"),
    ("G47.33", "Sleep apnea"),
]
RESULTS = [
    ("718-7", "Hemoglobin", "g/dL", 13.6),
    ("2160-0", "Creatinine", "mg/dL", 0.9),
    ("2345-7", "Glucose", "mg/dL", 98.0),
    ("6301-6", "INR", "1", 1.1),
    ("1975-2", "Bilirubin", "mg/dL", 0.8),
    ("8867-4", "Heart rate", "/min", 72.0),
    ("29463-7", "Body weight", "kg", 81.0),
]


def concept(system: str, code: str, display: str) -> Json:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def status(name: str, code: str) -> Json:
    """A CodeableConcept of one of the two status code systems of Condition."""
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{name}", "code": code}]}


def condition(number: int, code: tuple[str, str], onset: date) -> Json:
    """A confirmed active problem."""
    return {
        "resourceType": "Condition",
        "id": f"condition-{number}",
        "meta": {"versionId": "1", "lastUpdated": f"{ORDERED}T08:00:00Z"},
        "identifier": [{"system": "https://ehr.example.org/problem", "value": f"P{number:06}"}],
        "clinicalStatus": status("condition-clinical", "active"),
        "verificationStatus": status("condition-ver-status", "confirmed"),
        "category": [status("condition-category", "problem-list-item")],
        "code": concept(ICD, *code),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "onsetDateTime": onset.isoformat(),
        "recordedDate": onset.isoformat(),
        "recorder": {"reference": "Practitioner/surgeon", "display": "Dr. Belis Torvane"},
    }


def observation(number: str, code: Json, day: date, value: Json) -> Json:
    """A final observation with its value member."""
    return {
        "resourceType": "Observation",
        "id": f"observation-{number}",
        "meta": {"versionId": "1", "lastUpdated": f"{day}T08:00:00Z"},
        "identifier": [{"system": "https://ehr.example.org/observation", "value": f"O{number}"}],
        "status": "final",
        "category": [status("observation-category", "laboratory")],
        "code": code,
        "subject": {"reference": f"Patient/{PATIENT}", "display": "Bram Tamsin"},
        "effectiveDateTime": f"{day}T07:30:00Z",
        "issued": f"{day}T11:12:13.000Z",
        "performer": [{"reference": "Practitioner/surgeon", "display": "Dr. Belis Torvane"}],
        **value,
    }


def result(number: int, dice: random.Random) -> Json:
    """An everyday laboratory result or vital sign with its reference range."""
    code, display, unit, normal = dice.choice(RESULTS)
    quantity = {"system": "http://unitsofmeasure.org", "unit": unit, "code": unit}
    value = round(normal * dice.uniform(0.8, 1.2), 1)
    extra = {
        "valueQuantity": {"value": value, **quantity},
        "referenceRange": [
            {"low": {"value": normal * 0.8, **quantity}, "high": {"value": normal * 1.2, **quantity}}
        ],
    }
    return observation(f"noise-{number}", concept(LOINC, code, display), _earlier(dice, 700), extra)


def evidence() -> list[Json]:
    """Staging, size and statements that meet the criteria."""
    seen, said = date(2026, 10, 22), date(2026, 11, 18)
    cm0 = {"valueCodeableConcept": concept(SNOMED, "1229901006", "cM0")}
    cn0 = {"valueCodeableConcept": concept(SNOMED, "1229967007", "cN0")}
    size = {
        "valueQuantity": {"value": 3.2, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"}
    }
    unresectable = {
        "valueCodeableConcept": concept(f"{OWN}/attestation-value", "unresectable", "Unresectable")
    }
    return [
        observation("m", concept(SNOMED, "399387003", "cM category"), seen, cm0),
        observation("n", concept(SNOMED, "399534004", "cN category"), seen, cn0),
        observation("size", concept(LOINC, "33728-7", "Size.maximum dimension in Tumor"), seen, size),
        observation("r", concept(f"{OWN}/attestation", "resectability", "Resectability"), said, unresectable),
        observation(
            "a",
            concept(f"{OWN}/attestation", "amenable-to-cryoablation", "Amenable"),
            said,
            {"valueBoolean": True},
        ),
    ]


def chart(conditions: int = 100, observations: int = 300, seed: int = 1) -> dict[str, list[Json]]:
    """Resources by type; one Condition is the tumor, five Observations are the evidence."""
    dice = random.Random(seed)
    problems = [condition(i, dice.choice(PROBLEMS), _earlier(dice, 4000)) for i in range(1, conditions)]
    results = [result(i, dice) for i in range(5, observations)]
    tumor = condition(0, ("C22.0", "Liver cell carcinoma"), date(2025, 8, 12))
    observed = [*results, *evidence()]
    dice.shuffle(observed)
    return {
        "Patient": [_patient()],
        "Coverage": [_coverage()],
        "Organization": [_payer()],
        "Condition": [*problems, tumor],
        "Observation": observed,
    }


def order() -> Json:
    """The draft order."""
    return {
        "resourceType": "ServiceRequest",
        "id": "order-1",
        "status": "draft",
        "intent": "order",
        "code": concept(
            "http://www.ama-assn.org/go/cpt", "47383", "Percutaneous cryoablation of liver tumor"
        ),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "occurrenceDateTime": "2026-12-01",
        "authoredOn": ORDERED.isoformat(),
        "requester": {"reference": "Practitioner/surgeon"},
        "insurance": [{"reference": "Coverage/coverage-1"}],
    }


def bundle(resources: list[Json]) -> Json:
    """A searchset of them, complete in one page."""
    entries = [
        {
            "fullUrl": f"https://ehr.example.org/fhir/{item['resourceType']}/{item['id']}",
            "resource": item,
            "search": {"mode": "include" if item["resourceType"] == "Organization" else "match"},
        }
        for item in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def prefetch(content: dict[str, list[Json]]) -> Json:
    """All of the chart, laid out as an EHR answers prefetch templates."""
    return {
        "patient": content["Patient"][0],
        "coverage": bundle([*content["Coverage"], *content["Organization"]]),
        "conditions": bundle(content["Condition"]),
        "observations": bundle(content["Observation"]),
        "procedures": bundle([]),
        "bodyStructures": bundle([]),
        "questionnaireResponses": bundle([]),
        "serviceRequests": bundle([]),
    }


def order_sign(**more: object) -> bytes:
    """An `order-sign` call for the order, with further members of the envelope."""
    call = {
        "hook": "order-sign",
        "hookInstance": "b0a7c0de-0000-4000-8000-000000000001",
        "context": {
            "userId": "Practitioner/surgeon",
            "patientId": PATIENT,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order()}]},
        },
        **more,
    }
    return json.dumps(call, separators=(",", ":")).encode()


def _earlier(dice: random.Random, days: int) -> date:
    return ORDERED - timedelta(days=dice.randint(1, days))


def _patient() -> Json:
    name = [{"use": "official", "family": "Tamsin", "given": ["Bram"]}]
    return {
        "resourceType": "Patient",
        "id": PATIENT,
        "name": name,
        "gender": "male",
        "birthDate": "1958-02-24",
    }


def _payer() -> Json:
    return {"resourceType": "Organization", "id": "payer-1", "active": True, "name": "Capital Blue Cross"}


def _coverage() -> Json:
    return {
        "resourceType": "Coverage",
        "id": "coverage-1",
        "status": "active",
        "subscriberId": "YWA100200300",
        "beneficiary": {"reference": f"Patient/{PATIENT}"},
        "relationship": status("subscriber-relationship", "self"),
        "period": {"start": "2026-01-01"},
        "payor": [{"reference": "Organization/payer-1"}],
    }
