"""The payer side of Da Vinci DTR: packages, drafts, fault reports and who may have them."""

from collections.abc import Iterator
from typing import Any

import pytest
from fhirpathpy import evaluate
from structlog.testing import capture_logs

from cds_service.answer.artefacts import Artefacts
from cds_service.kernel.clock import Clock
from cds_service.kernel.errors import not_trusted
from tests import builders
from tests.unit.dtr import payer
from tests.unit.dtr.payer import CONTEXT, FORM, ask, caller, draft, part, usual

VERSIONED = f"{FORM}|1.0.0"
NAMES = {"2.2": ("packagebundle", "outcome"), "2.0": ("PackageBundle", "operationOutcome")}


@pytest.fixture
def answer(clock: Clock) -> payer.Json:
    """The package of a chart that leaves two criteria open."""
    return ask(caller(clock, payer.account(payer.needing())), *usual())


@pytest.mark.requirement("DTR-001", "dtr:oper-10", "dtr:spec-6", "dtr:spec-12")
@pytest.mark.parametrize("version", ["2.2", "2.0"])
def test_a_package_comes_as_parameters_named_as_its_version_wants(clock: Clock, version: Any) -> None:
    client = caller(clock, payer.account(payer.needing()), version=version)
    answer = ask(client, *usual(("questionnaire", VERSIONED), ("questionnaire", "http://x.example/q")))
    assert answer["resourceType"] == "Parameters"
    assert [each["name"] for each in answer["parameter"]] == list(NAMES[version])


@pytest.mark.requirement("DTR-002", "dtr:oper-11")
def test_a_request_that_names_nothing_to_go_by_is_refused(clock: Clock) -> None:
    refused = ask(caller(clock), ("coverage", builders.coverage()), status=400)
    assert refused["resourceType"] == "OperationOutcome" and "dtr-1" in refused["issue"][0]["diagnostics"]


@pytest.mark.requirement("DTR-003", "dtr:oper-12")
def test_a_package_opens_with_its_form_and_holds_one_draft_and_nothing_foreign(answer: payer.Json) -> None:
    bundle = part(answer, "packagebundle")
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert bundle["type"] == "collection" and kinds[0] == "Questionnaire"
    assert kinds.count("Questionnaire") == kinds.count("QuestionnaireResponse") == 1
    assert set(kinds) <= {"Questionnaire", "QuestionnaireResponse", "ValueSet", "Library"}


@pytest.mark.requirement("DTR-004", "dtr:spec-122", "dtr:oper-18")
def test_the_draft_names_the_form_with_its_version_and_the_patient(answer: payer.Json) -> None:
    form = part(answer, "packagebundle")["entry"][0]["resource"]
    made = draft(answer)
    assert made["questionnaire"] == f"{form['url']}|{form['version']}" == VERSIONED
    assert made["subject"] == builders.PATIENT and made["status"] == "in-progress"


@pytest.mark.requirement("DTR-005", "dtr:oper-18", "dtr:spec-139", "dtr:spec-140", "dtr:spec-141")
@pytest.mark.parametrize("version", ["2.2", "2.0"])
def test_the_draft_names_coverage_order_and_purpose_on_the_clients_server(clock: Clock, version: Any) -> None:
    made = draft(
        ask(caller(clock, payer.account(payer.needing()), version=version), *usual()), NAMES[version][0]
    )
    coverages = [each["valueReference"]["reference"] for each in payer.extensions(made, "qr-coverage")]
    contexts = [each["valueReference"]["reference"] for each in payer.extensions(made, "qr-context")]
    expected = {
        "2.2": (["Coverage/cov"], ["ServiceRequest/order"]),
        "2.0": ([], ["Coverage/cov", "ServiceRequest/order"]),
    }
    assert (coverages, contexts) == expected[version]
    (purpose,) = payer.extensions(made, "intendedUse")
    assert purpose["valueCodeableConcept"]["coding"][0]["code"] == "withorder"
    assert not {"basedOn", "partOf", "contained"} & made.keys()


@pytest.mark.requirement("DTR-006", "dtr:oper-19", "dtr:spec-40")
@pytest.mark.parametrize(("version", "source"), [("2.2", "auto-server"), ("2.0", "auto")])
def test_what_the_record_answers_is_filled_in_and_says_so(clock: Clock, version: Any, source: str) -> None:
    made = draft(
        ask(caller(clock, payer.account(payer.needing()), version=version), *usual()), NAMES[version][0]
    )
    found = payer.answers(made)
    assert found["amenable-to-cryoablation"]["valueBoolean"] is True
    assert found["extrahepatic-disease"]["valueCoding"]["code"] == "absent"
    for filled in found.values():
        (origin,) = payer.extensions(filled, "information-origin")
        assert origin["extension"] == [{"url": "source", "valueCode": source}]


