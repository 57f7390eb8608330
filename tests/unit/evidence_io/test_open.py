"""Patient and coverage come from prefetch or, where allowed, from the EHR; else the call says what lacks."""

from typing import Any

import pytest

from cds_service.evidence.answers import Failed
from cds_service.evidence.chart import Chart, ChartBuilder
from cds_service.evidence.open import open_chart
from cds_service.hooks.request import HookRequest, read_hook_request
from cds_service.kernel.errors import CallError
from tests.unit.evidence_io.ehr import BASE, NOTHING, SOON, Table, arrived, outcome, searchset
from tests.unit.hooks.bodies import bundle, call, wire

PATIENT = {"resourceType": "Patient", "id": "p1"}
ORGANIZATION = {"resourceType": "Organization", "id": "o1", "name": "Example Health Plan"}
COVERAGE: dict[str, Any] = {
    "resourceType": "Coverage",
    "id": "c1",
    "status": "active",
    "beneficiary": {"reference": "Patient/p1"},
    "payor": [{"display": "Example Health Plan"}],
}
REFERRING = {**COVERAGE, "payor": [{"reference": "Organization/o1"}]}
FIND = "Coverage?patient=p1&_include=Coverage:payor&_count=100"
PLAIN = "Coverage?patient=p1&_count=100"
SENT = {"patient": PATIENT, "coverage": searchset(COVERAGE)}


def request(**prefetch: object) -> HookRequest:
    return read_hook_request(wire(call(prefetch=prefetch)), "order-sign")


def opened(table: Table | None, why: str | None = None, **prefetch: object) -> Chart:
    builder = ChartBuilder("Patient/p1")
    open_chart(request(**prefetch), builder, table.gateway if table else None, SOON, why)
    return builder.build()


def refusal(table: Table | None, why: str | None = None, **prefetch: object) -> CallError:
    with pytest.raises(CallError) as caught:
        opened(table, why, **prefetch)
    return caught.value


def ids(chart: Chart, kind: str) -> list[str]:
    return [stored.reference for stored in chart.of(kind)]


@pytest.mark.requirement("CH-028", "CH-032", "CH-084", "CH-085")
@pytest.mark.parametrize(
    "coverage", [searchset(COVERAGE, total=1), bundle(COVERAGE, type="collection"), COVERAGE]
)
@pytest.mark.parametrize("patient", [PATIENT, bundle(PATIENT)])
def test_what_was_sent_is_laid_out_and_nothing_is_asked(coverage: object, patient: object) -> None:
    table = Table()
    for way in (table, None):
        chart = opened(way, patient=patient, coverage=coverage)
        assert ids(chart, "Patient") == ["Patient/p1"] and ids(chart, "Coverage") == ["Coverage/c1"]
        assert {"Patient", "Coverage"} <= chart.asked and not chart.failed
    assert table.rounds == []


@pytest.mark.requirement("CH-066", "CH-067", "CH-072", "CH-073", "CH-092")
def test_each_required_key_is_missed_by_name_when_nobody_may_be_asked() -> None:
    for key in ("patient", "coverage"):
        error = refusal(None, "the call brings no fhirAuthorization", **{**SENT, key: "unusable"})
        assert (error.status, error.where, error.code) == (412, f"prefetch.{key}", "prefetch-unavailable")
        assert "no fhirAuthorization" in (error.hint or "")
    assert refusal(None).status == 412


@pytest.mark.requirement("CH-068", "CH-072", "CH-073", "CH-099")
def test_only_what_is_missing_is_fetched_and_in_one_round() -> None:
    answers = {"Patient/p1": arrived(PATIENT), FIND: arrived(searchset(COVERAGE))}
    for prefetch, paths in (
        ({}, ["Patient/p1", FIND]),
        ({"patient": PATIENT}, [FIND]),
        ({"coverage": searchset(COVERAGE)}, ["Patient/p1"]),
        ({"patient": {"resourceType": "Patient"}, "coverage": COVERAGE}, ["Patient/p1"]),
        ({"patient": "<html>", "coverage": {"response": 1}}, ["Patient/p1", FIND]),
    ):
        table = Table(answers)
        chart = opened(table, **prefetch)
        assert table.rounds == [paths]
        assert table.spare <= {"Patient/p1"}, "no rule reads the patient"
        assert ids(chart, "Patient") == ["Patient/p1"] and ids(chart, "Coverage") == ["Coverage/c1"]


