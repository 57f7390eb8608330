"""Against a FHIR server nobody here wrote: a call without prefetch gets its whole chart in two rounds."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from cds_service.demo.ehr import running_ehr
from cds_service.evidence.answers import Answer
from cds_service.evidence.chart import Chart, ChartBuilder
from cds_service.evidence.fill import fill
from cds_service.evidence.gateway import Gateway, open_gateway
from cds_service.evidence.hosts import allowed_hosts
from cds_service.evidence.needs import Need
from cds_service.evidence.network import Network
from cds_service.evidence.open import open_chart
from cds_service.hooks.request import read_hook_request
from cds_service.kernel.clock import Deadline

LOINC = "http://loinc.org"
NEEDS = (
    Need("conditions", "Condition"),
    Need("procedures", "Procedure"),
    Need("sizeObservations", "Observation", (("code", (f"{LOINC}|21889-1", f"{LOINC}|33728-7")),)),
    Need("uncodedObservations", "Observation", (("code:missing", ("true",)),), extra=True),
    Need("questionnaireResponses", "QuestionnaireResponse"),
    Need("serviceRequests", "ServiceRequest", (("status", ("draft", "active", "on-hold")),)),
)
CONCEPT = {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]}


def chart_of(patient: str) -> list[dict[str, Any]]:
    """One patient: two Conditions, 130 sizes and as many other Observations, a form, two orders."""
    subject = {"reference": f"Patient/{patient}"}

    def made(kind: str, name: str, **members: Any) -> dict[str, Any]:
        return {"resourceType": kind, "id": f"{patient}-{name}", "subject": subject, **members}

    def observed(name: str, code: str) -> dict[str, Any]:
        return made("Observation", name, status="final", code={"coding": [{"system": LOINC, "code": code}]})

    payer = {"resourceType": "Organization", "id": f"{patient}-payer", "name": "Example Health Plan"}
    coverage = {
        "status": "active",
        "beneficiary": subject,
        "payor": [{"reference": f"Organization/{payer['id']}"}],
    }
    form = {"status": "completed", "questionnaire": "http://example.org/Questionnaire/x"}
    return [
        {"resourceType": "Patient", "id": patient},
        payer,
        {"resourceType": "Coverage", "id": f"{patient}-coverage", **coverage},
        *(made("Condition", f"condition-{n}", code=CONCEPT) for n in range(2)),
        *(observed(f"size-{n}", "21889-1") for n in range(130)),
        *(observed(f"other-{n}", "777-3") for n in range(130)),
        made("QuestionnaireResponse", "form", **form),
        made("ServiceRequest", "open", status="on-hold", intent="order", code=CONCEPT),
        made("ServiceRequest", "done", status="completed", intent="order", code=CONCEPT),
    ]


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening, running_ehr(listening) as address:
        for patient in ("p1", "p2"):
            entry = [
                {
                    "resource": item,
                    "request": {"method": "PUT", "url": f"{item['resourceType']}/{item['id']}"},
                }
                for item in chart_of(patient)
            ]
            bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entry}
            headers = {"Content-Type": "application/fhir+json"}
            requests.post(address, data=json.dumps(bundle), headers=headers, timeout=60).raise_for_status()
        yield address


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Answer]]:
    """The answers of each round that a call makes."""
    seen: list[dict[str, Answer]] = []
    genuine = Gateway.round

    def noted(*args: Any, **kwargs: Any) -> dict[str, Answer]:
        seen.append(genuine(*args, **kwargs))
        return seen[-1]

    monkeypatch.setattr(Gateway, "round", noted)
    return seen


def gathered(base: str, patient: str = "p1") -> Chart:
    body = {
        "hook": "order-sign",
        "hookInstance": "1",
        "fhirServer": base,
        "fhirAuthorization": {"access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": "x"},
        "context": {"patientId": patient, "draftOrders": {"resourceType": "Bundle"}},
    }
    request = read_hook_request(json.dumps(body).encode(), "order-sign")
    network, builder = Network(), ChartBuilder(f"Patient/{patient}")
    gateway, _ = open_gateway(request, network, allowed_hosts(["127.0.0.1"]))
    open_chart(request, builder, gateway, Deadline.after(20))
    fill(request, builder, NEEDS, [], gateway, Deadline.after(20))
    network.close()
    return builder.build()


@pytest.mark.requirement("CH-068", "CH-072", "CH-086", "CH-099")
def test_the_whole_chart_comes_in_two_rounds(base: str, rounds: list[dict[str, Answer]]) -> None:
    chart = gathered(base)
    assert [len(asked) for asked in rounds] == [2, 6]
    assert not chart.failed and not chart.broken
    kinds = ("Patient", "Coverage", "Organization", "Condition", "Procedure")
    assert [len(chart.of(kind)) for kind in kinds] == [1, 1, 1, 2, 0]
    names = {stored.reference for stored in chart.of("Observation")}
    assert names == {f"Observation/p1-size-{number}" for number in range(130)}
    assert [stored.reference for stored in chart.of("ServiceRequest")] == ["ServiceRequest/p1-open"]
    assert {"Coverage", "Condition", "Procedure", "Observation"} <= chart.asked


def test_a_server_that_ignores_a_parameter_brings_too_much_rather_than_nothing(base: str) -> None:
    """clients.md section 5: forms of other patients come along here; the rules look at their subject."""
    forms = {stored.reference for stored in gathered(base, "p2").of("QuestionnaireResponse")}
    assert "QuestionnaireResponse/p2-form" in forms


def test_a_patient_that_the_server_does_not_know_is_a_gap(base: str) -> None:
    """House rule 5: an EHR that cannot answer leaves a gap."""
    chart = gathered(base, "nobody")
    assert chart.failed == {"Patient": "the EHR does not have it (404)"}
    assert chart.of("Coverage") == () and "Coverage" in chart.asked
