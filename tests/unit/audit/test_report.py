"""The feedback report: acceptance and override reasons by policy, and by open criterion."""

from datetime import timedelta

from cds_service.audit.report import feedback_report
from cds_service.audit.store import Store
from cds_service.hooks.feedback import Feedback, OverrideReason
from tests.builders import hcc, without
from tests.unit.audit.stored import NOW, answer, at, replace


def shown(store: Store, chart: list[dict[str, object]], start: int, client: str = "") -> str:
    """The uuid of the card that a chart gets."""
    tools = replace(at(NOW + timedelta(minutes=start), start), store=store)
    return answer(store, chart, client, tools).response.cards[0].uuid


def test_feedback_is_joined_to_policy_version_outcome_and_open_criteria(store: Store) -> None:
    open_size = without(hcc(), "size")
    cards = [shown(store, open_size, 100), shown(store, open_size, 200), shown(store, hcc(), 300)]
    busy = OverrideReason(code="no-time")
    store.take([Feedback(cards[0], "accepted", NOW, ("s",))], "")
    store.take([Feedback(cards[1], "overridden", NOW, reason=busy)], "")
    store.take([Feedback(cards[2], "overridden", NOW), Feedback("unknown", "overridden", NOW)], "")
    report = feedback_report(store)
    assert report["unknown"] == 1
    rows = {row["outcome"]: row for row in report["policies"]}
    assert set(rows) == {"needs-info", "meets-criteria"}
    row = rows["needs-info"]
    assert (row["cards"], row["accepted"], row["overridden"]) == (2, 1, 1)
    assert row["reasons"] == {"no-time": 1} and row["criteria"] == {"size": 1}
    assert row["version"] and row["policy"]
    assert rows["meets-criteria"]["reasons"] == {"none given": 1}
    assert rows["meets-criteria"]["criteria"] == {}


def test_feedback_of_another_client_on_a_card_counts_for_nothing(store: Store) -> None:
    """A uuid that got around opens nothing (CH-182)."""
    card = shown(store, hcc(), 100, "https://one.example.org")
    store.take([Feedback(card, "accepted", NOW, ("s",))], "https://two.example.org")
    report = feedback_report(store)
    assert report["policies"][0]["accepted"] == 0 and report["unknown"] == 1


def test_an_empty_store_has_an_empty_report(store: Store) -> None:
    assert feedback_report(store) == {"policies": [], "unknown": 0}
