"""The update of an order: our statement and nothing else, and only when it is news."""

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from cds_service.answer.context import ClientOptions
from cds_service.answer.coverage_rules import EXTENSION
from cds_service.kernel import fhir_json
from cds_service.orders.order import Order
from tests.unit.answer import samples


def signed(order: Order, response: dict[str, Any], **changes: Any) -> Order:
    """The order as the client holds it after it applied the action."""
    (action,) = response["systemActions"]
    return samples.order(order.reference, {**action["resource"], **changes})


@pytest.mark.requirement("CRD-016", "CRD-017", "CRD-018", "resp-29", "CH-149", "CH-159")
def test_one_update_with_a_description_for_an_order() -> None:
    """CRD-016 to 018: type, description, no resourceId, the same id."""
    (action,) = samples.body(samples.met())["systemActions"]
    assert set(action) == {"type", "description", "resource"}
    assert action["type"] == "update"
    assert action["description"]
    assert (action["resource"]["resourceType"], action["resource"]["id"]) == ("ServiceRequest", "order-1")


@pytest.mark.requirement("CRD-019", "CRD-121", "resp-37", "CH-148")
def test_the_order_comes_back_as_it_was_but_for_our_statement() -> None:
    """resp-37: members, their sequence, decimals, foreign and unknown extensions stay as they came."""
    text = (
        '{"resourceType":"ServiceRequest","meta":{"versionId":"3"},"quantityQuantity":{"value":7.10},"id":"order-1",'
        '"text":{"status":"generated","div":"<div>x</div>"},"extension":[{"url":"urn:foreign","valueDecimal":1.500}],'
        '"contained":[{"resourceType":"Patient","id":"c"}],"unknown":{"deep":[0.10,null,""]},"status":"draft"}'
    )
    order = samples.order(raw=fhir_json.read(text))
    before = deepcopy(order.raw)
    answer = samples.answer(samples.met(order=order))
    sent = fhir_json.write(answer.response.as_json()["systemActions"][0]["resource"]).decode()
    ours = fhir_json.write(answer.response.as_json()["systemActions"][0]["resource"]["extension"][1]).decode()
    assert sent.replace(f",{ours}", "") == text
    assert order.raw == before


def test_an_order_without_extensions_gets_them_last() -> None:
    """No member of the order moves."""
    raw = samples.raw_order()
    del raw["extension"]
    (action,) = samples.body(samples.met(order=samples.order(raw=raw)))["systemActions"]
    assert list(action["resource"]) == [*raw, "extension"]


@pytest.mark.requirement("CRD-047", "CRD-111", "resp-35", "CH-042")
@pytest.mark.parametrize("version", ["2.0", "2.2"])
@pytest.mark.parametrize("maker", samples.KINDS.values(), ids=samples.KINDS)
def test_no_action_when_the_order_says_it_already(maker: Any, version: str) -> None:
    """resp-35: the second call a week later sends the same cards and no action."""
    first = samples.body(maker(), version=version)
    order = signed(samples.order(), first)
    later = date(2026, 11, 28)
    assert samples.body(maker(order=order), version=version, today=later) == {
        "cards": first["cards"],
        "systemActions": [],
    }


@pytest.mark.requirement("CRD-047")
def test_the_form_in_which_the_client_keeps_a_statement_does_not_matter() -> None:
    """Absolute coverage reference, members and parts in another sequence: still the same statement."""
    order = signed(samples.order(), samples.body(samples.needs_info()))
    statement = order.raw["extension"][1]
    statement["extension"] = [dict(reversed(part.items())) for part in reversed(statement["extension"])]
    for part in statement["extension"]:
        if part["url"] == "coverage":
            part["valueReference"] = {"reference": "https://ehr.example.org/fhir/Coverage/cov-1"}
    assert samples.body(samples.needs_info(order=order))["systemActions"] == []


@pytest.mark.requirement("CRD-048")
def test_a_new_verdict_replaces_our_statement_in_its_place_under_the_same_id() -> None:
    """CRD-048: same assertion id, new date; what stood around it stays."""
    old = signed(samples.order(), samples.body(samples.needs_info()))
    old.raw["extension"].append({"url": "urn:later", "valueString": "kept too"})
    (action,) = samples.body(samples.met(order=old), today=date(2026, 11, 28))["systemActions"]
    extensions = action["resource"]["extension"]
    assert [extension["url"] for extension in extensions] == ["urn:foreign", EXTENSION, "urn:later"]
    assert samples.values(extensions[1], "covered") == ["covered"]
    assert samples.values(extensions[1], "date") == ["2026-11-28"]
    ids = [samples.values(item, "coverage-assertion-id") for item in (extensions[1], old.raw["extension"][1])]
    assert ids[0] == ids[1]


