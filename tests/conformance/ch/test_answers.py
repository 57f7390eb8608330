"""What answers look like on the wire, whatever the verdict: cards, suggestions, actions and links."""

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from cds_service.kernel.clock import Clock
from cds_service.knowledge import load_knowledge
from tests import builders
from tests.applications import applications
from tests.conformance.ch.calls import answered, post, sign, without_ids
from tests.conformance.ch.many_answers import CHARTS, SAMPLE, Body, actions_of, blank, entry, units, walk


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A caller of a service whose policies make use of every kind of card."""
    with applications(tmp_path_factory.mktemp("answers"), Clock(today=lambda: builders.TODAY)) as make:
        yield make(load_knowledge([SAMPLE]), auth="off", public_url="https://crd.example.org").test_client()


@pytest.fixture(scope="module")
def bodies(caller: FlaskClient) -> dict[str, Body]:
    """The answer to every chart, in both versions and at signing and selecting."""
    found: dict[str, Body] = {}
    for name, chart in CHARTS.items():
        for version in ("2.0", "2.2"):
            extension = {"davinci-crd.requestedVersion": version}
            for hook in ("order-sign", "order-select"):
                answer = post(caller, sign(chart, hook, extension=extension), f"coverage-{hook}")
                if answer.status_code == 200:
                    found[f"{name} {version} {hook}"] = answer.get_json()
        found[f"{name} plain"] = answered(caller, sign(chart))
    assert len(found) > 50
    return found


@pytest.fixture(scope="module")
def cards(bodies: dict[str, Body]) -> list[Body]:
    """All cards of all answers, of both indicators."""
    found = [card for body in bodies.values() for card in body["cards"]]
    assert {card["indicator"] for card in found} == {"info", "warning"}
    return found


@pytest.fixture(scope="module")
def suggestions(cards: list[Body]) -> list[Body]:
    """All suggestions of all cards."""
    found = [each for card in cards for each in card.get("suggestions", [])]
    assert {len(each["actions"]) for each in found} == {1, 2}
    return found


@pytest.fixture(scope="module")
def actions(suggestions: list[Body], bodies: dict[str, Body]) -> list[Body]:
    """All actions: of suggestions and of the system, of all three types."""
    found = [action for body in bodies.values() for action in actions_of(body)]
    assert sum(len(each["actions"]) for each in suggestions) < len(found)
    assert {action["type"] for action in found} == {"create", "update", "delete"}
    return found


@pytest.mark.requirement("CH-129", "CH-130", "C2")
def test_a_summary_is_one_short_plain_sentence(cards: list[Body]) -> None:
    for card in cards:
        summary = card["summary"]
        assert not blank(summary) and units(summary) <= 139
        assert summary == " ".join(summary.split())
        assert not re.search(r"[<>\[\]*`#]|\.\s+[A-Z]", summary.replace("MP 1.121", "")), summary


@pytest.mark.requirement("CH-131", "CH-132", "CH-133", "CH-135", "C4", "C5", "C6", "C8", "G6")
def test_indicator_source_and_topic_are_complete(cards: list[Body]) -> None:
    for card in cards:
        assert card["indicator"] in ("info", "warning", "critical")
        source = card["source"]
        assert not blank(source["label"])
        assert "icon" not in source
        assert "url" not in source or urlsplit(source["url"]).scheme == "https"
        assert not blank(source["topic"]["code"]) and urlsplit(source["topic"]["system"]).scheme == "http"


@pytest.mark.requirement("CH-136", "CH-137", "C3")
def test_detail_is_markdown_without_html(cards: list[Body]) -> None:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("gfm-like", {"linkify": False})
    for card in cards:
        assert not blank(card["detail"])
        kinds = {
            child.type for token in reader.parse(card["detail"]) for child in (token, *(token.children or ()))
        }
        assert not {"html_block", "html_inline"} & kinds


@pytest.mark.requirement("CH-138", "CH-144", "A2", "C1")
def test_every_card_and_suggestion_has_a_bare_uuid_of_its_own(
    cards: list[Body], suggestions: list[Body]
) -> None:
    """Over all answers: none is ever used again."""
    ids = [each["uuid"] for each in (*cards, *suggestions)]
    assert len(set(ids)) == len(ids)
    assert all(str(UUID(value)) == value for value in ids)


@pytest.mark.requirement("CH-139", "CH-140", "CH-141", "A1", "C9")
def test_suggestions_are_there_labelled_and_to_be_selected(cards: list[Body]) -> None:
    for card in cards:
        if "suggestions" in card:
            assert card["suggestions"] and not any(blank(each["label"]) for each in card["suggestions"])
            assert card["selectionBehavior"] in ("at-most-one", "any")
        else:
            assert "selectionBehavior" not in card


@pytest.mark.requirement("CH-142", "CH-143", "C11")
def test_flags_are_booleans_and_recommend_one_of_at_most_one(cards: list[Body]) -> None:
    for card in cards:
        marks = [each.get("isRecommended", False) for each in card.get("suggestions", [])]
        assert all(isinstance(mark, bool) for mark in marks)
        assert card.get("selectionBehavior") != "at-most-one" or sum(marks) <= 1
        assert all(isinstance(link.get("autolaunchable", False), bool) for link in card.get("links", []))


@pytest.mark.requirement("CH-145", "CH-146", "CH-147", "CH-159", "A3", "A4", "A5")
def test_actions_have_a_known_type_a_description_and_a_resource(actions: list[Body]) -> None:
    for action in actions:
        assert action["type"] in ("create", "update", "delete")
        assert not blank(action["description"])
        if action["type"] != "delete":
            assert isinstance(action["resource"], dict) and not blank(action["resource"]["resourceType"])
        if action["type"] == "create":
            assert "id" not in action["resource"]


@pytest.mark.requirement("G8")
def test_resources_in_actions_are_standard_fhir_json(bodies: dict[str, Body]) -> None:
    """Read by a library that knows nothing of us; a damaged order goes back as damaged as it came."""
    from fhir.resources.R4B import get_fhir_model_class

    sound = [body for name, body in bodies.items() if not name.startswith("unreadable")]
    resources = [action["resource"] for body in sound for action in actions_of(body) if "resource" in action]
    assert {each["resourceType"] for each in resources} == {"ServiceRequest", "Task"}
    for resource in resources:
        read = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert read.get_resource_type() == resource["resourceType"]


@pytest.mark.requirement("CH-149", "CH-117")
def test_targets_of_updates_and_deletes_are_draft_orders(bodies: dict[str, Body]) -> None:
    for name, body in bodies.items():
        chart = next(chart for key, chart in CHARTS.items() if name.startswith(f"{key} "))
        drafts = {
            f"{each['resourceType']}/{each['id']}"
            for each in chart
            if each["resourceType"] == "ServiceRequest"
        }
        for action in actions_of(body):
            if action["type"] == "update":
                assert f"{action['resource']['resourceType']}/{action['resource']['id']}" in drafts
            if action["type"] == "delete":
                assert action["resourceId"] in drafts


@pytest.mark.requirement("CH-150", "CH-151", "A7")
def test_a_delete_names_its_target_and_comes_with_its_successor(
    suggestions: list[Body], actions: list[Body]
) -> None:
    """An order is replaced by a new one of the same type, never just taken away."""
    for action in actions:
        if action["type"] == "delete":
            assert re.fullmatch(r"[A-Z][A-Za-z]+/\S+", action["resourceId"]) and "resource" not in action
        else:
            assert "resourceId" not in action
    for suggestion in suggestions:
        gone = [a["resourceId"].partition("/")[0] for a in suggestion["actions"] if a["type"] == "delete"]
        new = [a["resource"]["resourceType"] for a in suggestion["actions"] if a["type"] == "create"]
        assert not gone or gone == new


@pytest.mark.requirement("CH-152", "A8")
def test_a_suggestion_of_several_actions_runs_as_a_transaction(suggestions: list[Body]) -> None:
    """Deletes, creates and updates of different things, and no reference to what the same bundle removes."""
    from fhir.resources.R4B.bundle import Bundle

    several = [each for each in suggestions if len(each["actions"]) > 1]
    assert several
    for suggestion in several:
        entries = [entry(action) for action in suggestion["actions"]]
        Bundle.model_validate({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        urls = [each["request"]["url"] for each in entries]
        assert len(set(urls)) == len(urls)
        removed = {each["request"]["url"] for each in entries if each["request"]["method"] == "DELETE"}
        created = json.dumps([action.get("resource") for action in suggestion["actions"]])
        references = set(re.findall(r'"reference": "([^"]+)"', created))
        assert not removed & references
        assert all(re.fullmatch(r"[A-Z][A-Za-z]+/\S+", reference) for reference in references)


@pytest.mark.requirement("CH-153", "CH-154", "CH-155", "L1", "L2")
def test_links_are_complete_safe_and_silent_about_the_patient(cards: list[Body]) -> None:
    links = [link for card in cards for link in card.get("links", [])]
    assert {link["type"] for link in links} == {"absolute", "smart"}
    for link in links:
        assert not blank(link["label"])
        address = urlsplit(link["url"])
        assert address.scheme == "https" and address.hostname == "crd.example.org"
        assert "pat" not in re.split(r"[/?&=]", link["url"].replace("%2F", "/"))
        assert "appContext" not in link or (link["type"] == "smart" and isinstance(link["appContext"], str))


@pytest.mark.requirement("CH-156", "CH-157", "C10")
def test_override_reasons_are_complete_and_stable(cards: list[Body], caller: FlaskClient) -> None:
    found = [card["overrideReasons"] for card in cards if "overrideReasons" in card]
    assert found
    for reasons in found:
        assert all(not blank(reason[name]) for reason in reasons for name in ("code", "system", "display"))
        assert all(set(reason) == {"code", "system", "display"} for reason in reasons)
    for chart in CHARTS.values():
        first, second = (without_ids(answered(caller, sign(chart)))["cards"] for _ in range(2))
        assert [card.get("overrideReasons") for card in first] == [
            card.get("overrideReasons") for card in second
        ]
        assert [card["source"]["topic"] for card in first] == [card["source"]["topic"] for card in second]


@pytest.mark.requirement("CH-161", "A9")
def test_nothing_of_3_0_is_sent_unasked(bodies: dict[str, Body]) -> None:
    for body in bodies.values():
        assert "actionSelectionBehavior" not in json.dumps(body)


@pytest.mark.requirement("CH-162", "G3", "G4", "G5")
def test_nothing_is_null_or_empty_but_the_lists_that_may_be(bodies: dict[str, Body]) -> None:
    """`cards` by CDS Hooks; `systemActions` by the guide, to say that a primary hook has no news."""
    for body in bodies.values():
        empty = [path for path, value in walk(body) if value in (None, "", [], {})]
        assert set(empty) <= {"/cards", "/systemActions"}


@pytest.mark.requirement("CH-163", "G9")
def test_nothing_foreign_stands_outside_extensions(bodies: dict[str, Body]) -> None:
    known = {
        "card": {"uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior",
                 "overrideReasons", "links", "extension"},
        "suggestion": {"label", "uuid", "isRecommended", "actions", "extension"},
        "action": {"type", "description", "resource", "resourceId", "extension"},
    }  # fmt: skip
    for body in bodies.values():
        assert set(body) <= {"cards", "systemActions", "extension"}
        for card in body["cards"]:
            assert set(card) <= known["card"]
            assert set(card["source"]) <= {"label", "url", "icon", "topic"}
            assert set(card["source"]["topic"]) <= {"code", "system", "display"}
            assert all(set(link) <= {"label", "url", "type", "appContext"} for link in card.get("links", []))
            for suggestion in card.get("suggestions", []):
                assert set(suggestion) <= known["suggestion"]
                assert all(set(action) <= known["action"] for action in suggestion["actions"])
        assert all(set(action) <= known["action"] for action in body.get("systemActions", []))
        extensions = [value for path, value in walk({k: v for k, v in body.items() if k != "systemActions"})
                      if path.endswith("/extension") and "/resource" not in path]  # fmt: skip
        assert all(re.fullmatch(r"davinci-crd\.[a-z-]+", key) for each in extensions for key in each)
