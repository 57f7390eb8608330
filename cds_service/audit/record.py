"""The decision record: what was asked, what was answered, by which policy revision; no token, no name."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cds_service import __version__
from cds_service.answer.account import as_json
from cds_service.answer.context import Answer
from cds_service.audit.kept import keep
from cds_service.determination import Determination
from cds_service.evidence.chart import Chart
from cds_service.hooks.request import HookRequest
from cds_service.kernel.fhir_json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the record needs to know of the making: who asked, when, by what, in which time."""

    id: str
    at: datetime
    client: str
    crd_version: str
    bundle_revision: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One call and its answer, as rows: the decision, its determinations, its cards."""

    decision: Mapping[str, Any]
    determinations: Sequence[Mapping[str, Any]]
    cards: Sequence[Mapping[str, Any]]


def decision_record(request: HookRequest, answer: Answer, chart: Chart, made: Made) -> DecisionRecord:
    """The record of an answer (found-11, found-37). The order in the answer is kept by reference."""
    found = answer.determinations
    decision = {
        "id": made.id,
        "decided_at": made.at.astimezone(UTC),
        "hook": request.hook,
        "hook_instance": request.hook_instance.replace("\0", ""),
        "client": made.client,
        "crd_version": made.crd_version,
        "service_version": __version__,
        "bundle_revision": made.bundle_revision,
        "milliseconds": round(made.milliseconds, 1),
        "request": _asked(request, found),
        "answer": _answered(answer),
        "chart": keep(chart),
    }
    determinations = [
        {
            "decision": made.id,
            "place": place,
            "assertion": item.assertion_id,
            "client": made.client,
            "policy": item.policy.policy if item.policy else None,
            "version": item.policy.version if item.policy else None,
            "outcome": item.outcome.value,
            "account": as_json(item),
        }
        for place, item in enumerate(found)
    ]
    return DecisionRecord(decision, determinations, list(_cards(answer, made)))


def _asked(request: HookRequest, determinations: Sequence[Determination]) -> JsonObject:
    """The call by reference."""
    return {
        "patient": f"Patient/{request.patient_id}",
        "user": request.user_id,
        "orders": list(dict.fromkeys(item.order.reference for item in determinations)),
        "fhir_server": request.fhir_server,
        "prefetch": sorted(request.prefetch)[:50],
        "configuration": request.configuration,
        "requested_version": request.requested_version,
    }


def _answered(answer: Answer) -> JsonObject:
    """The answer as sent, with each order by reference and our statements on it."""
    sent = answer.response.as_json()
    for action in sent.get("systemActions", []):
        order = action.pop("resource", {})
        action["reference"] = f"{order.get('resourceType')}/{order.get('id')}"
        action["statements"] = [item for item in order.get("extension", []) if _is_statement(item, answer)]
    return sent


def _is_statement(extension: Any, answer: Answer) -> bool:
    """Whether an extension is one that this answer made or confirmed."""
    parts = extension.get("extension") if isinstance(extension, dict) else None
    said = [part.get("valueString") for part in parts or () if isinstance(part, dict)]
    return any(item.assertion_id and item.assertion_id in said for item in answer.determinations)


def _cards(answer: Answer, made: Made) -> Iterator[Mapping[str, Any]]:
    """The ids that feedback will name, joined to policy version and outcome."""
    by_order = {(item.order.reference, item.coverage): item for item in answer.determinations}
    for origin in answer.origins:
        item = by_order[origin.order, origin.coverage]
        yield {
            "uuid": origin.card,
            "decision": made.id,
            "client": made.client,
            "kind": origin.kind,
            "assertion": origin.assertion_id,
            "policy": item.policy.policy if item.policy else None,
            "version": item.policy.version if item.policy else None,
            "outcome": item.outcome.value,
            "open_criteria": [result.id for result in (*item.failed_criteria, *item.open_criteria)],
            "suggestions": list(origin.suggestions),
        }
