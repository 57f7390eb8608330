"""The kit's checks of responses (2.0.1), told anew (crd-dtr.md 4.2, 4.4, 4.5).

A function returns what is wrong, in words; an empty list is a pass. The functions `is_...` sort cards as the
kit does.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

Json = dict[str, Any]
PRIMARY = {"order-sign", "order-dispatch", "appointment-book"}


def response_problems(response: Json, hook: str) -> list[str]:
    """Tests 2.04 and 3.x.05 (crd-dtr.md 4.4)."""
    found = [] if isinstance(response.get("cards"), list) else ["cards is no array"]
    if hook in PRIMARY and not isinstance(response.get("systemActions"), list):
        found.append("systemActions is no array")
    for card in response["cards"]:
        found += card_problems(card)
    return found + [p for each in response.get("systemActions", []) for p in action_problems(each)]


def card_problems(card: Json) -> list[str]:
    """The members that every card has to have."""
    found = []
    if not isinstance(card.get("summary"), str) or not 0 < len(card["summary"]) < 140:
        found.append("summary is blank or too long")
    if card.get("indicator") not in ("info", "warning", "critical"):
        found.append("indicator is none of three")
    source = card.get("source", {})
    topic = source.get("topic", {})
    texts = {
        "label": source.get("label"),
        "topic.code": topic.get("code"),
        "topic.system": topic.get("system"),
    }
    return found + [f"source.{name} is blank" for name, text in texts.items() if not _filled(text)]


def action_problems(action: Json) -> list[str]:
    """An action, of a card or of the system; description is easily forgotten (4.6, point 1)."""
    found = [f"action: {name} is blank" for name in ("type", "description") if not _filled(action.get(name))]
    if action.get("type") == "delete":
        kind, _, name = str(action.get("resourceId")).partition("/")
        return found + ([] if kind and name else ["a delete without resourceId"])
    if action.get("type") not in ("create", "update") or not isinstance(action.get("resource"), dict):
        return [*found, "no action with a resource"]
    try:
        get_fhir_model_class(action["resource"]["resourceType"]).model_validate(action["resource"])
    except (KeyError, ValidationError) as error:
        found.append(str(error))
    return found


def optional_problems(card: Json) -> list[str]:
    """Test 3.x.06 (crd-dtr.md 4.5)."""
    kinds = {"uuid": str, "detail": str, "suggestions": list, "overrideReasons": list, "links": list}
    found = [
        f"{name} is empty or of the wrong type"
        for name, kind in kinds.items()
        if name in card and (not isinstance(card[name], kind) or not card[name])
    ]
    if "suggestions" in card and card.get("selectionBehavior") not in ("at-most-one", "any"):
        found.append("suggestions without selectionBehavior")
    for reason in card.get("overrideReasons", []):
        found += [
            f"overrideReasons: no {name}" for name in ("code", "system", "display") if not reason.get(name)
        ]
    for link in card.get("links", []):
        found += _link_problems(link)
    for suggestion in card.get("suggestions", []):
        found += [] if _filled(suggestion.get("label")) else ["a suggestion without label"]
        found += [] if suggestion.get("actions") else ["a suggestion without actions"]
        found += [problem for action in suggestion.get("actions", []) for problem in action_problems(action)]
    return found


def _link_problems(link: Json) -> list[str]:
    address = urlsplit(str(link.get("url")))
    found = [] if _filled(link.get("label")) else ["a link without label"]
    if address.scheme not in ("http", "https") or not address.netloc:
        found.append("a link without an http address")
    if link.get("type") not in ("absolute", "smart"):
        found.append("a link that is neither absolute nor smart")
    return found + (
        ["appContext on a page"] if link.get("type") == "absolute" and "appContext" in link else []
    )


def is_external_reference(card: Json) -> bool:
    """Test 3.x.07: pages and nothing else to open."""
    return bool(card.get("links")) and all(link["type"] == "absolute" for link in card["links"])


def is_app_launch(card: Json) -> bool:
    """Test 3.x.08."""
    return bool(card.get("links")) and all(link["type"] == "smart" for link in card["links"])


def is_instructions(card: Json) -> bool:
    """Test 3.x.09: neither links nor suggestions."""
    return not card.get("links") and not card.get("suggestions")


def is_form_completion(card: Json) -> bool:
    """Test 3.x.12/14: every suggestion creates one Task for a form with an address that Ruby can parse."""
    tasks = [_form_tasks(suggestion["actions"]) for suggestion in card.get("suggestions", [])]
    return bool(tasks) and all(len(each) == 1 for each in tasks)


def _form_tasks(actions: Iterable[Json]) -> list[Json]:
    resources = (action["resource"] for action in actions if action["type"] == "create")
    return [
        task
        for task in resources
        if task["resourceType"] == "Task"
        and any(coding["code"] == "complete-questionnaire" for coding in task["code"]["coding"])
        and any(
            each["type"].get("text") == "questionnaire" and "|" not in each["valueCanonical"]
            for each in task["input"]
            if "valueCanonical" in each
        )
    ]


def task_problems(task: Json) -> list[str]:
    """The 2.0.1 profile of the Task: what has to be there, and the slice for what follows."""
    needed = ("status", "intent", "code", "for", "authoredOn", "requester", "input")
    found = [f"Task.{name} is missing" for name in needed if not task.get(name)]
    codes = {coding["code"] for each in task.get("input", []) for coding in each["type"].get("coding", [])}
    return found + [
        f"no input {name}" for name in ("questionnaire", "after-completion-action") if name not in codes
    ]


def _filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
