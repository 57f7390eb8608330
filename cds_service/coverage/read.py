"""Coverage resources read leniently: whose they are, whether in force, and what they say of the payer."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import msgspec
from msgspec import UNSET

from cds_service.coverage.payers import PayerWords
from cds_service.evidence.chart import Chart, Stored
from cds_service.kernel.decode import decode
from cds_service.kernel.elements import CodeableConcept, Coverage, Identifier, Organization, Reference

_NEEDED = frozenset({"status", "period", "payor", "type", "classes", "subscriber_id", "beneficiary"})
PAYER_SEARCH_FAILED = "payer-search-failed"
_UNREADABLE = "coverage-unreadable"


@dataclass(frozen=True, slots=True)
class Held:
    """One coverage of the patient.

    trouble: key of `cards/reasons.yaml` saying why it cannot be used, empty when it can; in_force: on the
    day of service; rank: its order among the patient's coverages; plan: the name of its plan, for display;
    active: by its status; starts, ends: its first and last day, as far as they can be read.
    """

    reference: str
    trouble: str
    in_force: bool
    rank: int
    words: PayerWords
    plan: str | None
    active: bool = True
    starts: date | None = None
    ends: date | None = None

    def covers(self, day: date) -> bool:
        """Whether it is in force on that day, as far as that can be read."""
        begun = self.starts is None or self.starts <= day
        return self.active and begun and (self.ends is None or day <= self.ends)


def read_coverages(chart: Chart, day: date) -> list[Held]:
    """The patient's coverages with their standing on that day, the primary one first."""
    held = [item for stored in chart.of("Coverage") if (item := _read(stored, chart, day))]
    return sorted(held, key=lambda item: item.rank)


def _read(stored: Stored, chart: Chart, day: date) -> Held | None:
    coverage, damaged = decode(stored.raw, Coverage)
    if coverage is None:
        return Held(stored.reference, _UNREADABLE, True, 99, PayerWords(), None)
    if chart.is_other_patient(coverage.beneficiary):
        return None
    troubles = (_payor_trouble(payor, coverage, chart) for payor in coverage.payor or ())
    trouble = next(filter(None, troubles), "") if damaged.isdisjoint(_NEEDED) else _UNREADABLE
    rank = coverage.order if coverage.order is not UNSET else 99
    classes = [(c.value or "", c.name or "") for c in coverage.classes or ()]
    plan = next((name for _, name in reversed(classes) if name), None)
    active = "status" in damaged or coverage.status == "active"
    starts, ends = _days(coverage)
    held = Held(stored.reference, trouble, True, rank, _words(coverage, chart), plan, active, starts, ends)
    return replace(held, in_force=held.covers(day))


def _days(coverage: Coverage) -> tuple[date | None, date | None]:
    """First and last day of its period."""
    period = coverage.period
    if period is UNSET:
        return None, None
    starts = period.start.first if period.start is not UNSET else None
    return starts, period.end.last if period.end is not UNSET else None


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


def _payor_trouble(payor: Reference, coverage: Coverage, chart: Chart) -> str:
    """Why the organization it refers to cannot be told, if it is to be had at all (clinical.md 4.5)."""
    if payor.reference is UNSET:
        return ""
    raw = _organization(payor, coverage, chart)
    if raw is not None:
        return "" if decode(raw, Organization)[1] <= {"id"} else _UNREADABLE
    if payor.reference.startswith("#"):
        return _UNREADABLE
    return PAYER_SEARCH_FAILED if "Organization" in chart.failed else ""


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
