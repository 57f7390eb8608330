"""CRD 2.2.1, propose alternate request and identify additional orders, with a policy that proposes them."""

from typing import Any

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest
from flask.testing import FlaskClient

from tests import builders
from tests.builders import Resource
from tests.conformance.ch.calls import answered, in_context, sign
from tests.conformance.crd.asking import (
    DOCTOR,
    EXTENSION,
    SELECT,
    VERSIONS,
    ask,
    assertions,
    ordered,
    orders_of,
    paid_by,
    versioned,
)

LAKESIDE = "Lakeside Health"
INSTEAD, FIRST, BESIDE = "therapy-alternatives-opt", "therapy-alternatives-req", "clinical-reminder"
both = pytest.mark.parametrize("version", VERSIONS)


def chart(size: float = 3.2, *others: Resource, **members: Any) -> list[Resource]:
    """A Lakeside patient; at 3.2 cm both criteria are met, at 5 cm one is not."""
    start: dict[str, Any] = {
        "requester": DOCTOR,
        "encounter": {"reference": "Encounter/e1"},
        "reasonCode": [builders.concept("C22.0")],
    }
    held = builders.changed(builders.hcc(), "size", component=builders.size(size)["component"])
    return ordered(builders.order(**{**start, **members}), *others, chart=paid_by(LAKESIDE, held))


def proposed(body: dict[str, Any], topic: str) -> dict[str, Any]:
    """The card of a topic."""
    (found,) = [card for card in body["cards"] if card["source"]["topic"]["code"] == topic]
    return dict(found)


def topics(body: dict[str, Any]) -> list[str]:
    """The topics of the cards."""
    return [card["source"]["topic"]["code"] for card in body["cards"]]


def code_of(resource: Resource) -> str:
    """The code of an order."""
    return str(resource["code"]["coding"][0]["code"])


@pytest.mark.requirement("CRD-100", "resp-15", "resp-53", "resp-54", "resp-56")
@both
def test_an_alternative_is_one_update_or_one_delete_with_one_create(
    version: str, sample: FlaskClient
) -> None:
    """CRD-100, crd-respar-1: a large change replaces the draft order, a small one revises it."""
    card = proposed(ask(sample, chart(), version), INSTEAD)
    assert "links" not in card
    assert card["selectionBehavior"] == "at-most-one"
    replaced, revised = (suggestion["actions"] for suggestion in card["suggestions"])
    delete, create = replaced
    assert (delete["type"], delete["resourceId"], "resource" in delete) == (
        "delete",
        "ServiceRequest/order",
        False,
    )
    assert (create["type"], "resourceId" in create, "id" in create["resource"]) == ("create", False, False)
    assert code_of(create["resource"]) == "LS-HEAT"
    (update,) = revised
    assert (update["type"], update["resource"]["id"], "resourceId" in update) == ("update", "order", False)
    assert code_of(update["resource"]) == "LS-OUT"
    assert all(action["description"].strip() for action in (*replaced, *revised))


@pytest.mark.requirement("CRD-100", "CRD-101", "resp-55", "resp-57")
@both
def test_proposed_orders_fit_their_profile(version: str, sample: FlaskClient) -> None:
    """resp-55, resp-57: a draft with code, patient, requester and date; nothing of the old assertion."""
    before = ask(sample, chart(), version)
    body = ask(sample, ordered(*orders_of(before).values(), chart=chart()), version)
    cards = [proposed(body, topic) for topic in (INSTEAD, BESIDE)]
    actions = [each for card in cards for suggestion in card["suggestions"] for each in suggestion["actions"]]
    resources = [action["resource"] for action in actions if "resource" in action]
    assert len(resources) == 4
    for resource in resources:
        assert ServiceRequest.model_validate(resource).status == "draft"
        assert {"intent", "code", "subject", "authoredOn", "requester"} <= set(resource)
        assert (resource["subject"], resource["requester"]) == (builders.PATIENT, DOCTOR)
        assert EXTENSION not in str(resource)


@pytest.mark.requirement("CRD-100", "CRD-089", "resp-5")
def test_an_alternative_to_be_tried_first_has_the_topic_for_that(sample: FlaskClient) -> None:
    """CRD-100: required and optional alternatives are told apart, each switched by its own option."""
    body = ask(sample, chart(5.0))
    assert topics(body) == ["coverage-info", FIRST]
    card = proposed(body, FIRST)
    assert "wants tried first: a surgical opinion" in card["summary"]
    assert len(orders_of(body)) == 1, "the verdict stands beside it"


