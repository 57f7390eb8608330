"""How cards fared: acceptance and override reasons by policy, and dismissals by open criterion."""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import select

from cds_service.audit.store import Store
from cds_service.audit.tables import card, feedback
from cds_service.kernel.fhir_json import JsonObject


@dataclass
class _Tally:
    """Counts for the cards of one policy version and outcome."""

    shown: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    criteria: Counter[str] = field(default_factory=Counter)


def feedback_report(store: Store) -> JsonObject:
    """Counts by policy version and outcome. Raises StoreError.

    criteria: how often a card was overridden while the criterion was open; unknown: feedback on cards
    that are not on record.
    """
    tallies: dict[tuple[str, str, str], _Tally] = {}
    known: dict[tuple[str, str], tuple[_Tally, list[str]]] = {}
    with store.reading() as connection:
        for row in connection.execute(select(card)).mappings():
            tally = tallies.setdefault((row["policy"] or "", row["version"] or "", row["outcome"]), _Tally())
            tally.shown += 1
            known[row["client"], row["uuid"]] = tally, row["open_criteria"]
        items = list(connection.execute(select(feedback)).mappings())
    unknown = 0
    for item in items:
        place = known.get((item["client"], item["card"]))
        if place is None:
            unknown += 1
            continue
        tally, criteria = place
        tally.outcomes[item["outcome"]] += 1
        if item["outcome"] == "overridden":
            tally.reasons[item["reason"] or "none given"] += 1
            tally.criteria.update(criteria)
    return {"policies": [_row(*key, tally) for key, tally in sorted(tallies.items())], "unknown": unknown}


def _row(policy: str, version: str, outcome: str, tally: _Tally) -> JsonObject:
    return {
        "policy": policy or None,
        "version": version or None,
        "outcome": outcome,
        "cards": tally.shown,
        "accepted": tally.outcomes["accepted"],
        "overridden": tally.outcomes["overridden"],
        "reasons": dict(tally.reasons.most_common()),
        "criteria": dict(tally.criteria.most_common()),
    }
