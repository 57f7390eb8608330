"""Finds the orders that a hook names by reference: in the prefetch, else at the EHR (dispatch, booking)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from cds_service.evidence.answers import Arrived
from cds_service.evidence.gateway import Gateway
from cds_service.hooks.context import DraftOrder
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
_OPEN_ORDERS = ("serviceRequests", "openServiceRequests")


def fetch_named(
    request: HookRequest, references: Iterable[str], gateway: Gateway | None, deadline: Deadline
) -> tuple[DraftOrder, ...]:
    """The named orders, in their order.

    One that the EHR does not give is an order whose code cannot be read; without an id it can never be sent
    back. Raises CallError (412) for one that was neither sent nor may be asked for (CH-126).
    """
    wanted = list(dict.fromkeys(canonical(reference, {}) for reference in references))
    sent = dict(_sent(request, wanted))
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


def besides_named(request: HookRequest) -> Mapping[str, bytes | None]:
    """The prefetch as it answers searches for the patient's record.

    Where the hook names orders, the guide has them alone under the key that otherwise holds all orders still
    open; those then come under a key of their own.
    """
    if not (request.dispatched or request.appointments):
        return request.prefetch
    usual, own = _OPEN_ORDERS
    others = {key: value for key, value in request.prefetch.items() if key not in _OPEN_ORDERS}
    return {**others, usual: request.prefetch[own]} if own in request.prefetch else others


def _sent(request: HookRequest, wanted: Collection[str]) -> Iterator[tuple[str, JsonObject]]:
    """Those of the wanted orders that the call brings, by `Type/id`, under whatever key (found-30)."""
    for raw in request.prefetch.values():
        if raw and any(b'"%b"' % name.partition("/")[2].encode() in raw for name in wanted):
            yield from _wanted(_resources(_read(raw) or {}), wanted)
    yield from _wanted((draft.resource for draft in request.appointments), wanted)


def _wanted(resources: Iterable[JsonObject], wanted: Collection[str]) -> Iterator[tuple[str, JsonObject]]:
    for resource in resources:
        name = f"{resource.get('resourceType')}/{resource.get('id')}"
        if name in wanted:
            yield name, resource


def _resources(top: JsonObject) -> Iterator[JsonObject]:
    """A resource, or those of a Bundle."""
    entries: Any = top.get("entry") if top.get("resourceType") == "Bundle" else [{"resource": top}]
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield resource


def _read(raw: bytes) -> JsonObject | None:
    try:
        value = fhir_json.read(raw)
    except BROKEN:
        return None
    return value if isinstance(value, dict) else None


def _key_of(name: str) -> str:
    kind = name.partition("/")[0]
    return next((key for key, each in PREFETCH_KEYS.items() if each == kind), "serviceRequests")
