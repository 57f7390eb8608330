"""CRD 2.2.1, calls that cannot be answered as they are: status codes, outcomes, and what is put up with."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.builders import Resource
from tests.conformance.ch.calls import answered, collection, in_context, post, refused, sign
from tests.conformance.crd.asking import (
    BLUE_SHIELD,
    VERSIONS,
    ask,
    asserted,
    ordered,
    paid_by,
    said,
    signed,
    versioned,
)

both = pytest.mark.parametrize("version", VERSIONS)
OTHER_SERVICE = ordered(builders.order("74177"))
NOT_OURS: dict[str, list[Resource]] = {
    "no coverage": builders.without(builders.hcc(), "cov"),
    "two coverages": [*builders.hcc(), builders.coverage(BLUE_SHIELD, "second")],
    "another payer": paid_by("Great Lakes Mutual"),
    "no payer": paid_by("x", payor=[{"reference": "Organization/unknown"}]),
    "a payer id of somebody else": paid_by(
        "x", payor=[{"identifier": {"system": "urn:payers", "value": "99999"}}]
    ),
    "another coverage named": ordered(builders.order(insurance=[{"reference": "Coverage/gone"}])),
    "other service, no coverage": builders.without(OTHER_SERVICE, "cov"),
    "other service, another payer": paid_by("Great Lakes Mutual", OTHER_SERVICE),
    "other service, two coverages": [*OTHER_SERVICE, builders.coverage(BLUE_SHIELD, "second")],
    "ended coverage of another payer": paid_by("Great Lakes Mutual", status="cancelled"),
}


@pytest.mark.requirement("CRD-063", "CRD-064", "CRD-065", "CRD-075", "hook-10", "hook-13")
@pytest.mark.parametrize("chart", NOT_OURS.values(), ids=NOT_OURS)
def test_coverage_that_is_not_one_of_ours_is_a_400_for_2_2(
    chart: list[Resource], client: FlaskClient
) -> None:
    """CRD-063 to CRD-065: whatever is ordered, with an OperationOutcome that says what to do."""
    issue = refused(post(client, signed(chart)), 400)
    assert issue["details"]["coding"][0]["code"] == "unusable-coverage"
    assert issue["details"]["text"].strip() and issue["diagnostics"].strip()


@pytest.mark.requirement("CRD-063", "CRD-064", "CRD-065")
@pytest.mark.parametrize("chart", NOT_OURS.values(), ids=NOT_OURS)
@pytest.mark.parametrize("version", ["2.0", None])
def test_other_callers_get_an_answer(chart: list[Resource], version: str | None, client: FlaskClient) -> None:
    """crd-dtr.md 3.5: 2.0.1 knows no such error, nor does a caller that names no version."""
    body = ask(client, chart, version)
    assert body["cards"] or body["systemActions"] or "74177" in str(chart)
    verdicts = [part["valueCode"] for part in _parts(body) if part["url"] == "covered"]
    assert set(verdicts) <= {"conditional", "indeterminate", "not-covered", "covered"}
    assert "covered" not in verdicts or chart is NOT_OURS["two coverages"]


def _parts(body: dict[str, Any]) -> list[dict[str, Any]]:
    orders = [action["resource"] for action in body["systemActions"]]
    return [part for order in orders for each in order["extension"] for part in each["extension"]]


@pytest.mark.requirement("hook-13")
def test_an_order_not_to_perform_needs_no_coverage(client: FlaskClient) -> None:
    """Nothing is ordered, so nobody's coverage matters."""
    chart = builders.without(ordered(builders.order(doNotPerform=True)), "cov")
    assert ask(client, chart) == {"cards": [], "systemActions": []}


@pytest.mark.requirement("CRD-064", "hook-13")
def test_two_coverages_are_one_when_the_order_names_it(client: FlaskClient) -> None:
    """The order's insurance says which is to be billed."""
    order = builders.order(insurance=[{"reference": "Coverage/cov"}])
    chart = [*ordered(order), builders.coverage(BLUE_SHIELD, "second")]
    assert said(ask(client, chart), "coverage") == {"reference": "Coverage/cov"}


