"""Orders made of the order in hand for what a policy proposes, with the actions that bring them (resp-53)."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from typing import Any, Literal, NamedTuple

from cds_service.answer.coverage_rules import EXTENSION
from cds_service.kernel.fhir_json import JsonObject
from cds_service.policy.model import Alternative, Proposal

_NEEDED = ("subject", "requester")  # what the profile wants besides what is known here
_KEPT = (*_NEEDED, "encounter", "reasonCode", "reasonReference", "insurance")
_OF_THE_OLD = frozenset({"id", "identifier", "meta", "text", "code", "orderDetail"})


class Change(NamedTuple):
    """One action: its type, what it does in a word for the card's template, resource or id of a resource."""

    type: Literal["create", "update", "delete"]
    does: Literal["add", "revise", "remove"]
    resource: JsonObject | None = None
    resource_id: str | None = None


def may_become(raw: JsonObject, proposal: Proposal) -> bool:
    """Whether a valid order can be made of the one in hand; an order that is no draft is not replaced."""
    named = all(isinstance(raw.get(member), dict) and not _points_inside(raw[member]) for member in _NEEDED)
    own = not isinstance(proposal, Alternative) or raw.get("status") == "draft"
    return raw["resourceType"] == "ServiceRequest" and named and own


def changes(raw: JsonObject, proposal: Proposal, today: date) -> Iterator[Change]:
    """One create beside the order; or one update, or one delete with one create, in its place (resp-53)."""
    if not isinstance(proposal, Alternative):
        kept = {name: raw[name] for name in _KEPT if name in raw and not _points_inside(raw[name])}
        yield Change("create", "add", _order(kept, proposal, today))
    elif proposal.replaces:
        kept = {name: value for name, value in raw.items() if name not in _OF_THE_OLD}
        yield Change("delete", "remove", resource_id=f"{raw['resourceType']}/{raw['id']}")
        yield Change("create", "add", _order(kept, proposal, today))
    else:
        revised = {name: value for name, value in raw.items() if name != "text"}
        yield Change("update", "revise", {**_bare(revised), "code": _code(proposal)})


def _order(kept: JsonObject, proposal: Proposal, today: date) -> JsonObject:
    """A new draft order for what is proposed, with what it keeps of the order in hand."""
    return {
        "resourceType": "ServiceRequest",
        **_without_empties(_bare(kept)),
        "status": "draft",
        "intent": "order",
        "code": _code(proposal),
        "authoredOn": today.isoformat(),
    }


def _bare(members: JsonObject) -> JsonObject:
    """A copy without coverage assertions: they were about the order as it was."""
    bare = deepcopy(members)
    carried = bare.pop("extension", None)
    kept = [each for each in carried if not _is_assertion(each)] if isinstance(carried, list) else carried
    return {**bare, "extension": kept} if kept else bare


def _is_assertion(extension: Any) -> bool:
    return isinstance(extension, dict) and extension.get("url") == EXTENSION


def _without_empties(value: Any) -> Any:
    """What we send anew holds nothing empty, whatever the order in hand held (CH-162)."""
    if isinstance(value, dict):
        pruned = {name: _without_empties(item) for name, item in value.items()}
        return {name: item for name, item in pruned.items() if item not in (None, "", [], {})}
    if isinstance(value, list):
        return [item for item in map(_without_empties, value) if item not in (None, "", [], {})]
    return value


def _points_inside(value: Any) -> bool:
    """Whether a reference in it leads into the order's own contained resources."""
    if isinstance(value, dict):
        reference = value.get("reference")
        inside = isinstance(reference, str) and reference.startswith("#")
        return inside or any(map(_points_inside, value.values()))
    return isinstance(value, list) and any(map(_points_inside, value))


def _code(proposal: Proposal) -> JsonObject:
    code = proposal.code
    coding = {"system": code.system, "code": code.code, **({"display": code.display} if code.display else {})}
    return {"coding": [coding], "text": proposal.title}
