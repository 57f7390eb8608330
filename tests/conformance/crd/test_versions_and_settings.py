"""CRD 2.2.1 and 2.0.1: which version is spoken to whom, and configuration options of a call."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.answer.coverage_rules import problems
from tests import builders
from tests.applications import Making
from tests.builders import Resource
from tests.conformance.ch.calls import answered, post, refused, sign
from tests.conformance.crd.asking import (
    BLUE_SHIELD,
    VERSIONS,
    ask,
    asserted,
    open_size,
    ordered,
    orders_of,
    paid_by,
    said,
    signed,
    values,
    versioned,
)
from tests.ehr_client import BASE, EhrClient

TOPIC_SYSTEMS = {
    "2.0": "http://hl7.org/fhir/us/davinci-crd/CodeSystem/temp",
    "2.2": "http://terminology.hl7.org/CodeSystem/cdshooks-card-type",
}
both = pytest.mark.parametrize("version", VERSIONS)


def spoken(body: dict[str, Any]) -> str:
    """The version of an answer: by the policy link that only 2.2 has, and the system of the card's topic."""
    version = "2.2" if values(asserted(body), "detail") else "2.0"
    assert {card["source"]["topic"]["system"] for card in body["cards"]} == {TOPIC_SYSTEMS[version]}
    assert problems(asserted(body), "2.2" if version == "2.2" else "2.0") == ()
    return version


@pytest.mark.requirement("CRD-083", "CRD-089")
@pytest.mark.parametrize(
    ("asked", "answered_in"),
    [("2.0", "2.0"), ("2.0.1", "2.0"), ("2.2", "2.2"), ("2.2.1", "2.2"), (" 2.2 ", "2.2")],
)
def test_the_version_asked_for_is_the_version_answered(
    asked: str, answered_in: str, client: FlaskClient
) -> None:
    """CRD-083: `davinci-crd.requestedVersion`, with or without a patch level."""
    assert spoken(ask(client, None, asked)) == answered_in


@pytest.mark.requirement("CRD-083")
@both
def test_who_names_no_version_gets_that_of_the_setting(version: str, make_app: Making) -> None:
    """interface.md section 5: CRD_VERSION, and what is asked for goes before it."""
    client = make_app(auth="off", crd_version=version).test_client()
    assert spoken(ask(client, None, None)) == version
    assert spoken(ask(client, None, "2.0")) == "2.0"


@pytest.mark.requirement("CRD-083")
@both
def test_a_registered_client_gets_its_own_version(
    version: str, make_app: Making, ehr_client: EhrClient, tmp_path: Path
) -> None:
    """The clients file: a version for each client, and what the call asks for goes before it."""
    clients = ehr_client.register(tmp_path, crd_version=version)
    client = make_app(clients=clients, public_url=BASE, crd_version="2.2").test_client()

    def told(body: dict[str, Any]) -> Any:
        return post(client, body, headers={"Authorization": f"Bearer {ehr_client.token()}"})

    assert spoken(told(sign()).get_json()) == version
    assert spoken(told(signed(None, "2.0")).get_json()) == "2.0"
    uncovered = told(sign(builders.without(builders.hcc(), "cov")))
    assert uncovered.status_code == (400 if version == "2.2" else 200)


@pytest.mark.requirement("CRD-085")
@pytest.mark.parametrize(
    "chart",
    [
        builders.hcc(),
        open_size(),
        paid_by(BLUE_SHIELD),
        paid_by("Capital Blue Cross", period={"start": "2020-01-01", "end": "2026-12-31"}),
        paid_by("Capital Blue Cross", status="cancelled"),
        ordered(builders.order(occurrenceDateTime="2020-01-01")),
        ordered(builders.order("74177")),
    ],
)
def test_a_2_0_client_sees_nothing_of_2_2(chart: list[Resource], client: FlaskClient) -> None:
    """CRD-085: no code, part or type that came with 2.2 (crd-dtr.md 1.6)."""
    wire = json.dumps(ask(client, chart, "2.0"))
    for new in ("indeterminate", "expiry-date", "policy-link", "category", "ContactDetail", "valueUrl"):
        assert new not in wire
    for new in (
        "no-active-coverage",
        "technical",
        "crd-coverage-detail",
        "cdshooks-card-type",
        "detail-code",
    ):
        assert new not in wire


