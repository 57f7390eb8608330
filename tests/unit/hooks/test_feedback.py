"""Feedback as the specification and as vendors send it is taken; what cannot be counted is refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.hooks.feedback import MAX_COMMENT, Feedback, OverrideReason, read_feedback
from cds_service.kernel.errors import CallError
from tests.unit.hooks.bodies import wire

CAPTURED = Path(__file__).parents[4] / "shared/reference/clients"
AT = "2026-11-21T07:00:55.981Z"
MOMENT = datetime(2026, 11, 21, 7, 0, 55, 981000, tzinfo=UTC)
ACCEPTED = {
    "card": "c1",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "s1"}],
    "outcomeTimestamp": AT,
}
REFUSED = {"card": "c2", "outcome": "overridden", "outcomeTimestamp": AT}


def read(*items: Any) -> tuple[Feedback, ...]:
    return read_feedback(wire({"feedback": list(items)}))


@pytest.mark.requirement("CH-170", "CH-171", "CH-174", "CH-175")
def test_accepted_and_refused_cards_of_one_message_are_read() -> None:
    assert read(ACCEPTED, REFUSED, ACCEPTED) == (
        Feedback("c1", "accepted", MOMENT, suggestions=("s1",)),
        Feedback("c2", "overridden", MOMENT),
        Feedback("c1", "accepted", MOMENT, suggestions=("s1",)),
    )


@pytest.mark.requirement("CH-172", "CH-173")
def test_a_reason_and_a_comment_are_read() -> None:
    reason = {"reason": {"code": "x", "system": "http://s"}, "userComment": "No."}
    both, only = read(
        {**REFUSED, "overrideReason": reason}, {**REFUSED, "overrideReason": {"userComment": "No."}}
    )
    assert (both.reason, both.comment) == (OverrideReason("x", "http://s"), "No.")
    assert (only.reason, only.comment) == (None, "No.")


@pytest.mark.requirement("CH-183")
def test_the_forms_of_one_vendor_are_taken() -> None:
    """Plural name, an id that is no UUID, a reason that stands in an extension only."""
    plural, extended = read(
        {**REFUSED, "card": "LGL-7", "overrideReasons": {"reason": {"code": "x"}}},
        {**REFUSED, "overrideReason": {"extension": {"com.example.reason": "y"}}},
    )
    assert (plural.card, plural.reason) == ("LGL-7", OverrideReason("x"))
    assert (extended.reason, extended.extension) == (None, {"com.example.reason": "y"})


@pytest.mark.requirement("CH-179")
def test_an_empty_message_is_no_error() -> None:
    assert read() == ()


@pytest.mark.requirement("CH-180")
@pytest.mark.parametrize(
    "text", ["2026-11-21T09:00:55.981+02:00", "2026-11-21T07:00:55.9810Z", "2026-11-21t07:00:55.981z"]
)
def test_moments_are_kept_in_utc(text: str) -> None:
    (item,) = read({**REFUSED, "outcomeTimestamp": text})
    assert item.at == MOMENT and item.at.tzinfo is UTC


@pytest.mark.requirement("CH-186")
def test_a_long_comment_is_cut() -> None:
    (item,) = read({**REFUSED, "overrideReason": {"userComment": "<b>" * 50_000}})
    assert len(item.comment or "") == MAX_COMMENT


@pytest.mark.requirement("CH-176", "CH-177", "CH-178", "CH-180", "CH-181")
@pytest.mark.parametrize(
    ("item", "where"),
    [
        (5, "feedback[1]"),
        ({**ACCEPTED, "card": None}, "feedback[1].card"),
        ({**ACCEPTED, "card": " "}, "feedback[1].card"),
        ({**ACCEPTED, "card": "x" * 1001}, "feedback[1].card"),
        ({**ACCEPTED, "outcome": "ignored"}, "feedback[1].outcome"),
        ({**ACCEPTED, "outcome": None}, "feedback[1].outcome"),
        ({**ACCEPTED, "outcomeTimestamp": None}, "feedback[1].outcomeTimestamp"),
        ({**ACCEPTED, "outcomeTimestamp": "yesterday"}, "feedback[1].outcomeTimestamp"),
        ({**ACCEPTED, "outcomeTimestamp": "2026-11-21T07:00:55"}, "feedback[1].outcomeTimestamp"),
        ({**ACCEPTED, "outcomeTimestamp": "0001-01-01T00:00:00+23:00"}, "feedback[1].outcomeTimestamp"),
        ({**ACCEPTED, "acceptedSuggestions": []}, "feedback[1].acceptedSuggestions"),
        ({**ACCEPTED, "acceptedSuggestions": None}, "feedback[1].acceptedSuggestions"),
        ({**ACCEPTED, "acceptedSuggestions": ["s1"]}, "feedback[1].acceptedSuggestions"),
        ({**ACCEPTED, "acceptedSuggestions": [{}]}, "feedback[1].acceptedSuggestions[0].id"),
        ({**REFUSED, "overrideReason": "no"}, "feedback[1].overrideReason"),
        ({**REFUSED, "overrideReason": {"reason": "no"}}, "feedback[1].overrideReason.reason"),
        ({**REFUSED, "overrideReason": {"reason": {}}}, "feedback[1].overrideReason.reason.code"),
        ({**REFUSED, "overrideReason": {"userComment": 5}}, "feedback[1].overrideReason.userComment"),
    ],
)
def test_one_bad_item_refuses_the_message_and_is_named(item: object, where: str) -> None:
    with pytest.raises(CallError) as caught:
        read(ACCEPTED, item)
    assert (caught.value.status, caught.value.where) == (400, where)


@pytest.mark.requirement("CH-179")
@pytest.mark.parametrize("body", [[], {}, {"feedback": {}}, {"feedback": None}, "x"])
def test_a_message_without_the_array_is_refused(body: object) -> None:
    with pytest.raises(CallError) as caught:
        read_feedback(wire(body))
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_what_is_not_json_is_called_so(body: bytes) -> None:
    """CRD 3.6: not JSON is a 400."""
    with pytest.raises(CallError) as caught:
        read_feedback(body)
    assert caught.value.code == "not-json"


@pytest.mark.skipif(not CAPTURED.is_dir(), reason="the captured bodies are not beside this checkout")
def test_the_sandbox_is_understood() -> None:
    """Bodies captured from the CDS Hooks sandbox."""
    for path in CAPTURED.glob("sandbox-feedback-*.json"):
        (item,) = read_feedback(path.read_bytes())
        assert item.outcome in path.name
