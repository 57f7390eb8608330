"""For operators: alive, ready, versions, and metrics that name no patient."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cds_service import __version__
from cds_service.kernel.clock import Clock
from cds_service.settings import load_settings
from cds_service.web.app import create_app
from tests.builders import hcc, knowledge
from tests.conformance.ch.calls import answered, post, sign

Serve = Callable[..., FlaskClient]


@pytest.fixture
def serve(clock: Clock, tmp_path: Path) -> Serve:
    """A caller of a service with these settings."""

    def served(**given: object) -> FlaskClient:
        given = {"auth": "off", "database_url": f"sqlite:///{tmp_path}/r.sqlite3", **given}
        return create_app(load_settings(**given), clock=clock, knowledge=knowledge()).test_client()

    return served


def test_alive_ready_and_versions(client: FlaskClient) -> None:
    assert client.get("/health").get_json() == {"status": "ok"}
    ready = client.get("/ready").get_json()
    assert ready["ready"] is True and ready["parts"] == {"policies": True, "records": True}
    version = client.get("/version").get_json()
    assert version["service"] == __version__
    assert version["crd"] == ["2.0", "2.2"]
    assert version["bundle_revision"] == ready["bundle_revision"] == knowledge().bundle.revision
    assert set(version["policies"]) == set(knowledge().bundle.versions)


def test_without_a_place_for_records_it_is_alive_and_not_ready(serve: Serve) -> None:
    client = serve(database_url="sqlite:////proc/nowhere/records.sqlite3")
    assert client.get("/health").status_code == 200
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.get_json()["parts"] == {"policies": True, "records": False}


@pytest.mark.requirement("metric-1")
def test_metrics_count_calls_verdicts_timings_and_feedback(client: FlaskClient) -> None:
    def count(line: str) -> float:
        text = client.get("/metrics").text
        return sum(float(each.rpartition(" ")[2]) for each in text.splitlines() if each.startswith(line))

    lines = {
        'cds_calls_total{service="coverage-order-sign",status="200"}': 1.0,
        'cds_calls_total{service="coverage-order-sign",status="400"}': 1.0,
        'cds_calls_total{service="unknown",status="404"}': 1.0,
        'cds_determinations_total{outcome="meets-criteria"': 1.0,
        'cds_call_seconds_count{service="coverage-order-sign"}': 1.0,
        'cds_feedback_total{outcome="overridden"}': 1.0,
    }
    before = {line: count(line) for line in lines}
    card = answered(client, sign(hcc()))["cards"][0]["uuid"]
    post(client, b"{")
    post(client, b"{}", "no-such-service")
    said = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-21T10:00:00Z"}
    assert post(client, {"feedback": [said]}, "coverage-order-sign/feedback").status_code == 200
    assert {line: count(line) - before[line] for line in lines} == lines


def test_no_metric_names_a_patient_an_order_or_a_call(client: FlaskClient) -> None:
    body = sign(hcc())
    answered(client, body)
    text = client.get("/metrics").text
    for name in ("Patient/", '"pat"', "ServiceRequest", body["hookInstance"], "Coverage/"):
        assert name not in text


@pytest.mark.parametrize(
    ("token", "address", "header", "status"),
    [
        ("", "127.0.0.1", None, 200),
        ("", "::1", None, 200),
        ("", "10.0.0.7", None, 401),
        ("", "10.0.0.7", "Bearer ", 401),
        ("s3cret", "10.0.0.7", "Bearer s3cret", 200),
        ("s3cret", "10.0.0.7", "Bearer other", 401),
        ("s3cret", "127.0.0.1", None, 401),
    ],
)
def test_metrics_are_for_this_machine_or_for_who_has_the_token(
    token: str, address: str, header: str | None, status: int, serve: Serve
) -> None:
    """interface.md section 7."""
    client = serve(auth="required", metrics_token=token)
    headers = {"Authorization": header} if header else {}
    answer = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == status