@pytest.mark.requirement("DTR-007", "dtr:spec-130")
@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((("coverage", builders.coverage()), ("context", "cda-nobody")), 404),
        ((("coverage", builders.coverage(name="other")), ("context", CONTEXT)), 422),
        ((*usual()[::2], ("order", builders.order(name="other"))), 422),
    ],
    ids=["context", "coverage", "order"],
)
def test_a_context_coverage_or_order_that_is_not_known_is_refused(
    clock: Clock, parts: Any, status: int
) -> None:
    refused = ask(caller(clock, payer.account(payer.needing())), *parts, status=status)
    assert refused["resourceType"] == "OperationOutcome"


@pytest.mark.requirement("DTR-008", "dtr:oper-8")
@pytest.mark.parametrize(
    "chart", [builders.hcc(), builders.changed(builders.hcc(), "dx", code=builders.concept("C22.1"))]
)
@pytest.mark.parametrize("version", ["2.2", "2.0"])
def test_a_context_that_needs_no_form_is_told_so(clock: Clock, chart: Any, version: Any) -> None:
    client = caller(clock, payer.account(chart), version=version)
    answer = ask(client, *usual(("questionnaire", VERSIONED)))
    (only,) = answer["parameter"]
    assert only["name"] == NAMES[version][1]
    assert "No form is due" in only["resource"]["issue"][0]["details"]["text"]


@pytest.fixture
def two_forms() -> Artefacts:
    """The published artefacts with a second form, which takes a small and a large value set."""
    shipped = payer.artefacts()
    names = ("attestation-resectability", "dx-hcc", "primary-other")
    items = [
        {"linkId": f"q{i}", "text": name, "type": "choice", "answerValueSet": _canonical(name)}
        for i, name in enumerate(names)
    ]
    second = {"resourceType": "Questionnaire", "id": "second", "url": f"{builders.OURS}/Questionnaire/second"}
    second |= {"version": "2.0.0", "status": "active", "date": "2026-11-21", "item": items}
    forms = {**shipped.by_type["Questionnaire"], "second": second}
    return Artefacts({**shipped.by_type, "Questionnaire": forms}, shipped.capability)


def _canonical(name: str) -> str:
    return f"{builders.OURS}/ValueSet/{name}|1.0.0"


@pytest.mark.requirement("DTR-009")
def test_a_form_asked_for_by_name_is_the_only_one(clock: Clock, two_forms: Artefacts) -> None:
    client = caller(clock, payer.account(payer.needing()), own=two_forms)
    second = f"{builders.OURS}/Questionnaire/second"
    for asked, expected in ((second, f"{second}|2.0.0"), (FORM, VERSIONED)):
        answer = ask(client, ("coverage", builders.coverage()), ("questionnaire", asked))
        assert draft(answer)["questionnaire"] == expected


@pytest.mark.requirement("DTR-010", "dtr:oper-9")
@pytest.mark.parametrize("unknown", ["http://x.example/q", f"{FORM}|9.9"])
def test_an_unknown_form_beside_a_known_one_is_a_warning(clock: Clock, unknown: str) -> None:
    answer = ask(
        caller(clock), ("coverage", builders.coverage()), ("questionnaire", FORM), ("questionnaire", unknown)
    )
    (issue,) = part(answer, "outcome")["issue"]
    assert issue["severity"] == "warning" and unknown in issue["details"]["text"]
    assert draft(answer)["questionnaire"] == VERSIONED


@pytest.mark.requirement("DTR-012", "dtr:oper-14", "dtr:oper-15", "dtr:oper-5", "dtr:oper-16")
def test_value_sets_of_a_form_travel_along_and_small_ones_are_expanded(
    clock: Clock, two_forms: Artefacts
) -> None:
    answer = ask(
        caller(clock, own=two_forms),
        ("coverage", builders.coverage()),
        ("questionnaire", f"{builders.OURS}/Questionnaire/second"),
    )
    sent = {e["resource"]["id"]: e["resource"] for e in part(answer, "packagebundle")["entry"][2:]}
    assert list(sent) == ["attestation-resectability", "dx-hcc", "primary-other"]
    for name, value_set in sent.items():
        codes = sum(len(include["concept"]) for include in value_set["compose"]["include"])
        assert ("expansion" in value_set) == (codes < 40), name
        if "expansion" in value_set:
            assert len(value_set["expansion"]["contains"]) == codes
            assert value_set["expansion"]["timestamp"] == clock.now().isoformat(timespec="seconds")


