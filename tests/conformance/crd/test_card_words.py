"""CRD 2.2.1, what cards are for: summary, detail, links, and who they are for."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.builders import Resource
from tests.conformance.ch.calls import answered, sign
from tests.conformance.crd.asking import (
    BLUE_SHIELD,
    SELECT,
    VERSIONS,
    ask,
    open_size,
    ordered,
    paid_by,
    said,
    versioned,
)

UNNAMED = ordered(builders.order("47379"))
TOO_LARGE = builders.changed(builders.hcc(), "size", component=builders.size(5.0)["component"])
FEDERAL = paid_by("Capital Blue Cross", **{"class": [{"value": "FEP Blue Focus"}]})
BEFORE = ordered(builders.order(occurrenceDateTime="2020-01-01"))
LAPSED = paid_by("Capital Blue Cross", status="cancelled")
EVERY: dict[str, list[Resource]] = {
    "met": builders.hcc(),
    "open": open_size(),
    "failed": TOO_LARGE,
    "position": paid_by(BLUE_SHIELD),
    "unnamed": UNNAMED,
    "federal": FEDERAL,
    "before": BEFORE,
    "lapsed": LAPSED,
}
every = pytest.mark.parametrize("chart", EVERY.values(), ids=EVERY)


def card(client: FlaskClient, chart: list[Resource], version: str = "2.2") -> dict[str, Any]:
    """The one card of an answer."""
    (found,) = ask(client, chart, version)["cards"]
    return dict(found)


@pytest.mark.requirement("resp-6", "resp-8")
@pytest.mark.parametrize(
    ("name", "summary", "first"),
    [
        ("met", "all 5 criteria met", "The record supports every criterion"),
        ("open", "1 of 5 criteria open: Smaller than 5 cm", "1 of 5 criteria cannot be decided"),
        ("failed", "not met: Smaller than 5 cm", "1 of 5 criteria is not met"),
        ("position", "considered investigational, not covered", "considered investigational"),
        ("unnamed", "name the technique on the order", "does not say which technique"),
        ("federal", "not decided here", "FEP Medical Policy Manual applies"),
        ("before", "could not be evaluated", "in force on 2020-01-01"),
        ("lapsed", "coverage is not in force", "in force on 2026-12-01"),
    ],
)
def test_the_summary_says_what_can_be_done_and_the_detail_begins_with_the_weightiest(
    name: str, summary: str, first: str, client: FlaskClient
) -> None:
    """resp-6, resp-8: the verdict or the open criterion, at once."""
    found = card(client, EVERY[name])
    assert summary in found["summary"]
    assert first in found["detail"].splitlines()[0]


@pytest.mark.requirement("resp-7")
@every
def test_detail_and_links_hold_what_the_summary_cannot(chart: list[Resource], client: FlaskClient) -> None:
    """resp-7: no repetition of the summary; links have labels that say where they lead."""
    found = card(client, chart)
    assert found["summary"] not in found["detail"]
    labels = [link["label"] for link in found.get("links", [])]
    assert len(set(labels)) == len(labels)


@pytest.mark.requirement("resp-9")
def test_the_detail_says_whether_the_form_or_the_page_is_worth_opening(client: FlaskClient) -> None:
    """resp-9: what the form asks for and that it is filled in; which policy the page shows, of which date."""
    found = card(client, open_size())
    assert "The form asks for what is open and is filled in" in found["detail"]
    assert 'MP 1.121, "Cryosurgical Ablation' in found["detail"] and "2024-05-01" in found["detail"]


@pytest.mark.requirement("resp-10", "CRD-097", "resp-17", "resp-23")
@every
def test_no_address_stands_in_the_text_and_none_leads_to_a_portal(
    chart: list[Resource], client: FlaskClient
) -> None:
    """resp-10: links stand in the list of links alone; resp-17: our own pages and a product's manual."""
    found = card(client, chart)
    assert not re.search(r"https?:|www\.|\]\(|portal", found["detail"], re.IGNORECASE)
    ours = (
        "http://127.0.0.1:8080/policies/",
        "http://127.0.0.1:8080/smart/launch",
        "https://www.fepblue.org/",
    )
    assert all(link["url"].startswith(ours) for link in found.get("links", []))
    assert "portal" not in str(found).lower()


