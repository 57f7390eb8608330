"""HAPI's validator finds every resource that the service sends valid: orders, Tasks, outcomes, forms."""

import json
from functools import cache
from typing import get_args

import pytest
from flask.testing import FlaskClient

from cds_service.answer.answer import build
from cds_service.answer.context import AnswerContext, ClientOptions
from cds_service.answer.coverage_rules import Version
from cds_service.determination import Outcome
from cds_service.evaluate import evaluate_chart
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Clock, new_uuid
from tests.builders import OURS, knowledge, order
from tests.hapi.engine import Json, Validator
from tests.integration.deciding import cards, request
from tests.integration.ehr_data import EhrChart, own_charts
from tests.unit.dtr import payer

pytestmark = pytest.mark.hapi
CHARTS = pytest.mark.parametrize("chart", own_charts(), ids=lambda chart: chart.name)
VERSIONS = pytest.mark.parametrize("version", get_args(Version))
ORDER, DRAFT = f"{OURS}/StructureDefinition/order", f"{OURS}/StructureDefinition/form-response"
CALL = "/cds-services/coverage-order-sign"


@cache
def emitted(chart: EhrChart, version: Version) -> tuple[Json, ...]:
    """Every resource in the answer to signing the chart's orders, for a client without DTR."""
    context = AnswerContext(
        version=version,
        today=chart.on,
        public_url="https://crd.example.org",
        cards=cards(),
        new_id=new_uuid,
        client=ClientOptions(dtr=False),
    )
    answer = build(evaluate_chart(chart.raw, chart.on, knowledge()), context).response
    suggested = [action for card in answer.cards for each in card.suggestions for action in each.actions]
    actions = (*(answer.system_actions or ()), *suggested)
    return tuple(json.loads(fhir_json.write(action.resource)) for action in actions)


def by(profile: str, resource: Json) -> Json:
    """The resource, to be checked by a profile too."""
    return {**resource, "meta": {"profile": [profile]}}


@CHARTS
@VERSIONS
def test_orders_with_their_assertion_are_valid(
    hapi_validator: Validator, chart: EhrChart, version: Version
) -> None:
    """By core R4 and our order profile; what was wrong with an order before is not ours to mend."""
    sent = {each["id"]: json.loads(fhir_json.write(each)) for each in chart.orders}
    for made in emitted(chart, version):
        if made["resourceType"] == "ServiceRequest":
            before = hapi_validator.errors(by(ORDER, sent[made["id"]]))
            assert hapi_validator.errors(by(ORDER, made)) == before


def test_our_order_profile_is_met_by_orders_of_every_outcome(hapi_validator: Validator) -> None:
    """So that the test above compares more than equal faults."""
    outcomes = {
        determination.outcome
        for chart in own_charts()
        for determination in evaluate_chart(chart.raw, chart.on, knowledge())
        for made in emitted(chart, "2.2")
        if made["resourceType"] == "ServiceRequest" and not hapi_validator.errors(by(ORDER, made))
    }
    assert outcomes == set(Outcome)


def test_tasks_for_the_form_are_valid(hapi_validator: Validator) -> None:
    """CRD 2.0.1: the suggestion for clients without DTR."""
    tasks = [
        resource
        for chart in own_charts()
        for version in get_args(Version)
        for resource in emitted(chart, version)
        if resource["resourceType"] == "Task"
    ]
    assert len(tasks) > 20
    assert [issue for task in tasks for issue in hapi_validator.errors(task)] == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (CALL, b"{", 400),
        (CALL, b'{"hook":"order-select"}', 400),
        ("/cds-services/nobody", b"{}", 404),
        (CALL, json.dumps(request(None, "pat", [order()])).encode(), 412),
        ("/fhir/Questionnaire/$questionnaire-package", b"{}", 400),
        ("/fhir/Questionnaire/$questionnaire-package", b"[", 400),
    ],
)
def test_every_refusal_is_a_valid_outcome(
    hapi_validator: Validator, client: FlaskClient, path: str, body: bytes, status: int
) -> None:
    """CRD hook-10, CH-062."""
    reply = client.post(path, data=body, content_type="application/json")
    assert reply.status_code == status
    outcome = json.loads(reply.data)
    assert outcome["resourceType"] == "OperationOutcome"
    assert hapi_validator.errors(outcome) == []


@VERSIONS
def test_packages_are_valid_and_their_drafts_follow_our_profile(
    hapi_validator: Validator, clock: Clock, version: Version
) -> None:
    """DTR: Parameters, Bundle, Questionnaire, ValueSets, and the draft by the form itself as well."""
    client = payer.caller(clock, payer.account(payer.needing()), version=version)
    forms = [
        ("questionnaire", url) for url in (f"{OURS}/Questionnaire/liver-cryoablation", "http://x.example/q")
    ]
    answer = payer.ask(client, *payer.usual(*forms))
    kinds = {part["resource"]["resourceType"] for part in answer["parameter"]}
    assert kinds == {"Bundle", "OperationOutcome"}
    assert hapi_validator.errors(answer) == []
    draft = payer.draft(answer, answer["parameter"][0]["name"])
    assert draft["item"]
    assert hapi_validator.errors(by(DRAFT, draft)) == []


@pytest.mark.parametrize(
    "path",
    [
        "metadata",
        "Questionnaire",
        "Questionnaire/liver-cryoablation",
        "ValueSet/attestation-resectability",
        "ValueSet/$expand?url=http://cds-service.example.org/fhir/ValueSet/attestation-resectability",
        "CodeSystem/attestation",
        "StructureDefinition/order",
        "Questionnaire/nobody",
    ],
)
def test_what_the_payer_side_reads_out_is_valid(
    hapi_validator: Validator, client: FlaskClient, path: str
) -> None:
    """Reads, searches and expansions as they leave, an unknown form included."""
    assert hapi_validator.errors(json.loads(client.get(f"/fhir/{path}").data)) == []
