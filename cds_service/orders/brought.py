"""Picks the orders out of what a hook brought; the rest of it is background for the rules."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from cds_service.hooks.context import DraftOrder
from cds_service.hooks.request import HookRequest
from cds_service.kernel.dates import parse_date
from cds_service.kernel.fhir_json import JsonObject, objects
from cds_service.kernel.references import canonical, resource_type
from cds_service.orders.order import Order
from cds_service.orders.recognise import Recogniser

REQUESTS = frozenset(
    (
        "CommunicationRequest",
        "DeviceRequest",
        "MedicationRequest",
        "NutritionOrder",
        "ServiceRequest",
        "VisionPrescription",
    )
)
"""Types that may carry a coverage assertion in both CRD versions (crd-dtr.md 1.1)."""


def brought_orders(request: HookRequest) -> tuple[DraftOrder, ...]:
    """The orders to be judged among what the context holds.

    On order-select the selected ones (CH-120, CH-121); a booking counts as an order only where it is based on
    none.
    """
    drafts = [draft for draft in request.draft_orders if draft.resource["resourceType"] in REQUESTS]
    bookings = (draft for draft in request.appointments if draft.resource["resourceType"] == "Appointment")
    drafts += [booking for booking in bookings if not list(_bases(booking))]
    if request.hook != "order-select":
        return tuple(drafts)
    chosen = {canonical(reference, {}) for reference in request.selections}
    return tuple(draft for draft in drafts if canonical(_reference(draft), {}) in chosen)


def named_orders(request: HookRequest) -> tuple[str, ...]:
    """References to the orders that the context only names: dispatched, or the reason for a booking."""
    bases = (reference for booking in request.appointments for reference in _bases(booking))
    return tuple(dict.fromkeys((*request.dispatched, *bases)))


def _bases(booking: DraftOrder) -> Iterator[str]:
    """What an appointment is based on; other requests than ServiceRequest come by an extension (hook-26)."""
    based: Any = booking.resource.get("basedOn")
    for item in based if isinstance(based, list) else ():
        if not isinstance(item, dict):
            continue
        others = item.get("extension")
        named = [item, *(each.get("valueReference") for each in objects(others))]
        yield from (
            each["reference"]
            for each in named
            if isinstance(each, dict) and isinstance(each.get("reference"), str)
        )


def on_booked_days(orders: Iterable[Order], request: HookRequest) -> list[Order]:
    """The orders with the day that is booked as their day of service, where an appointment names one."""
    days: dict[str, date] = {}
    for booking in request.appointments:
        if start := _day(booking.resource.get("start")):
            for name in (canonical(reference, {}) for reference in _bases(booking)):
                days[name] = min(days.get(name, start), start)
    return [replace(order, service_date=days.get(order.reference, order.service_date)) for order in orders]


def _day(start: object) -> date | None:
    """The day of a FHIR instant; a senseless one names none (CH-128)."""
    try:
        return parse_date(start).day
    except ValueError:
        return None


def read_orders(
    drafts: Iterable[DraftOrder],
    patient: str,
    recogniser: Recogniser,
    today: date,
    aliases: Mapping[str, str],
    seen_as: Callable[[JsonObject], JsonObject] = lambda resource: resource,
) -> list[Order]:
    """The orders of that patient (`Patient/id`); one for anybody else is left out unmentioned (CH-115).

    seen_as: what is read in place of a resource; the order itself keeps the one that came.
    """
    return [
        replace(recogniser.read(seen_as(draft.resource), today, aliases, draft.full_url), raw=draft.resource)
        for draft in drafts
        if _subject(draft, aliases) in (None, patient)
    ]


def _reference(draft: DraftOrder) -> str:
    return f"{draft.resource['resourceType']}/{draft.resource.get('id')}"


def _subject(draft: DraftOrder, aliases: Mapping[str, str]) -> str | None:
    """Whom an order is for; None when it does not say, or says it by other means than a reference."""
    named = draft.resource.get("subject", draft.resource.get("patient"))
    reference = named.get("reference") if isinstance(named, dict) else None
    if not isinstance(reference, str):
        return None
    found = canonical(reference, aliases)
    return found if resource_type(found) else None
