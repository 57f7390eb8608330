"""Fixtures for every test: a clock held still, counted ids, and the service as a Flask application."""

import itertools
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from cds_service.kernel.clock import Clock

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

pytest_plugins = ["tests.conformance.plugin"]

# The same examples on each run, however slow the machine: a failing property is a finding, not luck.
settings.register_profile(
    "house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("house")

# Not UTC on purpose: 01:30 in this zone is the day before in UTC, so a date taken in the wrong zone shows.
NOW = datetime(2026, 11, 22, 1, 30, tzinfo=timezone(timedelta(hours=9)))
TODAY = date(2026, 11, 21)


@pytest.fixture
def ids() -> Callable[[], str]:
    """New ids that count up: 00000000-0000-4000-8000-000000000001, ...2, ...3."""
    numbers: Iterator[int] = itertools.count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"


@pytest.fixture
def clock(ids: Callable[[], str]) -> Clock:
    """A clock that stands still at NOW and hands out counted ids."""
    return Clock(today=lambda: TODAY, now=lambda: NOW, new_id=ids)


@pytest.fixture
def app(clock: Clock) -> "Flask":
    """The service with the built-in policies, no authentication, and time held still."""
    from cds_service.web.app import create_app

    return create_app(clock=clock, auth="off")


@pytest.fixture
def client(app: "Flask") -> "FlaskClient":
    """A caller of the service."""
    return app.test_client()
