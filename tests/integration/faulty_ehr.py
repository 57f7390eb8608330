"""Made-up charts on an EHR in which one search goes wrong, and the answer to signing there."""

import time
from collections.abc import Mapping
from dataclasses import replace

from cds_service.answer.context import Answer
from cds_service.decide import decide
from cds_service.evidence.needs import needs_of
from cds_service.evidence.network import Network
from cds_service.kernel.clock import Deadline
from tests.builders import (
    SCT,
    TODAY,
    attestation,
    bundle,
    changed,
    concept,
    condition,
    coverage,
    form,
    hcc,
    knowledge,
    m_category,
    order,
    quantity,
    size,
    without,
)
from tests.integration.deciding import CALLER, equipment, read, request
from tests.integration.ehr_data import EhrChart, Json, read_chart
from tests.integration.faults import ANYWHERE, Fault
from tests.integration.loopback import ANY, Behaviour, Ehr, Handler, running
from tests.integration.stub_ehr import answer_to, holding

BUDGET = 5.0
SLACK = 2.0  # for a machine that is busy with other things; the faults hang for much longer
INCLUDE = "&_include=Coverage:payor"
PAYER = {"resourceType": "Organization", "id": "payer", "name": "Capital Blue Cross"}
PAID = coverage(payor=[{"reference": "Organization/payer"}])


def chart(*resources: Json) -> EhrChart:
    """A chart whose coverage names its payer by reference."""
    return read_chart("made up", bundle([*without(resources, "cov"), PAID, PAYER]), TODAY)


MEETS = chart(*hcc())
NOT_MET = [
    chart(*hcc(), condition("C78.01", "lung")),
    chart(*changed(hcc(), "size", component=None, valueQuantity=quantity(5.6))),
    chart(*hcc(), size(5.2, "second")),
    chart(*hcc(), m_category("cM1", "second", days=20)),
    chart(*hcc(), condition("C18.7", "colon")),
    chart(*changed(hcc(), "dx", code=concept("C22.1"))),
    chart(*hcc(), attestation("extrahepatic-disease", "present")),
    chart(
        *without(hcc(), "resectability"), form({"resectability": "resectable", "surgical-candidate": True})
    ),
    chart(*hcc(), order(concept("107963000", SCT), "resection", status="active")),
    chart(*without(hcc(), "amenable-to-cryoablation")),
]
"""Charts that do not meet the criteria, each for a reason of its own."""


def searches() -> Mapping[str, str]:
    """Every path that a call without prefetch asks for, by name."""
    known = knowledge()
    bundle_, concepts = known.bundle, known.terms.concepts
    needs = needs_of(bundle_.all_versions, bundle_.tumors, bundle_.attestations, concepts)
    first = {
        "patient": "Patient/pat",
        "coverage": "Coverage?patient=pat",
        "organization": "Organization/payer",
    }
    return first | {need.key: need.search("pat").removesuffix("&_count=100") for need in needs}


SEARCHES = searches()


def faulty(fault: Fault, name: str, held: EhrChart) -> Behaviour:
    """An EHR in which one search goes wrong; the payer is read by itself only where it is not included."""

    def behave(handler: Handler) -> None:
        path = handler.path.removeprefix("/fhir/")
        if path.startswith(SEARCHES[name]):
            fault(handler, lambda: answer_to(path, held.resources) or {})
        elif name == "organization" and INCLUDE in path:
            handler.answer(answer_to(path.replace(INCLUDE, ""), held.resources))
        else:
            holding(held.resources)(handler)

    return behave


def answering_only(held: EhrChart, *kinds: str) -> Behaviour:
    """An EHR that fails at every other resource type."""

    def behave(handler: Handler) -> None:
        if handler.path.removeprefix("/fhir/").startswith(kinds):
            holding(held.resources)(handler)
        else:
            ANYWHERE["500"](handler, dict)

    return behave


def signed(
    behaviour: Behaviour,
    network: Network,
    seconds: float = BUDGET,
    held: EhrChart = MEETS,
    strict: bool = False,
) -> Answer:
    """The answer to signing, with so many seconds for it."""
    with running({ANY: behaviour}) as ehr:
        return signed_at(ehr, network, seconds, held, strict)


def signed_at(
    ehr: Ehr, network: Network, seconds: float = BUDGET, held: EhrChart = MEETS, strict: bool = False
) -> Answer:
    """The same on a running EHR."""
    call = read(request(ehr.base, held.patient, held.orders))
    began = time.monotonic()
    answer = decide(call, replace(CALLER, strict=strict), equipment(network, TODAY), Deadline.after(seconds))
    assert time.monotonic() - began < seconds + SLACK
    return answer


def outcome(answer: Answer) -> str:
    """The outcome of the order that every chart here holds."""
    (only,) = [each for each in answer.determinations if each.order.reference == "ServiceRequest/order"]
    return only.outcome.value


def told(answer: Answer) -> str:
    """All that the cards say."""
    return " ".join(f"{card.summary} {card.detail}" for card in answer.response.cards)
