"""Both payers, every outcome, both CRD versions: whole answers as they are on file."""

from pathlib import Path
from typing import Any

import pytest

from cds_service.answer.coverage_rules import EXTENSION, problems
from tests.golden.replay import cases, expected, play, request_of

pytestmark = pytest.mark.requirement("CH-167")
ANSWERED = [case for case in cases() if expected(case)["status"] == 200]


@pytest.mark.parametrize("case", cases())
def test_the_answer_is_the_one_on_file(case: str, tmp_path: Path) -> None:
    """`python -m tests.golden.replay` writes the files anew; the difference is for a person to read."""
    assert play(request_of(case), tmp_path / "records.sqlite3") == expected(case)


def statements(case: str) -> list[dict[str, Any]]:
    """Our statements in the answer on file."""
    actions = expected(case)["body"].get("systemActions", [])
    carried = [each for action in actions for each in action["resource"].get("extension", [])]
    return [each for each in carried if each["url"] == EXTENSION]


@pytest.mark.parametrize("case", ANSWERED)
def test_what_is_on_file_is_legal_in_its_version(case: str) -> None:
    """A golden file may not teach a mistake (crd-dtr.md 1.3, 1.4)."""
    version = "2.0" if case.endswith("2.0") else "2.2"
    for statement in statements(case):
        assert list(problems(statement, version)) == []


@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_the_files_show_every_outcome_for_both_payers(version: str) -> None:
    """Nothing that a clinician may see is missing from the files."""
    shown: dict[str, set[str]] = {}
    for case in ANSWERED:
        if case.endswith(version):
            for card in expected(case)["body"]["cards"]:
                shown.setdefault(card["source"]["label"], set()).add(card["summary"])
    served = [" | ".join(texts) for label, texts in shown.items() if "Blue" in label]
    assert len(served) == 2
    for texts in served:
        assert "considered investigational" in texts
        assert "follows its own rules" in texts
        assert "in force on" in texts
    assert any("all 5 criteria met" in texts and "1 of 5 criteria open" in texts for texts in served)
    assert any("name the technique" in texts for texts in served)


@pytest.mark.requirement("CRD-047", "resp-35")
@pytest.mark.parametrize("version", ["2.0", "2.2"])
def test_signing_again_without_news_changes_nothing(version: str) -> None:
    """The card is told again; the order already carries the statement."""
    again, first = (expected(f"{case}-{version}")["body"] for case in ("signed-again", "criteria-met"))
    assert again["systemActions"] == [] and len(first["systemActions"]) == 1
    assert [card["summary"] for card in again["cards"]] == [card["summary"] for card in first["cards"]]
