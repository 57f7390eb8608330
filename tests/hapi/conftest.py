"""Fixtures that need Java and Maven; without them these tests are left out, and the run says so."""

import shutil
from collections.abc import Iterator

import pytest

from tests.hapi import engine

LEFT_OUT = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def hapi_validator() -> Iterator[engine.Validator]:
    """HAPI's validator, started once."""
    with engine.validator() as running:
        yield running


@pytest.fixture(scope="session")
def hapi_server() -> Iterator[engine.Server]:
    """A HAPI FHIR server, started once; tests take ids of their own."""
    with engine.server() as running:
        yield running


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects what needs Java where it is missing."""
    needing = [item for item in items if item.get_closest_marker("hapi") and _lacks(item)]
    if needing:
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]
        config.stash[LEFT_OUT] = len(needing)


def _lacks(item: pytest.Item) -> list[str]:
    """The programs that this test needs and that are not there."""
    with_page = item.get_closest_marker("browser")
    return engine.missing_tools() + (["chromium"] if with_page and not shutil.which("chromium") else [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was left out and what to install."""
    if left_out := terminalreporter.config.stash.get(LEFT_OUT, 0):
        missing = ", ".join(engine.missing_tools() or ["chromium"])
        terminalreporter.write_line(
            f"LEFT OUT: {left_out} tests against HAPI's validator and FHIR server, because {missing} "
            "is missing; install a Java 17 development kit, Maven and Chromium."
        )