@pytest.mark.requirement("CH-074", "CH-075", "CH-076", "CH-081")
@pytest.mark.parametrize("empty", [None, searchset(total=0), searchset(outcome("warning"), total=0)])
def test_what_the_client_found_to_be_nothing_is_not_asked_again(empty: object) -> None:
    table = Table()
    chart = opened(table, patient=None, coverage=empty)
    assert {"Patient", "Coverage"} <= chart.asked and table.rounds == [] and not chart.failed
    assert opened(None, patient=PATIENT, coverage=empty).of("Coverage") == ()


@pytest.mark.requirement("CH-078", "CH-079")
@pytest.mark.parametrize("key", ["patient", "coverage"])
@pytest.mark.parametrize("error", [outcome(), searchset(outcome())])
def test_an_error_the_client_met_is_not_met_again(key: str, error: object) -> None:
    table = Table()
    assert refusal(table, **{**SENT, key: error}).where == f"prefetch.{key}"
    assert table.rounds == []


@pytest.mark.requirement("CH-090")
@pytest.mark.parametrize("other", [{**PATIENT, "id": "p2"}, bundle({**PATIENT, "id": "p2"})])
def test_another_patient_stops_the_call(other: object) -> None:
    error = refusal(Table(), patient=other, coverage=COVERAGE)
    assert (error.status, error.where) == (400, "prefetch.patient")
    assert "p2" not in error.message


@pytest.mark.requirement("CH-069", "CH-070")
def test_an_ehr_that_fails_leaves_gaps() -> None:
    """CRD resp-43 and the brief of house rule 5: access was given, so this is an answer and no 412."""
    chart = opened(Table({FIND: Failed("the EHR did not answer in time")}))
    assert chart.failed == {"Patient": NOTHING.reason, "Coverage": "the EHR did not answer in time"}
    unsupported = Failed("offers no such search (404)", unsupported=True)
    chart = opened(Table({FIND: unsupported, PLAIN: unsupported}), patient=PATIENT)
    assert chart.unsupported == {"Coverage"}


def test_a_patient_of_another_id_from_the_ehr_is_not_taken() -> None:
    """Patient scope, cds-hooks.md 2.8."""
    chart = opened(Table({"Patient/p1": arrived({**PATIENT, "id": "p9"})}), coverage=COVERAGE)
    assert chart.of("Patient") == () and "another patient" in chart.failed["Patient"]


def test_the_payer_comes_with_the_coverage_where_the_ehr_includes_it() -> None:
    """clinical.md 5.2: two rounds in a whole call."""
    table = Table({FIND: arrived(searchset(REFERRING, ORGANIZATION))})
    assert ids(opened(table, patient=PATIENT), "Organization") == ["Organization/o1"]
    assert table.rounds == [[FIND]]


def test_the_payer_of_a_sent_coverage_is_read_in_the_same_round() -> None:
    """crd-dtr.md 3.5: the identifier may sit on the referenced Organization."""
    table = Table({"Organization/o1": arrived(ORGANIZATION), "Patient/p1": arrived(PATIENT)})
    chart = opened(table, coverage=searchset(REFERRING))
    assert table.rounds == [["Patient/p1", "Organization/o1"]]
    assert ids(chart, "Organization") == ["Organization/o1"]


@pytest.mark.parametrize("payers", [bundle(ORGANIZATION), ORGANIZATION])
def test_the_payer_may_be_sent_under_the_guides_key(payers: object) -> None:
    """CRD 2.2 standard prefetch: organizations."""
    table = Table()
    chart = opened(table, **SENT | {"coverage": REFERRING}, organizations=payers)
    assert table.rounds == [] and ids(chart, "Organization") == ["Organization/o1"]


def test_an_ehr_that_ignores_the_include_is_asked_for_the_payer_after_it() -> None:
    """Issue 5.4: `_include` ignored."""
    table = Table({FIND: arrived(searchset(REFERRING)), "Organization/o1": arrived(ORGANIZATION)})
    assert ids(opened(table, patient=PATIENT), "Organization") == ["Organization/o1"]
    assert table.rounds == [[FIND], ["Organization/o1"]]


