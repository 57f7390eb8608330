"""Hook calls to start a test from."""

import json
from typing import Any

ORDER = {
    "resourceType": "ServiceRequest",
    "id": "order-1",
    "status": "draft",
    "subject": {"reference": "Patient/p1"},
}


def call(hook: str = "order-sign", **changes: Any) -> dict[str, Any]:
    """A sound call of that hook; changes replace members, None takes one away."""
    contexts: dict[str, dict[str, Any]] = {
        "order-sign": {"userId": "Practitioner/x", "draftOrders": bundle(ORDER)},
        "order-select": {"draftOrders": bundle(ORDER), "selections": ["ServiceRequest/order-1"]},
        "order-dispatch": {
            "dispatchedOrders": ["ServiceRequest/order-1"],
            "performer": "Organization/o1",
            "fulfillmentTasks": [{"resourceType": "Task", "id": "t1"}],
        },
        "appointment-book": {"appointments": bundle({"resourceType": "Appointment", "id": "a1"})},
    }
    body = {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"patientId": "p1", **contexts[hook]},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def bundle(*resources: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A Bundle as many clients send it: without type and fullUrl."""
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources], **members}


def wire(body: object) -> bytes:
    """The bytes a client would send."""
    return json.dumps(body).encode()