@pytest.mark.requirement("CRD-076", "dev-15")
@pytest.mark.parametrize("extension", [..., {}, {"davinci-crd.configuration": {}}, None])
def test_without_settings_the_answer_is_the_normal_one(extension: Any, client: FlaskClient) -> None:
    """CRD-076: they are never required."""
    body = answered(client, sign(extension=extension))
    assert said(body, "covered") == "covered"
    assert len(body["cards"]) == 1


@pytest.mark.requirement("CRD-077", "dev-14", "resp-28")
@both
def test_coverage_information_switched_off_stays_away(version: str, client: FlaskClient) -> None:
    """CRD-077: no action and no verdict in a card; the policy itself is still shown."""
    body = answered(client, versioned(sign(), version, coverage_info=False))
    assert body["systemActions"] == []
    (card,) = body["cards"]
    assert card["source"]["topic"]["code"] == "guideline"
    assert "necessary" not in card["summary"]


@pytest.mark.requirement("resp-28")
@pytest.mark.parametrize("settings", [{"guideline": False}, {"max_cards": 0}, {"alt_drug": False}])
def test_nothing_else_silences_coverage_information(settings: dict[str, Any], client: FlaskClient) -> None:
    """resp-28: only its own option does."""
    body = answered(client, versioned(sign(), **settings))
    assert said(body, "covered") == "covered"


@pytest.mark.requirement("CRD-078", "dev-14")
def test_each_switch_takes_its_own_cards_away(client: FlaskClient) -> None:
    """CRD-078: the topic that stands in, too; then nothing is left."""
    off = {"coverage_info": False, "guideline": False}
    assert answered(client, versioned(sign(), **off)) == {"cards": [], "systemActions": []}
    kept = answered(client, versioned(sign(), guideline=False))
    assert [card["source"]["topic"]["code"] for card in kept["cards"]] == ["coverage-info"]


@pytest.mark.requirement("dev-5", "dev-14", "CRD-102")
def test_task_and_app_have_switches_of_their_own(client: FlaskClient) -> None:
    """dev-5: response types that stand on the coverage card."""
    (plain,) = answered(client, versioned(sign(open_size()), "2.0"))["cards"]
    assert plain["suggestions"]
    bare = versioned(sign(open_size()), "2.0", form_completion=False, smart_app=False)
    (card,) = answered(client, bare)["cards"]
    assert "suggestions" not in card
    assert {link["type"] for link in card["links"]} == {"absolute"}


@pytest.mark.requirement("CRD-079", "dev-14")
@both
def test_a_limit_of_one_card_leaves_the_weightiest_and_all_actions(version: str, client: FlaskClient) -> None:
    """CRD-079: the warning stays."""
    second = builders.order("47379", "unnamed")
    chart = ordered(builders.order(), second)
    body = answered(client, versioned(sign(chart), version, max_cards=1))
    (card,) = body["cards"]
    assert card["indicator"] == "warning"
    assert len(orders_of(body)) == 2


@pytest.mark.requirement("CRD-080", "dev-17")
def test_settings_nobody_knows_are_passed_over(client: FlaskClient) -> None:
    """CRD-080: among them those of the kit's presets."""
    unknown = {"alt-drug": True, "dtr-clin": False, "coverage": False, "prior-auth": False, "x" * 500: 1}
    call = sign()
    call["extension"] = {"davinci-crd.configuration": unknown, "davinci-crd.requestedVersion": "2.2"}
    assert answered(client, call)["systemActions"] == ask(client)["systemActions"]


