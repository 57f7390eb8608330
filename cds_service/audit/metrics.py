"""Counters and timings for operators; no label ever names a patient, an order or a call."""

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess

from cds_service.determination import Determination

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 10)
REGISTRY = CollectorRegistry()
CALLS = Counter("cds_calls", "Hook calls by service, status.", ["service", "status"], registry=REGISTRY)
SECONDS = Histogram(
    "cds_call_seconds", "From body read to answer made.", ["service"], buckets=_BUCKETS, registry=REGISTRY
)
_BY = ["policy", "version", "outcome", "reason"]
DETERMINATIONS = Counter("cds_determinations", "By version, outcome, reason.", _BY, registry=REGISTRY)
FEEDBACK = Counter("cds_feedback", "Feedback items by outcome.", ["outcome"], registry=REGISTRY)


def count_determinations(determinations: Iterable[Determination]) -> None:
    """What was concluded (metric-1)."""
    for item in determinations:
        policy = (item.policy.policy, item.policy.version) if item.policy else ("none", "none")
        DETERMINATIONS.labels(*policy, item.outcome.value, item.reason).inc()


def exposition() -> bytes:
    """All of it as Prometheus reads it, over all workers where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(REGISTRY)
