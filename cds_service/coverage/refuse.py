"""Which coverage trouble is an error for a caller that speaks CRD 2.2 (hook-13)."""

from collections.abc import Sequence

from cds_service.coverage.member import NOTHING_ORDERED, Case
from cds_service.kernel.errors import unusable_coverage

_UNUSABLE = {
    "no-coverage": (
        "No coverage of the patient was found.",
        "Send the coverage in prefetch, or let this service read it at fhirServer.",
    ),
    "coverage-not-found": (
        "The coverage that the order names is not among those of the patient.",
        "Send that coverage, or name another one in the order's insurance.",
    ),
    "payer-not-read": (
        "The coverage names no payer.",
        "Give its payor a name or an identifier, or send the organization that it refers to.",
    ),
    "payer-not-served": (
        "The coverage's payer is not one that this service answers for.",
        "See /policies for those that it answers for.",
    ),
    "payer-ambiguous": (
        "The coverage's payer could be more than one company.",
        "Give its payor an identifier, or the company's full name.",
    ),
}


def refuse_unusable(cases: Sequence[Case]) -> None:
    """Raises CallError (400) where the call does not identify one coverage of a payer served here."""
    cases = [case for case in cases if case.order.reason not in NOTHING_ORDERED]
    for case in cases:
        reason = case.trouble or case.reason
        if reason in _UNUSABLE:
            raise unusable_coverage(*_UNUSABLE[reason])
    orders = [case.order.reference for case in cases]
    if len(set(orders)) < len(orders):
        hint = "Send the one coverage that is to be billed first, or name it in the order's insurance."
        raise unusable_coverage("The patient has more than one coverage in force.", hint)
