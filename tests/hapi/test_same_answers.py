"""The same chart gives the same answer as a file and on a HAPI FHIR server, with and without prefetch."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cds_service.decide import decide
from cds_service.determination import Outcome
from cds_service.evidence.network import Network
from cds_service.kernel.clock import Deadline
from tests.hapi.engine import Server
from tests.integration.deciding import CALLER, PLENTY, equipment, read, request
from tests.integration.ehr_data import EhrChart, long_charts, own_charts, shared_charts, side_by_side
from tests.integration.same_answers import Sent, compare, discovery_only, everything, load, nothing

pytestmark = pytest.mark.hapi
OURS = (*own_charts(), *long_charts())
Loaded = tuple[tuple[EhrChart, ...], dict[str, str]]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close()


@pytest.fixture(scope="module")
def loaded(hapi_server: Server) -> Loaded:
    """The charts of our policy cases and the shared ones, with the server's reasons against some of them."""
    charts = tuple(side_by_side((*OURS, *shared_charts())))
    return charts, load(hapi_server.base, charts)


def test_without_prefetch(
    hapi_server: Server, loaded: Loaded, network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issue 5: outcome, covered, every criterion's state and the flags, for every chart."""
    charts, refused = loaded
    report = compare(hapi_server.base, charts, refused, network, nothing)
    with capsys.disabled():
        print(f"\n{report.table('HAPI, no prefetch')}")
    assert not report.differing
    assert len(report.same) >= len(OURS)


@pytest.mark.parametrize("sent", [discovery_only, everything])
def test_with_prefetch(
    hapi_server: Server, loaded: Loaded, network: Network, sent: Sent, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our templates resolved as an EHR does, first pages with their links: the same answers again."""
    charts, refused = loaded
    some = charts[: len(OURS)] + charts[len(OURS) :: 10]
    report = compare(hapi_server.base, some, refused, network, sent)
    with capsys.disabled():
        print(f"\n{report.table(f'HAPI, prefetch: {sent.__name__}')}")
    assert not report.differing
    assert len(report.same) >= len(OURS)


def test_the_token_of_the_call_opens_the_server_and_another_does_not(
    hapi_server: Server, loaded: Loaded, network: Network
) -> None:
    """clinical.md 4.5: what may not be read is a gap that the card names."""
    chart = next(chart for chart in loaded[0] if "all five criteria met" in chart.name)
    answers = {}
    for token in (hapi_server.token, "wrong"):
        access = {"access_token": token, "token_type": "Bearer", "expires_in": 60, "scope": "patient/*.rs"}
        call = request(hapi_server.secured, chart.patient, chart.orders) | {"fhirAuthorization": access}
        tools, caller = equipment(network, chart.on), replace(CALLER, without_token=False)
        answers[token] = decide(read(call), caller, tools, Deadline.after(PLENTY)).determinations[0]
    assert answers[hapi_server.token].outcome is Outcome.MEETS_CRITERIA
    assert answers["wrong"].outcome is Outcome.CANNOT_EVALUATE
    assert answers["wrong"].technical
