"""How the form app is launched, and the page for every way in which it cannot open."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import jwt
import pytest
import requests
from axe_core_python.sync_playwright import Axe
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, Page, Route, expect

from cds_service.answer.handle import Handle, Handles
from cds_service.web.form_app import AppClient
from tests import builders
from tests.browser.conftest import Chart, apps, needing
from tests.browser.smart_ehr import launch_code
from tests.browser.stage import Stage
from tests.browser.test_form_loop import opened

pytestmark = pytest.mark.browser
Put = Callable[..., Chart]
READ_ONLY = "launch openid fhirUser patient/*.rs"


def refused(page: Page, address: str, code: str) -> str:
    """The page of a failure, which is never blank, says what to do, and shows nothing of the chart."""
    page.goto(address)
    problem = page.locator("[data-problem]")
    problem.wait_for()
    assert problem.get_attribute("data-problem") == code
    assert page.locator("h1").inner_text() and page.locator(".way-out").inner_text()
    expect(page.locator("h1")).to_be_focused()
    assert "Berg" not in page.inner_text("body")
    return str(problem.inner_text())


def test_an_ehr_launch_asks_for_what_is_needed_and_proves_itself_by_pkce(
    page: Page, chart: Put, stage: Stage
) -> None:
    stage.ehr.asked.clear()
    opened(page, chart(needing()).launched())
    (asked,) = [each for each in stage.ehr.asked if each.startswith("authorize")]
    assert {
        "launch",
        "openid",
        "fhirUser",
        "patient/Condition.rs",
        "patient/QuestionnaireResponse.crus",
    } <= set(asked.split())
    assert "*" not in asked and "token public" in stage.ehr.asked
    assert page.url == f"{stage.service}/smart/"  # neither handle nor code stays in the address


def test_a_card_link_opened_by_itself_is_a_standalone_launch(page: Page, chart: Put, stage: Stage) -> None:
    patient = chart(needing())
    stage.ehr.faults.token = {"patient": patient.patient}
    stage.ehr.asked.clear()
    opened(page, patient.link())
    (asked,) = [each for each in stage.ehr.asked if each.startswith("authorize")]
    assert "launch/patient" in asked.split() and "launch" not in asked.split()


def test_a_confidential_client_signs_on_the_service_and_keeps_its_key_there(
    page: Page, chart: Put, stage: Stage
) -> None:
    patient = chart(needing())
    secret = confidential(stage, f"{stage.ehr.base}/v/r4/auth/token")
    seen: list[str] = []
    page.on(
        "response",
        lambda response: seen.append(response.text()) if response.url.startswith(stage.service) else None,
    )
    opened(page, patient.launched())
    assert "token assertion" in stage.ehr.asked and secret not in "".join(seen)


def confidential(stage: Stage, token_url: str) -> str:
    """Makes the app a confidential client of the EHR; the secret part of its key."""
    private = ec.generate_private_key(ec.SECP384R1())
    key = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private)), "kid": "k1", "alg": "ES384"}
    stage.ehr.jwks = {"keys": [{name: value for name, value in key.items() if name != "d"}]}
    apps(stage)[""] = AppClient(client_id="ours", key=key, token_url=token_url)
    return str(key["d"])


def test_an_assertion_is_signed_for_the_registered_token_address_alone(
    page: Page, chart: Put, stage: Stage
) -> None:
    patient = chart(needing())
    confidential(stage, "https://auth.ehr.example.org/token")
    assert "registered is https://auth.ehr.example.org/token" in refused(page, patient.launched(), "sign-in")


def test_the_form_works_inside_a_frame_of_the_ehr(page: Page, chart: Put, stage: Stage) -> None:
    page.goto(f"{stage.ehr.base}/ehr?app={quote(chart(needing()).launched(), safe='')}")
    frame = page.frame_locator("iframe")
    frame.locator("#form[data-ready]").wait_for()
    expect(frame.locator(".banner")).to_contain_text("Hanna Berg")


def test_the_banner_is_left_to_an_ehr_that_shows_its_own(page: Page, chart: Put, stage: Stage) -> None:
    patient = chart(needing())
    stage.ehr.faults.token = {"need_patient_banner": False}
    opened(page, patient.launched())
    assert page.locator(".banner").count() == 0


def test_an_older_ehr_is_asked_in_the_scopes_it_knows(page: Page, chart: Put, stage: Stage) -> None:
    patient = chart(needing())
    stage.ehr.faults.capabilities = ["launch-ehr", "permission-v1"]
    stage.ehr.asked.clear()
    opened(page, patient.launched())
    (asked,) = [each for each in stage.ehr.asked if each.startswith("authorize")]
    assert {"patient/Condition.read", "patient/QuestionnaireResponse.write"} <= set(asked.split())


def test_an_open_ehr_of_this_machine_needs_no_sign_in(page: Page, chart: Put, stage: Stage) -> None:
    """As in the demo: a FHIR server without sign-in, and a service without authentication."""
    patient = chart(needing())
    handle = Handle(
        assertion="cda-x",
        order=f"ServiceRequest/{patient.order['id']}",
        coverage=f"Coverage/cov-{patient.patient}",
        client="",
        fhir_server=stage.ehr.upstream,
    )
    opened(page, f"{stage.service}/smart/launch?handle={stage.loop.handles.sign(handle)}")
    expect(page.locator(".banner")).to_contain_text("Hanna Berg")


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "denied": ({"authorize_error": "access_denied"}, "denied", "The user said no."),
    "refused": ({"authorize_error": "unauthorized_client"}, "sign-in", "The user said no."),
    "scope-refused": ({"authorize_error": "invalid_scope"}, "scope", "allow it for this app"),
    "wrong-state": ({"state": "somebody-elses"}, "state", "not started here"),
    "wrong-state-with-error": (
        {"state": "x", "authorize_error": "access_denied"},
        "state",
        "not started here",
    ),
    "expired-code": ({"code_expired": True}, "code", "good for a few minutes"),
    "scope-too-small": ({"scope": READ_ONLY}, "scope", "saving new QuestionnaireResponse"),
    "no-scope-at-all": ({"scope": "openid fhirUser"}, "scope", "reading Patient"),
    "foreign-patient": ({"token": {"patient": "somebody-else"}}, "patient-foreign", "another patient"),
    "no-patient": ({"token": {"patient": None}}, "no-patient", "which patient"),
    "other-order": (
        {"token": {"fhirContext": [{"reference": "ServiceRequest/x"}]}},
        "order-other",
        "ServiceRequest/x",
    ),
    "no-user": ({"no_id_token": True}, "no-user", "who you are"),
    "no-pkce": ({"no_pkce": True}, "no-pkce", "PKCE"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_the_ehr_does_wrong_has_a_page(page: Page, chart: Put, stage: Stage, fault: str) -> None:
    patient = chart(needing())
    address = patient.launched()
    members, code, says = FAULTS[fault]
    for name, value in members.items():
        setattr(stage.ehr.faults, name, value)
    assert says in refused(page, address, code)


def test_an_ehr_without_sign_in_has_a_page_where_it_is_required(page: Page, chart: Put, stage: Stage) -> None:
    """The stage takes open EHRs, as it runs without authentication; here its answer is another service's."""
    address = chart(needing()).launched()
    stage.ehr.faults.no_well_known = True

    def strict(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "openEhr": False})

    page.route("**/smart/handle", strict)
    assert "SMART on FHIR" in refused(page, address, "no-sign-in")


