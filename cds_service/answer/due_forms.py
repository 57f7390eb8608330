"""Which forms a package request is due, for which coverage and orders, and the answers known already."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from cds_service.answer.coverage_rules import EXTENSION
from cds_service.answer.known_answers import known_answers
from cds_service.answer.package_request import PackageRequest
from cds_service.evidence.chart import ChartBuilder
from cds_service.judge import cases_of, judge
from cds_service.kernel import fhir_json
from cds_service.kernel.errors import CallError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.references import canonical
from cds_service.knowledge import Knowledge
from cds_service.policy.model import PolicyVersion

Find = Callable[[str], JsonObject | None]
"""Assertion id -> the stored account of its last determination (interface.md sections 1 and 3), or None."""


@dataclass(frozen=True, slots=True)
class Due:
    """A form that is asked for: its canonical, its coverage, the orders it is for, the account behind it."""

    form: str
    coverage: JsonObject
    orders: tuple[JsonObject, ...] = ()
    account: JsonObject = field(default_factory=dict)

    @property
    def decided(self) -> datetime | None:
        """When the account was made."""
        said = self.account.get("decided_at")
        return datetime.fromisoformat(said) if isinstance(said, str) else None


def due_forms(request: PackageRequest, find: Find, knowledge: Knowledge, today: date) -> list[Due]:
    """The forms that context or orders ask for; none when neither asks for any.

    Raises CallError: 404 for a context that is not known, 422 for a coverage or an order that is not the
    context's (DTR spec-130).
    """
    if request.context:
        return list(_by_account(request, _known(request.context, find), knowledge))
    carried = [account for order in request.orders for name in _assertions(order) if (account := find(name))]
    if carried:
        return list(_by_account(request, carried[0], knowledge))
    return list(_by_judging(request, knowledge, today))


def _known(context: str, find: Find) -> JsonObject:
    account = find(context)
    if account is None:
        hint = "Send the coverage-assertion-id of the answer that asked for documentation."
        where = "Parameters.parameter.where(name = 'context')"
        raise CallError("This context is not known.", where, hint, 404, "unknown-context", "not-found")
    return account


def _by_account(request: PackageRequest, account: JsonObject, knowledge: Knowledge) -> Iterator[Due]:
    coverage = _coverage_of(request, account)
    orders = [order for order in request.orders if _belongs(order, account)]
    if request.orders and not orders:
        raise _foreign("The order is not the one this context is about.", "order")
    policy = policy_of(account, knowledge)
    wording = policy.outcomes.get(account["outcome"]) if policy and account["criteria"] else None
    if wording and wording.questionnaire:
        named = tuple(map(reference_to, orders)) or ({"reference": account["order"]},)
        yield Due(wording.questionnaire, coverage, named, account)


def policy_of(account: JsonObject, knowledge: Knowledge) -> PolicyVersion | None:
    """The policy version an account names, if it is still loaded."""
    versions = knowledge.bundle.versions.get(account.get("policy") or "", ())
    return next((each for each in versions if each.version == account["policy_version"]), None)


def _coverage_of(request: PackageRequest, account: JsonObject) -> JsonObject:
    """The coverage sent that the account is about; one without an id can only be meant for it."""
    known = canonical(account["coverage"] or "", {})
    for coverage in request.coverages:
        if "id" not in coverage or f"Coverage/{coverage['id']}" == known:
            return {**coverage, "id": known.rpartition("/")[2]}
    raise _foreign("The coverage is not the one this context is about.", "coverage")


def _belongs(order: JsonObject, account: JsonObject) -> bool:
    """By its id, or because it carries the assertion: drafts get another id when they are stored (3.9)."""
    mine = canonical(account["order"], {}) == f"{order['resourceType']}/{order.get('id')}"
    return mine or "id" not in order or account.get("coverage_assertion_id") in _assertions(order)


def _assertions(order: JsonObject) -> list[str]:
    """The assertion ids an order carries."""
    carried = order.get("extension")
    parts = [
        part
        for extension in (carried if isinstance(carried, list) else ())
        if isinstance(extension, dict) and extension.get("url") == EXTENSION
        for part in extension.get("extension", [])
        if isinstance(part, dict) and part.get("url") == "coverage-assertion-id"
    ]
    return [part["valueString"] for part in parts if isinstance(part.get("valueString"), str)]


def _foreign(message: str, name: str) -> CallError:
    where = f"Parameters.parameter.where(name = '{name}')"
    return CallError(message, where, "Send those of the hook call.", 422, "context-mismatch", "business-rule")


def _by_judging(request: PackageRequest, knowledge: Knowledge, today: date) -> Iterator[Due]:
    """Without a context: what the policies would ask for, from what was sent alone (DTR prof-1)."""
    builder = ChartBuilder()
    for resource in (*request.coverages, *request.orders):
        builder.add_resource(fhir_json.write(resource))
    chart = builder.build()
    orders = [knowledge.recogniser.read(order, today, chart.aliases) for order in request.orders]
    coverages = {f"Coverage/{item['id']}": item for item in request.coverages if "id" in item}
    for found in judge(cases_of(orders, chart, knowledge), chart, today, knowledge):
        if found.questionnaire:
            coverage = coverages.get(found.coverage or "", request.coverages[0])
            yield Due(found.questionnaire, coverage, (reference_to(found.order.raw),))


def reference_to(resource: JsonObject) -> JsonObject:
    """A reference to a resource on the client's server; by identifier where it has no id."""
    kind = resource["resourceType"]
    if isinstance(resource.get("id"), str):
        return {"reference": f"{kind}/{resource['id']}"}
    identifiers = resource.get("identifier")
    if isinstance(identifiers, list) and identifiers and isinstance(identifiers[0], dict):
        return {"type": kind, "identifier": identifiers[0]}
    return {"type": kind, "display": f"The {kind} of the request"}


def answers_for(due: Due, form: JsonObject) -> Mapping[str, JsonObject]:
    """What the account already answers on its form; nothing where no account stands behind it."""
    return known_answers(form, due.account.get("criteria", ()))
