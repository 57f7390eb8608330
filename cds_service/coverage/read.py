"""Coverage resources read leniently: whose they are, whether in force, and what they say of the payer."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import msgspec
from msgspec import UNSET

from cds_service.coverage.payers import PayerWords
from cds_service.evidence.chart import Chart, Stored
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import CodeableConcept, Coverage, Identifier, Organization, Reference

_NEEDED = frozenset({"status", "period", "payor", "type", "classes", "subscriber_id", "beneficiary"})


@dataclass(frozen=True, slots=True)
class Held:
    """One coverage of the patient.

    readable: false when a part that decides cannot be read; rank: its order among the patient's coverages;
    plan: the name of its plan, for display.
    """

    reference: str
    readable: bool
    in_force: bool
    rank: int
    words: PayerWords
    plan: str | None


def read_coverages(chart: Chart, day: date) -> list[Held]:
    """The patient's coverages with their standing on that day, the primary one first."""
    held = [item for stored in chart.of("Coverage") if (item := _read(stored, chart, day))]
    return sorted(held, key=lambda item: item.rank)


def _read(stored: Stored, chart: Chart, day: date) -> Held | None:
    coverage, damaged = decode(stored.raw, Coverage)
    if coverage is None:
        return Held(stored.reference, False, True, 99, PayerWords(), None)
    if chart.is_other_patient(coverage.beneficiary):
        return None
    readable = damaged.isdisjoint(_NEEDED)
    rank = coverage.order if coverage.order is not UNSET else 99
    classes = [(c.value or "", c.name or "") for c in coverage.classes or ()]
    plan = next((name for _, name in reversed(classes) if name), None)
    return Held(
        stored.reference, readable, _in_force(coverage, damaged, day), rank, _words(coverage, chart), plan
    )


def _in_force(coverage: Coverage, damaged: frozenset[str], day: date) -> bool:
    """Active and within its period as far as that can be read, on the day of service (not of the order)."""
    if "status" not in damaged and coverage.status != "active":
        return False
    period = coverage.period
    if period is UNSET:
        return True
    starts = period.start is UNSET or period.start.first <= day
    ends = period.end is UNSET or day <= period.end.last
    return starts and ends


def _words(coverage: Coverage, chart: Chart) -> PayerWords:
    names: list[str] = []
    identifiers: list[str] = []
    for payor in coverage.payor or ():
        for found, ids in _payor(payor, coverage, chart):
            names.extend(found)
            identifiers.extend(ids)
    classes = [text for c in coverage.classes or () for text in (c.name, c.value) if isinstance(text, str)]
    plans = [c.name for c in coverage.classes or () if isinstance(c.name, str)]
    words = [*names, *classes, *_type_words(coverage)]
    subscriber = coverage.subscriber_id if coverage.subscriber_id is not UNSET else ""
    return PayerWords(
        tuple(names), tuple(plans), tuple(identifiers), " | ".join(words).casefold(), subscriber
    )


def _type_words(coverage: Coverage) -> Iterator[str]:
    if isinstance(coverage.type, CodeableConcept):
        for coding in coverage.type.coding or ():
            yield from (text for text in (coding.display, coding.code) if isinstance(text, str))
        if isinstance(coverage.type.text, str):
            yield coverage.type.text


def _payor(payor: Reference, coverage: Coverage, chart: Chart) -> Iterator[tuple[list[str], list[str]]]:
    """Names and identifiers that one payor reference brings: resolved, contained, identified or displayed."""
    raw = _organization(payor, coverage, chart)
    if raw is not None:
        organization, _ = decode(raw, Organization)
        if organization is not None:
            name = [organization.name] if isinstance(organization.name, str) else []
            yield name + list(organization.alias or ()), list(_ids(organization.identifier or ()))
    display = [payor.display] if isinstance(payor.display, str) else []
    yield display, list(_ids((payor.identifier,) if isinstance(payor.identifier, Identifier) else ()))


def _organization(payor: Reference, coverage: Coverage, chart: Chart) -> bytes | msgspec.Raw | None:
    if payor.reference is UNSET:
        return None
    if payor.reference.startswith("#"):
        for raw in coverage.contained or ():
            organization, _ = decode(raw, Organization)
            if organization is not None and organization.id == payor.reference[1:]:
                return raw
        return None
    stored = chart.find(payor.reference)
    return stored.raw if stored is not None and stored.type == "Organization" else None


def _ids(identifiers: "list[Identifier] | tuple[Identifier, ...] | tuple[()]") -> Iterator[str]:
    for identifier in identifiers:
        if isinstance(identifier.value, str):
            yield identifier.value
            yield f"{identifier.system or ''}|{identifier.value}"
