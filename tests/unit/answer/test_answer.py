"""The answer as a whole: what the client configured, who it is, and what the record needs to know."""

from typing import Any

import pytest
from msgspec.structs import replace

from cds_service.answer.configuration import MOST_CARDS, read_configuration
from cds_service.answer.context import ClientOptions
from cds_service.answer.coverage_information import CoverageInformationError
from cds_service.answer.shape import QUIRKS
from cds_service.determination import Determination
from tests.unit.answer import samples

FORM_LINK = "https://crd.example.org/smart/launch?handle=h1"
NO_DTR = ClientOptions(crd=True, dtr=False)


def topics(response: dict[str, Any]) -> list[str]:
    """Topic codes of the cards."""
    return [card["source"]["topic"]["code"] for card in response["cards"]]


@pytest.mark.requirement("CRD-076", "dev-15")
@pytest.mark.parametrize("configuration", [None, {}, [], "no", 7, {"coverage-info": True}])
def test_without_a_choice_everything_is_sent(configuration: object) -> None:
    """dev-15: no configuration, or nonsense, means the normal answer."""
    response = samples.body(samples.met(), configuration=configuration)
    assert topics(response) == ["coverage-info"]
    assert len(response["systemActions"]) == 1


@pytest.mark.requirement("CRD-077", "dev-14", "resp-28")
def test_coverage_information_can_be_switched_off() -> None:
    """CRD-077: no statement, no verdict; the policy is still shown."""
    response = samples.body(samples.met(), samples.no_policy(), configuration={"coverage-info": False})
    assert response["systemActions"] == []
    assert topics(response) == ["guideline", "guideline"]
    assert "necessary" not in response["cards"][0]["detail"]
    assert response["cards"][0]["links"][0]["url"].endswith("/policies/lakeside/lm-7.3/versions/2026-02-01")


@pytest.mark.requirement("CRD-078", "dev-5", "dev-14")
@pytest.mark.parametrize("maker", samples.KINDS.values(), ids=samples.KINDS)
def test_no_card_has_a_topic_that_was_switched_off(maker: Any) -> None:
    """CRD-078: neither alone nor together."""
    assert "guideline" not in topics(samples.body(maker(), configuration={"guideline": False}))
    both_off = samples.body(maker(), configuration={"guideline": False, "coverage-info": False})
    assert both_off == {"cards": [], "systemActions": []}


@pytest.mark.requirement("CRD-079", "dev-14")
def test_the_more_important_card_stays_when_one_is_wanted() -> None:
    """CRD-079: a warning before an info, in the order of the orders; actions are not affected."""
    second = samples.order("ServiceRequest/order-2")
    pair = (samples.met(), samples.investigational(order=second))
    response = samples.body(*pair, configuration={"max-cards": 1})
    assert [card["indicator"] for card in response["cards"]] == ["warning"]
    assert len(response["systemActions"]) == 2
    assert len(samples.body(*pair, configuration={"max-cards": 2})["cards"]) == 2
    assert samples.body(*pair, configuration={"max-cards": 0})["cards"] == []


@pytest.mark.requirement("CRD-080", "CRD-081", "dev-6", "dev-17")
def test_what_is_not_understood_is_ignored_and_named() -> None:
    """CRD-080, CRD-081: unknown codes and wrong types change nothing."""
    odd = {"alt-drug": True, "coverage-info": "no", "max-cards": -3, "guideline": 0}
    choice = read_configuration(odd, {"coverage-info", "guideline"})
    assert (choice.off, choice.max_cards) == (frozenset(), MOST_CARDS)
    assert choice.ignored == tuple(odd)
    assert samples.body(samples.met(), configuration=odd) == samples.body(samples.met())
    assert read_configuration({"max-cards": True}, {}).max_cards == MOST_CARDS


@pytest.mark.requirement("CH-158", "CRD-015", "B2")
def test_empty_system_actions_are_for_crd_clients_on_primary_hooks() -> None:
    """CH-158 omits them; CRD clients look for the member (crd-dtr.md 3.6)."""
    assert samples.body()["systemActions"] == []
    assert "systemActions" not in samples.body(client=ClientOptions(crd=False))
    assert "systemActions" not in samples.body(primary=False)


@pytest.mark.requirement("CH-160", "B3")
def test_a_client_registered_without_system_actions_gets_cards_alone() -> None:
    """CH-160: only what its registration allows."""
    plain = ClientOptions(crd=False, system_actions=False)
    response = samples.body(samples.met(), client=plain)
    assert "systemActions" not in response
    assert len(response["cards"]) == 1


@pytest.mark.requirement("CRD-102", "resp-59")
def test_a_documentation_task_is_only_for_clients_without_dtr() -> None:
    """resp-59: and only where there is a form and a patient to name."""
    assert "suggestions" not in samples.body(samples.needs_info())["cards"][0]
    assert "suggestions" in samples.body(samples.needs_info(), client=NO_DTR)["cards"][0]
    without_patient = samples.order(raw=samples.raw_order(subject="Patient/p1"))
    for made in (
        samples.needs_info(questionnaire=None, doc_needed=None),
        samples.needs_info(order=without_patient),
    ):
        assert "suggestions" not in samples.body(made, client=NO_DTR)["cards"][0]


