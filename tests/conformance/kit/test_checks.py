"""The kit's checks find what they are there for: each trap of crd-dtr.md 4.6 is told."""

from copy import deepcopy
from typing import Any

import pytest

from tests.conformance.kit import answered, sent
from tests.conformance.kit.test_kit import bodies, extension_problems

CARD: dict[str, Any] = {
    "summary": "Short",
    "indicator": "info",
    "source": {"label": "Plan", "topic": {"code": "guideline", "system": "urn:x"}},
}
ACTION = {
    "type": "update",
    "description": "Record",
    "resource": {"resourceType": "Basic", "id": "b", "code": {"text": "x"}},
}
TASK = {"type": "create", "description": "Ask", "resource": {
    "resourceType": "Task", "status": "ready", "intent": "order",
    "code": {"coding": [{"code": "complete-questionnaire"}]},
    "input": [{"type": {"text": "questionnaire"}, "valueCanonical": "https://x.example/q|1.0"}],
}}  # fmt: skip
LINK = {"label": "Page", "type": "absolute", "url": "https://x.example/p"}


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ({"cards": {}, "systemActions": []}, "cards is no array"),
        ({"cards": []}, "systemActions is no array"),
        ({"cards": [{**CARD, "summary": "x" * 140}], "systemActions": []}, "too long"),
        ({"cards": [{**CARD, "indicator": "hint"}], "systemActions": []}, "indicator"),
        (
            {"cards": [{**CARD, "source": {"label": "P", "topic": {"code": "x"}}}], "systemActions": []},
            "topic.system",
        ),
        ({"cards": [], "systemActions": [{**ACTION, "description": ""}]}, "description is blank"),
        ({"cards": [], "systemActions": [{"type": "delete", "description": "x"}]}, "resourceId"),
        ({"cards": [], "systemActions": [{**ACTION, "resource": {"resourceType": "Basic"}}]}, "code"),
    ],
)
def test_a_fault_of_a_response_is_told(response: dict[str, Any], told: str) -> None:
    """crd-dtr.md 4.4 and 4.6, points 1 to 4."""
    assert any(told in problem for problem in answered.response_problems(response, "order-sign"))


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"links": []}, "links is empty"),
        ({"detail": ""}, "detail is empty"),
        ({"links": [{**LINK, "appContext": "x"}]}, "appContext"),
        ({"links": [{**LINK, "url": "/p"}]}, "http address"),
        ({"suggestions": [{"label": "x", "actions": [ACTION]}]}, "selectionBehavior"),
        ({"suggestions": [{"label": "x"}], "selectionBehavior": "any"}, "without actions"),
        ({"overrideReasons": [{"code": "x", "system": "y"}]}, "no display"),
    ],
)
def test_a_fault_of_an_optional_member_is_told(members: dict[str, Any], told: str) -> None:
    """crd-dtr.md 4.5 and 4.6, points 3 and 11."""
    assert any(told in problem for problem in answered.optional_problems({**CARD, **members}))


@pytest.mark.parametrize(
    ("hook", "changes", "told"),
    [
        ("order-sign", {"userId": "Patient/p"}, "Practitioner"),
        ("order-sign", {"patientId": "Patient/p"}, "bare id"),
        ("order-sign", {"draftOrders": {}}, "draftOrders"),
        ("order-select", {"selections": ["ServiceRequest/gone"]}, "selected and not drafted"),
        ("order-dispatch", {"order": None}, "order"),
    ],
)
def test_a_fault_of_a_context_is_told(hook: str, changes: dict[str, Any], told: str) -> None:
    """crd-dtr.md 4.3."""
    context = {**bodies(hook)[0]["context"], **changes}
    assert any(told in problem for problem in sent.context_problems(context, hook))


@pytest.mark.parametrize("member", ["status", "requester", "authoredOn", "code", "subject"])
def test_an_order_that_lacks_what_its_profile_wants_is_told(member: str) -> None:
    """crd-dtr.md 4.3 and 4.6, point 5."""
    order = deepcopy(bodies("order-sign")[0]["context"]["draftOrders"]["entry"][0]["resource"])
    assert sent.profile_problems(order) == []
    del order[member]
    assert any(member in problem for problem in sent.profile_problems(order))


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([{"url": "covered", "valueCode": "indeterminate"}], "indeterminate"),
        ([{"url": "covered", "valueCode": "covered"}], "q2"),
        ([{"url": "expiry-date", "valueDate": "2026-12-31"}], "expiry-date is not known"),
        ([{"url": "contact", "valueContactDetail": {"name": "x"}}], "contact"),
        ([{"url": "info-needed", "valueCode": "OTH"}], "q3"),
        ([{"url": "questionnaire", "valueCanonical": "https://x.example/q"}], "q1"),
        ([], "coverage-assertion-id stands 0 times"),
    ],
)
def test_a_fault_of_an_assertion_is_told(parts: list[dict[str, Any]], told: str) -> None:
    """crd-dtr.md 4.6, points 6 and 7."""
    url = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
    assert any(told in problem for problem in extension_problems({"url": url, "extension": parts}))


def test_cards_are_sorted_as_the_kit_does() -> None:
    """crd-dtr.md 4.2; a canonical with a version is not recognised (4.6, point 10)."""
    smart = {**LINK, "type": "smart"}
    assert answered.is_instructions(CARD) and not answered.is_external_reference(CARD)
    assert answered.is_external_reference({**CARD, "links": [LINK]})
    assert answered.is_app_launch({**CARD, "links": [smart]})
    assert not answered.is_app_launch({**CARD, "links": [smart, LINK]})
    assert not answered.is_external_reference({**CARD, "links": [smart, LINK]})
    assert not answered.is_form_completion({**CARD, "suggestions": [{"label": "x", "actions": [TASK]}]})
    assert "no input after-completion-action" in answered.task_problems(TASK["resource"])