def _all_items(items: list[payer.Json]) -> Iterator[payer.Json]:
    for item in items:
        yield item
        yield from _all_items(item.get("item", []))


@pytest.mark.requirement("DTR-013", "dtr:sec-4", "dtr:conf-10", "dtr:spec-53", "dtr:spec-17", "dtr:spec-61")
def test_the_form_keeps_its_invariants_and_hides_nothing_that_the_ehr_filled(answer: payer.Json) -> None:
    form = part(answer, "packagebundle")["entry"][0]["resource"]
    for item in _all_items(form["item"]):
        assert item["text"]
        urls = [each["url"] for each in item.get("extension", [])]
        assert item["type"] != "choice" or item.get("answerOption") or item.get("answerValueSet")
        assert item["type"] != "quantity" or any(url.endswith("questionnaire-unitOption") for url in urls)
        assert item["type"] != "reference" and not item.get("readOnly")
        assert not any(url.endswith("questionnaire-hidden") for url in urls)
    assert form["subjectType"] == ["Patient"] and form["effectivePeriod"]["start"]
    languages = set(
        evaluate(form, "descendants().where(language.exists() and expression.exists()).language", [])
    )
    assert languages == {"text/fhirpath", "application/x-fhir-query"}


@pytest.mark.requirement("DTR-014", "dtr:spec-128")
def test_a_note_added_to_the_order_changes_nothing(clock: Clock) -> None:
    noted = builders.order(note=[{"text": "Prone position preferred."}])
    coverage, _, context = usual()
    record = payer.account(payer.needing())
    plain, changed = (
        part(ask(caller(clock, record), coverage, ("order", order), context), "packagebundle")
        for order in (builders.order(), noted)
    )
    for bundle in (plain, changed):
        bundle["entry"][1].pop("fullUrl")  # a new id each time
    assert plain == changed


@pytest.mark.requirement("DTR-014", "dtr:prof-1")
def test_an_order_that_got_another_id_when_it_was_stored_is_known_by_its_assertion(clock: Clock) -> None:
    said = [{"url": "coverage-assertion-id", "valueString": CONTEXT}]
    url = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
    stored = builders.order(name="stored", extension=[{"url": url, "extension": said}])
    client = caller(clock, payer.account(payer.needing()))
    for parts in (usual()[::2], usual()[:1]):  # with the context, and with the order alone
        made = draft(ask(client, *parts, ("order", stored)))
        (context,) = payer.extensions(made, "qr-context")
        assert context["valueReference"] == {"reference": "ServiceRequest/stored"}


@pytest.mark.requirement("DTR-015", "dtr:spec-120")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/fhir/Questionnaire/$questionnaire-package"),
        ("POST", "/fhir/Questionnaire/$log-questionnaire-errors"),
        ("GET", "/fhir/Questionnaire"),
        ("GET", "/fhir/Questionnaire/liver-cryoablation"),
        ("GET", "/fhir/ValueSet/$expand?url=x"),
        ("POST", "/fhir/ValueSet/dx-hcc/$expand"),
        ("GET", "/fhir/ValueSet/dx-hcc"),
        ("GET", "/fhir/CodeSystem/attestation"),
        ("GET", "/fhir/StructureDefinition/order"),
    ],
)
def test_without_a_valid_token_nothing_but_metadata_is_given(clock: Clock, method: str, path: str) -> None:
    def nobody(_: str | None, __: str) -> Any:
        raise not_trusted("An access token is needed.")

    client = caller(clock, payer.account(payer.needing()), authorise=nobody)
    refused = client.open(path, method=method, data=b"{}")
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.get_json(force=True)["resourceType"] == "OperationOutcome"
    assert client.get("/fhir/metadata").status_code == 200
    assert client.get("/fhir/.well-known/smart-configuration").status_code == 200


@pytest.mark.requirement("DTR-016", "dtr:oper-1", "dtr:sec-9")
def test_a_report_of_a_faulty_form_is_taken_and_logged_without_its_words(clock: Clock) -> None:
    issue = {"severity": "error", "code": "invalid", "diagnostics": "Patient Smith, born 1950"}
    report = payer.parameters(
        ("questionnaire", VERSIONED),
        ("operationOutcome", {"resourceType": "OperationOutcome", "issue": [issue]}),
    )
    with capture_logs() as logs:
        taken = payer.post(caller(clock), "/fhir/Questionnaire/$log-questionnaire-errors", report)
    assert taken["resourceType"] == "OperationOutcome" and taken["issue"][0]["severity"] == "information"
    (line,) = logs
    assert line["forms"] == ["liver-cryoablation"] and line["issues"] == ["error/invalid"]
    assert "Smith" not in str(logs)


