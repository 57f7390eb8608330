"""The id of an assertion: one for each order and coverage, however often and in whatever form they come."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cds_service.answer.coverage_rules import EXTENSION, stated
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.references import canonical
from cds_service.orders.order import Order

_FORM = re.compile(r"cda-([0-9a-f]{24})-([0-9a-f]{8})")
_NO_ALIASES: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who asserts to whom: our public address and the client's issuer (both may be empty)."""

    service: str = ""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An assertion that the order already carries: its place in `extension`, coverage, id and content."""

    index: int
    coverage: str
    assertion_id: str
    extension: JsonObject


def assertion_id(order: Order, coverage: str, issuer: Issuer) -> str:
    """The id of our assertion about this order under this coverage (`Coverage/id`, relative or absolute).

    An id of ours that the order already carries for this coverage is kept, also when the order's own id has
    changed since; otherwise it follows from client, order and coverage. Two coverages never share one
    (resp-32).
    """
    coverage = _bare(coverage)
    carried = [item for item in earlier(order) if is_ours(item.assertion_id, issuer)]
    elsewhere = {item.assertion_id for item in carried if item.coverage != coverage}
    for item in carried:
        if item.coverage == coverage and item.assertion_id not in elsewhere:
            return item.assertion_id
    return _sign(_digest(issuer.client, _order_key(order), coverage)[:24], issuer)


def is_ours(value: str, issuer: Issuer) -> bool:
    """Whether this service (same public address) made the id; told from the id alone."""
    match = _FORM.fullmatch(value)
    return match is not None and _sign(match[1], issuer) == value


def earlier(order: Order) -> Iterator[Earlier]:
    """The readable coverage-information extensions on the order as received, ours and others."""
    carried = order.raw.get("extension")
    for index, extension in enumerate(carried if isinstance(carried, list) else ()):
        try:
            if extension["url"] == EXTENSION:
                said = stated(extension)
                coverage = _bare(said["coverage"][0]["reference"])
                yield Earlier(index, coverage, said["coverage-assertion-id"][0], extension)
        except (LookupError, TypeError, AttributeError):
            continue  # not one of ours: ours can be read


def _sign(body: str, issuer: Issuer) -> str:
    return f"cda-{body}-{_digest(issuer.service, body)[:8]}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _bare(reference: str) -> str:
    return canonical(reference, _NO_ALIASES)


def _order_key(order: Order) -> str:
    """The order's reference; where it has no id yet, its identifiers."""
    if isinstance(order.raw.get("id"), str):
        return _bare(order.reference)
    carried = order.raw.get("identifier")
    found = [item for item in (carried if isinstance(carried, list) else ()) if isinstance(item, dict)]
    names = sorted(f"{item.get('system', '')}|{item.get('value', '')}" for item in found)
    return " ".join(names) or _bare(order.reference)
