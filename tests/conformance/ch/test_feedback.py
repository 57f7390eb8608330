"""Feedback on cards, in every shape that clients send it: taken, counted once, joined to its card."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from cds_service.audit.report import feedback_report
from cds_service.audit.tables import feedback
from tests.applications import Making, desk_of
from tests.builders import hcc, without
from tests.conformance.ch.calls import INSTANCE, SERVICES, SIGN, answered, refused, sign
from tests.ehr_client import BASE, EhrClient

CARD = "11111111-2222-4333-8444-70612d736967"
AT = "2026-11-21T07:00:55.981Z"
REASON = {"reason": {"code": "patient-declined", "system": "http://example.org/o"}}
Item = dict[str, Any]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A caller of a service of this test alone, whose records are empty."""
    return app.test_client()


def accepted(card: str = CARD, *suggestions: str, **changes: Any) -> Item:
    """A card of which something was taken."""
    chosen = [{"id": each} for each in suggestions or ("aaaaaaaa-0000-4000-8000-000000000002",)]
    plain = {"card": card, "outcome": "accepted", "acceptedSuggestions": chosen, "outcomeTimestamp": AT}
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


def overridden(card: str = CARD, **changes: Any) -> Item:
    """A card that was dismissed."""
    plain = {"card": card, "outcome": "overridden", "outcomeTimestamp": AT}
    return {name: value for name, value in {**plain, **changes}.items() if value is not ...}


def send(client: FlaskClient, *items: Any, service: str = SIGN, **options: Any) -> TestResponse:
    """The answer to a feedback message."""
    return client.post(f"/cds-services/{service}/feedback", json={"feedback": list(items)}, **options)


def stored(client: FlaskClient) -> list[dict[str, Any]]:
    """The feedback on record."""
    with desk_of(client.application).store.reading() as connection:
        return [dict(row) for row in connection.execute(select(feedback)).mappings()]


def test_the_fixture_starts_without_records(client: FlaskClient) -> None:
    assert stored(client) == []


@pytest.mark.requirement("CH-170", "F1", "F9")
@pytest.mark.parametrize("service", SERVICES)
def test_accepted_feedback_is_taken(client: FlaskClient, service: str) -> None:
    """With a 200, and joined to the card that was shown."""
    (card,) = answered(
        client, sign(without(hcc(), "size"), extension={"davinci-crd.requestedVersion": "2.0"})
    )["cards"]
    (suggestion,) = card["suggestions"]
    assert send(client, accepted(card["uuid"], suggestion["uuid"]), service=service).status_code == 200
    (row,) = stored(client)
    assert (row["card"], row["suggestions"]) == (card["uuid"], [suggestion["uuid"]])
    (line,) = feedback_report(desk_of(client.application).store)["policies"]
    assert (line["outcome"], line["accepted"], line["overridden"]) == ("needs-info", 1, 0)


@pytest.mark.parametrize(
    ("override", "code", "comment"),
    [
        pytest.param(..., None, None, marks=pytest.mark.requirement("CH-171", "F5")),
        pytest.param(
            {**REASON, "userComment": "not now"},
            "patient-declined",
            "not now",
            marks=pytest.mark.requirement("CH-172", "F5"),
        ),
        pytest.param(REASON, "patient-declined", None, marks=pytest.mark.requirement("CH-172", "F5")),
        pytest.param(
            {"userComment": "not now"}, None, "not now", marks=pytest.mark.requirement("CH-173", "F5")
        ),
    ],
)
def test_an_override_may_bring_reason_comment_both_or_neither(
    client: FlaskClient, override: Any, code: str | None, comment: str | None
) -> None:
    assert send(client, overridden(overrideReason=override)).status_code == 200
    (row,) = stored(client)
    assert (row["outcome"], row["reason"], row["comment"]) == ("overridden", code, comment)


@pytest.mark.requirement("CH-174", "F6")
def test_one_message_may_speak_of_several_cards_and_calls(client: FlaskClient) -> None:
    cards = [
        card["uuid"]
        for instance in (INSTANCE, "another-instance")
        for card in answered(client, sign(hookInstance=instance))["cards"]
    ]
    items = [overridden(card) for card in cards] + [overridden("unknown-card", **{"overrideReason": REASON})]
    assert send(client, *items).status_code == 200
    assert {row["card"] for row in stored(client)} == {*cards, "unknown-card"}
    report = feedback_report(desk_of(client.application).store)
    assert (report["policies"][0]["overridden"], report["unknown"]) == (2, 1)


@pytest.mark.requirement("CH-175", "F6")
def test_feedback_sent_again_is_taken_and_counted_once(client: FlaskClient) -> None:
    for _ in range(3):
        assert send(client, overridden(overrideReason=REASON), accepted(), accepted()).status_code == 200
    assert len(stored(client)) == 2


