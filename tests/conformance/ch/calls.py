"""Hook calls as an EHR sends them, made of the charts of `tests.builders`, and how they are posted."""

import json
from collections.abc import Iterable
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests import builders
from tests.builders import Resource

INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
SIGN = "coverage-order-sign"
SERVICES = (SIGN, "coverage-order-select", "coverage-order-dispatch", "coverage-appointment-book")
KEYS = {
    "Condition": "conditions",
    "Procedure": "procedures",
    "BodyStructure": "bodyStructures",
    "QuestionnaireResponse": "questionnaireResponses",
    "Observation": "observations",
    "DiagnosticReport": "diagnosticReports",
    "DocumentReference": "documentReferences",
}
"""Prefetch keys of the clinical searches, by resource type."""


def searchset(*resources: Resource, **members: Any) -> Resource:
    """A complete search result."""
    entry = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(resources), "entry": entry, **members}


def collection(*resources: Resource, **members: Any) -> Resource:
    """A Bundle of draft orders, as the hook's own examples have it."""
    entry = [{"resource": each} for each in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entry, **members}


def prefetched(chart: Iterable[Resource], **changes: Any) -> dict[str, Any]:
    """All that the policies ask for as prefetch; changes replace keys, `...` takes one away."""
    held = list(chart)
    found: dict[str, Any] = {
        "patient": next((each for each in held if each["resourceType"] == "Patient"), None),
        "coverage": _of("Coverage", held),
        # The draft itself is in the context; stored orders are a search of their own.
        "serviceRequests": searchset(),
        **{key: _of(kind, held) for kind, key in KEYS.items()},
        **changes,
    }
    return {key: value for key, value in found.items() if value is not ...}


def _of(kind: str, held: Iterable[Resource]) -> Resource:
    return searchset(*(each for each in held if each["resourceType"] == kind))


def sign(chart: Iterable[Resource] | None = None, hook: str = "order-sign", **changes: Any) -> dict[str, Any]:
    """A signed order, everything prefetched, no way to the EHR; changes replace members, `...` removes.

    chart: resources of `tests.builders`, by default one that meets every criterion.
    """
    held = list(builders.hcc() if chart is None else chart)
    orders = [each for each in held if each["resourceType"] == "ServiceRequest"]
    context: dict[str, Any] = {
        "userId": "Practitioner/doc",
        "patientId": "pat",
        "draftOrders": collection(*orders),
    }
    if hook == "order-select":
        context["selections"] = [f"ServiceRequest/{each['id']}" for each in orders]
    body = {
        "hook": hook,
        "hookInstance": INSTANCE,
        "context": context,
        "prefetch": prefetched(held),
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def in_context(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The call with members of its context replaced; `...` takes one away."""
    context = {name: value for name, value in {**body["context"], **changes}.items() if value is not ...}
    return {**body, "context": context}


def in_prefetch(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The call with prefetch keys replaced; `...` takes one away."""
    prefetch = {key: value for key, value in {**body["prefetch"], **changes}.items() if value is not ...}
    return {**body, "prefetch": prefetch}


def post(client: FlaskClient, body: Any, service: str = SIGN, **options: Any) -> TestResponse:
    """The answer to a call; a body that is neither bytes nor text is sent as JSON."""
    raw = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post(
        f"/cds-services/{service}", data=raw, **{"content_type": "application/json", **options}
    )


def answered(client: FlaskClient, body: Any, service: str = SIGN, **options: Any) -> dict[str, Any]:
    """The body of an answer that has to be a 200 with cards."""
    answer = post(client, body, service, **options)
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert isinstance(found["cards"], list)
    return dict(found)


def refused(answer: TestResponse, *statuses: int) -> dict[str, Any]:
    """The one issue of a refusal, which has to be an OperationOutcome with one of the statuses."""
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert answer.mimetype == "application/fhir+json"
    outcome = answer.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue["severity"] == "error" and issue["code"] and issue["details"]["text"]
    return dict(issue)


def stated(body: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """What a system action states of its order, by part of the extension."""
    order = body["systemActions"][index]["resource"]
    (found,) = [each for each in order["extension"] if each["url"].endswith("ext-coverage-information")]
    return {part["url"]: _value(part) for part in found["extension"]}


def _value(part: dict[str, Any]) -> Any:
    return next((value for name, value in part.items() if name.startswith("value")), part.get("extension"))


def covered(body: dict[str, Any]) -> str:
    """The verdict on the first order."""
    return str(stated(body)["covered"])


def without_ids(body: dict[str, Any]) -> dict[str, Any]:
    """An answer without the ids that are new in each one."""
    cards = [
        {
            **{name: value for name, value in card.items() if name != "uuid"},
            **(
                {
                    "suggestions": [
                        {name: value for name, value in each.items() if name != "uuid"}
                        for each in card["suggestions"]
                    ]
                }
                if "suggestions" in card
                else {}
            ),
        }
        for card in body["cards"]
    ]
    return {**body, "cards": cards}
