"""Our own charts with their whole answers, so that every checkout has an acceptance test."""

import json

import pytest

from tests.acceptance.charts import CHARTS, FOLDER, answers
from tests.builders import bundle


@pytest.mark.parametrize("name", CHARTS)
def test_the_chart_gets_its_answer_whole(name: str) -> None:
    """interface.md 3: outcome, criteria, evidence, gaps, notes, flags and documents, compared whole."""
    chart = (FOLDER / f"{name}.json").read_bytes()
    expected = json.loads((FOLDER / f"{name}.answer.json").read_bytes())
    assert answers(chart) == expected


@pytest.mark.parametrize("name", CHARTS)
def test_the_chart_on_file_is_the_one_described(name: str) -> None:
    """A chart that was edited by hand would no longer say what its line in charts.py says."""
    assert json.loads((FOLDER / f"{name}.json").read_bytes()) == json.loads(bundle(CHARTS[name]))


def test_the_charts_show_every_outcome_and_every_state() -> None:
    """determinations.md 1: both payers, every outcome."""
    found = [each for name in CHARTS for each in json.loads((FOLDER / f"{name}.answer.json").read_bytes())]
    assert {each["outcome"] for each in found} == {
        *("meets-criteria", "investigational", "needs-info", "refer-to-plan", "no-policy"),
        *("out-of-scope", "cannot-evaluate"),
    }
    assert {each["payer"] for each in found} >= {"capital-blue-cross", "blue-shield-of-california"}
    states = {(criterion["id"], criterion["state"]) for each in found for criterion in each["criteria"]}
    assert len(states) >= 12
    assert {flag for each in found for flag in each["flags"]} == {"code-list-conflict", "code-not-listed"}


def test_no_file_is_left_over() -> None:
    """A chart without its line would never be judged."""
    kept = {f"{name}{end}" for name in CHARTS for end in (".json", ".answer.json")}
    assert {path.name for path in FOLDER.iterdir()} == kept
