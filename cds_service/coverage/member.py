"""From an order to its cases: coverage, payer, product and policy version, or the reason why none."""

from dataclasses import dataclass, replace

from cds_service.coverage.payers import Unmatched, match_payer, match_products
from cds_service.coverage.read import Held, read_coverages
from cds_service.evidence.chart import Chart
from cds_service.orders.order import Order, Scope
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import Payer, PolicyVersion, ProductException
from cds_service.policy.select import SelectionReason, select_version


@dataclass(frozen=True, slots=True)
class Case:
    """One order under one coverage.

    policy: the version that decides; reason: key of `cards/reasons.yaml` saying why there is none (empty
    when there is); product: the exception that sends the reader elsewhere; held: the Coverage as read, also
    where it is not in force and so is no `coverage`.
    """

    order: Order
    coverage: str | None
    reason: str = ""
    payer: Payer | None = None
    policy: PolicyVersion | None = None
    product: ProductException | None = None
    plan: str | None = None
    held: Held | None = None


def choose(order: Order, chart: Chart, bundle: PolicyBundle) -> list[Case]:
    """One case for each coverage in force, or a single one without coverage (clinical.md 6)."""
    held = read_coverages(chart, order.service_date)
    named = [name for name in order.insurance if name.startswith("Coverage/") or chart.find(name) is not None]
    relevant = [item for item in held if item.reference in named] if named else held
    usable = [item for item in relevant if item.in_force]
    if order.scope is Scope.OUT_OF_SCOPE:
        return [Case(order, item.reference, order.reason) for item in usable] or [
            Case(order, None, order.reason)
        ]
    if (
        "Coverage" in chart.unsupported
        or chart.failed.get("Coverage")
        or (not held and chart.failure("Coverage"))
    ):
        return [Case(order, None, "coverage-search-failed")]
    if not usable:
        return [Case(order, None, _why_none(held, relevant), held=next(iter(relevant), None))]
    return [replace(_case(order, item, bundle), held=item) for item in usable]


def _why_none(held: list[Held], relevant: list[Held]) -> str:
    if not held:
        return "no-coverage"
    return "coverage-not-in-force" if relevant else "coverage-not-found"


def _case(order: Order, item: Held, bundle: PolicyBundle) -> Case:
    if not item.readable:
        return Case(order, item.reference, "coverage-unreadable", plan=item.plan)
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
