"""Ids of tokens are accepted once until they expire, in this process and over all that share a database."""

import threading
from pathlib import Path

import pytest

from cds_service.audit.store import Store
from cds_service.web.replay import UsedTokens


class Now:
    """A clock that a test moves."""

    moment = 1000.0

    def __call__(self) -> float:
        return self.moment


@pytest.mark.requirement("CH-208", "J9")
def test_an_id_is_new_once_for_each_issuer_until_it_expires() -> None:
    now = Now()
    used = UsedTokens(now=now)
    assert used.first_use("a", "1", 1300) is True
    assert used.first_use("a", "1", 1300) is False
    assert used.first_use("b", "1", 1300) is True
    now.moment = 1299
    assert used.first_use("a", "1", 1300) is False
    now.moment = 1301
    assert used.first_use("a", "1", 1600) is True


def test_of_many_at_the_same_moment_one_gets_through() -> None:
    used = UsedTokens()
    found: list[bool] = []
    start = threading.Barrier(16)

    def ask() -> None:
        start.wait()
        found.append(used.first_use("a", "1", 1e12))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(True) == 1


@pytest.mark.requirement("CH-209", "J9")
def test_two_processes_with_one_database_share_what_was_used(empty_records: Path, tmp_path: Path) -> None:
    database = tmp_path / "shared.sqlite3"
    database.write_bytes(empty_records.read_bytes())
    one, two = (UsedTokens(Store(f"sqlite:///{database}").first_use) for _ in range(2))
    assert one.first_use("a", "1", 1e12) is True
    assert two.first_use("a", "1", 1e12) is False
    assert two.first_use("a", "2", 1e12) is True


def test_without_its_database_a_process_still_remembers_its_own() -> None:
    used = UsedTokens(Store("sqlite:////proc/nowhere/x.sqlite3").first_use)
    assert used.first_use("a", "1", 1e12) is True
    assert used.first_use("a", "1", 1e12) is False


def test_expired_ids_leave_the_database(empty_records: Path, tmp_path: Path) -> None:
    database = tmp_path / "shared.sqlite3"
    database.write_bytes(empty_records.read_bytes())
    store = Store(f"sqlite:///{database}")
    assert store.first_use("a", "1", 5.0) is True
    assert store.first_use("a", "1", 1e12) is True
