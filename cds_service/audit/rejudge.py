"""Judges a stored decision again by today's policies and says what differs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from cds_service.answer.account import as_json
from cds_service.answer.answer import addressed
from cds_service.audit.kept import read_kept
from cds_service.evidence.chart import Chart
from cds_service.judge import cases_of, judge
from cds_service.kernel import fhir_json
from cds_service.kernel.fhir_json import JsonObject
from cds_service.knowledge import Knowledge
from cds_service.orders.order import Order

_COMPARED = ("payer", "policy", "policy_version", "outcome", "covered", "reason", "flags")


def rejudge(record: Mapping[str, Any], knowledge: Knowledge) -> list[JsonObject]:
    """The determinations of a stored decision (`Store.decision`) as they would be now.

    Judged on the day it was decided, so that a difference comes from the policies and not from the calendar.
    """
    today: date = record["decided_at"].date()
    chart = read_kept(record["chart"]).build()
    orders = list(_orders(record["request"]["orders"], chart, today, knowledge))
    judged = judge(cases_of(orders, chart, knowledge), chart, today, knowledge)
    return [as_json(addressed(found)) for found in judged]


def _orders(references: Sequence[str], chart: Chart, today: date, knowledge: Knowledge) -> Iterator[Order]:
    for reference in references:
        stored = chart.find(reference)
        if stored is not None:
            raw = fhir_json.read(bytes(stored.raw))
            yield knowledge.recogniser.read(raw, today, chart.aliases)


def differences(then: Sequence[JsonObject], now: Sequence[JsonObject]) -> list[str]:
    """What is not as it was, a sentence for each."""
    found: list[str] = []
    later = {_key(account): account for account in now}
    for before in then:
        after = later.pop(_key(before), None)
        if after is None:
            found.append(
                f"{before['order']}: no determination under {before['coverage'] or 'no coverage'} now."
            )
        else:
            found += _changes(before, after)
    found += [
        f"{account['order']}: determination under {account['coverage']} is new." for account in later.values()
    ]
    return found


def _changes(before: JsonObject, after: JsonObject) -> Iterator[str]:
    for name in _COMPARED:
        if before[name] != after[name]:
            yield f"{before['order']}: {name} was {before[name]}, is {after[name]}."
    states = {criterion["id"]: criterion["state"] for criterion in after["criteria"]}
    for criterion in before["criteria"]:
        state = states.pop(criterion["id"], "not judged")
        if state != criterion["state"]:
            yield f"{before['order']}: criterion {criterion['id']} was {criterion['state']}, is {state}."
    for name, state in states.items():
        yield f"{before['order']}: criterion {name} was not judged, is {state}."


def _key(account: JsonObject) -> tuple[str, str | None]:
    return account["order"], account["coverage"]
