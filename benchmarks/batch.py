"""One round of searches as parallel GETs and as one FHIR batch, on a FHIR server that runs already.

`python -m benchmarks.batch --fhir-base URL --patient ID [--calls 15]`

The searches are those that the loaded policies need, both ways by the gateway, which in service takes the
faster one at servers that offer a batch.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import click

from cds_service.evidence.answers import Arrived
from cds_service.evidence.batch import Way
from cds_service.evidence.gateway import Gateway
from cds_service.evidence.hosts import allowed_hosts
from cds_service.evidence.needs import needs_of
from cds_service.evidence.network import Network
from cds_service.kernel.clock import Deadline
from cds_service.knowledge import load_knowledge


def searches(patient: str) -> list[str]:
    """The searches of one call, below the server's base address."""
    known = load_knowledge()
    bundle = known.bundle
    needs = needs_of(bundle.all_versions, bundle.tumors, bundle.attestations, known.terms.concepts)
    return [need.search(patient) for need in needs]


def asking(base: str, paths: Sequence[str], way: Way) -> Callable[[], None]:
    """A round of the gateway, held to one way."""
    network = Network()
    gateway = Gateway(network, base, None, allowed_hosts([urlsplit(base).netloc]))

    def ask() -> None:
        network.pace.offers(base, batch=way is Way.BATCH)
        for _ in range(2):
            network.pace.took(base, Way.PARALLEL, float("inf"))
            network.pace.took(base, Way.BATCH, 0.0)
        answers = gateway.round(paths, Deadline.after(30))
        assert all(isinstance(answer, Arrived) for answer in answers.values()), answers

    return ask


@click.command()
@click.option("--fhir-base", required=True)
@click.option("--patient", required=True)
@click.option("--calls", default=15, show_default=True)
def main(fhir_base: str, patient: str, calls: int) -> None:
    """Measures both ways in turn, so that both see the same machine, and prints medians and their ratio."""
    paths = searches(patient)
    ways = {way: asking(fhir_base, paths, way) for way in Way}
    taken: dict[Way, list[float]] = {way: [] for way in Way}
    for number in range(calls + 2):
        for way, ask in ways.items():
            start = time.perf_counter()
            ask()
            if number >= 2:  # the first ones warm both sides up
                taken[way].append((time.perf_counter() - start) * 1000)
    medians = {way: statistics.median(times) for way, times in taken.items()}
    for way, median in medians.items():
        print(f"{way}: {median:.1f} ms for {len(paths)} searches")
    print(f"batch / parallel: {medians[Way.BATCH] / medians[Way.PARALLEL]:.2f}")


if __name__ == "__main__":
    main()
