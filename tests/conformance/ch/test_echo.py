"""What comes back of a call: orders unchanged but for our statement, words whole, markup harmless."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from markdown_it import MarkdownIt

from tests import builders
from tests.applications import Making
from tests.builders import Resource, changed, concept, hcc, order, without
from tests.conformance.ch.calls import (
    answered,
    collection,
    in_context,
    post,
    sign,
)
from tests.ehr_client import BASE, EhrClient

EXTENSION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
RICH: Resource = {
    "resourceType": "ServiceRequest",
    "_status": {"extension": [{"url": "http://example.org/x", "valueDecimal": 7.10}]},
    "status": "draft",
    "intent": "order",
    "id": "order",
    "meta": {"versionId": "3", "profile": []},
    "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>A &amp; B</div>"},
    "contained": [{"resourceType": "Practitioner", "id": "p"}],
    "extension": [{"url": "http://example.org/own", "valueString": ""}],
    "identifier": [{"system": " ", "value": "a b "}],
    "unheardOf": {"deep": [None, {"x": []}]},
    "subject": {"reference": "Patient/pat"},
    "code": concept("47383", builders.CPT),
    "quantityQuantity": {"value": 1},
    "authoredOn": "2026-11-20",
    "occurrenceDateTime": "2026-12-01",
}
SCRIPTS = [
    "冷冻消融 肝脏 cryoablation",
    "Криодеструкция печени",
    "الكبد cryo",
    "Kryo-Ablation – Leber ß",
    "🧊👩🏽‍⚕️ liver",
]
NASTY = [
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/pixel)",
    "<script>alert(1)</script>",
    "**bold** _it_ `code` ~~gone~~",
    "# head\n\n- list\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "https://evil.example/ www.evil.example evil@evil.example",
    "<https://evil.example>",
    "&lt;img src=x&gt; &#60;b&#62;",
    "{{ 7 * 7 }} {% raw %} ${7*7} %s {0}",
    "a\u202egnp.exe\u2066b",
    "x" * 3000,
]


def named(words: str) -> dict[str, Any]:
    """A call about an order with these words beside its code."""
    return in_context(
        sign(), draftOrders=collection(order({**concept("47383", builders.CPT), "text": words}))
    )


@pytest.mark.requirement("CH-148", "A6", "resp-37")
def test_an_update_equals_the_draft_but_for_our_statement(client: FlaskClient) -> None:
    """To the letter: order of members, decimals, empty things, members nobody knows."""
    draft = json.dumps(RICH).replace("7.1}", "7.10}")
    body = json.dumps(in_context(sign(), draftOrders="DRAFTS"))
    body = body.replace('"DRAFTS"', f'{{"resourceType": "Bundle", "entry": [{{"resource": {draft}}}]}}')
    answer = post(client, body)
    text = answer.get_json()["systemActions"][0]["resource"]
    (ours,) = [each for each in text["extension"] if each["url"] == EXTENSION]
    assert [name for name in text if name != "extension"] == [name for name in RICH if name != "extension"]
    assert {**text, "extension": [each for each in text["extension"] if each != ours]} == RICH
    assert b'"valueDecimal":7.10' in answer.data


@pytest.mark.requirement("CH-030", "CH-158", "CH-160", "B1", "B2", "B3")
def test_system_actions_alone_come_with_an_empty_list_of_cards(client: FlaskClient) -> None:
    aside = in_context(sign(), draftOrders=collection(order("70450")))
    body = answered(client, aside)
    assert body["cards"] == [] and len(body["systemActions"]) == 1
    off = {"davinci-crd.configuration": {"coverage-info": False}}
    assert (
        "systemActions" not in answered(client, {**aside, "extension": off})
        or not answered(client, {**aside, "extension": off})["systemActions"]
    )


@pytest.mark.requirement("CH-041", "G1")
@pytest.mark.parametrize("words", SCRIPTS)
def test_words_in_any_script_reach_the_card_whole(client: FlaskClient, words: str) -> None:
    (card,) = answered(client, named(words))["cards"]
    assert words in card["detail"].replace("\\", "")
    answer = post(client, named(words))
    assert (
        answer.data.decode("utf-8")
        and answer.get_json()["systemActions"][0]["resource"]["code"]["text"] == words
    )


@pytest.mark.requirement("CH-168", "CH-137")
@pytest.mark.parametrize("words", NASTY)
@pytest.mark.parametrize("place", ["order", "diagnosis", "coverage", "member"])
def test_markup_in_what_a_client_sent_comes_out_harmless(client: FlaskClient, place: str, words: str) -> None:
    """Rendered as clients render it: no image, no link but ours, no HTML, no structure of its own."""
    chart = {
        "order": builders.changed(hcc(), "order", code={**concept("47383", builders.CPT), "text": words}),
        "diagnosis": [*without(hcc(), "dx"), builders.condition({**concept("C22.0"), "text": words})],
        "coverage": builders.changed(hcc(), "cov", payor=[{"display": words}]),
        "member": builders.changed(hcc(), "m", valueCodeableConcept={"text": words}),
    }[place]
    cards = answered(client, sign(chart))["cards"]
    assert cards
    for card in cards:
        assert "\n" not in card["summary"] and not set("<>[]`") & set(card["summary"])
        own = {link["url"] for link in card.get("links", [])}
        for token in inside(card["detail"]):
            assert token.type not in (
                "html_inline",
                "html_block",
                "image",
                "code_inline",
                "s_open",
                "heading_open",
            )
            assert token.type not in ("table_open", "em_open")
            assert token.type != "link_open" or token.attrGet("href") in own
        assert "49" not in card["detail"] or "7 * 7" not in words
        for label in [card["source"]["label"], *(link["label"] for link in card.get("links", []))]:
            assert not set("<>[]`") & set(label) and len(label) < 1100


def inside(detail: str) -> Any:
    """Every token of a Markdown text, as a client with link detection reads it."""
    for token in MarkdownIt("gfm-like").parse(detail):
        yield token
        yield from token.children or ()


def registered(make_app: Making, folder: Path, *quirks: str) -> Any:
    """Answers of the service to a client registered with these quirks."""
    ehr_client = EhrClient()
    path = ehr_client.register(folder, quirks=list(quirks), crd_version="2.0")
    client = make_app(clients=path, public_url=BASE).test_client()

    def ask(body: dict[str, Any]) -> dict[str, Any]:
        return answered(client, body, headers={"Authorization": f"Bearer {ehr_client.token()}"})

    return ask


@pytest.mark.requirement("CH-165")
def test_a_client_registered_as_epic_gets_the_shapes_that_epic_takes(
    make_app: Making, tmp_path: Path
) -> None:
    """Selection `any`, one action in a suggestion, letters and digits in topics, labels everywhere."""
    ask = registered(make_app, tmp_path, "one-action-per-suggestion", "select-any", "alphanumeric-topic")
    body = ask(sign(without(hcc(), "size")))
    suggestions = [each for card in body["cards"] for each in card.get("suggestions", [])]
    assert suggestions and all(len(each["actions"]) == 1 and each["label"] for each in suggestions)
    for card in body["cards"]:
        assert card.get("selectionBehavior", "any") == "any"
        assert re.fullmatch(r"[A-Za-z0-9]{1,100}", card["source"]["topic"]["code"])
        assert all(link["label"] for link in card.get("links", []))


@pytest.mark.requirement("CH-100")
def test_a_client_registered_so_sends_empty_lists_for_what_was_not_chosen(
    make_app: Making, tmp_path: Path
) -> None:
    """Unreadable for all others (clinical.md 4.5); the order goes back as it came."""
    call = sign(changed(hcc(), "order", reasonCode=[]))
    (action,) = (body := registered(make_app, tmp_path, "empty-is-absent")(call))["systemActions"]
    assert "all 5 criteria met" in body["cards"][0]["summary"]
    assert action["resource"]["reasonCode"] == []
    assert "1 of 5" in registered(make_app, tmp_path)(call)["cards"][0]["summary"]


@pytest.mark.requirement("CH-166")
def test_a_client_registered_as_the_sandbox_finds_system_actions_where_it_looks(
    make_app: Making, tmp_path: Path
) -> None:
    body = registered(make_app, tmp_path, "system-actions-in-extension")(sign())
    assert body["extension"]["systemActions"] == body["systemActions"]
    assert len(body["systemActions"]) == 1


@pytest.mark.requirement("CH-160", "B3")
def test_a_client_registered_for_cards_alone_gets_no_system_actions(make_app: Making, tmp_path: Path) -> None:
    body = registered(make_app, tmp_path, "no-system-actions", "plain-cds-hooks")(sign())
    assert len(body["cards"]) == 1 and "systemActions" not in body


@pytest.mark.requirement("CH-160", "B3", "CH-029")
def test_a_plain_client_gets_nothing_for_what_is_not_ours(make_app: Making, tmp_path: Path) -> None:
    """No assertion on an order out of scope, no empty list of system actions."""
    aside = in_context(sign(), draftOrders=collection(order("70450")))
    assert registered(make_app, tmp_path, "plain-cds-hooks")(aside) == {"cards": []}