@pytest.mark.requirement("CRD-069", "CRD-075", "hook-9", "hook-10", "hook-13")
@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe{}", b"<Bundle/>", b"hook=order-sign"])
def test_a_body_that_is_no_json_is_a_400(body: bytes, client: FlaskClient) -> None:
    """CRD-069: with an OperationOutcome."""
    refused(post(client, body), 400)


@pytest.mark.requirement("CRD-070", "CRD-075", "hook-9", "hook-10", "hook-13")
@pytest.mark.parametrize("member", ["hook", "context", "hookInstance"])
@both
def test_a_body_without_hook_or_context_is_refused(member: str, version: str, client: FlaskClient) -> None:
    """CRD-070: 400; 2.0.1 would have 422, and lets a server that cannot tell use 400 for both (hook-14)."""
    body = {name: value for name, value in signed(None, version).items() if name != member}
    assert member in refused(post(client, body), 400)["details"]["text"]


@pytest.mark.requirement("CRD-071", "hook-9")
@pytest.mark.parametrize(
    "hook", ["order-select", "order-dispatch", "encounter-start", "patient-view", "Order-Sign"]
)
def test_a_foreign_hook_is_refused(hook: str, client: FlaskClient) -> None:
    """CRD-071: the service answers the hook that discovery names for it."""
    refused(post(client, {**signed(), "hook": hook}), 400)


@pytest.mark.requirement("CRD-072", "hook-13", "conf-12")
@pytest.mark.parametrize("member", ["authoredOn", "intent", "occurrenceDateTime", "requester"])
@both
def test_an_order_that_breaks_the_guide_alone_is_still_answered(
    member: str, version: str, client: FlaskClient
) -> None:
    """CRD-072: without what only the CRD profile demands, the answer can still be given."""
    order = {name: value for name, value in builders.order().items() if name != member}
    assert said(ask(client, ordered(order), version), "covered") == "covered"


@pytest.mark.requirement("CRD-073")
def test_an_unknown_service_is_a_404(client: FlaskClient) -> None:
    """CRD-073: with an OperationOutcome too."""
    refused(post(client, signed(), "coverage-order-refill"), 404)


@pytest.mark.requirement("CRD-074", "found-33", "hook-23")
@both
def test_unexpected_members_change_nothing(version: str, client: FlaskClient) -> None:
    """CRD-074: at the root, in the context, in fhirAuthorization, in the extension."""
    plain = signed(None, version)
    odd = in_context({**plain, "vendor": {"a": [1]}, "x": None}, clinicalStatus="y", ehr={"b": 2})
    odd["extension"] = {**plain["extension"], "com.example.timestamp": "2026-11-21", "davinci-crd.other": []}
    with_access = {"access_token": "t", "token_type": "Bearer", "tenant": "north", "expires_in": 60}
    odd["fhirAuthorization"] = with_access
    assert asserted(answered(client, odd)) == asserted(answered(client, plain))


@pytest.mark.requirement("CRD-075", "hook-10")
@pytest.mark.parametrize(
    "context",
    [
        {"draftOrders": {"resourceType": "List"}},
        {"draftOrders": {"resourceType": "Bundle", "entry": {"resource": {}}}},
        {"draftOrders": collection({"id": "no-type"})},
        {"patientId": "Patient/pat"},
    ],
)
def test_an_error_in_fhir_content_is_an_outcome_that_names_the_place(
    context: dict[str, Any], client: FlaskClient
) -> None:
    """CRD-075, hook-10: severity, code, text, and where."""
    issue = refused(post(client, in_context(signed(), **context)), 400)
    assert issue["expression"][0].startswith("context.")


@pytest.mark.requirement("CRD-084", "CRD-075")
@pytest.mark.parametrize("asked", ["9.9", "1.0", "2.1", "3", "two", "", "2.2; drop"])
def test_a_version_that_nobody_speaks_is_an_error(asked: str, client: FlaskClient) -> None:
    """CRD-084: the definition of the request extension says that it is one."""
    issue = refused(post(client, versioned(sign(), asked)), 400)
    assert "2.0 or 2.2" in json.dumps(issue)
