"""Checks the alternatives and additional orders of a policy version: ids, outcomes, codes, kind of order."""

from collections.abc import Iterator

from cds_service.kernel.errors import DataError
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.model import PolicyVersion, Proposal

_ORDER_TYPE = "ServiceRequest"


def check_proposals(bundle: PolicyBundle, version: PolicyVersion) -> Iterator[DataError]:
    """An error for each proposal that could never be made, or that would propose what was ordered already."""
    file = bundle.file_of(version)
    seen: set[str] = set()
    lists: dict[str, tuple[Proposal, ...]] = {
        "alternatives": version.alternatives,
        "additional-orders": version.additional_orders,
    }
    for name, proposals in lists.items():
        for index, proposal in enumerate(proposals):
            for member, message in _mistakes(version, proposal):
                yield file.error((name, index, *member), message)
            if proposal.id in seen:
                yield file.error((name, index, "id"), f'"{proposal.id}" is used twice. Choose another id.')
            seen.add(proposal.id)
    service = bundle.services.get(version.service)
    if seen and service and service.order_types != (_ORDER_TYPE,):
        message = f"{version.service} is not ordered by {_ORDER_TYPE} alone, as proposals are. Remove them."
        yield file.error(("service",), message)


def _mistakes(version: PolicyVersion, proposal: Proposal) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if not proposal.when:
        yield ("when",), "It would never be proposed. Name an outcome at which it is."
    for index, outcome in enumerate(proposal.when):
        if outcome not in version.outcomes:
            yield ("when", index), f"This version has no outcome {outcome}. Name one that it has."
    code = (proposal.code.system, proposal.code.code)
    if code in {(own.system, own.code) for own in version.procedure_codes}:
        message = f'"{proposal.code.code}" is a code of this policy\'s own service. Propose another one.'
        yield ("code",), message
