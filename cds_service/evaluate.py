"""Evaluates charts without a server: a Bundle or an order-sign request in, determinations out (interface.md section 3)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec

from cds_service.determination import Determination, Outcome
from cds_service.evidence.chart import Chart, ChartBuilder
from cds_service.judge import cases_of, judge
from cds_service.kernel import fhir_json
from cds_service.kernel.errors import InputError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.knowledge import Knowledge
from cds_service.orders.order import Order

_REQUEST_TYPE = "ServiceRequest"


def evaluate_chart(raw: bytes, today: date, knowledge: Knowledge) -> list[Determination]:
    """Determinations of every order in the file. Raises InputError for what is neither a chart nor a hook request."""
    top = _read(raw)
    orders, chart = (
        _from_request(top, today, knowledge) if "hook" in top else _from_bundle(raw, top, today, knowledge)
    )
    if not orders:
        raise InputError(f"The chart holds no {_REQUEST_TYPE}: there is nothing to judge.", "no-order")
    return list(judge(cases_of(orders, chart, knowledge), chart, today, knowledge))


def _read(raw: bytes) -> JsonObject:
    try:
        top = fhir_json.read(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"Not JSON: {error}", "not-json") from error
    if not isinstance(top, dict) or ("hook" not in top and top.get("resourceType") != "Bundle"):
        raise InputError("Neither a FHIR Bundle nor a CDS Hooks request.", "not-a-chart")
    return top


def _from_bundle(raw: bytes, top: JsonObject, today: date, knowledge: Knowledge) -> tuple[list[Order], Chart]:
    builder = ChartBuilder(_only_patient(top))
    builder.add_bundle(raw)
    chart = builder.build()
    orders = [
        knowledge.recogniser.read(resource, today, chart.aliases, full_url)
        for full_url, resource in _entries(top)
        if resource.get("resourceType") == _REQUEST_TYPE
    ]
    return orders, chart


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


def _from_request(top: JsonObject, today: date, knowledge: Knowledge) -> tuple[list[Order], Chart]:
    raise InputError("order-sign requests are read by the hook layer")


def as_json(determination: Determination) -> JsonObject:
    """The object of one determination as in interface.md section 3."""
    policy, payer = determination.policy, determination.payer
    out_of_scope = determination.outcome is Outcome.OUT_OF_SCOPE
    return {
        "order": determination.order.reference,
        "coverage": determination.coverage,
        "payer": payer.payer if payer else None,
        "policy": policy.policy if policy else None,
        "policy_version": policy.version if policy else None,
        "outcome": determination.outcome.value,
        "covered": None if out_of_scope else determination.covered,
        "reason": determination.reason,
        "criteria": [_criterion(result) for result in determination.criteria],
        "flags": list(determination.flags),
        "documentation": [
            {"criterion": result.id, "title": item.title, "loinc": list(item.loinc)}
            for result in determination.criteria
            for item in result.documentation
        ],
    }


def _criterion(result: Any) -> JsonObject:
    return {
        "id": result.id,
        "state": result.state.value,
        "cites": result.cites,
        "evidence": [
            {"reference": e.reference, "date": e.date, "summary": e.summary} for e in result.evidence
        ],
        "gaps": [_remark(gap) for gap in result.gaps],
        "notes": [_remark(note) for note in result.notes],
    }


def _remark(remark: Any) -> JsonObject:
    return {"code": remark.code, "about": remark.about, "reference": remark.reference, "date": remark.date}
