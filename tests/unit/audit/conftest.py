"""An empty store for each test, on SQLite and on PostgreSQL where that is installed."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from cds_service.audit.store import Store
from tests import postgresql
from tests.unit.audit.stored import new_store

LEFT_OUT = pytest.StashKey[int]()
NUMBERS = count(1)


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[], str]]:
    """Makes PostgreSQL databases with every table and no record; the tables are made once."""
    with postgresql.running() as folder:
        empty = Store(postgresql.create(folder, "empty"))
        empty.upgrade()
        empty.engine.dispose()
        yield lambda: postgresql.create(folder, f"records{next(NUMBERS)}", "empty")


@pytest.fixture
def sqlite_store(empty_records: Path, tmp_path: Path) -> Store:
    """An empty store in a file."""
    return new_store(empty_records, tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store."""
    if request.param == "sqlite":
        made = request.getfixturevalue("sqlite_store")
    else:
        made = Store(request.getfixturevalue("new_database")())
    yield made
    made.engine.dispose()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselects what needs PostgreSQL where it is missing."""
    needing = [item for item in items if item.get_closest_marker("postgresql")]
    if needing and postgresql.programs() is None:
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]
        config.stash[LEFT_OUT] = len(needing)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was left out and what to install."""
    if left_out := terminalreporter.config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"LEFT OUT: {left_out} tests of records on PostgreSQL, because its server programs are missing."
        )