@pytest.mark.parametrize("how", [{"rejected": True}, {"unsupported": True}])
def test_an_ehr_that_refuses_the_include_is_asked_without_it(how: dict[str, bool]) -> None:
    """Issue 5.4: strict handling of unknown parameters, with or without `not-supported` in the outcome."""
    table = Table({FIND: Failed("the EHR answered 400", **how), PLAIN: arrived(searchset(COVERAGE))})
    chart = opened(table, patient=PATIENT)
    assert table.rounds == [[FIND], [PLAIN]]
    assert ids(chart, "Coverage") == ["Coverage/c1"] and not chart.failed
    table = Table({FIND: Failed("the EHR answered 400", rejected=True)})
    assert opened(table, patient=PATIENT).failed == {"Coverage": NOTHING.reason}


@pytest.mark.requirement("CH-234")
@pytest.mark.parametrize(
    ("payor", "path"),
    [
        ({"reference": f"{BASE}/Organization/o1"}, "Organization/o1"),
        ({"reference": "Organization/o1/_history/3"}, "Organization/o1"),
        ({"reference": "Organization/a|b"}, "Organization/a%7Cb"),
        ({"reference": "https://evil.net/fhir/Organization/o1"}, None),
        ({"reference": "Organization/.."}, None),
        ({"reference": "Organization/o1?_include=*"}, None),
        ({"reference": "../Organization/o1"}, None),
        ({"reference": "Patient/p1"}, None),
        ({"reference": "#o"}, None),
        ({"reference": "urn:uuid:1"}, None),
        ({"display": "x"}, None),
    ],
)
def test_only_an_organization_of_this_server_is_read(payor: dict[str, str], path: str | None) -> None:
    table = Table()
    chart = opened(table, patient=PATIENT, coverage={**COVERAGE, "payor": [payor]})
    assert table.rounds == ([[path]] if path else [])
    assert chart.failed == ({"Organization": NOTHING.reason} if path else {})


@pytest.mark.requirement("CH-086", "CH-087", "CH-088")
def test_the_rest_of_a_coverage_search_is_fetched_or_missed() -> None:
    page, elsewhere = f"{BASE}?_getpages=2", "https://evil.net/fhir?_getpages=2"
    second = {**COVERAGE, "id": "c2"}
    table = Table({page: arrived(searchset(second)), FIND: arrived(searchset(COVERAGE, second))})
    for link, path in ((page, page), (elsewhere, FIND)):
        chart = opened(table, patient=PATIENT, coverage=searchset(COVERAGE, next_page=link))
        assert table.rounds.pop() == [path]
        assert ids(chart, "Coverage") == ["Coverage/c1", "Coverage/c2"] and not chart.failed
    chart = opened(None, patient=PATIENT, coverage=searchset(COVERAGE, next_page=page))
    assert ids(chart, "Coverage") == ["Coverage/c1"] and "may not be asked" in chart.failed["Coverage"]


def test_a_coverage_search_that_breaks_off_is_a_gap_beside_what_came() -> None:
    """clinical.md 4.5: incomplete is failed, and what arrived stays."""
    chart = opened(Table({FIND: arrived(searchset(COVERAGE), lacks="more pages")}), patient=PATIENT)
    assert ids(chart, "Coverage") == ["Coverage/c1"] and chart.failed == {"Coverage": "more pages"}


@pytest.mark.parametrize(
    "coverage", [bundle({"resourceType": "Coverage", "payor": 5}), bundle({"resourceType": "X"}), bundle()]
)
def test_a_coverage_that_cannot_be_read_never_fails_the_call(coverage: object) -> None:
    """clinical.md 4.5: damage is for the rules to judge."""
    table = Table()
    assert opened(table, patient=PATIENT, coverage=coverage).asked >= {"Coverage"}
    assert table.rounds == []


@pytest.mark.requirement("CH-233")
def test_the_patient_is_encoded_in_paths() -> None:
    body = call()
    body["context"]["patientId"] = "a|\u00e9,b"
    table = Table()
    open_chart(read_hook_request(wire(body), "order-sign"), ChartBuilder(None), table.gateway, SOON)
    assert table.rounds == [["Patient/a%7C%C3%A9%2Cb", FIND.replace("p1", "a%7C%C3%A9%2Cb")]]
