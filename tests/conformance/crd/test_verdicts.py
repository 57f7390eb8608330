"""CRD 2.2.1, coverage information: what is said of which order, by plan, code and state of the record."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from ruamel.yaml import YAML

from cds_service.policy.places import data_folder
from tests import builders
from tests.builders import CPT, SCT, Resource
from tests.conformance.crd.asking import (
    BLUE_SHIELD,
    VERSIONS,
    ask,
    asserted,
    open_size,
    ordered,
    paid_by,
    said,
    values,
)
from tests.conformance.crd.conftest import WithPolicies

FORM = "http://cds-service.example.org/fhir/Questionnaire/liver-cryoablation|1.0.0"
OPTIONS = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-billing-options"
both = pytest.mark.parametrize("version", VERSIONS)


def plan_that(folder: Path, rule: str) -> Path:
    """A policy folder in which the first payer's plan has this rule about prior authorization."""
    file = Path("capital-blue-cross/payer.yaml")
    payer = YAML(typ="safe", pure=True).load(data_folder("policies") / file)
    target = folder / "policies" / file
    target.parent.mkdir(parents=True)
    YAML(pure=True).dump({**payer, "prior-authorization": rule}, target)
    return folder / "policies"


def coded(code: Resource, **members: Any) -> list[Resource]:
    """A chart that meets every criterion, with an order of that code."""
    return ordered(builders.order(code, **members))


@pytest.mark.requirement("CRD-037", "CRD-038", "CRD-028", "found-9", "impl-5")
@pytest.mark.parametrize(
    ("rule", "authorization"),
    [("not-required", "no-auth"), ("required", "auth-needed"), ("unknown", "conditional")],
)
@both
def test_with_every_criterion_met_the_plan_says_about_authorization(
    rule: str, authorization: str, version: str, with_policies: WithPolicies, tmp_path: Path
) -> None:
    """CRD-037, CRD-038: covered, for the code that is billed; authorization as the plan has it."""
    body = ask(with_policies(plan_that(tmp_path, rule)), None, version)
    assert (said(body, "covered"), said(body, "pa-needed")) == ("covered", authorization)
    assert said(body, "billingCode")["code"] == "47383"
    assert said(body, "info-needed") == ("OTH" if rule == "unknown" else None)
    assert said(body, "doc-needed") is said(body, "satisfied-pa-id") is said(body, "doc-purpose") is None


@pytest.mark.requirement("CRD-039", "CRD-027", "CRD-029", "CRD-033", "resp-38", "resp-42")
@both
def test_a_missing_size_is_asked_for_by_form(version: str, client: FlaskClient) -> None:
    """CRD-039: conditional, clinical documentation, the form with its version, a reason that names it."""
    body = ask(client, open_size(), version)
    assert (said(body, "covered"), said(body, "pa-needed")) == ("conditional", "conditional")
    assert (said(body, "doc-needed"), said(body, "info-needed")) == ("clinical", "OTH")
    assert said(body, "questionnaire") == FORM
    assert "Smaller than 5 cm" in said(body, "reason")["text"]


@pytest.mark.requirement("CRD-040", "CRD-028", "resp-30", "covinfo-2")
@both
def test_an_excluded_indication_is_not_covered_and_the_reason_names_the_criterion(
    version: str, client: FlaskClient
) -> None:
    """CRD-040: cholangiocarcinoma is none of the named types; no authorization code beside not-covered."""
    body = ask(client, builders.changed(builders.hcc(), "dx", code=builders.concept("C22.1")), version)
    assert (said(body, "covered"), said(body, "pa-needed")) == ("not-covered", None)
    assert "Hepatocellular carcinoma, or colorectal" in said(body, "reason")["text"]
    assert (said(body, "doc-needed"), said(body, "questionnaire")) == (None, None)


@pytest.mark.requirement("CRD-042", "resp-30")
@both
def test_an_assertion_says_for_which_code_and_policy_it_holds(version: str, client: FlaskClient) -> None:
    """CRD-042: the code in billingCode, the policy and its effective date in the reason."""
    body = ask(client, None, version)
    assert said(body, "billingCode") == {"system": CPT, "code": "47383"}
    assert "MP 1.121 (effective 2024-05-01)" in said(body, "reason")["text"]


@pytest.mark.requirement("CRD-043", "conf-5")
def test_an_assertion_ends_on_the_last_day_of_the_coverage(client: FlaskClient) -> None:
    """CRD-043: known from the Coverage; where it has no end, nothing is said of one."""
    ending = paid_by("Capital Blue Cross", period={"start": "2020-01-01", "end": "2027-03"})
    assert said(ask(client, ending), "expiry-date") == "2027-03-31"
    assert said(ask(client), "expiry-date") is None


