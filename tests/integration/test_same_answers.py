"""The same chart gives the same answer as a file and on a FHIR server, with and without prefetch."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cds_service.demo.ehr import running_ehr
from cds_service.evidence.network import Network
from tests.integration.deciding import of_file, signed, verdicts
from tests.integration.ehr_data import EhrChart, long_charts, own_charts, shared_charts, side_by_side
from tests.integration.loopback import ANY, running
from tests.integration.same_answers import Sent, compare, discovery_only, everything, load, nothing
from tests.integration.stub_ehr import holding

OURS = (*own_charts(), *long_charts())


@dataclass(frozen=True, slots=True)
class Loaded:
    """Charts on a server, and which of them it refused, with its reason."""

    base: str
    charts: tuple[EhrChart, ...]
    refused: dict[str, str]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close()


@pytest.fixture(scope="module")
def loaded() -> Iterator[Loaded]:
    """The embedded server with the charts of our policy cases and, where there are any, the shared ones."""
    with socket.create_server(("127.0.0.1", 0)) as listening, running_ehr(listening) as base:
        charts = tuple(side_by_side((*OURS, *shared_charts())))
        yield Loaded(base, charts, load(base, charts))


def test_without_prefetch(loaded: Loaded, network: Network, capsys: pytest.CaptureFixture[str]) -> None:
    """Issue 5: outcome, covered, every criterion's state and the flags, for every chart."""
    report = compare(loaded.base, loaded.charts, loaded.refused, network, nothing)
    with capsys.disabled():
        print(f"\n{report.table('embedded server, no prefetch')}")
    assert not report.differing
    assert len(report.same) >= len(OURS)


@pytest.mark.parametrize("sent", [discovery_only, everything])
def test_with_prefetch(
    loaded: Loaded, network: Network, sent: Sent, capsys: pytest.CaptureFixture[str]
) -> None:
    """Our templates resolved as an EHR does, first pages with their links: the same answers again."""
    charts = loaded.charts[: len(OURS)] + loaded.charts[len(OURS) :: 10]
    report = compare(loaded.base, charts, loaded.refused, network, sent)
    with capsys.disabled():
        print(f"\n{report.table(f'embedded server, prefetch: {sent.__name__}')}")
    assert not report.differing
    assert len(report.same) >= len(OURS)


def test_what_a_server_refuses_is_answered_alike_from_one_that_takes_anything(
    loaded: Loaded, network: Network
) -> None:
    """clinical.md 4.5: EHRs hold damaged resources; a chart of ours and those that were refused above."""
    damaged = [*OURS[:1], *(chart for chart in loaded.charts if chart.name in loaded.refused)]
    for chart in damaged:
        with running({ANY: holding(chart.resources)}) as ehr:
            got = verdicts(signed(ehr.base, chart, network).determinations)
        assert got == of_file(chart), chart.name
