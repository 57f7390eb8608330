"""Turns what the hook brought into `Order`s, or says why one is out of scope (clinical.md 1)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from msgspec import UNSET

from cds_service.kernel import fhir_json
from cds_service.kernel.codes import Terminology
from cds_service.kernel.concepts import Concept, damaged_concept, read_concept
from cds_service.kernel.dates import FhirDate
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import ServiceRequest
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.provenance import Note
from cds_service.kernel.references import canonical
from cds_service.orders.order import Coding, Order, Scope
from cds_service.policy.model import Service

_TO_BE_DONE = frozenset({"draft", "active", "on-hold"})
_TIMES = frozenset({"occurrence_date_time", "occurrence_period", "occurrence_timing", "authored_on"})


class Recogniser:
    """Recognises the services that the loaded policies speak of."""

    def __init__(self, services: Iterable[Service], terms: Terminology) -> None:
        self.services = tuple(services)
        self.terms = terms

    def read(
        self, raw: JsonObject, today: date, aliases: Mapping[str, str], full_url: str | None = None
    ) -> Order:
        """One order as received; never raises for what it holds.

        today: the day that stands in for missing dates; aliases: fullUrl -> `Type/id`.
        """
        reference = _reference(raw, full_url)
        body = fhir_json.write(raw)
        request, damaged = decode(body, ServiceRequest)
        if request is None:
            return Order(reference, raw, Scope.UNREADABLE, "order-unreadable", None, today, today)
        concepts = list(self._concepts(request, damaged, body))
        scope, reason, service = self._scope(raw, request, damaged, concepts)
        authored, service_date = _dates(request, today)
        return Order(
            reference,
            raw,
            scope,
            reason,
            service.service if service else None,
            service_date,
            authored,
            _subject(request, aliases),
            self._billing(concepts, scope, service),
            tuple(canonical(r.reference, aliases) for r in request.insurance or () if r.reference),
            damaged,
            self._notes(scope, concepts, service),
            request,
        )

    def _concepts(self, request: ServiceRequest, damaged: frozenset[str], body: bytes) -> Iterator[Concept]:
        """The code, its billing options, and the order details (clinical.md 1.4)."""
        if "code" in damaged:
            yield damaged_concept(body, self.terms)
        elif request.code is not UNSET:
            yield read_concept(request.code, self.terms)
            for extension in request.code.extension or ():
                if extension.value_codeable_concept is not UNSET:
                    yield read_concept(extension.value_codeable_concept, self.terms)
        for detail in request.order_detail or ():
            yield read_concept(detail, self.terms)

    def _scope(
        self, raw: JsonObject, request: ServiceRequest, damaged: frozenset[str], concepts: list[Concept]
    ) -> tuple[Scope, str, Service | None]:
        best: tuple[Scope, str, Service | None] = (Scope.OUT_OF_SCOPE, "not-this-service", None)
        for service in self.services:
            if raw.get("resourceType") not in service.order_types:
                continue
            scope, reason = self._recognise(service, request, concepts)
            if scope is not Scope.OUT_OF_SCOPE:
                scope, reason = _standing(request, damaged, scope, reason)
                return scope, reason, service
            if reason != "not-this-service":
                best = (scope, reason, None)
        # A code with nothing in it is none: forms send one while nothing is chosen (clients.md 2.5).
        is_there = "code" in damaged and fhir_json.without_empties(raw["code"]) not in ({}, [])
        if is_there and not any(concept.keys or concept.words for concept in concepts):
            return Scope.UNREADABLE, "order-unreadable", None
        return best

    def _recognise(
        self, service: Service, request: ServiceRequest, concepts: list[Concept]
    ) -> tuple[Scope, str]:
        """Whether the codes or the words name this service."""
        words = " | ".join(concept.words for concept in concepts)
        named = re.search(service.words, words) is not None
        here = self._at_site(service, request, words)

        def coded(names: tuple[str, ...]) -> bool:
            return any(concept.stands_in(*names) for concept in concepts)

        if coded(service.triggers):
            return Scope.IN_SCOPE, "service-recognised"
        if coded(service.triggers_with_site) and here:
            return Scope.IN_SCOPE, "service-recognised"
        if coded((*service.triggers_with_words, *service.generic)):
            # A coding that names the technique but no site is as good as words beside a code of the organ.
            if named or coded(service.triggers_with_site):
                return Scope.IN_SCOPE, "service-recognised"
            other = coded(service.other_techniques) or re.search(service.other_technique_words, words)
            return (
                (Scope.OUT_OF_SCOPE, "other-technique")
                if other
                else (Scope.TECHNIQUE_UNKNOWN, "technique-not-named")
            )
        if coded(service.other_techniques):
            return Scope.OUT_OF_SCOPE, "other-technique"
        if coded(service.adjuncts):
            return Scope.OUT_OF_SCOPE, "adjunct-only"
        if named and here:
            return Scope.IN_SCOPE, "text-only-order"
        return Scope.OUT_OF_SCOPE, "not-this-service"

    def _at_site(self, service: Service, request: ServiceRequest, words: str) -> bool:
        sites = [read_concept(site, self.terms) for site in request.body_site or ()]
        text = " | ".join([words, *(site.words for site in sites)])
        if re.search(service.not_site_words, text):
            return False
        return (
            any(site.stands_in(*service.sites) for site in sites)
            or re.search(service.site_words, text) is not None
        )

    def _billing(self, concepts: list[Concept], scope: Scope, service: Service | None) -> tuple[Coding, ...]:
        """Billing codes that name the service; where the order has none, all that may be billed for it
        (CRD-053, impl-5: what would be billed, not what was coded).
        """
        if service is None:
            return ()
        sets = (*service.triggers, *service.triggers_with_words, *service.generic)
        systems = service.billing_systems
        codes = [key for c in concepts for key in c.keys if key[0] in systems and self._stands(key, sets)]
        if not codes and scope is Scope.IN_SCOPE:
            triggers = (code for name in service.triggers for code in self.terms.concepts(name))
            codes = sorted(code for code in triggers if code[0] in systems)
        return tuple(Coding(system, code) for system, code in dict.fromkeys(codes))

    def _stands(self, key: tuple[str, str], sets: tuple[str, ...]) -> bool:
        return not self.terms.lookup(*key)[1].isdisjoint(sets)

    def _notes(self, scope: Scope, concepts: list[Concept], service: Service | None) -> tuple[Note, ...]:
        if scope is not Scope.IN_SCOPE or service is None:
            return ()
        shown = concepts[0].shown if concepts else ""
        words = " | ".join(concept.words for concept in concepts)
        notes = [] if any(concept.sets for concept in concepts) else [Note("order-has-no-code", shown)]
        if re.search(service.other_technique_words, words):
            notes.append(Note("other-technique-named", shown))
        return tuple(notes)


def _standing(
    request: ServiceRequest, damaged: frozenset[str], scope: Scope, reason: str
) -> tuple[Scope, str]:
    """Orders not to be done are dropped; unreadable, what all depends on stops it (clinical.md 4.5)."""
    if request.do_not_perform is True:
        return Scope.OUT_OF_SCOPE, "order-not-to-be-done"
    if "status" not in damaged and request.status not in _TO_BE_DONE:
        return Scope.OUT_OF_SCOPE, "order-status-dropped"
    if damaged & (_TIMES | {"status", "do_not_perform", "subject", "insurance"}):
        return Scope.UNREADABLE, "order-unreadable"
    return scope, reason


def _dates(request: ServiceRequest, today: date) -> tuple[date, date]:
    """(authored, service date): occurrence, else authored, else today (interface.md section 3)."""
    authored = request.authored_on.day if request.authored_on is not UNSET else today
    occurrence = _occurrence(request)
    return authored, occurrence.day if occurrence else authored


def _occurrence(request: ServiceRequest) -> FhirDate | None:
    if request.occurrence_date_time is not UNSET:
        return request.occurrence_date_time
    periods = [request.occurrence_period]
    if request.occurrence_timing is not UNSET:
        if request.occurrence_timing.event:
            return min(request.occurrence_timing.event, key=lambda event: event.first)
        repeat = request.occurrence_timing.repeat
        periods.append(repeat.bounds_period if repeat is not UNSET else UNSET)
    for period in periods:
        if period is not UNSET and period.start is not UNSET:
            return period.start
    return None


def _subject(request: ServiceRequest, aliases: Mapping[str, str]) -> str | None:
    if request.subject is UNSET or request.subject.reference is UNSET:
        return None
    return canonical(request.subject.reference, aliases)


def _reference(raw: JsonObject, full_url: str | None) -> str:
    kind, name = raw.get("resourceType"), raw.get("id")
    return f"{kind}/{name}" if name is not None else (full_url or f"{kind}/unknown")
