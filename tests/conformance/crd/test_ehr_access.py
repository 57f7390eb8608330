"""CRD 2.2.1, prefetch and the client's FHIR API: what is read, what is missing, what fails."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.applications import Making
from tests.builders import Resource
from tests.conformance.ch.calls import answered, in_prefetch, post, refused, sign
from tests.conformance.crd.asking import (
    VERSIONS,
    ask,
    asserted,
    open_size,
    ordered,
    said,
    signed,
    values,
    versioned,
)
from tests.integration.loopback import ANY, Behaviour, Handler, closed_port, running
from tests.integration.stub_ehr import holding

TOKEN = {
    "access_token": "t0ken-of-this-call",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
}
both = pytest.mark.parametrize("version", VERSIONS)


def failing(status: int) -> Behaviour:
    """An EHR that answers everything so."""
    return lambda handler: handler.answer({"resourceType": "OperationOutcome"}, status)


def hanging(handler: Handler) -> None:
    """An EHR that says nothing until the test is over."""
    handler.ehr.over.wait()


def dropping(handler: Handler) -> None:
    """An EHR whose answer breaks off."""
    handler.start(200, **{"Content-Length": "1000"})
    handler.wfile.write(b'{"resourceType": "Bundle"')
    handler.close_connection = True


@pytest.fixture
def near(make_app: Making) -> FlaskClient:
    """A caller of a service that may call EHRs of this machine and has little time."""
    return make_app(auth="off", fhir_hosts="127.0.0.1", time_budget_seconds=1.0).test_client()


@pytest.fixture
def patient(make_app: Making) -> FlaskClient:
    """The same with all the time that a slow machine may need."""
    return make_app(auth="off", fhir_hosts="127.0.0.1", time_budget_seconds=30.0).test_client()


def calling(base: str, chart: Iterable[Resource] | None = None, **prefetch: Any) -> dict[str, Any]:
    """An order-sign call with that EHR and a token; prefetch: all that is sent along."""
    sent = {"prefetch": prefetch} if prefetch else {"prefetch": ...}
    return sign(chart, fhirServer=base, fhirAuthorization=TOKEN, **sent)


@pytest.mark.requirement("CRD-057", "found-5", "P9", "resp-39")
@both
def test_without_prefetch_the_same_verdict_is_reached_by_queries(version: str, patient: FlaskClient) -> None:
    """CRD-057: the EHR is asked with the call's token, and what it has is not asked by form."""
    for chart in (builders.hcc(), open_size()):
        with running({ANY: holding(chart)}) as ehr:
            queried = answered(patient, versioned(calling(ehr.base, chart), version))
        sent = ask(patient, chart, version)
        assert said(queried, "covered") == said(sent, "covered")
        assert said(queried, "reason") == said(sent, "reason")
        assert {head["Authorization"] for _, head in ehr.asked} == {f"Bearer {TOKEN['access_token']}"}
        assert any(path.startswith("/fhir/Observation?") for path, _ in ehr.asked)


@pytest.mark.requirement("CRD-058", "S2")
@both
def test_without_prefetch_and_access_it_is_a_412(version: str, client: FlaskClient) -> None:
    """CRD-058: needed data neither sent nor to be had."""
    body = versioned(sign(prefetch=...), version)
    assert refused(post(client, body), 412)["details"]["coding"][0]["code"] == "prefetch-unavailable"


@pytest.mark.requirement("CRD-059", "found-32")
@both
def test_a_missing_observation_is_no_412(version: str, client: FlaskClient) -> None:
    """CRD-059: data that came but lacks what we hoped for gets an answer."""
    assert said(ask(client, open_size(), version), "covered") == "conditional"
    alone = in_prefetch(sign(), **dict.fromkeys(("conditions", "observations", "procedures"), ...))
    assert said(answered(client, versioned(alone, version)), "covered") == "conditional"


@pytest.mark.requirement("CRD-060", "P7")
@pytest.mark.parametrize("key", ["conditions", "observations", "questionnaireResponses"])
def test_an_operation_outcome_in_prefetch_counts_as_missing(key: str, client: FlaskClient) -> None:
    """CRD-060: neither data nor absence; never a reason to meet a criterion."""
    body = answered(client, versioned(in_prefetch(sign(), **{key: builders.failure(None)})))
    assert said(body, "covered") in ("conditional", "indeterminate")


