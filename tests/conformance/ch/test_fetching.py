"""What prefetch lacks is read from the EHR: with the call's token, once, all pages, side by side."""

import json
import threading
import time
from typing import Any
from urllib.parse import quote, unquote

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.applications import Making
from tests.builders import condition, coverage, hcc, size, without
from tests.conformance.ch.calls import (
    answered,
    collection,
    covered,
    in_context,
    in_prefetch,
    post,
    searchset,
    sign,
)
from tests.conformance.ch.ehrs import (
    TOKEN,
    TYPES,
    access,
    bearers,
    ehr_with,
    page,
    paths,
    queries,
    status,
    through,
)
from tests.integration.loopback import Handler

FETCHED = {*TYPES} - {"Patient", "Organization"}


@pytest.mark.requirement("CH-068", "CH-072", "CH-225", "P5", "P9", "T1")
def test_without_prefetch_all_that_is_needed_is_fetched_with_the_token(client: FlaskClient) -> None:
    with ehr_with() as ehr:
        assert covered(answered(client, through(ehr))) == "covered"
        assert {path.partition("/")[0] for path in paths(ehr)} == FETCHED | {"Patient"}
        assert bearers(ehr) == {f"Bearer {TOKEN}"}


@pytest.mark.requirement("CH-073", "P5")
@pytest.mark.parametrize(
    ("key", "asked"),
    [
        ("patient", {"Patient/pat"}),
        ("coverage", {"Coverage"}),
        ("conditions", {"Condition"}),
        ("observations", {"Observation"}),
        ("procedures", {"Procedure"}),
    ],
)
def test_with_some_prefetch_the_rest_alone_is_fetched(client: FlaskClient, key: str, asked: set[str]) -> None:
    with ehr_with() as ehr:
        body = through(ehr, in_prefetch(sign(), **{key: ...}))
        assert covered(answered(client, body)) == "covered"
        assert set(paths(ehr)) == asked


@pytest.mark.requirement("CH-073", "CH-074", "CH-075", "CH-076", "CH-081", "P6")
def test_what_was_sent_is_not_asked_again(client: FlaskClient) -> None:
    """Nor what is known to be absent, in every way of saying so."""
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "not-found"}]}
    epic = {**searchset(), "entry": [{"search": {"mode": "outcome"}, "resource": outcome}]}
    with ehr_with() as ehr:
        answered(client, through(ehr, sign()))
        for nothing in (None, searchset(), {"resourceType": "Bundle", "entry": []}, epic):
            answered(client, through(ehr, in_prefetch(sign(), conditions=nothing, procedures=nothing)))
            answered(client, through(ehr, in_prefetch(sign(), coverage=nothing)))
        answered(client, through(ehr, in_prefetch(sign(), patient=None)))
        assert not ehr.asked


@pytest.mark.requirement("CH-078", "CH-079", "P7")
def test_what_failed_at_the_client_is_not_asked_again(client: FlaskClient) -> None:
    with ehr_with() as ehr:
        body = in_prefetch(sign(), conditions=builders.failure(None))
        assert covered(answered(client, through(ehr, body))) != "covered"
        assert (
            post(client, through(ehr, in_prefetch(body, coverage=builders.failure(None)))).status_code == 412
        )
        assert not ehr.asked


@pytest.mark.requirement("CH-086", "CH-068", "P8")
@pytest.mark.parametrize("shape", ["{base}/Condition/second?p=2", "/fhir/Condition/second?p=2", "?p=2"])
def test_a_next_page_is_fetched_with_the_token_and_joined_on(client: FlaskClient, shape: str) -> None:
    """Absolute, or relative in either way; fetched or prefetched first."""
    cancer, other = condition("C22.0"), condition("C18.7", "colon")

    def pages(handler: Handler) -> None:
        if "p=2" in handler.path:
            return handler.answer(searchset(other, total=2))
        return page(cancer, following=lambda h: shape.format(base=h.ehr.base))(handler)

    with ehr_with(Condition=pages) as ehr:
        assert covered(answered(client, through(ehr))) != "covered"
        assert len([path for path in paths(ehr) if path.startswith("Condition")]) == 2
        assert bearers(ehr) == {f"Bearer {TOKEN}"}


