"""The shared charts, judged in-process: every row of expected.csv, where the shared folder is at hand."""

import csv
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.evaluate import as_json, evaluate_chart
from tests.builders import CRITERIA, knowledge

SHARED = Path(__file__).parents[3] / "shared" / "cases"
Row = dict[str, str]

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="no shared folder beside this checkout; see test_charts.py"
)


def rows() -> Iterator[Row]:
    """The rows of expected.csv; none without the shared folder."""
    if SHARED.is_dir():
        with (SHARED / "expected.csv").open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


ROWS = list(rows())


@cache
def determinations(name: str, on: str) -> list[dict[str, Any]]:
    """What `evaluate --json` says of one chart."""
    raw = (SHARED / "charts" / name).read_bytes()
    return [as_json(each) for each in evaluate_chart(raw, date.fromisoformat(on), knowledge())]


def is_named(expected: str, found: str | None) -> bool:
    """Whether a reference is the one expected, by its last two parts; none is expected as an empty text."""
    return (found or "").split("/")[-2:] == expected.split("/")[-2:] if expected else found is None


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['file']}-{row['coverage'][-4:]}" for row in ROWS])
def test_the_chart_gets_the_answer_of_the_rules(row: Row) -> None:
    """clinical.md; a value `a|b` accepts either, an empty state is not checked."""
    found = [
        each
        for each in determinations(row["file"], row["on"])
        if is_named(row["order"], each["order"]) and is_named(row["coverage"], each["coverage"])
    ]
    assert len(found) == 1, row["why"]
    answer = found[0]
    states = {each["id"]: each["state"] for each in answer["criteria"]}
    assert answer["outcome"] in row["outcome"].split("|"), row["why"]
    assert (answer["covered"] or "") in row["covered"].split("|"), row["why"]
    assert {name: states.get(name) for name in CRITERIA if row[name]} == {
        name: states.get(name) if states.get(name) in row[name].split("|") else row[name]
        for name in CRITERIA
        if row[name]
    }, row["why"]
    assert set(row["flags"].replace("|", " ").split()) <= set(answer["flags"]), row["why"]


def test_no_chart_gets_an_answer_that_no_row_expects() -> None:
    """Every determination but out-of-scope ones has its row."""
    for name, on in {(row["file"], row["on"]) for row in ROWS}:
        mine = [row for row in ROWS if row["file"] == name]
        for each in determinations(name, on):
            expected = any(
                is_named(row["order"], each["order"]) and is_named(row["coverage"], each["coverage"])
                for row in mine
            )
            assert expected or each["outcome"] == "out-of-scope", (name, each["order"])
