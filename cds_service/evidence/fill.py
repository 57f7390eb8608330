"""Fetches in one round what the policies need and was not sent; records each gap (architecture, step 5)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from cds_service.evidence.answers import Answer, Arrived, Failed
from cds_service.evidence.chart import NOT_ASKED, ChartBuilder
from cds_service.evidence.gateway import Gateway
from cds_service.evidence.named import besides_named
from cds_service.evidence.needs import Need
from cds_service.evidence.sent import all_sent, as_bundle, begun, is_answer, is_narrower, rest_of
from cds_service.hooks.prefetch import Kind, Value, read_value
from cds_service.hooks.request import HookRequest
from cds_service.kernel.clock import Deadline
from cds_service.kernel.fhir_json import JsonObject

_CLIENT_FAILED = "the client could not fetch it"
_LINKS = ("reasonReference", "supportingInfo")
_READABLE = frozenset(
    {"Condition", "Observation", "BodyStructure", "Procedure", "DiagnosticReport", "DocumentReference"}
)
_MOST_READS = 20


@dataclass
class _Arrivals:
    """What arrived of one resource type, over all its searches, and what did not."""

    bundles: dict[bytes, None] = field(default_factory=dict)
    troubles: list[Failed] = field(default_factory=list)


def fill(
    request: HookRequest,
    builder: ChartBuilder,
    needs: Sequence[Need],
    orders: Iterable[JsonObject],
    gateway: Gateway | None,
    deadline: Deadline,
) -> None:
    """Adds to the builder what was sent for the needs and fetches the rest; nothing is fetched when nothing
    lacks.

    orders: raw orders whose reasons and supporting resources are read in the same round, unless a search
    brings them. Never raises for what the EHR does: each search that fails or is not whole leaves its reason
    at its type.
    """
    sent = all_sent(needs, besides_named(request))
    wanted = _wanted(sent, request.patient_id, gateway)
    reads = _reads(orders, sent, gateway)
    paths = [*wanted.values(), *reads]
    extra = {path for need, path in wanted.items() if need.extra}
    answers = gateway.round(paths, deadline, extra, begun(sent.values())) if gateway and paths else {}
    types: dict[str, _Arrivals] = {}
    for need, value in sent.items():
        answer = _answer(need, value, wanted, answers)
        anew = wanted.get(need) == need.search(request.patient_id)
        _note(types.setdefault(need.resource_type, _Arrivals()), value, answer, anew)
    for kind, found in types.items():
        _hand_over(builder, kind, found)
    for path in reads:
        # One that is not there leaves a reference that leads nowhere, and the rules see that.
        if isinstance(answer := answers[path], Arrived):
            builder.add_resource(answer.pages[0])


def _wanted(sent: Mapping[Need, Value], patient: str, gateway: Gateway | None) -> dict[Need, str]:
    """The searches to make; an extra one only beside others of its type: a whole prefetch costs no call."""
    wanted = {
        need: rest_of(value, need.search(patient), None if is_narrower(value, need, patient) else gateway)
        for need, value in sent.items()
        if value.kind is not Kind.OUTCOME and not is_answer(value, need, patient)
    }
    types = {need.resource_type for need in wanted if not need.extra} if gateway is not None else set()
    return {need: path for need, path in wanted.items() if not need.extra or need.resource_type in types}


def _answer(
    need: Need, value: Value, wanted: Mapping[Need, str], answers: Mapping[str, Answer]
) -> Answer | None:
    """What came of asking for a need, None when there was no need to ask."""
    if value.kind is Kind.OUTCOME:
        return Failed(_CLIENT_FAILED)
    if need not in wanted:
        return None
    answer = answers.get(wanted[need], Failed(NOT_ASKED))
    return _without_blame(need, answer) if need.extra else answer


def _without_blame(need: Need, answer: Answer) -> Answer | None:
    """The answer to an extra search; an EHR that does not offer it or ignores its parameter fails nothing."""
    if isinstance(answer, Failed):
        return None if answer.unsupported or answer.rejected else answer
    link = unquote(read_value(answer.pages[0], need.resource_type).self_link or "") if answer.pages else ""
    heeded = all(f"{name}=" in link for name, _ in need.parameters)
    return answer if heeded else Arrived(answer.pages)


def _note(found: _Arrivals, value: Value, answer: Answer | None, anew: bool) -> None:
    """Keeps what was sent beside what was fetched, unless the whole search was done anew and came whole."""
    replaced = anew and isinstance(answer, Arrived) and answer.complete
    if value.kind in (Kind.BUNDLE, Kind.RESOURCE) and not replaced:
        found.bundles[as_bundle(value)] = None
    if isinstance(answer, Arrived):
        found.bundles.update(dict.fromkeys(answer.pages))
        if answer.lacks:
            found.troubles.append(Failed(answer.lacks))
    elif answer is not None:
        found.troubles.append(answer)


def _hand_over(builder: ChartBuilder, kind: str, found: _Arrivals) -> None:
    """A type counts as answered only when every one of its searches was."""
    for bundle in found.bundles:
        builder.add_bundle(bundle, kind)
    for trouble in found.troubles:
        builder.failed(kind, trouble.reason, trouble.unsupported)
    if not found.troubles and not found.bundles:
        builder.absent(kind)


def _reads(orders: Iterable[JsonObject], sent: Mapping[Need, Value], gateway: Gateway | None) -> list[str]:
    """Paths of resources that orders name and that no search for all of their type brings."""
    whole = {need.resource_type for need in sent if not need.parameters}
    if gateway is None or not sent:
        return []
    found = (gateway.path_of(link) for order in orders for link in _links(order))
    paths = [path for path in found if path and path.partition("/")[0] in _READABLE - whole]
    given = {value.raw for value in sent.values()}
    return [path for path in dict.fromkeys(paths) if not _is_in(path, given)][:_MOST_READS]


def _is_in(path: str, given: Iterable[bytes]) -> bool:
    """Whether something of this id was sent; in doubt it is not read again, and the rules miss it openly."""
    name = path.partition("/")[2].encode()
    return any(b'"%b"' % name in raw for raw in given)


def _links(order: JsonObject) -> Iterator[str]:
    for name in _LINKS:
        items: Any = order.get(name)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(item.get("reference"), str):
                yield item["reference"]