@pytest.mark.requirement("CRD-101", "resp-15", "resp-58")
@both
def test_additional_orders_are_creates_alone(version: str, sample: FlaskClient) -> None:
    """CRD-101: one suggestion each, of which any may be taken; no links, no resource ids."""
    card = proposed(ask(sample, chart(), version), BESIDE)
    assert (card["selectionBehavior"], "links" in card) == ("any", False)
    actions = [action for suggestion in card["suggestions"] for action in suggestion["actions"]]
    assert [(action["type"], "resourceId" in action) for action in actions] == [("create", False)] * 2
    assert [code_of(action["resource"]) for action in actions] == ["LS-CT", "LS-COAG"]
    assert actions[0]["resource"]["reasonCode"] == [builders.concept("C22.0")]


@pytest.mark.requirement("CRD-101", "hook-34")
def test_what_is_drafted_already_is_not_proposed(sample: FlaskClient) -> None:
    """hook-34: the other draft orders are background also where they were not selected."""
    drafted = {"coding": [{"system": "http://lakeside.example.org/codes", "code": "LS-CT"}]}
    other = builders.order(drafted, "ct", requester=DOCTOR)
    (suggestion,) = proposed(ask(sample, chart(3.2, other)), BESIDE)["suggestions"]
    assert code_of(suggestion["actions"][0]["resource"]) == "LS-COAG"
    call = in_context(sign(chart(3.2, other), "order-select"), selections=["ServiceRequest/order"])
    (suggestion,) = proposed(answered(sample, versioned(call), SELECT), BESIDE)["suggestions"]
    assert code_of(suggestion["actions"][0]["resource"]) == "LS-COAG"


@pytest.mark.requirement("CRD-101", "hook-34")
def test_nothing_is_proposed_twice_over_several_drafts(sample: FlaskClient) -> None:
    """hook-34: with all of it drafted there is no card."""
    codes = [{"system": "http://lakeside.example.org/codes", "code": code} for code in ("LS-CT", "LS-COAG")]
    drafts = [builders.order({"coding": [code]}, f"d{code['code']}") for code in codes]
    assert BESIDE not in topics(ask(sample, chart(3.2, *drafts)))


@pytest.mark.requirement("CRD-078", "dev-5", "dev-14")
@pytest.mark.parametrize("topic", [INSTEAD, BESIDE])
def test_each_kind_of_proposal_can_be_switched_off(topic: str, sample: FlaskClient) -> None:
    """dev-14: and discovery offers the switch where a policy proposes (dev-5)."""
    switch = {topic.replace("-", "_"): False}
    body = answered(sample, versioned(sign(chart()), **switch))
    assert topic not in topics(body)
    assert len(body["cards"]) == 2
    listed = sample.get("/cds-services").get_json()["services"][0]["extension"]
    assert topic in {option["code"] for option in listed["davinci-crd.configuration-options"]}


@pytest.mark.requirement("CRD-079", "dev-14")
def test_a_limit_of_cards_keeps_the_weightiest(sample: FlaskClient) -> None:
    """CRD-079: the verdict first; of two warnings the one that comes first."""
    assert topics(answered(sample, versioned(sign(chart()), max_cards=1))) == ["coverage-info"]
    assert topics(answered(sample, versioned(sign(chart(5.0)), max_cards=1))) == ["coverage-info"]
    assert topics(answered(sample, versioned(sign(chart()), max_cards=2))) == ["coverage-info", INSTEAD]


@pytest.mark.requirement("resp-11", "CRD-099", "dev-24", "dev-25")
def test_the_card_says_the_change_in_words_and_which_order_it_means(sample: FlaskClient) -> None:
    """resp-11: name, code and section, for clients that cannot apply it; dev-24: of several orders, which."""
    order = builders.concept("47383", builders.CPT, text="Freezing of the left nodule")
    body = ask(sample, chart(3.2, builders.order("74177", "scan"), code=order))
    for topic, words in ((INSTEAD, ("thermal ablation", "LS-HEAT")), (BESIDE, ("imaging after", "LS-CT"))):
        card = proposed(body, topic)
        assert all(word in card["detail"] for word in (*words, "Policy, ", "Freezing of the left nodule"))
        assert card["extension"]["davinci-crd.associated-resource"] == [{"reference": "ServiceRequest/order"}]