def test_a_patient_or_relative_cannot_answer(page: Page, chart: Put, stage: Stage) -> None:
    patient = chart(needing())
    stage.ehr.faults.user_type = "RelatedPerson"
    assert "practitioner" in refused(page, patient.launched(), "not-practitioner")


def test_an_order_that_is_nowhere_has_a_page(page: Page, chart: Put, stage: Stage) -> None:
    patient = chart(needing())
    handle = Handle(
        assertion="cda-nobody",
        order="ServiceRequest/nowhere",
        coverage="Coverage/nowhere",
        client="",
        fhir_server=stage.ehr.fhir,
    )
    launch = f"&launch={launch_code(patient.patient, 'doc')}&iss={stage.ehr.fhir}"
    address = f"{stage.service}/smart/launch?handle={stage.loop.handles.sign(handle)}{launch}"
    assert "does not have the order" in refused(page, address, "order-missing")


def test_a_draft_order_that_the_ehr_never_stored_is_judged_as_it_was_signed(
    page: Page, chart: Put, stage: Stage
) -> None:
    patient = chart(needing())
    address = patient.launched()
    stage.remove(patient.order)
    opened(page, address)
    expect(page.locator("#answer .chip")).to_have_text("Information needed")


def test_another_ehr_than_the_cards_has_a_page(page: Page, chart: Put, stage: Stage) -> None:
    patient = chart(needing())
    link = f"{patient.link()}&launch={launch_code(patient.patient, 'doc')}"
    assert "another EHR" in refused(page, f"{link}&iss={stage.ehr.upstream}", "launch-foreign")
    assert "another EHR" in refused(page, f"{link}&iss=https://evil.example.org/fhir", "launch-foreign")