@pytest.mark.requirement("dtr:oper-11", "DTR-016")
@pytest.mark.parametrize("missing", ["questionnaire", "operationOutcome"])
def test_a_report_that_lacks_a_part_is_refused(clock: Clock, missing: str) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]}
    parts = {"questionnaire": VERSIONED, "operationOutcome": outcome}
    body = payer.parameters(*[(name, value) for name, value in parts.items() if name != missing])
    refused = payer.post(caller(clock), "/fhir/Questionnaire/$log-questionnaire-errors", body, 400)
    assert missing in refused["issue"][0]["expression"][0]


@pytest.mark.requirement("DTR-017", "dtr:spec-50", "dtr:spec-51")
@pytest.mark.parametrize(("centimetres", "outcome"), [(3.2, "meets-criteria"), (5.0, "investigational")])
def test_the_completed_draft_changes_the_verdict(clock: Clock, centimetres: float, outcome: str) -> None:
    chart = payer.needing()
    made = draft(ask(caller(clock, payer.account(chart)), *usual()))
    assert payer.account(chart)["outcome"] == "needs-info"
    answers = {"resectability": "unresectable", "largest-tumor-diameter": builders.quantity(centimetres)}
    items = [{"linkId": name, "answer": [builders.answer(value)]} for name, value in answers.items()]
    done = {
        **made,
        "id": "r1",
        "status": "completed",
        "author": builders.DOCTOR,
        "item": [*made["item"], *items],
    }
    assert builders.judged([*chart, done]).outcome == outcome


@pytest.mark.requirement("dtr:conf-12", "dtr:prof-1")
def test_without_a_context_the_order_itself_says_which_form_is_due(clock: Clock) -> None:
    for order in (builders.order(), builders.order(requester=None, occurrenceDateTime=None)):
        answer = ask(caller(clock), ("coverage", builders.coverage()), ("order", order))
        assert draft(answer)["questionnaire"] == VERSIONED and "item" not in draft(answer)


@pytest.mark.requirement("dtr:oper-9", "dtr:oper-11")
def test_an_order_that_no_form_is_for_is_told_so(clock: Clock) -> None:
    for coverage, order in (
        (builders.coverage("Blue Shield of California"), builders.order()),
        (builders.coverage("Some Other Plan"), builders.order()),
        (builders.coverage(), builders.order("27447")),
    ):
        (only,) = ask(caller(clock), ("coverage", coverage), ("order", order))["parameter"]
        assert only["name"] == "outcome" and "no form" in only["resource"]["issue"][0]["details"]["text"]


@pytest.mark.requirement("dtr:oper-10")
@pytest.mark.parametrize(("since", "sent"), [("2026-11-19T00:00:00Z", True), ("2026-11-22T00:00:00Z", False)])
def test_what_the_client_has_already_is_not_sent_again(clock: Clock, since: str, sent: bool) -> None:
    answer = ask(caller(clock, payer.account(payer.needing())), *usual(("changedsince", since)))
    assert ("parameter" in answer) is sent


@pytest.mark.requirement("dtr:conf-1")
def test_the_capability_statement_is_that_of_this_installation(clock: Clock) -> None:
    said = caller(clock).get("/fhir/metadata").get_json(force=True)
    assert said["implementation"]["url"] == "https://crd.example.org/fhir" and said["software"]["version"]
    (form,) = [each for each in said["rest"][0]["resource"] if each["type"] == "Questionnaire"]
    assert {each["name"] for each in form["operation"]} == {
        "questionnaire-package",
        "log-questionnaire-errors",
    }


@pytest.mark.requirement("dtr:spec-164")
def test_a_package_stays_small(answer: payer.Json) -> None:
    assert len(str(answer)) < 40_000


@pytest.mark.requirement("dtr:spec-1", "dtr:spec-13", "dtr:spec-15")
def test_the_form_can_be_read_and_found_before_any_hook(clock: Clock) -> None:
    client = caller(clock)
    read = client.get("/fhir/Questionnaire/liver-cryoablation").get_json(force=True)
    for query in (
        f"url={FORM}",
        f"url={VERSIONED.replace('|', '%7C')}",
        "title=Liver",
        "_id=liver-cryoablation&status=active",
    ):
        found = client.get(f"/fhir/Questionnaire?{query}").get_json(force=True)
        assert found["total"] == 1 and found["entry"][0]["resource"] == read
    assert client.get("/fhir/Questionnaire?url=http://x.example/q").get_json(force=True)["total"] == 0
