"""An answer that breaks CDS Hooks is caught before it leaves."""

from typing import Any

import pytest
from msgspec.structs import replace

from cds_service.hooks.response import (
    Action,
    Card,
    Coding,
    HookResponse,
    Link,
    OverrideReason,
    Source,
    Suggestion,
)
from cds_service.hooks.response_check import ResponseError, check, problems

ID = "00000000-0000-4000-8000-00000000000{}"
TASK = Action(type="create", description="Add it", resource={"resourceType": "Task", "status": "ready"})
UPDATE = Action(
    type="update", description="Change it", resource={"resourceType": "Task", "id": "t", "x": [None]}
)
SUGGESTION = Suggestion(label="Do", uuid=ID.format(2), actions=(TASK,))
SOURCE = Source(label="Plan", topic=Coding(code="guideline", system="urn:topics"))
CARD = Card(uuid=ID.format(1), summary="One line", indicator="info", source=SOURCE)


def with_card(**changes: Any) -> HookResponse:
    """An answer with one changed card."""
    return HookResponse(cards=(replace(CARD, **changes),))


def with_suggestion(**changes: Any) -> HookResponse:
    """An answer with one changed suggestion."""
    return with_card(suggestions=(replace(SUGGESTION, **changes),), selection_behavior="any")


def with_action(**changes: Any) -> HookResponse:
    """An answer with one changed action in a suggestion."""
    return with_suggestion(actions=(replace(TASK, **changes),))


def test_a_good_answer_passes_and_comes_back() -> None:
    """The whole of the standard's shape at once."""
    good = HookResponse(
        cards=(
            replace(
                CARD,
                detail="**Words**",
                suggestions=(SUGGESTION,),
                selection_behavior="at-most-one",
                override_reasons=(OverrideReason(code="a", system="urn:a", display="A"),),
                links=(
                    Link(label="Page", url="https://x.example/y", type="absolute"),
                    Link(label="App", url="https://x.example/z", type="smart", app_context='{"a":1}'),
                ),
            ),
        ),
        system_actions=(UPDATE,),
    )
    assert check(good) is good


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (with_card(summary="  "), "CH-129"),
        (with_card(summary="x" * 140), "CH-129"),
        (with_card(summary="🧊" * 70), "CH-129"),
        (with_card(summary="two\nlines"), "CH-130"),
        (with_card(summary="<b>bold</b>"), "CH-130"),
        (with_card(detail="a <script>"), "CH-137"),
        (with_card(detail="<!-- x -->"), "CH-137"),
        (with_card(detail=""), "CH-162"),
        (with_card(indicator="critical"), "CRD-087"),
        (with_card(indicator="Info"), "CRD-087"),
        (with_card(source=replace(SOURCE, label=" ")), "CH-132"),
        (with_card(source=replace(SOURCE, url="page")), "CH-133"),
        (with_card(source=replace(SOURCE, icon="//x/y.png")), "CH-133"),
        (with_card(source=replace(SOURCE, topic=None)), "CH-135"),
        (with_card(source=replace(SOURCE, topic=Coding(code="a", system=""))), "CH-135"),
        (with_card(uuid="card-1"), "CH-138"),
        (with_card(uuid="urn:uuid:" + ID.format(1)), "CH-138"),
        (with_card(suggestions=(SUGGESTION,)), "cds-resp-6"),
        (with_card(selection_behavior="any"), "CH-141"),
        (with_card(extension={"x": {}}), "CH-162"),
        (with_card(extension={"x": None}), "CH-162"),
        (with_card(override_reasons=(OverrideReason(code="a", system="urn:a", display=" "),)), "cds-resp-4"),
        (with_card(links=(Link(label="", url="https://x.example", type="absolute"),)), "CH-153"),
        (with_card(links=(Link(label="x", url="javascript:alert(1)", type="absolute"),)), "CH-153"),
        (with_card(links=(Link(label="x", url="/policies", type="absolute"),)), "CH-153"),
        (
            with_card(links=(Link(label="x", url="https://x.example", type="absolute", app_context="a"),)),
            "cds-resp-3",
        ),
        (with_suggestion(label=""), "CH-139"),
        (with_suggestion(uuid=ID.format(1)), "used twice"),
        (with_suggestion(actions=()), "CRD-091"),
        (with_action(description=""), "cds-resp-5"),
        (with_action(resource=None), "CH-147"),
        (with_action(resource={"status": "ready"}), "CH-147"),
        (with_action(resource={"resourceType": "Task", "note": []}), "CH-162"),
        (with_action(type="update"), "CH-148"),
        (with_action(resource_id="Task/1"), "CRD-018"),
        (with_action(type="delete"), "cds-resp-2"),
        (with_action(type="delete", resource=None, resource_id="1"), "cds-resp-2"),
        (HookResponse(cards=(CARD, CARD)), "used twice"),
        (HookResponse(cards=(), system_actions=(replace(UPDATE, description=" "),)), "CH-159"),
    ],
)
@pytest.mark.requirement(
    "CH-129", "CH-131", "CH-132", "CH-133", "CH-135", "CH-136", "CH-139", "CH-140", "CH-141"
)
@pytest.mark.requirement("CH-145", "CH-146", "CH-147", "CH-150", "CH-153", "CH-154", "CH-156", "CH-162")
def test_each_broken_rule_is_named(broken: HookResponse, rule: str) -> None:
    """cds-resp-1 to cds-resp-6 and the N rows of cds-hooks.md group F."""
    assert [problem for problem in problems(broken) if rule in problem]
    with pytest.raises(ResponseError, match=rule):
        check(broken)


@pytest.mark.requirement("CH-142")
def test_at_most_one_recommends_at_most_one() -> None:
    """cds-resp-1."""
    pair = tuple(replace(SUGGESTION, uuid=ID.format(n), is_recommended=True) for n in (2, 3))
    assert problems(with_card(suggestions=pair, selection_behavior="any")) == ()
    (problem,) = problems(with_card(suggestions=pair, selection_behavior="at-most-one"))
    assert "cds-resp-1" in problem


@pytest.mark.requirement("CH-029", "CH-030", "CH-158", "CH-162")
def test_only_cards_and_system_actions_may_be_empty() -> None:
    """CH-162: `cards: []` always, `systemActions: []` where it is asked for."""
    assert HookResponse(cards=()).as_json() == {"cards": []}
    assert check(HookResponse(cards=(), system_actions=())).as_json() == {"cards": [], "systemActions": []}


@pytest.mark.requirement("CH-143", "CH-161", "CH-163")
def test_only_members_of_the_standard_are_sent() -> None:
    """CH-163, CH-161: the types hold nothing else, no actionSelectionBehavior; flags are JSON booleans."""
    flagged = with_suggestion(is_recommended=False).as_json()["cards"][0]
    assert set(flagged) == {"uuid", "summary", "indicator", "source", "suggestions", "selectionBehavior"}
    assert flagged["suggestions"][0]["isRecommended"] is False
    assert set(flagged["suggestions"][0]) == {"label", "uuid", "isRecommended", "actions"}


def test_the_clients_own_resource_is_left_as_it_is() -> None:
    """resp-37: a null in the client's order is not ours to mend, but one in a Task of ours is."""
    assert problems(HookResponse(cards=(), system_actions=(UPDATE,))) == ()
    assert problems(with_action(resource={"resourceType": "Task", "x": [None]}))