@pytest.mark.requirement("CH-086", "P8")
def test_the_next_page_of_what_was_sent_is_fetched(client: FlaskClient) -> None:
    """Without it the answer would be yes: the second page tells of a tumor elsewhere."""
    sent = searchset(condition("C22.0"))
    with ehr_with(Condition=lambda handler: handler.answer(searchset(condition("C18.7", "colon")))) as ehr:
        sent["link"] = [{"relation": "next", "url": f"{ehr.base}/Condition?page=2"}]
        body = through(ehr, in_prefetch(sign(), conditions=sent))
        assert covered(answered(client, body)) != "covered"
        assert paths(ehr) == ["Condition"]
        assert queries(ehr, "Condition") == [{"page": ["2"]}]


@pytest.mark.requirement("CH-095")
def test_addresses_are_joined_cleanly_and_values_encoded(client: FlaskClient) -> None:
    """An id may be long and odd; it is one value of one parameter, whatever its letters."""
    patient = "a+b=c;d,e|f$g'h(i)~é€" + "x" * 170
    with ehr_with() as ehr:
        order = builders.order(subject={"reference": f"Patient/{patient}"})
        body = in_context(through(ehr), patientId=patient, draftOrders=collection(order))
        for server in (ehr.base, f"{ehr.base}/"):
            answered(client, {**body, "fhirServer": server})
        assert f"/fhir/Patient/{quote(patient, safe='')}" in [path for path, _ in ehr.asked]
        for path, _ in ehr.asked:
            assert "//" not in unquote(path).replace("://", ""), path
        for kind in FETCHED:
            assert all(query["patient"] == [patient] for query in queries(ehr, kind)), kind
        assert queries(ehr, "Coverage")


@pytest.mark.requirement("CH-096", "CH-090")
@pytest.mark.parametrize("kind", ["Condition", "Observation", "Coverage"])
def test_results_are_filtered_again_where_the_server_ignored_the_patient(
    client: FlaskClient, kind: str
) -> None:
    """The server sends everybody's: another person's cancer, size or plan supports nothing here."""
    whose = "beneficiary" if kind == "Coverage" else "subject"
    foreign = [
        {**each, whose: {"reference": "Patient/other"}} if each["resourceType"] == kind else each
        for each in hcc()
    ]
    with ehr_with(foreign) as ehr:
        body = answered(client, through(ehr))
        assert not body["systemActions"] or covered(body) != "covered"
        assert queries(ehr, kind)


@pytest.mark.requirement("CH-096")
def test_what_was_not_asked_for_does_not_stand_in_for_what_was(client: FlaskClient) -> None:
    """The server ignored the code of the search: other findings of this patient are no tumor sizes."""
    other = builders.observation(builders.concept("8302-2", builders.LOINC), "height")
    chart = [*without(hcc(), "size"), {**other, "valueQuantity": builders.quantity(3.2)}]
    with ehr_with(chart, Observation=lambda handler: handler.answer(observations(chart))) as ehr:
        assert covered(answered(client, through(ehr))) == "conditional"


def observations(chart: list[builders.Resource]) -> builders.Resource:
    """All Observations of a chart as one result."""
    return searchset(*(each for each in chart if each["resourceType"] == "Observation"))


@pytest.mark.requirement("CH-099")
def test_the_searches_of_a_round_run_side_by_side(client: FlaskClient) -> None:
    """Each waits until all others have come: one after the other would never end."""
    everybody = threading.Barrier(5, timeout=3)
    met: list[str] = []

    def meet(handler: Handler) -> None:
        everybody.wait()
        met.append(handler.path)
        handler.answer(searchset())

    kinds = ("Condition", "Procedure", "BodyStructure", "QuestionnaireResponse", "DiagnosticReport")
    with ehr_with(**dict.fromkeys(kinds, meet)) as ehr:
        answered(client, through(ehr, in_prefetch(sign(prefetch={}), **sent())))
    assert len(met) == 5