@pytest.mark.requirement("CRD-061", "found-33", "P6")
def test_null_empty_and_unknown_keys_break_nothing(client: FlaskClient) -> None:
    """CRD-061: null and an empty Bundle mean that nothing is there; unknown keys are passed over."""
    empty = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    odd = {"user": None, "somebodys": {"resourceType": "Basic"}, "alt-drug": [1], "text": "x"}
    plain = answered(client, versioned(sign()))
    assert asserted(answered(client, versioned(in_prefetch(sign(), **odd)))) == asserted(plain)
    for nothing in (None, empty):
        body = answered(client, versioned(in_prefetch(sign(), observations=nothing)))
        assert said(body, "covered") == "conditional"


FAULTS: dict[str, Behaviour] = {
    "401": failing(401),
    "403": failing(403),
    "500": failing(500),
    "503": failing(503),
    "hangs": hanging,
    "breaks off": dropping,
    "no FHIR": lambda handler: handler.answer(b"<html>proxy</html>"),
}
faults = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)


@pytest.mark.requirement("CRD-062", "CRD-036", "CRD-109", "resp-43", "found-2", "found-34", "CH-252")
@faults
@both
def test_an_ehr_that_fails_yields_indeterminate_and_technical_in_time(
    fault: Behaviour, version: str, near: FlaskClient
) -> None:
    """CRD-062, resp-43: the coverage was sent, the record cannot be read; 2.0.1 says conditional."""
    chart = builders.hcc()
    with running({ANY: fault}) as ehr:
        call = calling(ehr.base, chart, **_administrative(chart))
        begun = time.monotonic()
        body = answered(near, versioned(call, version))
        assert time.monotonic() - begun < 5.0
    reason = said(body, "reason")
    if version == "2.2":
        assert said(body, "covered") == said(body, "pa-needed") == "indeterminate"
        assert reason["coding"][0]["code"] == "technical"
    else:
        assert said(body, "covered") == said(body, "pa-needed") == "conditional"
    assert "failed" in reason["text"]
    (card,) = body["cards"]
    assert "search of the EHR failed" in card["detail"], "what the record lacks is told all the same"


def _administrative(chart: Iterable[Resource]) -> dict[str, Any]:
    sent = sign(chart)["prefetch"]
    return {key: sent[key] for key in ("patient", "coverage")}


@pytest.mark.requirement("CRD-062", "resp-43", "hook-16")
@faults
def test_without_a_readable_coverage_the_order_says_which_one_is_meant(
    fault: Behaviour, near: FlaskClient
) -> None:
    """resp-43: the order's own `insurance` is what the statement can speak of; else there is the card."""
    named = ordered(builders.order(insurance=[{"reference": "Coverage/cov"}]))
    with running({ANY: fault}) as ehr:
        body = answered(near, versioned(calling(ehr.base, named)))
        silent = answered(near, versioned(calling(ehr.base)))
    assert (said(body, "covered"), said(body, "pa-needed")) == ("indeterminate", "indeterminate")
    assert said(body, "coverage") == {"reference": "Coverage/cov"}
    assert said(body, "reason")["coding"][0]["code"] == "technical"
    assert silent["systemActions"] == []
    assert "could not be" in silent["cards"][0]["summary"]


@pytest.mark.requirement("CRD-062", "resp-43")
def test_an_ehr_that_is_not_there_is_a_technical_failure(near: FlaskClient) -> None:
    """resp-43: temporary unavailability of the client's FHIR API."""
    base = f"http://127.0.0.1:{closed_port()}/fhir"
    call = calling(base, builders.hcc(), **_administrative(builders.hcc()))
    assert said(answered(near, versioned(call)), "covered") == "indeterminate"


@pytest.mark.requirement("found-34", "CRD-109")
def test_what_can_be_said_without_the_ehr_is_said(near: FlaskClient) -> None:
    """found-34: a criterion that clearly fails decides, whatever else cannot be read."""
    large = builders.changed(builders.hcc(), "size", component=builders.size(6)["component"])
    sent = sign(large)["prefetch"]
    known = {key: sent[key] for key in ("patient", "coverage", "conditions", "observations")}
    with running({ANY: failing(500)}) as ehr:
        body = answered(near, versioned(calling(ehr.base, large, **known)))
    assert said(body, "covered") == "not-covered"


