"""CRD 2.2.1, coverage information: the system action of an answered call, its order and its assertion."""

from copy import deepcopy
from typing import Any

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest
from flask.testing import FlaskClient

from cds_service.answer.coverage_rules import problems
from cds_service.kernel import fhir_json
from tests import builders
from tests.builders import TODAY, Resource
from tests.conformance.ch.calls import SIGN, post, sign
from tests.conformance.crd.asking import (
    BLUE_SHIELD,
    DOCTOR,
    EXTENSION,
    VERSIONS,
    ask,
    asserted,
    assertions,
    open_size,
    ordered,
    orders_of,
    paid_by,
    said,
    signed,
    values,
    versioned,
    without_assertions,
)

CHARTS: dict[str, list[Resource]] = {
    "criteria met": builders.hcc(),
    "size open": open_size(),
    "too large": builders.changed(builders.hcc(), "size", component=builders.size(5.0)["component"]),
    "position": paid_by(BLUE_SHIELD),
    "other service": ordered(builders.order("74177")),
    "no version in force": ordered(builders.order(occurrenceDateTime="2020-01-01")),
    "federal product": paid_by("Capital Blue Cross", **{"class": [{"value": "FEP Blue Focus"}]}),
}
every_chart = pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
both = pytest.mark.parametrize("version", VERSIONS)


@pytest.mark.requirement(
    "CRD-014", "CRD-015", "CRD-016", "S1", "B1", "hook-16", "resp-14", "resp-29", "resp-48"
)
@every_chart
@both
def test_a_signed_order_gets_one_update_of_itself(
    chart: list[Resource], version: str, client: FlaskClient
) -> None:
    """CRD-014 to CRD-016: whatever the answer, also when it is that something is open (hook-16)."""
    answer = post(client, signed(chart, version))
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    body = answer.get_json()
    assert isinstance(body["cards"], list)
    (action,) = body["systemActions"]
    assert (action["type"], action["resource"]["id"]) == ("update", "order")
    assert len(assertions(action["resource"])) == 1


@pytest.mark.requirement("CRD-017", "CRD-018", "A4", "resp-52")
@every_chart
@both
def test_the_action_is_described_and_names_no_resource_id(
    chart: list[Resource], version: str, client: FlaskClient
) -> None:
    """CRD-017, CRD-018: CRDHooksResponse-coverageInformation forbids resourceId beside the resource."""
    (action,) = ask(client, chart, version)["systemActions"]
    assert set(action) == {"type", "description", "resource"}
    assert action["description"].strip()


@pytest.mark.requirement("resp-25")
@every_chart
def test_no_card_carries_coverage_information(chart: list[Resource], client: FlaskClient) -> None:
    """resp-25: by system action only."""
    body = ask(client, chart, None)
    assert EXTENSION not in fhir_json.write(body["cards"]).decode()
    assert EXTENSION in fhir_json.write(body["systemActions"]).decode()


@pytest.mark.requirement("CRD-020", "resp-47", "G8", "conf-5")
@every_chart
@both
def test_the_order_that_goes_back_fits_its_profile(
    chart: list[Resource], version: str, client: FlaskClient
) -> None:
    """CRD-020: valid FHIR R4 with all that the profile wants; parts of the assertion filled where known."""
    complete = [
        {**each, "requester": DOCTOR} if each["resourceType"] == "ServiceRequest" else each for each in chart
    ]
    body = ask(client, complete, version)
    (order,) = orders_of(body).values()
    assert ServiceRequest.model_validate(order).id == "order"
    assert {"status", "intent", "code", "subject", "authoredOn", "requester"} <= set(order)
    assert order["status"] == "draft"
    assertion = asserted(body)
    assert problems(assertion, "2.2" if version == "2.2" else "2.0") == ()
    assert len(values(assertion, "reason")) == 1
    if "47383" in str(order["code"]):
        assert [code["code"] for code in values(assertion, "billingCode")] == ["47383"]


@pytest.mark.requirement("CRD-021", "CRD-022", "CRD-025", "CRD-034", "resp-52")
@every_chart
@both
def test_coverage_verdict_date_and_id_are_there_once(
    chart: list[Resource], version: str, client: FlaskClient
) -> None:
    """CRD-021, 022, 025: the client's own Coverage; a plain date that is not to come; a reason in words."""
    assertion = asserted(ask(client, chart, version))
    assert values(assertion, "coverage") == [{"reference": "Coverage/cov"}]
    assert values(assertion, "date") == [TODAY.isoformat()]
    assert len(values(assertion, "covered")) == len(values(assertion, "coverage-assertion-id")) == 1
    assert values(assertion, "reason")[0]["text"].strip()