@pytest.mark.requirement("CRD-049", "resp-37")
def test_a_foreign_statement_is_kept_even_on_the_same_coverage() -> None:
    """CRD-049: not ours, so not ours to touch."""
    foreign = deepcopy(samples.extension(samples.met()))
    for part in foreign["extension"]:
        if part["url"] == "coverage-assertion-id":
            part["valueString"] = "somebody-elses-7"
    raw = samples.raw_order(extension=[foreign])
    (action,) = samples.body(samples.investigational(order=samples.order(raw=raw)))["systemActions"]
    assert action["resource"]["extension"][0] == foreign
    assert samples.values(action["resource"]["extension"][1], "covered") == ["not-covered"]


@pytest.mark.requirement("CRD-045", "CRD-046", "resp-32", "resp-29")
def test_two_coverages_make_two_statements_in_one_action() -> None:
    """resp-32: one order, one action; each coverage its own id."""
    (action,) = samples.body(samples.met(), samples.position(coverage="Coverage/cov-2"))["systemActions"]
    ours = [item for item in action["resource"]["extension"] if item["url"] == EXTENSION]
    coverages = [samples.values(item, "coverage")[0]["reference"] for item in ours]
    assert coverages == ["Coverage/cov-1", "Coverage/cov-2"]
    assert len({samples.values(item, "coverage-assertion-id")[0] for item in ours}) == 2


def test_only_the_statement_that_changed_is_replaced() -> None:
    """The other coverage's statement keeps its own date."""
    both = (samples.met(), samples.position(coverage="Coverage/cov-2"))
    old = signed(samples.order(), samples.body(*both))
    news = samples.investigational(order=old), samples.position(order=old, coverage="Coverage/cov-2")
    (action,) = samples.body(*news, today=date(2026, 11, 28))["systemActions"]
    dates = [
        samples.values(item, "date") for item in action["resource"]["extension"] if item["url"] == EXTENSION
    ]
    assert dates == [["2026-11-28"], ["2026-11-21"]]


@pytest.mark.requirement("CRD-044")
def test_two_earlier_statements_of_ours_on_one_coverage_become_one() -> None:
    """CRD-044: one id for each coverage, and one statement."""
    old = signed(samples.order(), samples.body(samples.needs_info()))
    old.raw["extension"].append(deepcopy(old.raw["extension"][1]))
    (action,) = samples.body(samples.met(order=old))["systemActions"]
    assert [item["url"] for item in action["resource"]["extension"]] == ["urn:foreign", EXTENSION]


@pytest.mark.requirement("CRD-050", "resp-29")
def test_two_orders_make_two_actions_each_with_its_own_id() -> None:
    """CRD-050."""
    other = samples.order("ServiceRequest/order-2")
    actions = samples.body(samples.met(), samples.out_of_scope(order=other))["systemActions"]
    assert [action["resource"]["id"] for action in actions] == ["order-1", "order-2"]
    ids = [samples.values(action["resource"]["extension"][-1], "coverage-assertion-id") for action in actions]
    assert ids[0] != ids[1]


@pytest.mark.requirement("CRD-051", "hook-16")
def test_an_order_of_something_else_gets_a_statement_only_from_crd_clients() -> None:
    """determinations.md section 1: CRD callers conditional with a reason, others nothing."""
    statement = samples.extension(samples.out_of_scope())
    assert samples.values(statement, "covered") == samples.values(statement, "pa-needed") == ["conditional"]
    plain = ClientOptions(crd=False)
    assert samples.body(samples.out_of_scope(), client=plain) == {"cards": []}


@pytest.mark.requirement("CRD-052")
@pytest.mark.parametrize("reason", ["order-not-to-be-done", "order-status-dropped"])
def test_nothing_is_stated_where_nothing_is_ordered(reason: str) -> None:
    """CRD-052: no coverage requirement is wrongly raised."""
    assert samples.body(samples.out_of_scope(reason=reason)) == {"cards": [], "systemActions": []}


@pytest.mark.requirement("CH-116")
def test_an_order_that_cannot_be_addressed_is_discussed_and_not_updated() -> None:
    """CH-116: no id, or no coverage to name, or an extension member that is no list."""
    raw = samples.raw_order()
    del raw["id"]
    odd = samples.raw_order(extension={"url": "urn:x"})
    for made in (
        samples.met(order=samples.order("ServiceRequest/", raw)),
        samples.no_policy(coverage=None),
        samples.met(order=samples.order(raw=odd)),
    ):
        response = samples.body(made)
        assert len(response["cards"]) == 1
        assert response["systemActions"] == []