@pytest.mark.requirement("resp-20", "CRD-093", "resp-22", "CRD-098", "resp-21")
@pytest.mark.parametrize("version", VERSIONS)
def test_an_external_reference_sums_up_the_page_it_links(version: str, client: FlaskClient) -> None:
    """resp-20: each criterion of the policy with its section; the link leads to that very version."""
    call = versioned(sign(), version, coverage_info=False)
    (found,) = answered(client, call)["cards"]
    for words in ("Smaller than 5 cm", "I. Policy, third bullet", "No malignancy outside the liver"):
        assert words in found["detail"]
    (link,) = found["links"]
    assert (link["type"], "suggestions" in found) == ("absolute", False)
    assert link["url"].endswith("/policies/capital-blue-cross/mp-1.121/versions/2024-05-01")
    assert client.get(link["url"]).status_code == 200


@pytest.mark.requirement("CRD-094", "resp-24")
@pytest.mark.parametrize("version", VERSIONS)
def test_instructions_are_text_alone(version: str, client: FlaskClient) -> None:
    """CRD-094: CRDHooksResponse-instructions: detail, neither links nor suggestions."""
    found = card(client, UNNAMED, version)
    assert found["detail"].strip()
    assert not {"links", "suggestions"} & set(found)


@pytest.mark.requirement("CRD-104", "resp-72", "resp-38")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_card_that_launches_the_form_links_to_nothing_else(version: str, client: FlaskClient) -> None:
    """CRD-104: a SMART link without appContext; DTR starts from the assertion, which names the form."""
    body = ask(client, open_size(), version)
    (found,) = body["cards"]
    (link,) = found["links"]
    assert (link["type"], "appContext" in link) == ("smart", False)
    assert "questionnaire" not in link["url"] and "Questionnaire" not in link["url"]
    assert said(body, "questionnaire").startswith("http://cds-service.example.org/fhir/Questionnaire/")
    assert found["source"]["url"].endswith("/versions/2024-05-01"), "the policy's page is the source's"


@pytest.mark.requirement("CRD-102", "resp-59")
def test_a_client_with_dtr_gets_no_form_task(client: FlaskClient) -> None:
    """CRD-102: who speaks 2.2 has DTR; on order-select nobody gets one."""
    assert "suggestions" not in card(client, open_size())
    assert "suggestions" in card(client, open_size(), "2.0")
    early = answered(client, versioned(sign(open_size(), "order-select"), "2.0"), SELECT)
    assert "suggestions" not in early["cards"][0]


@pytest.mark.requirement("resp-4", "CRD-088")
@pytest.mark.parametrize("payer", ["Capital Blue Cross", BLUE_SHIELD])
@pytest.mark.parametrize("name", ["met", "unnamed", "before", "lapsed"])
def test_the_source_is_the_insurer_as_the_patient_knows_it(
    payer: str, name: str, client: FlaskClient
) -> None:
    """resp-4: also where its policy did not decide."""
    coverage = {key: value for key, value in EVERY[name][-1].items() if key in ("status", "period")}
    chart = paid_by(payer, EVERY[name], **(coverage if name == "lapsed" else {}))
    assert card(client, chart)["source"]["label"] == payer


@pytest.mark.requirement("resp-1", "resp-2", "CRD-087")
@every
def test_a_warning_is_for_what_calls_for_a_step_of_the_clinician(
    chart: list[Resource], client: FlaskClient
) -> None:
    """resp-1: information, unless something is open or not covered; never critical."""
    warned = any(chart is EVERY[name] for name in ("open", "failed", "position", "unnamed"))
    assert card(client, chart)["indicator"] == ("warning" if warned else "info")


@pytest.mark.requirement("conf-9")
def test_other_cards_need_no_more_of_the_chart_than_the_assertion(client: FlaskClient) -> None:
    """conf-9: with elements outside the profiles taken away, the stand-in card is the same."""

    def stripped(chart: list[Resource]) -> list[Resource]:
        return [{name: value for name, value in each.items() if name != "text"} for each in chart]

    extended = [{**each, "text": {"status": "empty"}, "vendor": 1} for each in builders.hcc()]
    calls = [versioned(sign(chart), coverage_info=False) for chart in (extended, stripped(extended))]
    first, second = (answered(client, call)["cards"][0] for call in calls)
    assert {**first, "uuid": None} == {**second, "uuid": None}
