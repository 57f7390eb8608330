"""Calls as an EHR makes them, decided without HTTP in front, and determinations in a form to compare."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import requests

from cds_service.answer.context import Answer, ClientOptions
from cds_service.answer.templates import CardSet, load_cards
from cds_service.decide import Caller, Equipment, decide
from cds_service.determination import Determination
from cds_service.evaluate import evaluate_chart
from cds_service.evidence.hosts import allowed_hosts
from cds_service.evidence.needs import needs_of
from cds_service.evidence.network import Network
from cds_service.hooks.prefetch import DISCOVERY, expand
from cds_service.hooks.request import HookRequest, read_hook_request
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Clock, Deadline
from cds_service.policy.places import data_folder
from tests.builders import knowledge
from tests.integration.ehr_data import EhrChart, Json

PLENTY = 20.0
CALLER = Caller(
    options=ClientOptions(),
    version="2.2",
    strict=False,
    hosts=allowed_hosts(["127.0.0.1"]),
    without_token=True,
)
Verdict = tuple[str, str | None, tuple[tuple[str, str], ...], tuple[str, ...]]
"""Outcome, covered, states of the criteria, flags."""


@cache
def cards() -> CardSet:
    """The built-in card texts."""
    return load_cards(data_folder("cards"))


def equipment(network: Network, on: date) -> Equipment:
    """The tools of the service with the built-in policies, on that day."""
    clock = Clock(today=lambda: on)
    return Equipment(
        knowledge=knowledge(),
        cards=cards(),
        network=network,
        clock=clock,
        public_url="http://127.0.0.1:8080",
    )


def request(base: str | None, patient: str, orders: Iterable[Json], prefetch: Json | None = None) -> Json:
    """An order-sign call with that server as the EHR."""
    entry = [{"resource": order} for order in orders]
    call = {
        "hook": "order-sign",
        "hookInstance": "7a1f",
        "fhirServer": base,
        "context": {
            "userId": "Practitioner/practitioner",
            "patientId": patient,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": entry},
        },
    }
    return call if prefetch is None else {**call, "prefetch": prefetch}


def read(call: Json) -> HookRequest:
    """The call as the service reads it."""
    return read_hook_request(fhir_json.write(call), "order-sign")


def signed(
    base: str, chart: EhrChart, network: Network, prefetch: Json | None = None, strict: bool = False
) -> Answer:
    """The answer to signing all orders of a chart that lies on that server."""
    call = read(request(base, chart.patient, chart.orders, prefetch))
    caller = replace(CALLER, strict=strict)
    return decide(call, caller, equipment(network, chart.on), Deadline.after(PLENTY))


def verdicts(determinations: Iterable[Determination]) -> dict[tuple[str, str | None], Verdict]:
    """What must be the same on every road, by order and coverage; a lapsed coverage, which an answer names
    as what it was asked about, is none here (interface.md section 3).
    """
    return {
        (each.order.reference, None if each.held and not each.held.in_force else each.coverage): (
            each.outcome.value,
            each.covered,
            tuple((result.id, result.state.value) for result in each.criteria),
            each.flags,
        )
        for each in determinations
    }


def of_file(chart: EhrChart) -> dict[tuple[str, str | None], Verdict]:
    """The verdicts of the chart as a file."""
    return verdicts(evaluate_chart(chart.raw, chart.on, knowledge()))


def templates() -> Mapping[str, str]:
    """Everything that an EHR can be set up to send: our discovery, and the keys of the policies' needs."""
    known = knowledge()
    bundle, concepts = known.bundle, known.terms.concepts
    needs = needs_of(bundle.all_versions, bundle.tumors, bundle.attestations, concepts)
    return {each.key: each.template for each in (*DISCOVERY, *(need.template() for need in needs))}


def resolved(base: str, patient: str, queries: Mapping[str, str]) -> Json:
    """Prefetch as an EHR makes it: the answer to each query as it came; a query that fails has no key."""
    return dict(_resolved(base, {"context.patientId": patient}, queries))


def _resolved(base: str, tokens: Mapping[str, str], queries: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    with requests.Session() as session:
        for key, template in queries.items():
            reply = session.get(f"{base}/{expand(template, tokens)}", timeout=60)
            if reply.ok:
                yield key, fhir_json.read(reply.content)
