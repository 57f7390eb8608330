"""Evaluates charts without a server: Bundle or order-sign request in, determinations out (interface.md 3)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from cds_service.answer.account import as_json
from cds_service.determination import Determination
from cds_service.evidence.chart import ChartBuilder
from cds_service.evidence.fill import fill
from cds_service.evidence.open import open_chart
from cds_service.hooks.request import HookRequest, read_hook_request
from cds_service.judge import cases_of, judge, needs
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Deadline
from cds_service.kernel.errors import CallError, InputError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.knowledge import Knowledge
from cds_service.orders.brought import brought_orders, read_orders

__all__ = ["as_json", "evaluate_chart"]

_REQUEST_TYPE = "ServiceRequest"
_NEVER = Deadline(float("inf"))
_NO_EHR = "a file brings no access to an EHR"


def evaluate_chart(raw: bytes, today: date, knowledge: Knowledge) -> list[Determination]:
    """Determinations of every order in the file. Raises InputError for neither a chart nor a hook request."""
    top = _read(raw)
    found = (
        _from_request(raw, today, knowledge) if "hook" in top else _from_bundle(raw, top, today, knowledge)
    )
    if not found:
        raise InputError(f"The chart holds no {_REQUEST_TYPE}: there is nothing to judge.", "no-order")
    return found


def _read(raw: bytes) -> JsonObject:
    try:
        top = fhir_json.read(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"Not JSON: {error}", "not-json") from error
    if not isinstance(top, dict) or ("hook" not in top and top.get("resourceType") != "Bundle"):
        raise InputError("Neither a FHIR Bundle nor a CDS Hooks request.", "not-a-chart")
    return top


def _from_bundle(raw: bytes, top: JsonObject, today: date, knowledge: Knowledge) -> list[Determination]:
    builder = ChartBuilder(_only_patient(top))
    builder.add_bundle(raw)
    chart = builder.build()
    orders = [
        knowledge.recogniser.read(resource, today, chart.aliases, full_url)
        for full_url, resource in _entries(top)
        if resource.get("resourceType") == _REQUEST_TYPE
    ]
    return list(judge(cases_of(orders, chart, knowledge), chart, today, knowledge))


def _only_patient(top: JsonObject) -> str | None:
    """The patient of a chart that holds exactly one."""
    found = [
        f"Patient/{r['id']}" for _, r in _entries(top) if r.get("resourceType") == "Patient" and r.get("id")
    ]
    return found[0] if len(found) == 1 else None


def _entries(bundle: JsonObject) -> Iterator[tuple[str | None, JsonObject]]:
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        resource: Any = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            full_url = entry.get("fullUrl")
            yield full_url if isinstance(full_url, str) else None, resource


def _from_request(raw: bytes, today: date, knowledge: Knowledge) -> list[Determination]:
    """The determinations of an order-sign call, from what the call itself brings."""
    try:
        request = read_hook_request(raw, "order-sign")
        builder = _opened(request)
    except CallError as error:
        where = f" ({error.where})" if error.where else ""
        raise InputError(f"{error.message}{where}", error.code) from error
    chart = builder.build()
    drafts, patient = brought_orders(request), f"Patient/{request.patient_id}"
    orders = read_orders(drafts, patient, knowledge.recogniser, today, chart.aliases)
    cases = cases_of(orders, chart, knowledge)
    fill(request, builder, needs(cases, knowledge), (), None, _NEVER)
    return list(judge(cases, builder.build(), today, knowledge))


def _opened(request: HookRequest) -> ChartBuilder:
    """The chart of a call; what was not sent is a search that failed, as there is nobody to ask."""
    builder = ChartBuilder(f"Patient/{request.patient_id}")
    for draft in request.draft_orders:
        builder.add_resource(fhir_json.write(draft.resource), draft.full_url)
    try:
        open_chart(request, builder, None, _NEVER, _NO_EHR)
    except CallError as error:
        if error.code != "prefetch-unavailable":
            raise
        builder.failed("Coverage", _NO_EHR)
    return builder
