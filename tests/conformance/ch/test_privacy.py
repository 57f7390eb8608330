"""What stays behind after calls: no token, nothing of the patient in logs, an account in the records."""

import gc
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.applications import Making, desk_of
from tests.builders import Resource, hcc
from tests.conformance.ch.calls import INSTANCE, answered, in_prefetch, post, sign
from tests.conformance.ch.ehrs import access, ehr_with, through
from tests.ehr_client import BASE, ISSUER, EhrClient, private_key

NAMES = ("Quentin", "Tarnovsky", "1961-04-03", "17 Larch Lane", "555-0199", "Doctor Vespertine", "MRN-883421")
PERSON: Resource = {
    "resourceType": "Patient",
    "id": "pat",
    "name": [{"given": ["Quentin"], "family": "Tarnovsky"}],
    "birthDate": "1961-04-03",
    "address": [{"line": ["17 Larch Lane"]}],
    "telecom": [{"value": "555-0199"}],
    "identifier": [{"value": "MRN-883421"}],
}


def told(chart: list[Resource], lane: str = "17 Larch Lane") -> list[Resource]:
    """The chart with the person named wherever an EHR names people beside the facts."""
    extra = {
        "text": {"status": "generated", "div": "<div>Quentin Tarnovsky, born 1961-04-03</div>"},
        "note": [{"text": f"Quentin lives at {lane}"}],
        "performer": [{"reference": "Practitioner/doc", "display": "Doctor Vespertine"}],
        "identifier": [{"value": "MRN-883421"}],
    }
    whose = {"reference": "Patient/pat", "display": "Quentin Tarnovsky"}
    named = [
        {**each, **{name: whose for name in ("subject", "beneficiary") if name in each}, **extra}
        if each["resourceType"] in ("Condition", "Observation", "Coverage")
        else each
        for each in chart
    ]
    person = {**PERSON, "address": [{"line": [lane]}]}
    return [person, *(each for each in named if each["resourceType"] != "Patient")]


@pytest.fixture
def trusting(make_app: Making, ehr_client: EhrClient, tmp_path: Path) -> FlaskClient:
    """A caller of a service that knows one client, which may name an EHR on this machine."""
    path = ehr_client.register(tmp_path, fhir_hosts=["127.0.0.1"])
    return make_app(clients=path, public_url=BASE).test_client()


def every_kind_of_call(client: FlaskClient, ehr_client: EhrClient) -> Iterator[tuple[str, Any]]:
    """(token, answer) of calls that go well, are refused, cannot be read, and fail inside."""

    def call(body: Any, token: str | None = None, **options: Any) -> tuple[str, Any]:
        token = token or ehr_client.token()
        return token, post(client, body, headers={"Authorization": f"Bearer {token}"}, **options)

    secret = access(access_token="acc3ss-s3cret-t0ken")["access_token"]
    chart = told(hcc())
    with ehr_with(chart) as ehr:
        yield secret, call(through(ehr, access_token=secret))[1]
        yield secret, call(through(ehr, in_prefetch(sign(chart), conditions=...), access_token=secret))[1]
    with ehr_with(chart, Condition=lambda handler: handler.answer(b"", 500)) as ehr:
        yield secret, call(through(ehr, access_token=secret))[1]
    yield call(sign(chart))
    yield call(sign(chart, prefetch=...))
    yield call(b'{"hook": "order-sign", "context": "Quentin Tarnovsky"}')
    yield call(b"Quentin Tarnovsky")
    yield call(sign(chart, fhirAuthorization={"access_token": [secret]}))
    yield call(
        sign(chart, fhirServer="https://evil.example/fhir", fhirAuthorization=access(access_token=secret))
    )
    yield call(sign(chart), ehr_client.token(exp=1))
    yield call(sign(chart), EhrClient(keys={"ES384": private_key("P-384/stranger")}).token())
    yield call(sign(chart), "not-a-token-but-a-secret")


@pytest.mark.requirement("CH-223", "CH-224", "J10", "T1")
def test_no_token_is_found_in_any_log_answer_or_record(
    trusting: FlaskClient, ehr_client: EhrClient, written: Callable[[], str], tmp_path: Path
) -> None:
    """Neither the caller's nor the EHR's, at any level of logging, whole or in part."""
    tokens, answers = set(), []
    for token, answer in every_kind_of_call(trusting, ehr_client):
        tokens |= {token, *(part for part in token.split(".") if len(part) > 60)}
        answers.append(answer.text + str(answer.headers))
    assert len(tokens) > 10
    desk_of(trusting.application).store.engine.dispose()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    log = written()
    assert "caller-refused" in log and "decided" in log
    for token in tokens:
        assert token not in log
        assert not any(token in answer for answer in answers)
        assert token.encode() not in kept


