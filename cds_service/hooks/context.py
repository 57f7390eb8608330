"""The context of the four hooks we answer, in every dialect that clients use (cds-hooks.md 2.1 to 2.3)."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from cds_service.kernel.errors import invalid_call
from cds_service.kernel.fhir_json import JsonObject

MAX_ID = 1000

# A bare id may be longer than FHIR allows and hold any letter (CH-109), but nothing that could change a URL
# (CH-233).
_NOT_IN_AN_ID = re.compile(r"[/\\?#&%\s\x00-\x1f\x7f]|^\.{1,2}$")
_ORDERS = ("dispatchedOrders", "dispatched-orders", "order")
_TASKS = ("fulfillmentTasks", "fulfillment-tasks", "task")
_KNOWN = {
    "order-sign": {"draftOrders"},
    "order-select": {"draftOrders", "selections"},
    "order-dispatch": {*_ORDERS, *_TASKS, "performer"},
    "appointment-book": {"appointments"},
}
_EVERYWHERE = {"userId", "patientId", "encounterId"}


@dataclass(frozen=True, slots=True)
class DraftOrder:
    """An entry of a Bundle in the context: the resource exactly as received and the entry's fullUrl."""

    resource: JsonObject
    full_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the hook is about; fields of other hooks stay empty.

    draft_orders: every entry of draftOrders, orders or not, in their order; selections, dispatched:
    references (`Type/id`); performer: who is to carry the dispatched orders out; tasks: Task resources as
    sent.
    """

    patient_id: str
    user_id: str | None = None
    encounter_id: str | None = None
    draft_orders: tuple[DraftOrder, ...] = field(default=(), repr=False)
    selections: tuple[str, ...] = ()
    dispatched: tuple[str, ...] = ()
    performer: str | None = None
    tasks: tuple[JsonObject, ...] = field(default=(), repr=False)
    appointments: tuple[DraftOrder, ...] = field(default=(), repr=False)


def read_context(hook: str, raw: JsonObject) -> tuple[Context, int]:
    """(the context, how many members and entries were not understood). Raises CallError."""
    unknown = raw.keys() - _EVERYWHERE - _KNOWN.get(hook, set())
    context = Context(
        patient_id=_patient(raw), user_id=_text(raw, "userId"), encounter_id=_text(raw, "encounterId")
    )
    if hook == "order-dispatch":
        tasks, odd = _tasks(raw)
        orders = _references(raw, *_ORDERS)
        if not orders:
            raise invalid_call("The dispatched orders are missing.", "context.dispatchedOrders")
        context = replace(context, dispatched=orders, performer=_text(raw, "performer"), tasks=tasks)
    elif hook == "appointment-book":
        appointments, odd = _bundle(raw, "appointments")
        context = replace(context, appointments=appointments)
    else:
        draft, odd = _bundle(raw, "draftOrders")
        selections = _references(raw, "selections") if hook == "order-select" else ()
        context = replace(context, draft_orders=draft, selections=selections)
    return context, len(unknown) + odd


def _patient(raw: JsonObject) -> str:
    patient = _text(raw, "patientId")
    if patient is None:
        raise invalid_call("patientId is missing.", "context.patientId")
    if _NOT_IN_AN_ID.search(patient):
        raise invalid_call(
            "patientId is not a bare resource id.", "context.patientId", "Send it without Patient/."
        )
    return patient


def _text(raw: JsonObject, name: str) -> str | None:
    """A string member; None when absent, null or blank (CH-037)."""
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid_call(f"{name} is not a string.", f"context.{name}")
    if len(value) > MAX_ID:
        raise invalid_call(f"{name} is longer than {MAX_ID} characters.", f"context.{name}")
    return value.strip() or None


def _references(raw: JsonObject, *names: str) -> tuple[str, ...]:
    """The references under the first of the names that is there; a single one needs no array (CH-125)."""
    name = next((name for name in names if raw.get(name) is not None), names[0])
    value = raw.get(name)
    items = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item.strip() for item in items):
        raise invalid_call(f"{name} holds something that is no reference.", f"context.{name}")
    return tuple(item.strip() for item in items)


def _tasks(raw: JsonObject) -> tuple[tuple[JsonObject, ...], int]:
    """Task resources, one or several; what is no object (as the logical model has it) is only counted."""
    value: Any = next((raw[name] for name in _TASKS if raw.get(name) is not None), [])
    items = value if isinstance(value, list) else [value]
    tasks = tuple(item for item in items if isinstance(item, dict))
    return tasks, len(items) - len(tasks)


def _bundle(raw: JsonObject, name: str) -> tuple[tuple[DraftOrder, ...], int]:
    """The resources of a Bundle, with or without type, entries and fullUrl (CH-100 to CH-102, CH-114)."""
    where = f"context.{name}"
    bundle = raw.get(name)
    if bundle is None:
        raise invalid_call(f"{name} is missing.", where)
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise invalid_call(f"{name} is not a FHIR Bundle.", where)
    entries = bundle.get("entry")
    if entries is None:
        return (), 0
    if not isinstance(entries, list):
        raise invalid_call("entry is not an array.", f"{where}.entry")
    found = [_entry(entry, f"{where}.entry[{index}]") for index, entry in enumerate(entries)]
    orders = tuple(order for order in found if order is not None)
    return orders, len(found) - len(orders)


def _entry(entry: Any, where: str) -> DraftOrder | None:
    """The resource of an entry, None when it has none."""
    if not isinstance(entry, dict):
        raise invalid_call("A Bundle entry is not an object.", where)
    resource, url = entry.get("resource"), entry.get("fullUrl")
    if resource is None:
        return None
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise invalid_call(
            "A Bundle entry holds no FHIR resource.", f"{where}.resource", "Name its resourceType."
        )
    return DraftOrder(resource, url if isinstance(url, str) else None)
