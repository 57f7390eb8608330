"""Lays out prefetch as a chart and fetches patient and coverage when they were not sent (architecture, step
3).
"""

from collections.abc import Container, Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET

from cds_service.evidence.answers import Answer, Failed
from cds_service.evidence.chart import NOT_ASKED, ChartBuilder
from cds_service.evidence.gateway import Gateway
from cds_service.evidence.sent import as_bundle, begun, rest_of
from cds_service.hooks.prefetch import Kind, Value, classify
from cds_service.hooks.request import HookRequest
from cds_service.hooks.strict_json import BROKEN
from cds_service.kernel.clock import Deadline
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import Coverage
from cds_service.kernel.errors import CallError, invalid_call, prefetch_unavailable
from cds_service.kernel.references import canonical, resource_type

_TYPES = {"patient": "Patient", "coverage": "Coverage"}
_ORGANIZATIONS = "organizations"
_MOST_PAYORS = (
    10  # a coverage has one payor, rarely two; a chart that names dozens is no reason for dozens of reads
)


def open_chart(
    request: HookRequest,
    builder: ChartBuilder,
    gateway: Gateway | None,
    deadline: Deadline,
    no_gateway: str | None = None,
) -> None:
    """Adds patient, coverages and payers to the builder: one round of requests, none when all of it was sent.

    no_gateway: why there is none, for the message. An EHR that fails leaves gaps. Raises CallError: 412 when
    the patient or the coverage was neither sent nor may be asked for (CH-066, CH-067, CH-079), 400 when the
    patient sent is another than the call's (CH-090).
    """
    wanted = _lay_out(request, builder, gateway)
    if gateway is None:
        for key in wanted:
            if classify(request.prefetch, key, _TYPES[key]).kind is not Kind.BUNDLE:
                raise _unavailable(key, no_gateway)
            builder.failed(_TYPES[key], NOT_ASKED)
        return
    payors = _missing_payors(builder, gateway)
    sent = begun([classify(request.prefetch, "coverage", "Coverage")])
    # No rule reads the patient, so one that hangs must not use up the time of what rules do read.
    spare = [wanted["patient"]] if "patient" in wanted else []
    answers = _ask(gateway, [*wanted.values(), *payors], deadline, sent, spare)
    if _is_rejected(answers.get(wanted.get("coverage", ""))):
        # Strict servers refuse a search for its `_include`; without it the payers are read one by one.
        wanted["coverage"] = _coverage_search(request, include=False)
        answers |= _ask(gateway, [wanted["coverage"]], deadline)
    for key, path in wanted.items():
        _add(builder, _TYPES[key], answers[path], request.patient_id)
    later = [path for path in _missing_payors(builder, gateway) if path not in answers]
    answers |= _ask(gateway, later, deadline)
    for path in (*payors, *later):
        _add(builder, "Organization", answers[path], request.patient_id)


def _lay_out(request: HookRequest, builder: ChartBuilder, gateway: Gateway | None) -> dict[str, str]:
    """Adds what was sent; the paths of what was not, by key."""
    wanted: dict[str, str] = {}
    if not _patient_sent(request, builder):
        wanted["patient"] = f"Patient/{quote(request.patient_id, safe='')}"
    coverage = classify(request.prefetch, "coverage", "Coverage")
    if coverage.kind is Kind.OUTCOME:
        raise _unavailable("coverage", "the client could not fetch it either")
    if coverage.kind in (Kind.BUNDLE, Kind.RESOURCE):
        builder.add_bundle(as_bundle(coverage), "Coverage")
    elif coverage.kind in (Kind.NULL, Kind.EMPTY):
        builder.absent("Coverage")
    if not coverage.complete:
        wanted["coverage"] = rest_of(coverage, _coverage_search(request), gateway)
    payers = classify(request.prefetch, _ORGANIZATIONS, "Organization")
    if payers.kind in (Kind.BUNDLE, Kind.RESOURCE):
        builder.add_bundle(as_bundle(payers), "Organization")
    return wanted


def _coverage_search(request: HookRequest, include: bool = True) -> str:
    """All coverages, also those not active: why there is none in force is part of the answer."""
    included = "&_include=Coverage:payor" if include else ""
    return f"Coverage?patient={quote(request.patient_id, safe='')}{included}&_count=100"


def _patient_sent(request: HookRequest, builder: ChartBuilder) -> bool:
    """Whether the patient need not be asked for; null is known absence (CH-074)."""
    sent = classify(request.prefetch, "patient", "Patient")
    if sent.kind is Kind.OUTCOME:
        raise _unavailable("patient", "the client could not fetch it either")
    if sent.kind in (Kind.NULL, Kind.EMPTY):
        builder.absent("Patient")
        return True
    ids = _patient_ids(sent) if sent.kind in (Kind.RESOURCE, Kind.BUNDLE) else []
    if not ids:
        return False
    if request.patient_id not in ids:
        raise invalid_call("The patient sent is another than the call's.", "prefetch.patient")
    builder.add_bundle(as_bundle(sent), "Patient")
    return True


class _Person(msgspec.Struct, gc=False):
    resourceType: Any = None  # noqa: N815 - FHIR's own spelling
    id: Any = None


class _Entry(msgspec.Struct, gc=False):
    resource: _Person | None = None


class _Persons(_Person, gc=False):
    entry: list[_Entry] | None = None


def _patient_ids(value: Value) -> list[str]:
    """The ids of the Patients in a value; one without an id could be anybody."""
    try:
        found = msgspec.json.decode(value.raw, type=_Persons)
    except BROKEN:
        return []
    persons = [found, *(entry.resource for entry in found.entry or () if entry.resource is not None)]
    return [p.id for p in persons if p.resourceType == "Patient" and isinstance(p.id, str)]


def _missing_payors(builder: ChartBuilder, gateway: Gateway) -> list[str]:
    """Paths of payer Organizations that coverages refer to and that are not here yet."""
    chart, paths = builder.build(), dict[str, None]()
    for stored in chart.of("Coverage"):
        coverage, _ = decode(stored.raw, Coverage)
        for payor in (coverage.payor or ()) if coverage is not None else ():
            if payor.reference is UNSET or chart.find(payor.reference) is not None:
                continue
            path = gateway.path_of(payor.reference)
            if path is not None and resource_type(canonical(path, {})) == "Organization":
                paths[path] = None
    return list(paths)[:_MOST_PAYORS]


def _ask(
    gateway: Gateway,
    paths: list[str],
    deadline: Deadline,
    sent: Mapping[str, int] | None = None,
    spare: Container[str] = (),
) -> dict[str, Answer]:
    return gateway.round(paths, deadline, begun=sent, spare=spare) if paths else {}


def _is_rejected(answer: Answer | None) -> bool:
    """Servers that do not know the parameter say 400, with or without `not-supported`."""
    return isinstance(answer, Failed) and (answer.rejected or answer.unsupported)


def _add(builder: ChartBuilder, kind: str, answer: Answer, patient: str) -> None:
    if isinstance(answer, Failed):
        builder.failed(kind, answer.reason, answer.unsupported)
        return
    for page in answer.pages:
        if kind == "Coverage":
            builder.add_bundle(page, kind)
        elif kind == "Patient" and _patient_ids(Value(Kind.RESOURCE, page)) != [patient]:
            builder.failed(kind, "the EHR sent another patient")
        else:
            builder.add_resource(page)
    if answer.lacks:
        builder.failed(kind, answer.lacks)


def _unavailable(key: str, why: str | None) -> CallError:
    error = prefetch_unavailable(key)
    error.hint = f"{error.hint} Now: {why}." if why else error.hint
    return error
