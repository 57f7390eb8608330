"""Bodies that real clients send never cause a server error; shapes as observed, facts made up.

Where the reference captures lie beside the checkout they are replayed too; elsewhere that test says so.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.answer.coverage_rules import EXTENSION, problems
from tests.conformance.ch.calls import post

REFERENCE = Path(__file__).parents[4] / "shared" / "reference"
HOOKS = ("order-sign", "order-select", "order-dispatch", "appointment-book")
IMAGING = {"system": "http://www.ama-assn.org/go/cpt", "code": "72148"}
HELD = {
    "patient": {"resourceType": "Patient", "id": "p1"},
    "coverage": {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 1,
        "entry": [
            {
                "resource": {
                    "resourceType": "Coverage",
                    "id": "c1",
                    "status": "active",
                    "beneficiary": {"reference": "Patient/p1"},
                    "payor": [{"display": "Capital Blue Cross"}],
                }
            }
        ],
    },
}


def drafting(*resources: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A call as the CDS Hooks sandbox builds it: no Bundle type, no fullUrl, constant ids."""
    drafts = {"resourceType": "Bundle", "entry": [{"resource": each} for each in resources]}
    context = {"patientId": "p1", "userId": "Practitioner/COREPRACTITIONER1", "draftOrders": drafts}
    body = {
        "hookInstance": "7c0d4a1c-0000-4000-8000-000000000001",
        "hook": "order-sign",
        "fhirServer": "http://127.0.0.1:9/fhir",
        "context": context,
        "prefetch": HELD,
        **members,
    }
    return {name: value for name, value in body.items() if value is not None}


def draft(kind: str = "ServiceRequest", **members: Any) -> dict[str, Any]:
    """A draft for the patient in context."""
    return {
        "resourceType": kind,
        "id": "request-123",
        "status": "draft",
        "subject": {"reference": "Patient/p1"},
        **members,
    }


PILL = {
    "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "314076"}],
    "text": "a pill",
}
ANSWERED = {
    "empty form of a pill": drafting(draft("MedicationRequest")),
    "category and reason as objects": drafting(
        draft("MedicationRequest", category={"coding": [{"code": "x"}]}, reasonCode={"text": "pain"})
    ),
    "a pill": drafting(draft("MedicationRequest", medicationCodeableConcept=PILL)),
    "DSTU2 pill": drafting(
        {
            "resourceType": "MedicationOrder",
            "id": "o",
            "patient": {"reference": "Patient/p1"},
            "periodUnits": "d",
        }
    ),
    "STU3 dosage": drafting(
        draft("MedicationRequest", dosageInstruction=[{"doseQuantity": {"value": 1}, "doseAndRate": {}}])
    ),
    "medication beside its order": drafting(
        {"resourceType": "Medication", "id": "m", "code": PILL},
        draft("MedicationRequest", medicationReference={"reference": "Medication/m"}),
    ),
    "medication that cannot be found": drafting(
        draft("MedicationRequest", medicationReference={"reference": "Medication/none"})
    ),
    "nothing chosen": drafting(draft(code={"coding": [{}]}, reasonCode=[], intent="plan")),
    "imaging with selections": drafting(draft(code={"coding": [IMAGING]})) | {"selections": ["x"]},
    "no prefetch, no access": drafting(draft("MedicationRequest"), prefetch=None),
    "no entries": drafting(),
    "entry without resource": drafting()
    | {"extension": {"com.epic.cdshooks.request.bpa-trigger-action": "26"}},
    "long id": drafting(draft(id="e" + "x" * 193, code={"coding": [IMAGING]})),
    "wheelchair": drafting(draft("DeviceRequest", codeCodeableConcept={"coding": [{"code": "E0250"}]})),
    "glasses": drafting(
        {"resourceType": "VisionPrescription", "id": "v", "patient": {"reference": "Patient/p1"}}
    ),
    "configuration with codes of its own": drafting(
        draft(code={"coding": [IMAGING]}),
        extension={"davinci-crd.configuration": {"alt-drug": True, "dtr-clin": False, "coverage": 1}},
    ),
}
REFUSED = {
    "no draft orders": drafting() | {"context": {"patientId": "p1", "userId": "Practitioner/x"}},
    "hook of another service": drafting() | {"hook": "patient-view"},
    "orders of the oldest drafts": drafting() | {"context": {"patientId": "p1", "medications": {}}},
}


@pytest.mark.requirement("CH-104", "CH-111", "CH-112", "CH-113", "CH-114", "CH-105", "CH-108", "CH-109")
@pytest.mark.parametrize("body", ANSWERED.values(), ids=list(ANSWERED))
def test_what_clients_send_is_answered_without_complaint(body: dict[str, Any], client: FlaskClient) -> None:
    """clients.md 2.5: what is no valid FHIR R4 is still a call of a real client."""
    answer = post(client, body)
    assert answer.status_code == 200, answer.text
    for statement in statements(answer.get_json()):
        assert list(problems(statement, "2.2")) == []


@pytest.mark.parametrize("body", REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_answered_is_a_deliberate_400(body: dict[str, Any], client: FlaskClient) -> None:
    """clients.md 0, point 4: never a 500."""
    answer = post(client, body)
    assert answer.status_code == 400
    assert answer.get_json()["resourceType"] == "OperationOutcome"


def statements(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Our statements on the orders of an answer."""
    for action in answer.get("systemActions", []):
        for extension in action["resource"].get("extension", []):
            if extension["url"] == EXTENSION:
                yield extension


def captured() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every hook call among the reference captures."""
    for path in sorted(REFERENCE.rglob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        for body in content if isinstance(content, list) else [content]:
            if isinstance(body, dict) and "hook" in body and "context" in body:
                yield path.name, body


@pytest.mark.requirement("CRD-120")
@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference captures are not beside this checkout")
def test_captured_calls_are_answered_or_refused_on_purpose(client: FlaskClient) -> None:
    """Sent to the service of their hook and to every other: 200, 400 or 412, never a server error."""
    calls = list(captured())
    assert len(calls) > 15
    for name, body in calls:
        for hook in HOOKS:
            answer = post(client, body, f"coverage-{hook}")
            allowed = (200, 400, 412) if hook == body["hook"] else (400,)
            assert answer.status_code in allowed, (name, hook, answer.text)
            for statement in statements(answer.get_json()):
                assert list(problems(statement, "2.2")) == [], (name, hook)
