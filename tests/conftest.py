"""Fixtures for every test: a clock held still, counted ids, and the service as a Flask application."""

import itertools
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck, settings

from cds_service.kernel.clock import Clock

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.applications import Making
    from tests.ehr_client import EhrClient

pytest_plugins = ["tests.conformance.plugin"]

# The same examples on each run, however slow the machine: a failing property is a finding, not luck.
settings.register_profile(
    "house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")

# Not UTC on purpose: 01:30 in this zone is the day before in UTC, so a date taken in the wrong zone shows.
NOW = datetime(2026, 11, 22, 1, 30, tzinfo=timezone(timedelta(hours=9)))
TODAY = date(2026, 11, 21)


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """Takes back what a test's commands configured: the log belongs to the process, not to the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def ids() -> Callable[[], str]:
    """New ids that count up: 00000000-0000-4000-8000-000000000001, ...2, ...3."""
    numbers: Iterator[int] = itertools.count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"


@pytest.fixture
def clock(ids: Callable[[], str]) -> Clock:
    """A clock that stands still at NOW and hands out counted ids."""
    return Clock(today=lambda: TODAY, now=lambda: NOW, new_id=ids)


@pytest.fixture(scope="session", autouse=True)
def _data_read_once() -> Iterator[None]:
    """Applications of one run share what never changes: card templates cost more to read than a test."""
    import cds_service.web.app as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_cards", cache(module.load_cards))
        yield


@pytest.fixture(scope="session")
def empty_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without records, with every table; made once, as making it costs more than most tests."""
    from cds_service.audit.store import Store

    path = tmp_path_factory.mktemp("records") / "empty.sqlite3"
    store = Store(f"sqlite:///{path}")
    store.upgrade()
    store.engine.dispose()
    return path


@pytest.fixture(autouse=True)
def _records_of_this_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a database of its own, and none writes to that of the machine."""
    if not {"app", "client", "make_app", "trusting"} & set(request.fixturenames):
        monkeypatch.setenv("CDS_SERVICE_DATABASE_URL", "sqlite:////nonexistent/records.sqlite3")
        return
    path = request.getfixturevalue("tmp_path") / "records.sqlite3"
    copyfile(request.getfixturevalue("empty_records"), path)
    monkeypatch.setenv("CDS_SERVICE_DATABASE_URL", f"sqlite:///{path}")


@pytest.fixture
def make_app(clock: Clock, tmp_path: Path) -> Iterator["Making"]:
    """Makes applications with settings of their own; they share one database, which is this test's."""
    from tests.applications import applications

    with applications(tmp_path, clock) as make:
        yield make


@pytest.fixture
def app(make_app: "Making") -> "Flask":
    """The service with the built-in policies, no authentication, and time held still."""
    return make_app(auth="off")


@pytest.fixture
def client(app: "Flask") -> "FlaskClient":
    """A caller of the service."""
    return app.test_client()


@pytest.fixture
def ehr_client() -> "EhrClient":
    """A client with an ES384 and an RS384 key."""
    from tests.ehr_client import EhrClient

    return EhrClient()


@pytest.fixture
def trusting(make_app: "Making", ehr_client: "EhrClient", tmp_path: Path) -> "FlaskClient":
    """A caller of the service that wants tokens and knows one client."""
    from tests.ehr_client import BASE

    return make_app(clients=ehr_client.register(tmp_path), public_url=BASE).test_client()


@pytest.fixture
def token(ehr_client: "EhrClient") -> Callable[..., str]:
    """A fresh token of the registered client, for the address of order-sign unless told otherwise."""
    return ehr_client.token
