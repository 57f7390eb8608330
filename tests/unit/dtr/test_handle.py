"""The handle of a card's form link: what it opens, and what it does not."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from cds_service.answer.handle import Handle, Handles, form_link
from cds_service.kernel.errors import CallError
from tests.builders import form, hcc, judged, without
from tests.conftest import NOW
from tests.unit.answer import samples

KEY = b"k" * 32
HANDLE = Handle(
    assertion="cda-1",
    order="ServiceRequest/o1",
    coverage="Coverage/c1",
    client="https://ehr.example.org",
    fhir_server="https://fhir.ehr.example.org/r4",
)


def handles(key: bytes = KEY, later: timedelta = timedelta()) -> Handles:
    """Handles of this key, at NOW or later."""
    return Handles(key, lambda: NOW + later)


def test_a_handle_opens_to_what_was_signed_for_24_hours() -> None:
    signed = handles().sign(HANDLE)
    for later in (timedelta(), timedelta(hours=24)):
        assert handles(later=later).open(signed) == HANDLE
    with pytest.raises(CallError) as caught:
        handles(later=timedelta(hours=24, seconds=1)).open(signed)
    assert (caught.value.status, caught.value.code) == (403, "handle-expired")
    assert "24 hours" in caught.value.message


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é", "." * 5000, "eyJ9.x.y"])
def test_what_is_no_handle_opens_nothing_and_says_why(text: str) -> None:
    with pytest.raises(CallError) as caught:
        handles().open(text)
    assert caught.value.status == 403 and caught.value.code in ("handle-missing", "handle-invalid")
    assert caught.value.message and caught.value.hint


def test_every_changed_letter_makes_a_handle_void() -> None:
    signed = handles().sign(HANDLE)
    for index in range(len(signed) - 1):  # the last letter of base64 holds bits that nobody reads
        other = "A" if signed[index] != "A" else "B"
        with pytest.raises(CallError, match="not made by this service"):
            handles().open(signed[:index] + other + signed[index + 1 :])


def test_a_handle_of_another_key_or_from_the_future_does_not_open() -> None:
    for maker in (handles(b"o" * 32), handles(later=timedelta(days=1))):
        with pytest.raises(CallError):
            handles().open(maker.sign(HANDLE))


def test_the_link_of_an_open_determination_carries_its_handle() -> None:
    link = form_link(handles(), "https://crd.example.org/", HANDLE.client, HANDLE.fhir_server)
    address = link(samples.needs_info(assertion_id="cda-9"))
    assert address and address.startswith("https://crd.example.org/smart/launch?") and len(address) < 2000
    opened = handles().open(parse_qs(urlsplit(address).query)["handle"][0])
    assert (opened.assertion, opened.order, opened.coverage) == (
        "cda-9",
        "ServiceRequest/order-1",
        "Coverage/cov-1",
    )


@pytest.mark.parametrize("kind", ["met", "investigational", "no_policy", "technique"])
def test_a_determination_that_asks_for_no_form_has_no_link(kind: str) -> None:
    link = form_link(handles(), "https://crd.example.org", "", None)
    assert link(samples.KINDS[kind](assertion_id="cda-9")) is None


def test_a_form_that_decided_can_be_opened_again_from_the_card() -> None:
    """Whoever slipped on the form corrects it there; a chart that decides by itself offers none."""
    link = form_link(handles(), "https://crd.example.org", "", None)
    fit = {"resectability": "resectable", "surgical-candidate": True}
    for answers in ({"resectability": "unresectable"}, fit):
        found = replace(judged([*without(hcc(), "resectability"), form(answers)]), assertion_id="cda-9")
        assert found.outcome in ("meets-criteria", "investigational") and link(found) is not None
    assert link(replace(judged(hcc()), assertion_id="cda-9")) is None


def test_the_card_offers_the_link() -> None:
    link = form_link(handles(), "https://crd.example.org", "", None)
    (card,) = samples.body(samples.needs_info(), smart_link=link)["cards"]
    (smart,) = [each for each in card["links"] if each["type"] == "smart"]
    assert smart["url"].startswith("https://crd.example.org/smart/launch?handle=")
