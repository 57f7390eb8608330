"""Time of one `order-sign` without prefetch, beside the slowest single call to the same EHR.

`python -m benchmarks.no_prefetch [--delay-ms 50] [--calls 15]`

The EHR is a stub in a process of its own on loopback. Goal: at most two rounds of calls, each at most 1.3
times its slowest single round trip. A round is counted when a call arrives after an earlier one was answered.
"""

import json
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import click

from benchmarks.bodies import order_sign
from benchmarks.ehr_stub import CALLS, ehr
from benchmarks.service import caller, service

GOAL_ROUNDS = 2
GOAL_RATIO = 1.3
Calls = list[tuple[float, str]]


def fetch(url: str) -> bytes:
    """One plain GET."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        content: bytes = answer.read()
    return content


def origin(base: str) -> str:
    """Scheme, host and port of an address."""
    return "{0.scheme}://{0.netloc}".format(urlsplit(base))


def rounds(calls: Calls, delay: float) -> list[Calls]:
    """Calls grouped by round: one that arrives after the first of its group was answered opens the next."""
    groups: list[Calls] = []
    for arrived, path in sorted(calls):
        if groups and arrived - groups[-1][0][0] < delay:
            groups[-1].append((arrived, path))
        else:
            groups.append([(arrived, path)])
    return groups


def slowest(base: str, group: Calls, repeats: int = 5) -> float:
    """Milliseconds of the slowest of a round's calls, each made alone (median of the repeats)."""
    alone = []
    for _, path in group:
        taken = []
        for _ in range(repeats):
            start = time.perf_counter()
            fetch(origin(base) + path)
            taken.append((time.perf_counter() - start) * 1000)
        alone.append(statistics.median(taken))
    return max(alone)


@click.command()
@click.option("--delay-ms", default=50, show_default=True)
@click.option("--calls", default=15, show_default=True)
def main(delay_ms: int, calls: int) -> None:
    """Measures and prints rounds, times and the ratio."""
    with ehr(delay_ms / 1000) as base, tempfile.TemporaryDirectory() as scratch:
        access = {"access_token": "bench", "token_type": "Bearer", "expires_in": 300, "scope": "user/*.read"}
        body = order_sign(fhirServer=base, fhirAuthorization={**access, "subject": "cds-service"})
        ours = caller(service(Path(scratch), fhir_hosts=urlsplit(base).netloc), body)
        ours()
        fetch(origin(base) + CALLS)
        taken, seen = [], []
        for _ in range(calls):
            start = time.perf_counter()
            ours()
            taken.append((time.perf_counter() - start) * 1000)
            seen.append(json.loads(fetch(origin(base) + CALLS)))
        groups = rounds(seen[-1], delay_ms / 1000)
        single = [slowest(base, group) for group in groups]
    most = max(len(rounds(item, delay_ms / 1000)) for item in seen)
    median, ratio = statistics.median(taken), statistics.median(taken) / sum(single)
    for number, (group, alone) in enumerate(zip(groups, single, strict=True), 1):
        print(f"round {number}: {len(group)} calls, slowest alone {alone:.1f} ms")
    print(
        f"answer: median {median:.1f} ms, worst {max(taken):.1f} ms, {ratio:.2f} x the slowest of each round"
    )
    print(f"at most {GOAL_ROUNDS} rounds: {'reached' if most <= GOAL_ROUNDS else 'MISSED'} ({most})")
    print(f"at most {GOAL_RATIO:g} x: {'reached' if ratio <= GOAL_RATIO else 'MISSED'} ({ratio:.2f})")


if __name__ == "__main__":
    main()
