"""replay, feedback report, db upgrade and db prune."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.audit.store import Store
from cds_service.cli import main
from cds_service.hooks.feedback import Feedback
from tests.builders import hcc, without
from tests.unit.audit.stored import NOW, answer, assertion, new_store


@pytest.fixture
def store(empty_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that the commands work on too."""
    made = new_store(empty_records, tmp_path)
    monkeypatch.setenv("CDS_SERVICE_DATABASE_URL", str(made.engine.url))
    return made


def run(*words: str) -> Result:
    """One command line."""
    return CliRunner().invoke(main, list(words))


def test_replay_by_any_id_shows_that_nothing_differs(store: Store) -> None:
    given = answer(store, without(hcc(), "size"))
    for name in (assertion(given), given.response.cards[0].uuid):
        result = run("replay", name)
        assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "Nothing differs."), result.output
    found = json.loads(run("replay", assertion(given), "--json").stdout)
    assert found["differences"] == [] and found["then"] == found["now"]
    assert found["then"][0]["outcome"] == "needs-info"


def test_replay_of_what_is_not_on_record_is_unusable(store: Store) -> None:
    result = run("replay", "nobody")
    assert result.exit_code == 2 and "nobody" in result.stderr


def test_the_report_is_printed_for_people_and_programs(store: Store) -> None:
    card = answer(store, without(hcc(), "size")).response.cards[0].uuid
    store.take([Feedback(card, "overridden", NOW)], "")
    text = run("feedback", "report").stdout
    assert "needs-info: 1 card, 0 accepted, 1 overridden" in text
    assert "reason none given: 1" in text and "open criterion size: 1" in text
    [row] = json.loads(run("feedback", "report", "--json").stdout)["policies"]
    assert row["criteria"] == {"size": 1}


def test_upgrade_makes_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "folder" / "records.sqlite3"
    monkeypatch.setenv("CDS_SERVICE_DATABASE_URL", f"sqlite:///{path}")
    assert run("db", "upgrade").exit_code == 0
    assert path.stat().st_mode & 0o077 == 0, "records are nobody else's to read"
    assert run("db", "upgrade").exit_code == 0


def test_prune_deletes_what_is_old(store: Store) -> None:
    answer(store)
    age = (datetime.now(NOW.tzinfo) - NOW) // timedelta(days=1)
    assert "0 decisions deleted" in run("db", "prune", "--older-than", str(max(age, 0) + 2)).stdout
    store.forget_before(NOW)
    assert run("db", "prune", "--older-than", "0").exit_code == 2


@pytest.mark.parametrize("words", [["replay", "x"], ["feedback", "report"], ["db", "upgrade"]])
def test_a_database_that_does_not_answer_is_exit_code_3(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """interface.md section 2: an outside system failed."""
    monkeypatch.setenv("CDS_SERVICE_DATABASE_URL", "sqlite:////proc/nowhere/records.sqlite3")
    result = run(*words)
    assert result.exit_code == 3 and "does not answer" in result.stderr
