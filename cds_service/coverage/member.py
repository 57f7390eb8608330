"""From an order to its cases: coverage, payer, product and policy version, or the reason why none."""

from dataclasses import dataclass, replace

from cds_service.coverage.payers import Unmatched, match_payer, match_products
from cds_service.coverage.read import PAYER_SEARCH_FAILED, Held, read_coverages
from cds_service.evidence.chart import Chart, search_gaps
from cds_service.kernel.provenance import Gap
from cds_service.orders.order import Order, Scope
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import Payer, PolicyVersion, ProductException
from cds_service.policy.select import SelectionReason, select_version


@dataclass(frozen=True, slots=True)
class Case:
    """One order under one coverage.

    policy: the version that decides; reason: key of `cards/reasons.yaml` saying why there is none (empty
    when there is); product: the exception that sends the reader elsewhere; held: the Coverage as read, also
    where it is not in force and so is no `coverage`; trouble: the reason that the coverage's payer gives
    where another one goes before it (hook-13); gaps: the searches that failed.
    """

    order: Order
    coverage: str | None
    reason: str = ""
    payer: Payer | None = None
    policy: PolicyVersion | None = None
    product: ProductException | None = None
    plan: str | None = None
    held: Held | None = None
    trouble: str = ""
    gaps: tuple[Gap, ...] = ()


NOTHING_ORDERED = frozenset({"order-not-to-be-done", "order-status-dropped"})
"""Reasons of orders that ask for nothing, so that no coverage matters to them."""


def choose(order: Order, chart: Chart, bundle: PolicyBundle) -> list[Case]:
    """One case for each coverage in force, or a single one without coverage (clinical.md 6)."""
    held = read_coverages(chart, order.service_date)
    named = [name for name in order.insurance if name.startswith("Coverage/") or chart.find(name) is not None]
    relevant = [item for item in held if item.reference in named] if named else held
    usable = [item for item in relevant if item.in_force]
    unknown = bool(
        "Coverage" in chart.unsupported
        or chart.failed.get("Coverage")
        or (not held and chart.failure("Coverage"))
    )
    if order.scope is Scope.OUT_OF_SCOPE:
        none = Case(order, None, order.reason, trouble="" if unknown else _why_none(held, relevant))
        found = [
            Case(order, item.reference, order.reason, trouble=_payer_trouble(item, bundle)) for item in usable
        ]
        return found or [none]
    if unknown:
        return [Case(order, None, "coverage-search-failed", gaps=tuple(search_gaps(chart, "Coverage")))]
    if not usable:
        return [_without_coverage(order, _why_none(held, relevant), next(iter(relevant), None), bundle)]
    return [replace(_case(order, item, bundle, chart), held=item) for item in usable]


def _without_coverage(order: Order, reason: str, lapsed: Held | None, bundle: PolicyBundle) -> Case:
    """The case of an order without a coverage in force; lapsed: one that is not."""
    payer = match_payer(lapsed.words, bundle.payers.values()) if lapsed and not lapsed.trouble else None
    if isinstance(payer, Unmatched):
        return Case(order, None, reason, held=lapsed, trouble=payer.value)
    return Case(order, None, reason, payer, held=lapsed)


def _why_none(held: list[Held], relevant: list[Held]) -> str:
    if not held:
        return "no-coverage"
    return "coverage-not-in-force" if relevant else "coverage-not-found"


def _payer_trouble(item: Held, bundle: PolicyBundle) -> str:
    payer = match_payer(item.words, bundle.payers.values()) if not item.trouble else None
    return payer.value if isinstance(payer, Unmatched) else ""


def _case(order: Order, item: Held, bundle: PolicyBundle, chart: Chart) -> Case:
    if item.trouble:
        gaps = search_gaps(chart, "Organization") if item.trouble == PAYER_SEARCH_FAILED else ()
        return Case(order, item.reference, item.trouble, plan=item.plan, gaps=tuple(gaps))
    payer = match_payer(item.words, bundle.payers.values())
    if isinstance(payer, Unmatched):
        return Case(order, item.reference, payer.value, plan=item.plan)
    if order.scope is Scope.UNREADABLE or order.service is None:
        return Case(order, item.reference, order.reason, payer, plan=item.plan)
    version = select_version(bundle, payer.payer, order.service, order.service_date)
    product = _product(item, payer, order.service, bundle)
    if product is not None:
        exception, policy = product
        return Case(order, item.reference, "product-exception", payer, policy, exception, item.plan)
    if isinstance(version, SelectionReason):
        return Case(order, item.reference, _selection(version), payer, plan=item.plan)
    reason = order.reason if order.scope is Scope.TECHNIQUE_UNKNOWN else ""
    return Case(order, item.reference, reason, payer, version, None, item.plan)


def _selection(reason: SelectionReason) -> str:
    return "no-policy-for-service" if reason is SelectionReason.NO_POLICY else "no-version-in-force"


def _product(
    item: Held, payer: Payer, service: str, bundle: PolicyBundle
) -> tuple[ProductException, PolicyVersion] | None:
    """The exception of the payer's newest text that fits the coverage's product line."""
    versions = [v for v in bundle.all_versions if v.payer == payer.payer and v.service == service]
    products = match_products(item.words, bundle.products)
    for version in reversed(versions):
        for exception in version.product_exceptions:
            if exception.product in products:
                return exception, version
    return None
