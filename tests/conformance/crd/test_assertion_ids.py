"""CRD 2.2.1, coverage information: ids of assertions, repeated calls, several orders and coverages."""

from copy import deepcopy
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.builders import Resource
from tests.conformance.ch.calls import answered, in_context, sign
from tests.conformance.crd.asking import (
    BLUE_SHIELD,
    VERSIONS,
    ask,
    asserted,
    assertions,
    open_size,
    ordered,
    orders_of,
    said,
    signed,
    values,
    versioned,
)

both = pytest.mark.parametrize("version", VERSIONS)


def signed_again(body: dict[str, Any], chart: list[Resource] | None = None) -> list[Resource]:
    """The chart with its orders as the EHR stores them after that answer."""
    return ordered(*orders_of(body).values(), chart=chart)


def two_orders() -> list[Resource]:
    """An order that the policies speak of, and one that they do not."""
    return ordered(builders.order(), builders.order("74177", "scan"))


def two_coverages() -> list[Resource]:
    """A patient with a coverage of each payer."""
    return [*builders.hcc(), builders.coverage(BLUE_SHIELD, "second")]


@pytest.mark.requirement("CRD-044", "CRD-111", "resp-33")
@both
def test_one_coverage_has_one_id_however_often_it_is_asked(version: str, client: FlaskClient) -> None:
    """CRD-044, CRD-111: the same call twice has one verdict and one id; so has the other version."""
    first, second = (asserted(ask(client, None, version)) for _ in range(2))
    assert first == second
    (only,) = values(first, "coverage-assertion-id")
    assert only == said(ask(client, None, "2.0"), "coverage-assertion-id")


@pytest.mark.requirement("CRD-045", "resp-32")
def test_two_coverages_have_two_ids(client: FlaskClient) -> None:
    """CRD-045: one assertion for each coverage on the one order; only 2.0 callers may send two."""
    (order,) = orders_of(ask(client, two_coverages(), "2.0")).values()
    first, second = assertions(order)
    assert values(first, "coverage") != values(second, "coverage")
    assert values(first, "coverage-assertion-id") != values(second, "coverage-assertion-id")
    assert [*values(first, "covered"), *values(second, "covered")] == ["covered", "not-covered"]


@pytest.mark.requirement("CRD-046", "covinfo-1")
@both
def test_assertions_do_not_overlap(version: str, client: FlaskClient) -> None:
    """CRD-046: one for each order and coverage, so none repeats another one's scope."""
    chart = two_coverages() if version == "2.0" else builders.hcc()
    for order in orders_of(ask(client, chart, version)).values():
        scopes = [str(values(each, "coverage")) for each in assertions(order)]
        assert len(set(scopes)) == len(scopes)


@pytest.mark.requirement("CRD-047", "resp-29", "resp-35", "resp-36")
@both
def test_an_order_that_says_it_already_gets_no_action(version: str, client: FlaskClient) -> None:
    """CRD-047: nothing new, no update; the card is still there, as the clinician signs anew."""
    first = ask(client, None, version)
    again = ask(client, signed_again(first), version)
    assert again["systemActions"] == []
    assert len(again["cards"]) == 1


@pytest.mark.requirement("CRD-047", "resp-35")
def test_the_same_assertion_in_another_order_of_parts_or_of_yesterday_is_nothing_new(
    client: FlaskClient,
) -> None:
    """CRD-047: an EHR may shuffle parts and write references absolutely; the date alone is no news."""
    first = ask(client)
    (extension,) = (asserted(first),)
    extension["extension"].reverse()
    for part in extension["extension"]:
        if part["url"] == "date":
            part["valueDate"] = "2026-11-20"
        if part["url"] == "coverage":
            part["valueReference"]["reference"] = "https://ehr.example.org/fhir/Coverage/cov"
    assert ask(client, signed_again(first))["systemActions"] == []


@pytest.mark.requirement("CRD-048", "hook-16")
@both
def test_a_changed_verdict_replaces_the_earlier_one_under_its_id(version: str, client: FlaskClient) -> None:
    """CRD-048: same id, the date of now, one assertion and not two."""
    before = ask(client, open_size(), version)
    for part in asserted(before)["extension"]:
        if part["url"] == "date":
            part["valueDate"] = "2026-10-01"
    after = ask(client, signed_again(before, builders.hcc()), version)
    assert (said(before, "covered"), said(after, "covered")) == ("conditional", "covered")
    assert said(before, "coverage-assertion-id") == said(after, "coverage-assertion-id")
    assert said(after, "date") == builders.TODAY.isoformat()


@pytest.mark.requirement("CRD-048")
def test_an_id_follows_the_order_when_the_ehr_stores_it_under_another_one(client: FlaskClient) -> None:
    """CRD-048: drafts have temporary ids; the assertion that the order carries is known again."""
    before = ask(client, open_size())
    (stored,) = deepcopy(orders_of(before)).values()
    after = ask(client, ordered({**stored, "id": "stored-9"}))
    assert said(after, "coverage-assertion-id", "ServiceRequest/stored-9") == said(
        before, "coverage-assertion-id"
    )


@pytest.mark.requirement("CRD-050", "resp-29")
@both
def test_two_orders_get_two_actions_with_two_ids(version: str, client: FlaskClient) -> None:
    """CRD-050: also the order that no policy speaks of."""
    body = ask(client, two_orders(), version)
    assert list(orders_of(body)) == ["ServiceRequest/order", "ServiceRequest/scan"]
    ids = [said(body, "coverage-assertion-id", name) for name in orders_of(body)]
    assert len(set(ids)) == 2


@pytest.mark.requirement("CRD-047", "CRD-050", "resp-35")
def test_of_two_orders_only_the_one_with_news_gets_an_action(client: FlaskClient) -> None:
    """CRD-047: news are judged order by order."""
    first = ask(client, two_orders())
    kept = orders_of(first)["ServiceRequest/order"]
    again = ask(client, ordered(kept, builders.order("74177", "scan")))
    assert list(orders_of(again)) == ["ServiceRequest/scan"]


@pytest.mark.requirement("CRD-050")
def test_sixty_orders_in_one_call_each_get_their_own(client: FlaskClient) -> None:
    """CRD-050: no limit that a real call would reach."""
    many = [builders.order("47383" if index % 2 else "74177", f"o{index}") for index in range(60)]
    body = ask(client, ordered(*many))
    assert len(body["systemActions"]) == 60
    ids = {said(body, "coverage-assertion-id", name) for name in orders_of(body)}
    assert len(ids) == 60


@pytest.mark.requirement("CRD-016", "CH-116")
def test_an_order_without_an_id_gets_its_card_and_no_action(client: FlaskClient) -> None:
    """An update could not be addressed; the card still tells."""
    order = {name: value for name, value in builders.order().items() if name != "id"}
    drafts = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
    body = answered(client, versioned(in_context(sign(), draftOrders=drafts)))
    assert (body["systemActions"], len(body["cards"])) == ([], 1)


def test_an_extension_member_that_is_no_list_is_not_touched(client: FlaskClient) -> None:
    """resp-37: what cannot be added to without changing it is left alone."""
    body = answered(client, signed(ordered(builders.order(extension={"url": "urn:odd"}))))
    assert body["systemActions"] == []