@pytest.mark.requirement("CRD-051", "hook-16", "found-9")
@pytest.mark.parametrize("code", ["74177", "33533", "47382"])
@both
def test_an_order_without_a_rule_is_never_called_covered(
    code: str, version: str, client: FlaskClient
) -> None:
    """CRD-051: an answer all the same, conditional, with the reason and without a form; and no card."""
    body = ask(client, ordered(builders.order(code)), version)
    assert (said(body, "covered"), said(body, "pa-needed"), said(body, "info-needed")) == (
        "conditional",
        "conditional",
        "OTH",
    )
    assert "No medical policy here speaks to this order" in said(body, "reason")["text"]
    assert said(body, "questionnaire") is None
    assert body["cards"] == []


@pytest.mark.requirement("found-13")
def test_several_open_criteria_are_one_card(client: FlaskClient) -> None:
    """found-13: one message for one order; nothing about what no policy speaks of."""
    bare = builders.without(builders.hcc(), "size", "m", "n", "amenable-to-cryoablation")
    body = ask(client, [*bare, builders.order("74177", "scan")])
    (card,) = body["cards"]
    assert "3 of 5 criteria open" in card["summary"]


@pytest.mark.requirement("CRD-052")
@both
def test_an_order_not_to_perform_raises_no_requirement(version: str, client: FlaskClient) -> None:
    """CRD-052: doNotPerform is understood: no verdict, no form, no card."""
    body = ask(client, ordered(builders.order(doNotPerform=True)), version)
    assert body == {"cards": [], "systemActions": []}


@pytest.mark.requirement("CRD-053", "found-10", "impl-5", "resp-51")
@both
def test_a_snomed_code_gets_the_verdict_of_the_billing_codes_which_are_told(
    version: str, client: FlaskClient
) -> None:
    """CRD-053: what may be billed for it is inferred and stated."""
    body = ask(client, coded(builders.concept("449404007", SCT)), version)
    assert said(body, "covered") == said(ask(client, None, version), "covered") == "covered"
    codes = [code["code"] for code in values(asserted(body), "billingCode")]
    assert codes == ["47371", "47381", "47383"]
    assert {code["system"] for code in values(asserted(body), "billingCode")} == {CPT}


@pytest.mark.requirement("CRD-054", "found-32")
@both
def test_an_order_in_words_only_gets_an_answer(version: str, client: FlaskClient) -> None:
    """CRD-054: 200 with an assertion; words that name the service are enough, others are another service."""
    words = {"text": "Percutaneous cryoablation of the liver lesion in segment 6"}
    assert said(ask(client, coded(words), version), "covered") == "covered"
    other = ask(client, coded({"text": "Please see soon"}), version)
    assert said(other, "covered") == "conditional"


@pytest.mark.requirement("CRD-055", "billopt-3")
@both
def test_a_billing_option_is_weighed(version: str, client: FlaskClient) -> None:
    """CRD-055: a code that alone is out of scope, with the policy's own code among its billing options."""
    options = [
        {"url": OPTIONS, "valueCodeableConcept": builders.concept(code, CPT)} for code in ("47382", "47383")
    ]
    guidance = builders.concept("76940", CPT)
    alone, with_options = coded(guidance), coded({**guidance, "extension": options})
    assert said(ask(client, alone, version), "covered") == "conditional"
    body = ask(client, with_options, version)
    assert said(body, "covered") == "covered"
    assert "47383" in [code["code"] for code in values(asserted(body), "billingCode")]


@pytest.mark.requirement("CRD-056", "billopt-2")
def test_without_billing_options_the_answer_is_as_good(client: FlaskClient) -> None:
    """CRD-056: the same verdict, reason and code."""
    plain = builders.concept("47383", CPT)
    option = {"url": OPTIONS, "valueCodeableConcept": plain}
    with_options = {**plain, "extension": [option]}
    first, second = (ask(client, coded(code)) for code in (plain, with_options))
    assert asserted(first) == asserted(second)
    assert first["cards"][0]["detail"] == second["cards"][0]["detail"]


@pytest.mark.requirement("found-9")
def test_both_payers_answer_the_same_chart_each_by_its_own_text(client: FlaskClient) -> None:
    """found-9: as right as the policy text itself."""
    assert said(ask(client), "covered") == "covered"
    assert said(ask(client, paid_by(BLUE_SHIELD)), "covered") == "not-covered"