@pytest.mark.requirement("CH-223", "CH-063")
def test_nothing_of_the_patient_is_found_in_any_log(
    trusting: FlaskClient, ehr_client: EhrClient, written: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    list(every_kind_of_call(trusting, ehr_client))
    headers = {"Authorization": f"Bearer {ehr_client.token()}"}
    monkeypatch.setattr("cds_service.decide.build", lambda *_: {}["Quentin Tarnovsky"])
    assert post(trusting, sign(told(hcc())), headers=headers).status_code == 500
    log = written()
    assert "fault" in log
    for word in NAMES:
        assert word not in log


@pytest.mark.requirement("CH-259", "K4")
def test_each_call_leaves_a_record_without_tokens(trusting: FlaskClient, ehr_client: EhrClient) -> None:
    """Who asked, when, what was answered, by which policies; found by the uuid of a card."""
    token = ehr_client.token()
    body = answered(trusting, sign(told(hcc())), headers={"Authorization": f"Bearer {token}"})
    (card,) = body["cards"]
    record = desk_of(trusting.application).store.decision(card["uuid"])
    assert record is not None
    assert (record["client"], record["hook"], record["hook_instance"]) == (ISSUER, "order-sign", INSTANCE)
    assert [each["uuid"] for each in record["answer"]["cards"]] == [card["uuid"]]
    assert record["bundle_revision"] and record["service_version"] and record["milliseconds"] > 0
    assert record["determinations"][0]["outcome"] == "meets-criteria"
    assert token not in str(record)


@pytest.mark.requirement("CH-259", "K4")
def test_refused_calls_are_logged_with_client_status_and_reason(
    trusting: FlaskClient, ehr_client: EhrClient, written: Callable[[], str]
) -> None:
    headers = [{"Authorization": f"Bearer {ehr_client.token()}"} for _ in range(2)]
    post(trusting, sign(prefetch=...), headers=headers[0])
    post(trusting, b"{", headers=headers[1])
    post(trusting, sign())
    log = written()
    for reason in ("prefetch-unavailable", "not-json", "no-bearer-token"):
        assert reason in log
    assert log.count(ISSUER) == 2


@pytest.mark.requirement("CH-259", "K4")
def test_an_account_is_read_by_the_client_it_was_given_to_alone(make_app: Making, tmp_path: Path) -> None:
    ours, other = EhrClient(), EhrClient("https://other.example.org")
    path = ours.register(tmp_path, {"iss": other.iss, "jwks_file": "keys.json"})
    client = make_app(clients=path, public_url=BASE).test_client()
    body = answered(client, sign(), headers={"Authorization": f"Bearer {ours.token()}"})
    parts = body["systemActions"][0]["resource"]["extension"][-1]["extension"]
    (name,) = [part["valueString"] for part in parts if part["url"] == "coverage-assertion-id"]

    def read(who: EhrClient | None) -> int:
        headers = {"Authorization": f"Bearer {who.token(f'{BASE}/determinations/{name}')}"} if who else {}
        return client.get(f"/determinations/{name}", headers=headers).status_code

    assert [read(ours), read(other), read(None)] == [200, 404, 401]


@pytest.mark.requirement("CH-260", "CH-224", "sec-6", "T1")
def test_many_calls_leave_nothing_of_the_patient_behind_but_in_the_records(
    make_app: Making, tmp_path: Path
) -> None:
    """A thousand calls: no name on disk, not even in the kept charts; none in memory; no file left open."""
    client, lane = make_app(auth="off").test_client(), f"lane-{uuid4()}"
    charts = (hcc(), builders.without(hcc(), "size"), paid_by_shield(), paid_by_shield())
    raw = [json.dumps(sign(told(chart, lane))).encode() for chart in charts]
    assert all(post(client, body).status_code == 200 for body in raw)
    files = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(1000):
        assert post(client, raw[3 if number % 10 else number % 3]).status_code == 200
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 2
    assert remembered(lane), "the search finds what is there"
    del raw
    assert not remembered(lane)
    desk_of(client.application).store.engine.dispose()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file()) + kept_charts(
        tmp_path
    )
    for word in (*NAMES, lane):
        assert word.encode() not in kept, word


def paid_by_shield() -> list[Resource]:
    """A chart under the payer whose position needs no criteria, which is answered fast."""
    return [*builders.without(hcc(), "cov"), builders.coverage("Blue Shield of California")]


def kept_charts(folder: Path) -> bytes:
    """The kept charts of all records, unpacked."""
    with sqlite3.connect(folder / "records.sqlite3") as connection:
        found = [zlib.decompress(row[0]) for row in connection.execute("select chart from decision")]
    connection.close()
    assert len(found) == 1004
    return b"".join(found)


def remembered(words: str) -> list[str]:
    """What living objects of this process hold that says these words and is not the words themselves."""
    gc.collect()
    raw = words.encode()
    held = [(holder, each) for holder in gc.get_objects() for each in gc.get_referents(holder)]
    return [
        f"{type(holder).__name__}: {each[:80]!r}"
        for holder, each in held
        if (isinstance(each, str) and words in each and each != words)
        or (isinstance(each, bytes) and raw in each and each != raw)
    ]


@pytest.mark.requirement("CH-225", "T1")
def test_the_token_is_sent_in_no_address(client: FlaskClient) -> None:
    with ehr_with() as ehr:
        answered(client, through(ehr))
        assert ehr.asked
        assert not any(access()["access_token"] in path for path, _ in ehr.asked)
