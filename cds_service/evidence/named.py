"""Finds the orders that a hook names by reference: in the prefetch, else at the EHR (dispatch, booking)."""

from collections.abc import Iterable, Iterator
from typing import Any

from cds_service.evidence.answers import Arrived
from cds_service.evidence.gateway import Gateway
from cds_service.hooks.context import DraftOrder
from cds_service.hooks.prefetch import Kind, classify
from cds_service.hooks.request import HookRequest
from cds_service.hooks.strict_json import BROKEN
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Deadline
from cds_service.kernel.errors import prefetch_unavailable
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.references import canonical

PREFETCH_KEYS = {
    "serviceRequests": "ServiceRequest",
    "deviceRequests": "DeviceRequest",
    "medicationRequests": "MedicationRequest",
    "communicationRequests": "CommunicationRequest",
    "nutritionOrders": "NutritionOrder",
    "visionPrescriptions": "VisionPrescription",
}
"""The keys under which the guide's own templates bring orders that a hook names (crd-dtr.md 3.3)."""


def fetch_named(
    request: HookRequest, references: Iterable[str], gateway: Gateway | None, deadline: Deadline
) -> tuple[DraftOrder, ...]:
    """The named orders, in their order.

    One that the EHR does not give is an order whose code cannot be read; without an id it can never be sent
    back. Raises CallError (412) for one that was neither sent nor may be asked for (CH-126).
    """
    wanted = list(dict.fromkeys(canonical(reference, {}) for reference in references))
    sent = dict(_sent(request))
    paths = {name: gateway.path_of(name) for name in wanted if name not in sent} if gateway else {}
    asked = [path for path in paths.values() if path]
    answers = gateway.round(asked, deadline) if gateway and asked else {}
    found = []
    for name in wanted:
        if name not in sent and gateway is None:
            raise prefetch_unavailable(_key_of(name))
        answer = answers.get(paths.get(name) or "")
        resource = sent.get(name) or (_read(answer.pages[0]) if isinstance(answer, Arrived) else None)
        found.append(DraftOrder(resource or {"resourceType": name.partition("/")[0], "code": None}, name))
    return tuple(found)


def _sent(request: HookRequest) -> Iterator[tuple[str, JsonObject]]:
    """Every order in the prefetch by `Type/id`."""
    for key, kind in PREFETCH_KEYS.items():
        value = classify(request.prefetch, key, kind)
        if value.kind not in (Kind.BUNDLE, Kind.RESOURCE):
            continue
        top = _read(value.raw) or {}
        entries: Any = top.get("entry") if value.kind is Kind.BUNDLE else [{"resource": top}]
        for entry in entries if isinstance(entries, list) else ():
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(resource, dict) and resource.get("resourceType") == kind:
                yield f"{kind}/{resource.get('id')}", resource


def _read(raw: bytes) -> JsonObject | None:
    try:
        value = fhir_json.read(raw)
    except BROKEN:
        return None
    return value if isinstance(value, dict) else None


def _key_of(name: str) -> str:
    kind = name.partition("/")[0]
    return next((key for key, each in PREFETCH_KEYS.items() if each == kind), "serviceRequests")