def test_no_handle_a_forged_one_and_an_expired_one_open_nothing(page: Page, chart: Put, stage: Stage) -> None:
    patient = chart(needing())
    launch = f"&launch={launch_code(patient.patient, 'doc')}&iss={stage.ehr.fhir}"
    start = f"{stage.service}/smart/launch?handle="
    stage.ehr.asked.clear()
    assert "nothing says which" in refused(page, f"{start}{launch}", "handle-missing")
    link = patient.link()
    forged = Handles(b"x" * 32, stage.loop.desk.tools.clock.now)
    made = stage.loop.handles.open(link.split("handle=")[1])
    assert "not made by this service" in refused(
        page, f"{start}{forged.sign(made)}{launch}", "handle-invalid"
    )
    assert "not made by this service" in refused(page, f"{link}x{launch}", "handle-invalid")
    now = stage.loop.desk.tools.clock.now
    old = Handles(stage.loop.key, lambda: now() - timedelta(hours=25))
    assert "24 hours" in refused(page, f"{start}{old.sign(made)}{launch}", "handle-expired")
    assert not [each for each in stage.ehr.asked if each.startswith(("authorize", "token"))]


def test_the_redirect_address_opened_by_itself_has_a_page(page: Page, stage: Stage) -> None:
    assert "not started here" in refused(page, f"{stage.service}/smart/", "state")
    assert "not started here" in refused(page, f"{stage.service}/smart/?code=c&state=s", "state")


def test_a_coverage_that_is_gone_has_a_page(page: Page, chart: Put, stage: Stage) -> None:
    patient = chart(needing())
    address = patient.launched()
    own = {"resourceType": "Coverage", "id": f"cov-{patient.patient}"}
    stage.remove(own)
    member = {"reference": f"Patient/{patient.patient}"}
    stage.load({**builders.coverage(), "id": f"new-{patient.patient}", "beneficiary": member})
    assert "no longer applies" in refused(page, address, "coverage-gone")


def test_an_order_without_a_form_still_shows_its_answer(page: Page, chart: Put, stage: Stage) -> None:
    patient = chart(needing())
    address = patient.launched()
    member = {"reference": f"Patient/{patient.patient}"}
    changed = builders.coverage("Blue Shield of California", beneficiary=member)
    stage.load({**changed, "id": f"cov-{patient.patient}"})
    page.goto(address)
    expect(page.locator("#answer .chip")).to_have_text("Considered investigational")
    assert page.locator("#form").count() == 0


def test_reloading_the_page_keeps_the_session(page: Page, chart: Put) -> None:
    opened(page, chart(needing()).launched())
    page.reload()
    page.wait_for_selector("#form[data-ready]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_failure_has_no_serious_barrier(browser: Browser, stage: Stage, scheme: Any) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    refused(page, f"{stage.service}/smart/", "state")
    found = Axe().run(page)["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    context.close()


def test_the_pages_may_be_framed_by_registered_origins_alone_and_run_their_own_scripts_alone(
    stage: Stage,
) -> None:
    for path in ("launch", ""):
        headers = requests.get(f"{stage.service}/smart/{path}", timeout=5).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert policy["frame-ancestors"].startswith("'self'") and "*" not in policy["frame-ancestors"].split()
        assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