@pytest.mark.requirement("CRD-086", "CRD-087", "CRD-090", "CRD-091", "resp-3", "resp-13")
@both
def test_proposal_cards_keep_the_rules_of_every_card(version: str, sample: FlaskClient) -> None:
    """CRD-086 to CRD-091: short summary, indicator, ids of their own, complete suggestions."""
    for body in (ask(sample, chart(), version), ask(sample, chart(5.0), version)):
        ids = [card["uuid"] for card in body["cards"]]
        for card in body["cards"]:
            assert 1 <= len(card["summary"]) <= 139
            assert card["indicator"] in ("info", "warning")
            assert card["source"]["label"] == LAKESIDE
            for suggestion in card.get("suggestions", []):
                assert suggestion["label"] and suggestion["actions"]
                ids.append(suggestion["uuid"])
        assert len(set(ids)) == len(ids)


@pytest.mark.requirement("CRD-100", "resp-56")
def test_an_order_that_is_active_already_is_not_replaced(sample: FlaskClient) -> None:
    """crd-respar-1: a draft gives way; beside an active order others may still be added."""
    assert topics(ask(sample, chart(status="active"))) == ["coverage-info", BESIDE]


@pytest.mark.requirement("CRD-119", "resp-55", "resp-57")
def test_what_is_odd_in_the_order_does_not_travel_into_the_proposed_one(sample: FlaskClient) -> None:
    """CRD-119: nothing empty, no reference into what is contained elsewhere; and no fault of ours."""
    inside = [{"reference": "#dx"}]
    contained = [{"resourceType": "Condition", "id": "dx", "subject": builders.PATIENT}]
    odd = chart(note=[], reasonReference=inside, contained=contained, vendor={"a": [None, {}]}, text=None)
    body = ask(sample, odd)
    replaced, _ = proposed(body, INSTEAD)["suggestions"]
    made = replaced["actions"][1]["resource"]
    assert (made["contained"], made["reasonReference"]) == (contained, inside)
    assert not {"note", "vendor", "text"} & set(made)
    beside = proposed(body, BESIDE)["suggestions"][0]["actions"][0]["resource"]
    assert not {"contained", "reasonReference"} & set(beside)


@pytest.mark.requirement("resp-55", "resp-57")
@pytest.mark.parametrize("member", ["requester", "subject"])
def test_without_what_the_profile_wants_nothing_is_proposed(member: str, sample: FlaskClient) -> None:
    """resp-55, resp-57: an order made of an incomplete one would be incomplete too."""
    body = ask(sample, chart(**{member: None}))
    assert topics(body) == ["coverage-info"]


def test_nothing_is_proposed_where_the_policy_did_not_judge(sample: FlaskClient) -> None:
    """An order that does not name the technique is asked for it, and nothing else."""
    unnamed = builders.concept("47379", builders.CPT)
    assert topics(ask(sample, chart(code=unnamed))) == ["coverage-info"]


@pytest.mark.requirement("found-13")
def test_the_built_in_policies_propose_nothing(sample: FlaskClient) -> None:
    """Neither text names an alternative; a policy beside them changes nothing for them."""
    for payer in ("Capital Blue Cross", "Blue Shield of California"):
        assert topics(ask(sample, paid_by(payer))) == ["coverage-info"]


@pytest.mark.requirement("CRD-042", "CRD-043", "resp-30")
@pytest.mark.parametrize(
    ("ends", "until"), [("2026-12-31", "2026-12-31"), ("2028-12-31", "2027-12-31"), (None, "2027-12-31")]
)
def test_an_assertion_ends_with_the_plan_or_the_policy(
    ends: str | None, until: str, sample: FlaskClient
) -> None:
    """CRD-043: the earlier of the coverage's last day and the policy's; 2.0.1 limits the period instead."""
    period = {key: day for key, day in {"start": "2020-01-01", "end": ends}.items() if day}
    held = paid_by(LAKESIDE, period=period)
    (new,), (old,) = (
        [part for part in _assertion(sample, held, version) if part["url"] in ("expiry-date", "detail")][-1:]
        for version in ("2.2", "2.0")
    )
    assert new == {"url": "expiry-date", "valueDate": until}
    code, value = old["extension"]
    assert code["valueCodeableConcept"]["coding"][0]["code"] == "allowed-period"
    assert value == {"url": "value", "valuePeriod": {"end": until}}


def _assertion(client: FlaskClient, held: list[Resource], version: str) -> list[dict[str, Any]]:
    (order,) = orders_of(ask(client, held, version)).values()
    (found,) = assertions(order)
    parts: list[dict[str, Any]] = found["extension"]
    return parts
