"""Bodies as real clients send them: small ones of their shapes, and captured ones where they are at hand."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
import time_machine
from flask.testing import FlaskClient

from cds_service.kernel.errors import CallError
from tests.applications import Making, desk_of
from tests.builders import PATIENT
from tests.conformance.ch.calls import INSTANCE, SIGN, answered, post, refused, searchset, stated
from tests.ehr_client import EhrClient

CAPTURED = Path(__file__).parents[4] / "shared" / "reference" / "clients"
SELECT = "coverage-order-select"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CPT = "http://www.ama-assn.org/go/cpt"
PILL = {"text": "Lisinopril 10 MG", "coding": [{"system": RXNORM, "code": "314076", "display": "Lisinopril"}]}
Body = dict[str, Any]


def sandbox(hook: str, order: Body | None, selections: bool = False, **members: Any) -> Body:
    """A call of the CDS Hooks sandbox: no Bundle type, no fullUrl, constant ids, members in its order."""
    context: Body = {"patientId": "pat", "userId": "Practitioner/COREPRACTITIONER1"}
    if selections and order:
        context["selections"] = [f"{order['resourceType']}/{order['id']}"]
    if order is not None:
        context["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": order}]}
    server = "http://sandbox.example.org/fhir"
    return {"hookInstance": INSTANCE, "hook": hook, "fhirServer": server, "context": context, **members}


def pill(**changes: Any) -> Body:
    """Its prescription; `...` takes a member away."""
    plain = {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "meta": {"profile": ["http://example.org/profile"]},
        "text": {"status": "generated", "div": "<div>draft</div>"},
        "status": "draft",
        "intent": "order",
        "category": {"coding": [{"system": "http://example.org/c", "code": "outpatient"}]},
        "medicationCodeableConcept": PILL,
        "subject": {"reference": "Patient/pat"},
        "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 1}}], "timing": {"repeat": {}}}],
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


def imaging(code: Any) -> Body:
    """Its study."""
    return {
        "resourceType": "ServiceRequest",
        "id": "example-request-id",
        "status": "draft",
        "intent": "plan",
        "code": code,
        "subject": {"reference": "Patient/pat"},
        "reasonCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}]}],
    }


STUDY = {"text": "MRI of the spine", "coding": [{"system": CPT, "code": "72148", "display": "MRI"}]}
FULL = {
    "patient": {"resourceType": "Patient", "id": "pat", "name": [{"given": ["A"], "family": "B"}]},
    "coverage": searchset({"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": PATIENT,
                           "payor": [{"display": "Capital Blue Cross"}]}),
    "conditions": searchset(), "observations": searchset(), "documents": searchset(),
}  # fmt: skip
QUIET: dict[str, tuple[str, Body]] = {
    "a pill is signed": (SIGN, sandbox("order-sign", pill(), prefetch=FULL)),
    "an empty form is signed": (
        SIGN,
        sandbox("order-sign", pill(medicationCodeableConcept=..., intent=..., category=...)),
    ),
    "a pill with a reason that is an object": (
        SELECT,
        sandbox("order-select", pill(reasonCode={"coding": [{"code": "x"}]}), True),
    ),
    "an empty form is selected": (
        SELECT,
        sandbox("order-select", pill(medicationCodeableConcept=..., intent=...), True),
    ),
    "nothing is chosen yet": (
        SELECT,
        sandbox("order-select", imaging({"coding": [{}]}), True, prefetch=FULL),
    ),
    "a study is chosen": (SELECT, sandbox("order-select", imaging(STUDY), True)),
    "a study is signed with selections": (SIGN, sandbox("order-sign", imaging(STUDY), True, prefetch=FULL)),
    "launched by SMART": (
        SIGN,
        sandbox(
            "order-sign",
            pill(),
            fhirAuthorization={
                "access_token": "t", "token_type": "Bearer", "expires_in": 3600,
                "scope": "patient/*.* user/*.* launch openid profile online_access", "subject": "client",
            },
        ),
    ),
}  # fmt: skip
REFUSED: dict[str, tuple[str, Body]] = {
    "the active tab is clicked again": (SIGN, sandbox("order-sign", None)),
    "the hook of another screen": (SELECT, sandbox("order-sign", imaging(STUDY), True)),
}


@pytest.mark.requirement("CH-100", "CH-104", "CH-111", "CH-113", "CH-114", "CH-123")
@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("name", QUIET)
def test_orders_that_are_not_ours_are_answered_without_a_word(client: FlaskClient, name: str) -> None:
    """A 200 without cards and without an outside call, prefetched or not; the order comes back unharmed."""
    service, body = QUIET[name]
    found = answered(client, body, service)
    assert found["cards"] == []
    (draft,) = body["context"]["draftOrders"]["entry"]
    for index, action in enumerate(found.get("systemActions", [])):
        back = {name: value for name, value in action["resource"].items() if name != "extension"}
        assert back == draft["resource"]
        assert stated(found, index)["covered"] == "conditional"


@pytest.mark.requirement("CH-051", "CH-055")
@pytest.mark.parametrize("name", REFUSED)
def test_calls_that_cannot_be_meant_are_a_deliberate_400(client: FlaskClient, name: str) -> None:
    service, body = REFUSED[name]
    refused(post(client, body, service), 400)


@pytest.mark.requirement("CH-170", "CH-172")
@pytest.mark.parametrize(
    "item",
    [
        {"outcome": "accepted", "acceptedSuggestions": [{"id": "aaaaaaaa-0000-4000-8000-000000000002"}]},
        {"outcome": "overridden"},
        {
            "outcome": "overridden",
            "overrideReason": {"reason": {"code": "declined", "system": "http://e.org/o"}},
        },
    ],
)
def test_its_feedback_is_taken(client: FlaskClient, item: Body) -> None:
    sent = {
        "card": "11111111-2222-4333-8444-70612d736967",
        "outcomeTimestamp": "2026-11-21T07:00:55.981Z",
        **item,
    }
    assert client.post(f"/cds-services/{SIGN}/feedback", json={"feedback": [sent]}).status_code == 200


def captured() -> list[Any]:
    """The bodies that were captured from real clients, where they lie beside the checkout."""
    contents = {path.stem: json.loads(path.read_text("utf-8")) for path in CAPTURED.glob("sandbox-*.json")}
    return [
        pytest.param(content, id=name)
        for name, content in sorted(contents.items())
        if "hook" in content or "feedback" in content
    ]


@pytest.mark.parametrize("body", captured())
def test_captured_bodies_get_the_right_answer(client: FlaskClient, body: Body) -> None:
    """Not ours, so no card; what cannot be meant, a 400; feedback, a 200. Nothing else, and never a fault."""
    if "feedback" in body:
        assert client.post(f"/cds-services/{SIGN}/feedback", json=body).status_code == 200
        return
    for service in (SIGN, SELECT):
        answer = post(client, body, service)
        if service != f"coverage-{body['hook']}" or "draftOrders" not in body["context"]:
            refused(answer, 400)
            continue
        assert answer.status_code == 200, answer.text
        found = answer.get_json()
        coded = [part for part in drafts(body) if part.get("code", {}).get("coding") == [{}]]
        assert found["cards"] == [] or (coded and {card["indicator"] for card in found["cards"]} == {"info"})
        for action, draft in zip(found.get("systemActions", []), drafts(body), strict=False):
            assert {n: v for n, v in action["resource"].items() if n != "extension"} == draft


def drafts(body: Body) -> list[Body]:
    """The draft orders of a call."""
    return [entry["resource"] for entry in body["context"]["draftOrders"]["entry"]]


@pytest.mark.skipif(not CAPTURED.is_dir(), reason="the captured bodies are not beside this checkout")
def test_the_captured_request_was_trusted_in_its_day(make_app: Making, tmp_path: Path) -> None:
    """A real token of a real client, verified with the keys that it published; today it has run out."""
    headers = json.loads((CAPTURED / "sandbox-request-headers.json").read_text("utf-8"))
    header = headers["authorization"]
    claims = jwt.decode(header.removeprefix("Bearer "), options={"verify_signature": False})
    path = EhrClient(claims["iss"]).register(tmp_path)
    (tmp_path / "keys.json").write_text((CAPTURED / "sandbox-jwks.json").read_text("utf-8"))
    trust = desk_of(make_app(clients=path)).trust

    def is_trusted(audience: str) -> bool:
        try:
            return trust.check(header, audience) is not None
        except CallError:
            return False

    with time_machine.travel(claims["iat"] + 5, tick=False):
        other = [claims["aud"] + "/", claims["aud"] + "/feedback", "http://127.0.0.1:5005/cds-services"]
        assert not any(is_trusted(audience) for audience in other)
        assert [is_trusted(claims["aud"]) for _ in range(2)] == [True, False]
    with time_machine.travel(claims["exp"] + 60, tick=False):
        assert not is_trusted(claims["aud"])
