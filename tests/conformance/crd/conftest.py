"""Fixtures of the CRD cases: the service with further policy folders, and with a registered EHR."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cds_service.knowledge import Knowledge, load_knowledge
from tests.applications import Making

SAMPLE = Path(__file__).parents[2] / "policies_sample"
WithPolicies = Callable[..., FlaskClient]


@cache
def _knowledge(folder: Path) -> Knowledge:
    return load_knowledge([folder])


@pytest.fixture
def with_policies(make_app: Making) -> WithPolicies:
    """Makes a caller of the service with a further policy folder beside the built-in one."""

    def make(folder: Path = SAMPLE) -> FlaskClient:
        return make_app(_knowledge(folder), auth="off").test_client()

    return make


@pytest.fixture
def sample(with_policies: WithPolicies) -> FlaskClient:
    """A caller of the service that knows the sample policy."""
    return with_policies()
