"""CPU of one `order-sign` with everything prefetched, beside plain parsing and bare Flask on the same body.

`python -m benchmarks.order_sign [--conditions 100] [--observations 300] [--rounds 9] [--calls 20]`

All candidates are called in turn within each round, in one process, so that a busy machine slows them alike:
the ratios are the result, the milliseconds an order of magnitude. Goal: under 10 ms.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.bodies import chart, order_sign, prefetch
from benchmarks.service import Call, bare_flask, caller, service
from cds_service.web.app import settle

GOAL_MS = 10.0


def cpu_ms(call: Call, calls: int) -> list[float]:
    """CPU milliseconds of each of so many calls, all threads of this process counted."""
    taken = []
    for _ in range(calls):
        start = time.process_time_ns()
        call()
        taken.append((time.process_time_ns() - start) / 1e6)
    return taken


def measure(candidates: dict[str, Call], rounds: int, calls: int) -> dict[str, list[float]]:
    """Times by candidate, taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            times[name] += cpu_ms(call, calls)
    return times


def check(answer: bytes) -> None:
    """A fast wrong answer is worth nothing: the body has evidence for every criterion."""
    content = json.loads(answer)
    assert len(content["cards"]) == 1, content
    assert "systemActions" in content, content


def report(times: dict[str, list[float]], title: str) -> None:
    """Prints the table and whether the goals were reached."""
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    table = Table(title=title)
    for column in ("", "median ms", "p99 ms", "worst ms", "x json.loads", "x bare Flask"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for name, taken in times.items():
        p99 = statistics.quantiles(taken, n=100)[98]
        ratios = (medians[name] / medians["json.loads"], medians[name] / medians["bare Flask"])
        cells = (medians[name], p99, max(taken), *ratios)
        table.add_row(name, *(f"{cell:.2f}" for cell in cells))
    Console().print(table)
    ours = medians["cds-service"]
    print(f"under {GOAL_MS:g} ms of CPU: {'reached' if ours < GOAL_MS else 'MISSED'} ({ours:.2f})")


@click.command()
@click.option("--conditions", default=100, show_default=True)
@click.option("--observations", default=300, show_default=True)
@click.option("--rounds", default=9, show_default=True)
@click.option("--calls", default=20, show_default=True)
def main(conditions: int, observations: int, rounds: int, calls: int) -> None:
    """Measures one size and prints the table."""
    body = order_sign(prefetch=prefetch(chart(conditions, observations)))
    with tempfile.TemporaryDirectory() as scratch:
        ours = caller(service(Path(scratch)), body)
        check(ours())
        settle()  # as the server's workers do, for every candidate alike
        candidates: dict[str, Call] = {
            "json.loads": lambda: json.loads(body),
            "msgspec to dict": lambda: msgspec.json.decode(body),
            "bare Flask": caller(bare_flask(), body),
            "cds-service": ours,
        }
        measure(candidates, 1, 5)
        times = measure(candidates, rounds, calls)
    report(times, f"{conditions} Conditions, {observations} Observations, {len(body):,} bytes")


if __name__ == "__main__":
    main()
