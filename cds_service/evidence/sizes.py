"""Tumor sizes per lesion, as exact lengths with the state each gives against a limit (clinical.md 3)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from cds_service.kernel.codes import Terminology
from cds_service.kernel.concepts import read_concept
from cds_service.kernel.elements import Component, Observation, Quantity, Range
from cds_service.kernel.truth import Truth, all_of
from cds_service.kernel.units import millimetres_per
from cds_service.policy.tumors import SizeCodes

_NUMBER = r"(\d+(?:\.\d+)?)\s*(cm|mm)?"
_WRITTEN = re.compile(
    rf"\s*(<=?|>=?)?\s*{_NUMBER}(?:\s*[x×]\s*{_NUMBER})?(?:\s*[x×]\s*{_NUMBER})?\s*\Z", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Length:
    """A length in millimetres with its comparator, or the reason why it cannot be compared."""

    mm: Decimal | None
    comparator: str = ""
    problem: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """The policy's diameter (exclusive) and the plausible range, in millimetres."""

    below: Decimal
    plausible: Decimal

    def state(self, length: Length) -> tuple[Truth, str]:
        """Met below the limit, not met at or above it, else unknown and why (table of clinical.md 3.3)."""
        if length.mm is None:
            return Truth.UNKNOWN, length.problem
        if not 0 < length.mm <= self.plausible:
            return Truth.UNKNOWN, "implausible"
        fits = {
            "": length.mm < self.below,
            "<": length.mm <= self.below,
            "<=": length.mm < self.below,
        }
        if length.comparator in fits:
            if fits[length.comparator]:
                return Truth.MET, ""
            return (Truth.UNKNOWN, "straddles-limit") if length.comparator else (Truth.NOT_MET, "")
        return (Truth.NOT_MET, "") if length.mm >= self.below else (Truth.UNKNOWN, "straddles-limit")

    def worst(self, lengths: Sequence[Length]) -> tuple[Truth, str]:
        """The state of a lesion from its dimensions: the largest decides, one unreadable keeps it open."""
        states = [self.state(length) for length in lengths]
        truth = all_of(state for state, _ in states)
        problems = [problem for state, problem in states if state is Truth.UNKNOWN]
        return truth, (problems or ["no-value"])[0] if truth is Truth.UNKNOWN else ""


def quantity_length(quantity: Quantity) -> Length:
    """The length of a Quantity; no value or no comparable unit is a problem, not an error."""
    comparator = quantity.comparator if quantity.comparator is not UNSET else ""
    unit = quantity.unit if quantity.unit is not UNSET else None
    if quantity.value is UNSET:
        return Length(None, comparator, "no-value")
    code = quantity.code if quantity.code is not UNSET and is_ucum(quantity.system) else None
    number = quantity.value.value
    shown = f"{comparator}{number} {unit or code or ''}".strip()
    factor = millimetres_per(code, unit)
    if factor is None:
        return Length(None, comparator, "unit-conflict" if code and unit else "no-unit", shown)
    return Length(number * factor, comparator, "", shown)


def is_ucum(system: str | UnsetType) -> bool:
    """Whether a Quantity's code is a UCUM code (canonical or OID address)."""
    return system is not UNSET and system.strip() in (
        "http://unitsofmeasure.org",
        "urn:oid:2.16.840.1.113883.6.8",
    )


def written_lengths(text: str) -> list[Length]:
    """The lengths of a size written as text (grammar of clinical.md 3.3).

    A missing unit takes the next one to the right.
    """
    match = _WRITTEN.match(text)
    if match is None:
        return [Length(None, "", "no-value", text.strip())]
    comparator, *parts = match.groups()
    numbers = [(parts[i], parts[i + 1]) for i in range(0, len(parts), 2) if parts[i]]
    lengths: list[Length] = []
    unit: str | None = None
    for number, own in reversed(numbers):
        unit = own or unit
        factor = millimetres_per(unit, None) if unit else None
        mm = Decimal(number) * factor if factor else None
        lengths.append(Length(mm, comparator or "", "" if mm is not None else "no-unit", text.strip()))
    return lengths[::-1]


def range_state(limit: Limit, value: Range) -> tuple[Truth, str]:
    """Met if the high end is below the limit, not met if the low end is at or above it."""
    low = quantity_length(value.low) if value.low is not UNSET else None
    high = quantity_length(value.high) if value.high is not UNSET else None
    if any(end is not None and end.comparator for end in (low, high)):
        return Truth.UNKNOWN, "straddles-limit"
    if low and high and low.mm is not None and high.mm is not None and low.mm > high.mm:
        return Truth.UNKNOWN, "implausible"
    if high and limit.state(high)[0] is Truth.MET and (low is None or low.mm is not None):
        return Truth.MET, ""
    if low and limit.state(low)[0] is Truth.NOT_MET and (high is None or high.mm is not None):
        return Truth.NOT_MET, ""
    return Truth.UNKNOWN, "straddles-limit"


class Measured(NamedTuple):
    """What one size Observation gives: state, problem, the value as seen, its longest length if any."""

    state: Truth
    problem: str
    seen: str
    longest: Length | None = None


def measured(resource: Observation, codes: SizeCodes, limit: Limit, terms: Terminology) -> Measured:
    """The reading of one size Observation: its components, else its own value."""
    ranges = [
        c.value_range
        for c in resource.component or ()
        if c.value_range is not UNSET and _is_dimension(c, codes, terms)
    ]
    parts = list(_dimensions(resource.component or (), codes, terms))
    if ranges:
        states = [range_state(limit, value) for value in ranges]
        return Measured(all_of(state for state, _ in states), states[0][1], "a range")
    if parts:
        return _longest_decides([length for lengths in parts for length in lengths], limit)
    if resource.value_range is not UNSET:
        return Measured(*range_state(limit, resource.value_range), "a range")
    lengths = []
    if resource.value_quantity is not UNSET:
        lengths = [quantity_length(resource.value_quantity)]
    elif resource.value_string is not UNSET:
        lengths = written_lengths(resource.value_string)
    return _longest_decides(lengths, limit)


def _dimensions(
    components: Iterable[Component], codes: SizeCodes, terms: Terminology
) -> Iterable[list[Length]]:
    for component in components:
        if not _is_dimension(component, codes, terms):
            continue
        if component.value_quantity is not UNSET:
            yield [quantity_length(component.value_quantity)]
        elif component.value_string is not UNSET:
            yield written_lengths(component.value_string)
        else:
            yield [Length(None, "", "no-value")]


def _is_dimension(component: Component, codes: SizeCodes, terms: Terminology) -> bool:
    return read_concept(component.code, terms).stands_in(*codes.longest, *codes.other)


def _longest_decides(lengths: Sequence[Length], limit: Limit) -> Measured:
    known = [length for length in lengths if length.mm is not None]
    best = max(known, key=lambda length: length.mm or 0, default=None)
    seen = lengths[0].shown if lengths and lengths[0].shown else "no diameter"
    return Measured(*limit.worst(lengths), f"longest diameter {best.shown}" if best else seen, best)