@pytest.mark.requirement("CRD-081", "dev-6")
@pytest.mark.parametrize(
    "settings",
    [
        {"coverage-info": "no"},
        {"coverage-info": None, "max-cards": -3},
        {"max-cards": "2"},
        {"max-cards": 1e300},
        {"max-cards": True, "guideline": 0},
        {"coverage-info": {"a": [False]}},
        [{"coverage-info": False}],
        "coverage-info=false",
        7,
    ],
)
def test_nonsense_falls_back_to_the_default(settings: Any, client: FlaskClient) -> None:
    """CRD-081: wrong types and values; nothing fails and nothing changes."""
    call = sign()
    call["extension"] = {"davinci-crd.configuration": settings, "davinci-crd.requestedVersion": "2.2"}
    body, plain = answered(client, call), ask(client)
    assert body["systemActions"] == plain["systemActions"]
    assert [card["summary"] for card in body["cards"]] == [card["summary"] for card in plain["cards"]]


@pytest.mark.requirement("dev-6")
@pytest.mark.parametrize("version", [2.2, ["2.2"], {"v": "2.2"}, None, True])
def test_a_version_of_the_wrong_type_is_as_none(version: Any, client: FlaskClient) -> None:
    """dev-6: only a text can ask for a version."""
    call = {**sign(), "extension": {"davinci-crd.requestedVersion": version}}
    assert said(answered(client, call), "covered") == "covered"


@pytest.mark.requirement("CRD-081", "dev-6")
def test_contradictory_settings_are_obeyed_as_far_as_they_go(client: FlaskClient) -> None:
    """dev-6: all cards wanted, and none of them."""
    body = answered(client, versioned(sign(), coverage_info=True, guideline=True, max_cards=0))
    assert body["cards"] == []
    assert len(body["systemActions"]) == 1


@pytest.mark.requirement("CRD-082", "CRD-032", "dev-14")
@pytest.mark.parametrize("wanted", [True, False, None])
@both
def test_a_what_if_call_gets_no_authorization_number(
    wanted: bool | None, version: str, client: FlaskClient
) -> None:
    """CRD-082: no answer here is an unsolicited authorization, so there is none to hold back either way."""
    body = answered(client, versioned(sign(), version, unsolicited_determ=wanted))
    assert said(body, "satisfied-pa-id") is None
    assert said(body, "pa-needed") != "satisfied"
    listed = client.get("/cds-services").get_json()["services"][0]["extension"]
    assert "unsolicited-determ" not in str(listed["davinci-crd.configuration-options"])


def test_an_unspoken_version_is_refused_whatever_the_settings(client: FlaskClient) -> None:
    """The version goes before the configuration."""
    refused(post(client, versioned(sign(), "9.9", coverage_info=False)), 400)


KIT_SETTINGS = {"alt-drug": True, "dtr-clin": True, "coverage": True, "max-cards": 10}
HCPCS = "https://bluebutton.cms.gov/resources/codesystem/hcpcs"


@pytest.mark.requirement("CRD-120", "CRD-080")
@pytest.mark.parametrize("kind", ["ServiceRequest", "DeviceRequest"])
def test_bodies_like_the_kits_own_get_a_valid_answer_in_2_0(kind: str, client: FlaskClient) -> None:
    """CRD-120: settings that the guide lacks, a payer that cannot be read, keys nobody asked for."""
    coded = {"coding": [{"system": HCPCS, "code": "G0180"}]}
    order = {
        **builders.order(name="kit", insurance=[{"reference": "Coverage/cov"}], requester={"display": "MD"}),
        "resourceType": kind,
        "code" if kind == "ServiceRequest" else "codeCodeableConcept": coded,
    }
    if kind == "DeviceRequest":
        del order["code"]
    chart = paid_by("x", ordered(order), payor=[{"reference": "Organization/org1234"}])
    call = sign(chart, fhirServer="https://inferno.example.org/reference-server/r4")
    call["prefetch"] |= {"user": {"resourceType": "Practitioner", "id": "pra1234"}}
    call["context"]["draftOrders"]["entry"] = [{"resource": order}]
    call["extension"] = {
        "davinci-crd.configuration": KIT_SETTINGS,
        "davinci-crd.requestedVersion": "2.0",
    }
    body = answered(client, call)
    assert said(body, "covered", f"{kind}/kit") == "conditional"
    assert problems(asserted(body, f"{kind}/kit"), "2.0") == ()
    assert body["cards"] == []
