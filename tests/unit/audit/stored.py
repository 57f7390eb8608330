"""Decisions made and kept for tests: a store in a temporary file, and calls answered into it."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cds_service.answer.context import Answer, ClientOptions
from cds_service.answer.templates import load_cards
from cds_service.audit.store import Store
from cds_service.decide import Caller, Equipment, decide
from cds_service.evidence.hosts import allowed_hosts
from cds_service.evidence.network import Network
from cds_service.hooks.request import read_hook_request
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Clock, Deadline
from cds_service.policy.places import data_folder
from tests.builders import Resource, hcc, knowledge
from tests.conformance.ch.calls import sign

NOW = datetime(2026, 11, 22, 1, 30, tzinfo=timezone(timedelta(hours=9)))
CARDS = load_cards(data_folder("cards"))
NETWORK = Network()


def counted_clock(start: int = 1, now: datetime = NOW) -> Clock:
    """A clock that stands still and counts its ids."""
    numbers = itertools.count(start)
    return Clock(
        today=lambda: date(2026, 11, 21),
        now=lambda: now,
        new_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
    )


def equipment(store: Store | None, clock: Clock | None = None) -> Equipment:
    """What calls are decided with."""
    return Equipment(
        knowledge=knowledge(),
        cards=CARDS,
        network=NETWORK,
        clock=clock or counted_clock(),
        public_url="http://127.0.0.1:8080",
        store=store,
    )


def answer(
    store: Store | None,
    chart: Iterable[Resource] | None = None,
    client: str = "",
    tools: Equipment | None = None,
    **changes: Any,
) -> Answer:
    """The answer to a signed order, kept in the store."""
    request = read_hook_request(
        fhir_json.write(sign(hcc() if chart is None else chart, **changes)), "order-sign"
    )
    hosts = allowed_hosts([])
    caller = Caller(options=ClientOptions(issuer=client), version="2.2", strict=False, hosts=hosts)
    return decide(request, caller, tools or equipment(store), Deadline.after(4.5))


def new_store(template: Path, folder: Path) -> Store:
    """An empty store in a file of its own."""
    path = folder / "records.sqlite3"
    path.write_bytes(template.read_bytes())
    return Store(f"sqlite:///{path}")


def assertion(answered: Answer) -> str:
    """The id of its first assertion."""
    return answered.determinations[0].assertion_id


def at(moment: datetime, start: int) -> Equipment:
    """Equipment at another moment, with ids of its own; without a store."""
    return replace(equipment(None), clock=counted_clock(start, moment))
