"""The plugin records what each marked test really did, in one process and in several."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

SUITE = """
import pytest

@pytest.mark.requirement("CH-001", "D1")
def test_good(): pass

@pytest.mark.requirement("CH-002")
@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.requirement("CH-003"))])
def test_parameters(n): assert n == 1

@pytest.mark.requirement("CH-004")
@pytest.mark.skip(reason="no")
def test_skipped(): pass

@pytest.mark.requirement("CH-005")
@pytest.mark.xfail
def test_expected_failure(): assert False

@pytest.mark.requirement("CH-006")
@pytest.mark.xfail(strict=False)
def test_unexpected_pass(): pass

@pytest.fixture
def breaks_late():
    yield
    raise RuntimeError

@pytest.mark.requirement("CH-007")
def test_teardown(breaks_late): pass

@pytest.mark.requirement("CH-008")
class TestClass:
    @pytest.mark.requirement("CH-009")
    def test_method(self): pass

@pytest.mark.requirement("CH-999")
def test_unknown_id(): pass

@pytest.mark.requirement()
def test_no_id(): pass

def test_without_marker(): pass
"""


def _run_suite(folder: Path, *options: str) -> tuple[dict[str, list[dict[str, str]]], str]:
    """Runs the suite above in a process of its own; the recorded results and what was printed."""
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.conformance.plugin"]\n')
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (folder / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "--conformance-out", "out/results.json", *options]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTEST_ADDOPTS": "",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return json.loads((folder / "out" / "results.json").read_text()), done.stdout


@pytest.mark.parametrize("options", [[], ["-p", "xdist", "-n", "1"]], ids=["one process", "xdist"])
def test_plugin_records_every_marked_test_with_its_true_outcome(tmp_path: Path, options: list[str]) -> None:
    results, printed = _run_suite(tmp_path, *options)
    outcomes = {
        name: [(run["test"].split("::", 1)[1], run["outcome"]) for run in runs]
        for name, runs in results.items()
    }
    assert outcomes == {
        "CH-001": [("test_good", "passed")],
        "D1": [("test_good", "passed")],
        "CH-002": [("test_parameters[1]", "passed"), ("test_parameters[2]", "failed")],
        "CH-003": [("test_parameters[2]", "failed")],
        "CH-004": [("test_skipped", "skipped")],
        "CH-005": [("test_expected_failure", "xfailed")],
        "CH-006": [("test_unexpected_pass", "xpassed")],
        "CH-007": [("test_teardown", "failed")],
        "CH-008": [("TestClass::test_method", "passed")],
        "CH-009": [("TestClass::test_method", "passed")],
        "CH-999": [("test_unknown_id", "failed")],
    }
    assert "unknown requirement: CH-999" in printed
    assert "takes one or more ids" in printed