def sent() -> dict[str, Any]:
    """Patient and coverage, which another round is for."""
    return {"patient": {"resourceType": "Patient", "id": "pat"}, "coverage": searchset(coverage())}


@pytest.mark.requirement("CH-252", "CH-235")
@pytest.mark.parametrize("kind", ["Condition", "Coverage", "Patient"])
def test_one_hanging_query_does_not_break_the_time_budget(make_app: Making, kind: str) -> None:
    def hang(handler: Handler) -> None:
        handler.ehr.over.wait(20)

    client = make_app(auth="off", fhir_hosts=("127.0.0.1",), time_budget_seconds=0.9).test_client()
    with ehr_with(**{kind: hang}) as ehr:
        started = time.monotonic()
        body = answered(client, through(ehr))
        assert time.monotonic() - started < 2
    assert not body["systemActions"] or kind == "Patient" or covered(body) == "indeterminate"


TROUBLE = {
    "refused 401": status(401),
    "refused 403": status(403),
    "broken 500": status(500, b"<html>Oops, Traceback, secret-host.internal</html>"),
    "no JSON": lambda handler: handler.answer(b"<html>secret-host.internal</html>"),
    "cut off": lambda handler: handler.answer(b'{"resourceType": "Bundle", "entry": ['),
    "another type": lambda handler: handler.answer({"resourceType": "Basic", "id": "x"}),
    "an outcome": lambda handler: handler.answer(builders.failure(None)),
    "a list": lambda handler: handler.answer([]),
    "deeply nested": lambda handler: handler.answer(b'{"resourceType":"Bundle","entry":' + b"[" * 50_000),
}


@pytest.mark.requirement("CH-241")
@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("kind", ["Condition", "Coverage"])
def test_what_goes_wrong_at_the_ehr_is_told_in_our_words(
    client: FlaskClient, kind: str, trouble: str
) -> None:
    """A 200 with a technical reason (resp-43 of the guide), and nothing of what the EHR said."""
    with ehr_with(**{kind: TROUBLE[trouble]}) as ehr:
        answer = post(client, through(ehr))
        assert answer.status_code == 200
        for word in ("secret-host", "Oops", "Traceback", str(ehr.port), TOKEN):
            assert word not in json.dumps(answer.get_json()["cards"])
    assert answer.get_json()["systemActions"] == [] or covered(answer.get_json()) == "indeterminate"


@pytest.mark.requirement("CH-239")
@pytest.mark.parametrize(
    "scope",
    [
        "user/Patient.read user/Observation.read",
        "user/Patient.rs patient/*.cruds?category=x",
        "Patient.Read (R4), Observation.Search (Labs) (R4)",
        "",
        "  ",
        None,
        ...,
        "openid " * 500,
    ],
)
def test_every_dialect_of_scope_is_put_up_with(client: FlaskClient, scope: Any) -> None:
    with ehr_with() as ehr:
        assert covered(answered(client, through(ehr, scope=scope))) == "covered"


@pytest.mark.requirement("CH-224", "CH-256", "K2", "T1")
def test_each_call_brings_its_own_token_and_its_own_data(client: FlaskClient) -> None:
    """Nothing fetched for one call answers another, and no token outlives its call."""
    with ehr_with(), ehr_with([*without(hcc(), "size"), size(6)]) as ehr:
        for token, verdict in (("first", "not-covered"), ("second", "not-covered")):
            ehr.asked.clear()
            assert covered(answered(client, through(ehr, access_token=token))) == verdict
            assert bearers(ehr) == {f"Bearer {token}"}
            assert queries(ehr, "Condition")


@pytest.mark.requirement("CH-094", "T3")
def test_a_token_that_runs_out_during_the_call_is_used_no_longer(make_app: Making) -> None:
    """One second of life: what has not come by then is a gap."""
    client = make_app(auth="off", fhir_hosts=("127.0.0.1",)).test_client()
    with ehr_with(Coverage=lambda handler: handler.ehr.over.wait(1)) as ehr:
        started = time.monotonic()
        answered(client, {**through(ehr), "fhirAuthorization": access(expires_in=0.4)})
        assert time.monotonic() - started < 2
        assert "Condition" not in paths(ehr)
