"""Pytest plugin: the marker requirement(*ids), and which tests proved which requirement in this run."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from tests.conformance import catalogue

MARKER = "requirement"
# Ordered from good to bad: a test is as good as the worst of its set-up, call and tear-down.
OUTCOMES = ("passed", "xpassed", "xfailed", "skipped", "failed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --conformance-out."""
    parser.addoption(
        "--conformance-out",
        metavar="FILE",
        type=Path,
        help="write as JSON which requirement ids were carried by which tests, with their outcome",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker, and the recorder in the process that sees every result."""
    config.addinivalue_line("markers", f"{MARKER}(*ids): the requirements that this test proves")
    is_worker = hasattr(config, "workerinput")  # of pytest-xdist; its results reach the controller as reports
    if config.option.conformance_out and not is_worker:
        config.pluginmanager.register(Recorder(config.option.conformance_out), "conformance-recorder")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hands each test its ids, which travel with its reports (also from worker processes)."""
    for item in items:
        ids = [value for mark in item.iter_markers(MARKER) for value in mark.args]
        item.user_properties.extend((MARKER, value) for value in dict.fromkeys(ids))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stops a test whose marker names nothing or something unknown; this works in worker processes too."""
    marks = list(item.iter_markers(MARKER))
    if not marks:
        return
    if any(mark.kwargs or not mark.args for mark in marks):
        pytest.fail(f"the marker {MARKER} takes one or more ids and nothing else", pytrace=False)
    if unknown := [value for mark in marks for value in mark.args if value not in _known()]:
        hint = "the ids are in tests/conformance/requirements"
        pytest.fail(f"unknown requirement: {', '.join(map(str, unknown))} ({hint})", pytrace=False)


@cache
def _known() -> frozenset[str]:
    """The known ids, read once and only when a test needs them."""
    return frozenset(catalogue.load())


class Recorder:
    """Collects the outcome of every test that carries an id and writes the file at the end of the run."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.outcomes: dict[str, str] = {}
        self.tests: dict[str, set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes one report of one phase of a test."""
        ids = [str(value) for name, value in report.user_properties if name == MARKER]
        for requirement in ids:
            self.tests.setdefault(requirement, set()).add(report.nodeid)
        if ids:
            worst = (self.outcomes.get(report.nodeid, OUTCOMES[0]), _outcome(report))
            self.outcomes[report.nodeid] = max(worst, key=OUTCOMES.index)

    def pytest_sessionfinish(self) -> None:
        """Writes {id: [{"test": ..., "outcome": ...}]}."""
        results = {
            requirement: [{"test": test, "outcome": self.outcomes[test]} for test in sorted(tests)]
            for requirement, tests in sorted(self.tests.items())
        }
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.target.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def _outcome(report: pytest.TestReport) -> str:
    """The outcome of one phase, with expected failures told apart from passes and skips."""
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.passed else "xfailed"
    return report.outcome