REFUSED = [
    *[
        pytest.param(item, marks=pytest.mark.requirement("CH-176"))
        for item in (
            accepted(acceptedSuggestions=...), accepted(acceptedSuggestions=[]),
            accepted(acceptedSuggestions="x"), accepted(acceptedSuggestions=[{}]),
            accepted(acceptedSuggestions=["x"]), accepted(acceptedSuggestions=[{"id": ""}]),
        )
    ],
    *[
        pytest.param(overridden(outcome=outcome), marks=pytest.mark.requirement("CH-177"))
        for outcome in ("ignored", "Accepted", "", None, 7, ["accepted"])
    ],
    *[
        pytest.param(overridden(**{name: value}), marks=pytest.mark.requirement("CH-178"))
        for name in ("card", "outcome", "outcomeTimestamp")
        for value in (..., None, "", 7, {})
    ],
    *[
        pytest.param(overridden(outcomeTimestamp=text), marks=pytest.mark.requirement("CH-180"))
        for text in ("yesterday", "2026-11-21", "2026-11-21T07:00:55", "2026-13-21T07:00:55Z", "1795244754",
                     "0000-00-00T00:00:00Z", "2026-11-21T07:00:55+99:00")
    ],
    *[
        pytest.param(overridden(overrideReason=value), marks=pytest.mark.requirement("CH-181"))
        for value in ("declined", 7, [1, 2], {"reason": "declined"}, {"reason": {}}, {"userComment": 7})
    ],
    *[pytest.param(item, marks=pytest.mark.requirement("CH-178")) for item in (None, 7, "x", [], {})],
]  # fmt: skip


@pytest.mark.parametrize("item", REFUSED)
def test_an_item_that_cannot_be_read_is_a_400_that_names_it(client: FlaskClient, item: Any) -> None:
    """The message is taken whole or not at all: sound items beside it are not kept either."""
    issue = refused(send(client, overridden(), item, accepted()), 400)
    assert issue["expression"][0].startswith("feedback[1]")
    assert stored(client) == []
    assert send(client, overridden(), accepted()).status_code == 200
    assert len(stored(client)) == 2


@pytest.mark.requirement("CH-181")
def test_how_a_bad_item_in_a_batch_is_treated_is_documented() -> None:
    page = Path(__file__).parents[3] / "docs" / "integrators" / "records.md"
    assert "taken whole or" in page.read_text("utf-8")


@pytest.mark.requirement("CH-179")
def test_an_empty_list_is_taken_and_a_missing_one_is_a_400(client: FlaskClient) -> None:
    assert send(client).status_code == 200
    for body in ({}, {"feedback": None}, {"feedback": {}}, {"feedback": "x"}, [overridden()], "x", None):
        refused(client.post(f"/cds-services/{SIGN}/feedback", json=body), 400)
    assert stored(client) == []


@pytest.mark.requirement("CH-180")
@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T07:00:55.981Z",
        "2026-11-21T07:00:55.981234Z",
        "2026-11-21T16:00:55.981+09:00",
        "2026-11-20T23:30:55.981-07:30",
        "2026-11-21t07:00:55.981z",
    ],
)
def test_times_with_fractions_and_offsets_are_kept_as_utc(client: FlaskClient, text: str) -> None:
    assert send(client, overridden(outcomeTimestamp=text)).status_code == 200
    kept = stored(client)[0]["at"].replace(tzinfo=UTC)
    assert abs(kept - datetime(2026, 11, 21, 7, 0, 55, 981000, tzinfo=UTC)) < timedelta(milliseconds=1)


@pytest.mark.requirement("CH-182")
def test_feedback_on_another_clients_card_gives_nothing_away(make_app: Making, tmp_path: Path) -> None:
    """Known to another, known to nobody: the same answer, and the other's numbers do not move."""
    ours, other = EhrClient(), EhrClient("https://other.example.org")
    path = ours.register(tmp_path, {"iss": other.iss, "jwks_file": "keys.json"})
    client = make_app(clients=path, public_url=BASE).test_client()
    headers = {"Authorization": f"Bearer {ours.token()}"}
    (card,) = answered(client, sign(), headers=headers)["cards"]
    answers = []
    for name in (card["uuid"], "never-heard-of"):
        address = f"{BASE}/cds-services/{SIGN}/feedback"
        sent = send(client, overridden(name), headers={"Authorization": f"Bearer {other.token(address)}"})
        answers.append((sent.status_code, sent.data, [*sent.headers]))
    assert answers[0] == answers[1]
    report = feedback_report(desk_of(client.application).store)
    assert (report["policies"][0]["overridden"], report["unknown"]) == (0, 2)


@pytest.mark.requirement("CH-183")
@pytest.mark.parametrize(
    "item",
    [
        overridden("Card.1-7", overrideReasons={**REASON, "userComment": "x"}),
        overridden("42", overrideReason={"extension": {"com.epic.cdshooks.feedback.reason": "7"}}),
        overridden("42", overrideReason={**REASON, "extension": {"a": {"b": [1]}}}, extension={"c": 1}),
        overridden("42", overrideReasons=[REASON]),
        accepted("42", "1", extension={"com.epic": "x"}),
    ],
)
def test_feedback_as_epic_words_it_is_taken(client: FlaskClient, item: Item) -> None:
    """The plural, ids that are no UUIDs, reasons in an extension alone, batches."""
    assert send(client, item, accepted()).status_code == 200
    assert len(stored(client)) == 2


@pytest.mark.requirement("CH-186")
def test_a_huge_comment_is_cut_and_markup_is_kept_as_text(client: FlaskClient) -> None:
    markup = "<script>alert(1)</script>"
    huge = markup + "x" * 100_000
    assert send(client, overridden(overrideReason={"userComment": huge})).status_code == 200
    comment = stored(client)[0]["comment"]
    assert comment.startswith(markup) and len(comment) <= 4000
    refused(send(client, overridden(card="x" * 100_000)), 400)


@pytest.mark.requirement("CH-187")
@pytest.mark.parametrize("service", SERVICES)
def test_the_path_of_the_oldest_drafts_is_a_404(client: FlaskClient, service: str) -> None:
    answer = client.post(f"/cds-services/{service}/analytics/{CARD}", json={"accepted": True})
    assert refused(answer, 404)["code"] == "not-found"