def us_core_3(resource: Resource) -> Resource:
    """US Core 3.1.1: profiles named without a version, no extras."""
    return _profiled(resource, "")


def us_core_6(resource: Resource) -> Resource:
    """US Core 6.1.0: a category of its own for diagnoses on the problem list, a second coding."""
    return _categorised(_profiled(resource, "|6.1.0"), "problem-list-item")


def us_core_7(resource: Resource) -> Resource:
    """US Core 7.0.0: asserted date, member identifier, relationship and class typed."""
    made = _categorised(_profiled(resource, "|7.0.0"), "encounter-diagnosis")
    if made["resourceType"] == "Coverage":
        member = builders.concept("MB", f"{builders.HL7}/v2-0203")
        kind = builders.concept("plan", f"{builders.HL7}/coverage-class")
        made["identifier"] = [{"type": member, "system": "urn:member", "value": "M-1"}]
        made["relationship"] = builders.concept("self", f"{builders.HL7}/subscriber-relationship")
        made["class"] = [{"type": kind, "value": "B37FC"}]
    if made["resourceType"] == "Condition":
        asserted_date = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
        made["extension"] = [{"url": asserted_date, "valueDateTime": builders.ago(60)}]
    return made


def _profiled(resource: Resource, version: str) -> Resource:
    name = resource["resourceType"].lower()
    base = f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{name}"
    return {**resource, "meta": {"profile": [base + version], "lastUpdated": "2026-10-30T08:00:00Z"}}


def _categorised(resource: Resource, category: str) -> Resource:
    if resource["resourceType"] != "Condition":
        return resource
    return {**resource, "category": [builders.concept(category, f"{builders.HL7}/condition-category")]}


@pytest.mark.requirement("CRD-122", "conf-2")
@pytest.mark.parametrize("style", [us_core_3, us_core_6, us_core_7])
@pytest.mark.parametrize("baseline", builders.BASELINES)
def test_all_us_core_styles_give_one_verdict(
    style: Callable[[Resource], Resource], baseline: str, client: FlaskClient
) -> None:
    """CRD-122: Coverage, Patient, Condition and Observation in the shape of each named version."""
    body = ask(client, [style(each) for each in builders.BASELINES[baseline]()])
    assert said(body, "covered") == "covered"


@pytest.mark.requirement("CRD-067", "resp-45")
def test_an_ended_coverage_is_not_covered(client: FlaskClient) -> None:
    """CRD-067: with the reason code; the statement names the Coverage that ended."""
    ended = {"start": "2020-01-01", "end": "2026-06-30"}
    for members in ({"period": ended}, {"status": "cancelled"}):
        chart = builders.changed(builders.hcc(), "cov", **members)
        body = ask(client, chart)
        assert (said(body, "covered"), said(body, "pa-needed")) == ("not-covered", None)
        assert said(body, "coverage") == {"reference": "Coverage/cov"}
        assert said(body, "reason")["coding"][0]["code"] == "no-active-coverage"
        (card,) = body["cards"]
        assert "not in force" in card["summary"]
        old = ask(client, chart, "2.0")
        assert (said(old, "covered"), said(old, "info-needed")) == ("conditional", "OTH")
        assert "coding" not in said(old, "reason")


@pytest.mark.requirement("resp-45")
@both
def test_a_coverage_that_ends_before_the_service_leaves_it_open(version: str, client: FlaskClient) -> None:
    """A contract for the day of service may yet come: conditional, contract-window (crd-dtr.md 1.2)."""
    period = {"start": "2020-01-01", "end": "2026-11-30"}
    body = ask(client, builders.changed(builders.hcc(), "cov", period=period), version)
    assert (said(body, "covered"), said(body, "info-needed")) == ("conditional", "contract-window")
    assert values(asserted(body), "reason")[0]["text"].startswith("No coverage on record is in force")


def test_a_call_without_any_coverage_says_so_to_2_0(client: FlaskClient) -> None:
    """No Coverage, so nothing to state it on; the card tells (crd-dtr.md 3.5)."""
    body = answered(client, signed(builders.without(builders.hcc(), "cov"), "2.0"))
    assert body["systemActions"] == []
    assert "No coverage in force is on record" in body["cards"][0]["detail"]