@pytest.mark.requirement("CRD-022")
@pytest.mark.parametrize("reference", ["Coverage/cov", "https://ehr.example.org/fhir/Coverage/cov"])
def test_the_coverage_is_the_clients_own_however_it_names_it(reference: str, client: FlaskClient) -> None:
    """CRD-022: found by relative and by absolute reference in the order's `insurance`."""
    chart = ordered(builders.order(insurance=[{"reference": reference}]))
    assert said(ask(client, chart), "coverage")["reference"].endswith("Coverage/cov")


ODD: dict[str, Any] = {
    "meta": {"profile": ["http://hl7.org/fhir/us/davinci-crd/StructureDefinition/profile-servicerequest"]},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Freeze</div>'},
    "note": [{"text": "Second opinion asked for, see <b>letter</b> of 3 May"}],
    "contained": [{"resourceType": "Practitioner", "id": "p", "name": [{"family": "Ärzt"}]}],
    "extension": [{"url": "https://vendor.example.org/x", "valueDecimal": 7.10}],
    "_status": {"extension": [{"url": "urn:why", "valueString": "kept"}]},
    "quantityQuantity": {"value": 1.0, "unit": "session"},
    "vendorMember": {"a": [1, 2.50, None]},
    "requester": {"reference": "#p"},
    "subject": {"reference": "https://ehr.example.org/fhir/Patient/pat"},
}


@pytest.mark.requirement("CRD-019", "CRD-121", "resp-37", "A6", "CH-148")
@both
def test_an_odd_order_comes_back_as_it_went(version: str, client: FlaskClient) -> None:
    """CRD-019, CRD-121: everything kept, key order and decimals too; only our extension is new."""
    raw = fhir_json.write(versioned(sign(ordered(builders.order(**ODD))), version))
    raw = raw.replace(b"7.1}", b"7.10}").replace(b'"value":1.0', b'"value":1.00')
    sent = fhir_json.read(raw)["context"]["draftOrders"]["entry"][0]["resource"]
    body = fhir_json.read(post(client, raw, SIGN).data)
    (order,) = orders_of(body).values()
    assert list(order) == list(sent)
    assert str(without_assertions(order)) == str(sent), "as text: 7.10 is not 7.1"


@pytest.mark.requirement("CRD-049", "resp-37")
def test_the_assertion_of_another_payer_is_left_alone(client: FlaskClient) -> None:
    """CRD-049: also when it speaks of the same coverage, even with an id that looks like one of ours."""
    others = []
    for name in ("other-payer-1", "cda-d0f4a37989eb84ccc207d42d-ffffffff"):
        other = deepcopy(asserted(ask(client)))
        for part in other["extension"]:
            if part["url"] == "coverage-assertion-id":
                part["valueString"] = name
        others.append(other)
    body = ask(client, ordered(builders.order(extension=others)))
    (order,) = orders_of(body).values()
    assert assertions(order)[:2] == others
    assert len(assertions(order)) == 3


@pytest.mark.requirement("CRD-123", "conf-4")
def test_must_support_elements_are_used_when_they_arrived(client: FlaskClient) -> None:
    """CRD-123: the order's reason settles the type of tumor; a place on it, the site of the service."""
    bare = builders.without(builders.hcc(), "dx")
    assert said(ask(client, bare), "covered") == "conditional"
    reason = builders.order(reasonCode=[builders.concept("C22.0")])
    reasoned = ask(client, ordered(reason, chart=bare))
    assert "hepatocellular" not in said(reasoned, "reason")["text"].lower()
    assert said(reasoned, "covered") == "covered"
    linked = ordered(builders.order(reasonReference=[{"reference": "Condition/dx"}]))
    assert said(ask(client, linked), "covered") == "covered"
    technique = builders.concept("26782000", builders.SCT, display="Cryotherapy")
    anywhere, liver = (
        builders.order(technique),
        builders.order(technique, bodySite=[builders.concept(builders.LIVER, builders.SCT)]),
    )
    assert said(ask(client, ordered(anywhere)), "covered") == "conditional"
    assert said(ask(client, ordered(liver)), "covered") == "covered"


@pytest.mark.requirement("CRD-124", "conf-7", "conf-8", "conf-9", "conf-12", "hook-22")
@both
def test_what_profiles_leave_optional_may_be_left_out(version: str, client: FlaskClient) -> None:
    """CRD-124: without every element that no profile requires there is still an assertion, and a card."""
    coverage = builders.coverage(period=None)
    order = builders.order(occurrenceDateTime=None, authoredOn=None)
    body = ask(client, [{"resourceType": "Patient", "id": "pat"}, coverage, order], version)
    assert said(body, "covered") == "conditional"
    (card,) = body["cards"]
    assert {"uuid", "summary", "detail", "indicator", "source"} <= set(card)