def test_the_form_link_is_there_when_the_caller_hands_one_in() -> None:
    """The caller decides for each determination, and knows its assertion id by then."""
    seen = []

    def link(determination: Determination) -> str | None:
        seen.append(determination.assertion_id)
        return FORM_LINK

    (card,) = samples.body(samples.needs_info(), smart_link=link)["cards"]
    assert card["links"][0] == {"label": "Open the documentation form", "url": FORM_LINK, "type": "smart"}
    assert "The form asks" in card["detail"]
    assert seen[0].startswith("cda-")
    (card,) = samples.body(samples.needs_info())["cards"]
    assert [link["type"] for link in card["links"]] == ["absolute"]
    assert "form" not in card["detail"].lower()


@pytest.mark.requirement("CRD-107", "hook-19")
def test_early_hooks_ask_for_no_documents() -> None:
    """hook-19: at order-select no documents are asked for in coverage-information."""
    statement = samples.extension(samples.needs_info(), primary=False)
    assert samples.values(statement, "doc-needed") == samples.values(statement, "questionnaire") == []
    assert samples.values(statement, "covered") == ["conditional"]


def test_the_record_learns_which_card_came_from_what() -> None:
    """Feedback names a card or a suggestion; the record must find the determination."""
    answer = samples.answer(samples.met(), samples.needs_info(coverage="Coverage/cov-2"), client=NO_DTR)
    first, second = answer.origins
    assert (first.card, second.card) == tuple(card.uuid for card in answer.response.cards)
    assert second.suggestions == (answer.response.cards[1].suggestions[0].uuid,)
    assert (second.kind, second.order, second.coverage) == (
        "needs-info",
        "ServiceRequest/order-1",
        "Coverage/cov-2",
    )
    assert second.assertion_id == answer.determinations[1].assertion_id != first.assertion_id


@pytest.mark.requirement("CH-167", "CH-042")
def test_the_same_input_gives_the_same_answer() -> None:
    """CH-167: apart from ids, and those come from outside."""
    makers = [make() for make in samples.KINDS.values()]
    assert samples.body(*makers) == samples.body(*makers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"covered": "covered", "pa_needed": "no-auth", "info_needed": "OTH"},
        {"covered": "conditional", "pa_needed": None, "info_needed": None},
        {"covered": "not-covered", "pa_needed": "no-auth", "info_needed": None},
        {"covered": "covered", "pa_needed": "satisfied", "info_needed": None},
        {"covered": "maybe", "pa_needed": "no-auth", "info_needed": None},
        samples.CONDITIONAL | {"questionnaire": samples.FORM},
        samples.NEEDS_INFO | {"questionnaire": "http://cds-service.example.org/fhir/Questionnaire/x"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_an_illegal_combination_does_not_leave(wrong: dict[str, Any], version: str) -> None:
    """determinations.md section 1: refused by code before it leaves, with the rule named."""
    with pytest.raises(CoverageInformationError, match=r"crd-ci-q\d|says 'maybe'|no version"):
        samples.answer(samples.met(**wrong), version=version)


class TestQuirks:
    """Clients that cannot use the standard shape get theirs by a name in their registration."""

    @pytest.mark.requirement("CH-166")
    def test_the_sandbox_finds_system_actions_in_the_extension(self) -> None:
        """CH-166: mirrored, content unchanged."""
        client = ClientOptions(quirks=frozenset({"system-actions-in-extension"}))
        response = samples.body(samples.met(), client=client)
        assert response["extension"]["systemActions"] == response["systemActions"]
        assert "extension" not in samples.body(client=client)

    @pytest.mark.requirement("CH-165")
    def test_epic_gets_any_and_a_plain_topic(self) -> None:
        """CH-165: selectionBehavior any, one action in a suggestion, an alphanumeric topic."""
        quirks = frozenset({"select-any", "one-action-per-suggestion", "alphanumeric-topic"})
        client = ClientOptions(crd=False, dtr=False, quirks=quirks)
        first, second = samples.body(samples.needs_info(), samples.met(), client=client)["cards"]
        assert first["selectionBehavior"] == "any"
        assert all(len(suggestion["actions"]) == 1 for suggestion in first["suggestions"])
        assert first["source"]["topic"]["code"] == "coverageinfo"
        assert "selectionBehavior" not in second

    @pytest.mark.requirement("CH-165")
    def test_a_suggestion_with_two_actions_becomes_two(self) -> None:
        """CH-165: each with its own uuid."""
        response = samples.answer(samples.needs_info(), client=NO_DTR).response
        (suggestion,) = response.cards[0].suggestions
        double = replace(suggestion, actions=suggestion.actions * 2)
        card = replace(response.cards[0], suggestions=(double,))
        split = QUIRKS["one-action-per-suggestion"](replace(response, cards=(card,)), lambda: "new")
        assert [item.uuid for item in split.cards[0].suggestions] == [suggestion.uuid, "new"]
        assert [len(item.actions) for item in split.cards[0].suggestions] == [1, 1]
