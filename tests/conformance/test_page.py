"""The page claims no state that the tests of the run or the data do not bear out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance import catalogue
from tests.conformance.catalogue import Requirement
from tools import conformance

KNOWN = catalogue.load()


def _requirement(**members: object) -> Requirement:
    base = {
        "id": "X-1",
        "strength": "SHALL",
        "area": "hooks",
        "binds": True,
        "says": "A thing is so.",
        "source": "X",
    }
    return Requirement(**{**base, **members})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("members", "tests", "state"),
    [
        ({}, {"a": "passed", "b": "passed"}, "met"),
        ({}, {}, "not"),
        ({}, {"a": "passed", "b": "skipped"}, "not"),
        ({}, {"a": "xfailed"}, "not"),
        ({"reason": "partly: half of it"}, {"a": "passed"}, "partly"),
        ({"reason": "partly: half of it"}, {}, "not"),
        ({"reason": "partly: half of it"}, {"a": "failed"}, "not"),
        ({"reason": "not: too hard"}, {"a": "passed"}, "not"),
        ({"not_yet": "not built"}, {"a": "passed"}, "met"),
        ({"binds": False, "reason": "the client's"}, {"a": "passed"}, "not applicable"),
    ],
)
def test_state_follows_from_tests_or_from_an_explanation(
    members: dict[str, object], tests: dict[str, str], state: str
) -> None:
    assert conformance.judge(_requirement(**members), tests).state == state


@pytest.mark.parametrize(
    ("members", "is_open"),
    [
        ({}, True),
        ({"strength": "SHALL NOT"}, True),
        ({"reason": "partly: half of it"}, True),
        ({"reason": "not: too hard"}, False),
        ({"not_yet": "not built"}, False),
        ({"binds": False, "reason": "the client's"}, False),
        ({"strength": "SHOULD"}, False),
        ({"strength": "self"}, False),
    ],
)
def test_an_untested_shall_is_open_unless_the_data_explains_it(
    members: dict[str, object], is_open: bool
) -> None:
    assert bool(conformance.open_ids([conformance.judge(_requirement(**members), {})])) is is_open


def test_should_is_open_only_when_asked_for() -> None:
    judged = [conformance.judge(_requirement(strength="SHOULD NOT"), {})]
    assert conformance.open_ids(judged) == []
    assert conformance.open_ids(judged, should=True) == ["X-1"]


def test_page_counts_shows_and_withholds() -> None:
    judged = [
        conformance.judge(
            _requirement(id="A", says="Either a|b."), {"conformance/test_a.py::test_a": "passed"}
        ),
        conformance.judge(_requirement(id="B", reason="partly: half of it"), {}),
        conformance.judge(_requirement(id="C", reason="not: too hard", basis="D"), {"t": "failed"}),
    ]
    page = conformance.render(judged)
    assert "| X | SHALL | 1 | 0 | 1 | 0 |" in page
    assert "| X | own gate | 0 | 0 | 1 | 0 |" in page
    assert "| A | SHALL | met | Either a\\|b. | `conformance/test_a.py::test_a` |" in page
    assert "half of it" not in page
    assert "| C | SHALL (own gate) | not | A thing is so. *Too hard.* | `t` (failed) |" in page


def _results(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    return path


def test_parameters_of_a_test_are_one_line_and_the_worst_counts(tmp_path: Path) -> None:
    runs = [
        {"test": f"tests/t.py::test_a[{n}]", "outcome": o}
        for n, o in enumerate(("passed", "failed", "passed"))
    ]
    assert conformance.read_results(_results(tmp_path, {"CH-001": runs}), KNOWN) == {
        "CH-001": {"t.py::test_a": "failed"}
    }


def test_all_statements_tested_makes_the_check_pass_and_an_old_page_makes_it_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = {name: [{"test": "tests/t.py::test_a", "outcome": "passed"}] for name in KNOWN}
    page = tmp_path / "docs" / "page.md"
    arguments = [str(_results(tmp_path, everything)), "--page", str(page)]
    assert conformance.main(arguments) == 0
    assert conformance.main([*arguments, "--check", "--should"]) == 0
    page.write_text(page.read_text() + "by hand\n")
    assert conformance.main([*arguments, "--check"]) == 1
    assert "out of date" in capsys.readouterr().out


def test_check_names_the_shall_that_has_no_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    all_but_one = {name: [{"test": "t", "outcome": "passed"}] for name in KNOWN if name != "resp-35"}
    arguments = [str(_results(tmp_path, all_but_one)), "--page", str(tmp_path / "page.md")]
    assert conformance.main(arguments) == 0
    assert conformance.main([*arguments, "--check"]) == 1
    assert "1 requirements neither met nor explained: resp-35" in capsys.readouterr().out


@pytest.mark.parametrize("content", [[], {"CH-999": []}, {"CH-001": [{"name": "x"}]}, {"CH-001": 7}])
def test_unusable_results_are_told_and_not_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object
) -> None:
    assert conformance.main([str(_results(tmp_path, content)), "--page", str(tmp_path / "page.md")]) == 2
    assert "results.json" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()
