"""Picks the orders out of what a hook brought; the rest of it is background for the rules."""

from collections.abc import Iterable, Mapping
from datetime import date

from cds_service.hooks.context import DraftOrder
from cds_service.hooks.request import HookRequest
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
    """The draft orders to be judged: all of them, or the selected ones on order-select (CH-120, CH-121)."""
    drafts = [draft for draft in request.draft_orders if draft.resource["resourceType"] in REQUESTS]
    if request.hook != "order-select":
        return tuple(drafts)
    chosen = {canonical(reference, {}) for reference in request.selections}
    return tuple(draft for draft in drafts if canonical(_reference(draft), {}) in chosen)


def read_orders(
    drafts: Iterable[DraftOrder],
    patient: str,
    recogniser: Recogniser,
    today: date,
    aliases: Mapping[str, str],
) -> list[Order]:
    """The orders of that patient (`Patient/id`); one for anybody else is left out unmentioned (CH-115)."""
    return [
        recogniser.read(draft.resource, today, aliases, draft.full_url)
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
