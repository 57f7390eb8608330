"""One order in our terms: raw resource, codes, service date, and whether it is the service at all."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cds_service.kernel.elements import ServiceRequest
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.provenance import Note


class Scope(StrEnum):
    """What recognition made of an order."""

    IN_SCOPE = "in-scope"
    TECHNIQUE_UNKNOWN = "technique-unknown"
    OUT_OF_SCOPE = "out-of-scope"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Coding:
    """A normalised code: canonical system, code, display as sent."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A draft order as received, read as far as the rules need.

    reference: `Type/id`; raw: the resource exactly as received (never changed); service: id of the
    recognised service or None; reason: key of `cards/reasons.yaml` saying why the scope is what it is;
    service_date: occurrence, else authored, else today (interface.md section 3); billing_codes: the
    procedure codes an assertion speaks of; damaged: names of parts that cannot be read (clinical.md 4.5);
    request: the order's elements that rules read.
    """

    reference: str
    raw: JsonObject
    scope: Scope
    reason: str
    service: str | None
    service_date: date
    authored: date
    subject: str | None = None
    billing_codes: tuple[Coding, ...] = ()
    insurance: tuple[str, ...] = ()
    damaged: frozenset[str] = frozenset()
    notes: tuple[Note, ...] = ()
    request: ServiceRequest | None = None
