"""Decision records: written whole before the answer leaves, read by their own client, never with a token."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from cds_service.answer.account import as_json
from cds_service.audit.database import StoreError
from cds_service.audit.store import Store
from cds_service.audit.tables import card, decision, determination, feedback, metadata, reading
from cds_service.determination import Outcome
from cds_service.hooks.feedback import read_feedback
from cds_service.kernel import fhir_json
from tests.builders import hcc, knowledge, without
from tests.unit.audit import stored
from tests.unit.audit.stored import NOW, answer, assertion, at, counted_clock, equipment


def count(store: Store, table: Any) -> int:
    """Rows of a table."""
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


@pytest.mark.requirement("CRD-116", "found-37", "found-11", "CH-259", "K4")
def test_a_record_has_request_answer_policy_revision_and_ids(store: Store) -> None:
    given = answer(store, client="https://ehr.example.org")
    found = store.decision(assertion(given))
    assert found is not None
    assert (found["hook"], found["client"], found["crd_version"]) == (
        "order-sign",
        "https://ehr.example.org",
        "2.2",
    )
    assert found["bundle_revision"] == knowledge().bundle.revision
    assert found["decided_at"] == NOW and found["milliseconds"] >= 0
    assert found["hook_instance"] == "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
    assert found["request"]["orders"] == ["ServiceRequest/order"]
    assert found["request"]["patient"] == "Patient/pat"
    assert found["determinations"] == [as_json(given.determinations[0])]
    sent = given.response.as_json()
    assert found["answer"]["cards"] == sent["cards"]
    [action] = found["answer"]["systemActions"]
    assert action["reference"] == "ServiceRequest/order" and "resource" not in action
    assert action["statements"] == sent["systemActions"][0]["resource"]["extension"]
    assert store.decision(given.response.cards[0].uuid) == store.decision(found["id"]) == found
    assert store.decision("nobody") is None


@pytest.mark.requirement("CRD-116", "CH-224", "T1")
def test_the_access_token_is_in_no_table(sqlite_store: Store, tmp_path: Path) -> None:
    access = {
        "access_token": "t0p-s3cret",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "s",
        "subject": "c",
    }
    answer(sqlite_store, fhirServer="https://fhir.example.org", fhirAuthorization=access)
    sqlite_store.engine.dispose()
    assert b"t0p-s3cret" not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


def test_an_account_is_the_determination_with_when_and_by_which_data(store: Store) -> None:
    """interface.md section 1: the object of section 3 plus four members."""
    given = answer(store)
    account = store.account(assertion(given), "")
    assert account is not None
    extra = {"coverage_assertion_id", "hook_instance", "decided_at", "bundle_revision", "decision"}
    assert account.keys() - as_json(given.determinations[0]).keys() == extra
    assert account["coverage_assertion_id"] == assertion(given)
    assert account["decided_at"] == "2026-11-21T16:30:00+00:00"


@pytest.mark.requirement("CRD-117", "found-38")
def test_an_account_is_for_its_own_client_and_each_reading_is_recorded(store: Store) -> None:
    given = answer(store, client="https://one.example.org")
    assert store.account(assertion(given), "https://two.example.org") is None
    assert count(store, reading) == 0
    assert store.account(assertion(given), "https://one.example.org") is not None
    assert count(store, reading) == 1


def test_the_last_determination_under_an_id_counts(store: Store) -> None:
    """After the missing size is on file the same assertion says something else (CRD-048)."""
    first = answer(store, without(hcc(), "size"))
    tools = at(NOW + timedelta(minutes=5), 100)
    second = answer(store, hcc(), tools=stored.replace(tools, store=store))
    assert assertion(first) == assertion(second)
    account = store.account(assertion(first), "")
    assert account is not None and account["outcome"] == "meets-criteria"
    assert count(store, decision) == 2


def test_the_order_of_an_assertion_can_be_judged_again(store: Store) -> None:
    order = store.order(assertion(answer(store)), "")
    assert order is not None
    assert (order["resourceType"], order["id"], order["status"]) == ("ServiceRequest", "order", "draft")
    assert store.order("nobody", "") is None


def told(card_id: str, **members: Any) -> tuple[Any, ...]:
    """A feedback message on one card."""
    item = {"card": card_id, "outcome": "overridden", "outcomeTimestamp": "2026-11-21T10:00:00Z", **members}
    return read_feedback(fhir_json.write({"feedback": [item]}))


@pytest.mark.requirement("CH-175", "F6")
def test_feedback_sent_again_is_counted_once(store: Store) -> None:
    shown = answer(store).response.cards[0].uuid
    for _ in range(3):
        store.take(told(shown), "")
    store.take((*told(shown), *told(shown)), "")
    assert count(store, feedback) == 1
    store.take(told(shown, outcomeTimestamp="2026-11-21T11:00:00Z"), "")
    store.take(told(shown), "https://other.example.org")
    assert count(store, feedback) == 3


@pytest.mark.requirement("CH-182")
def test_feedback_on_a_card_that_is_not_on_record_is_kept_as_such(store: Store) -> None:
    store.take(told("no-card-of-ours"), "")
    assert count(store, feedback) == 1


def test_what_one_database_could_not_hold_is_left_out(store: Store) -> None:
    """PostgreSQL refuses NUL in texts; nobody may shut the door for others with one."""
    store.take(told("a\0b", overrideReason={"reason": {"code": "c\0"}, "userComment": "\0d"}), "")
    with store.reading() as connection:
        [row] = connection.execute(select(feedback)).mappings()
    assert (row["card"], row["reason"], row["comment"]) == ("ab", "c", "d")


@pytest.mark.requirement("impl-2", "found-11")
def test_an_answer_that_cannot_be_kept_is_not_given_and_says_so() -> None:
    """Guidance that nobody kept cannot be honoured later; the call itself is still answered."""
    given = answer(Store("sqlite:////proc/nowhere/records.sqlite3"))
    [found] = given.determinations
    assert (found.outcome, found.reason, found.technical) == (Outcome.CANNOT_EVALUATE, "not-recorded", True)
    assert found.criteria == () and found.covered == "indeterminate"
    [shown] = given.response.cards
    assert "could not be kept on record" in shown.summary
    [action] = given.response.system_actions or ()
    statement = fhir_json.write(action.resource or {}).decode()
    assert '"indeterminate"' in statement and '"technical"' in statement


def test_a_record_is_kept_whole_or_not_at_all(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second decision whose card id is taken leaves nothing behind."""
    answer(store)
    clock = counted_clock(1)
    again = answer(store, tools=equipment(store, clock))
    assert again.determinations[0].reason == "not-recorded"
    assert [count(store, table) for table in (decision, determination, card)] == [1, 1, 1]


def test_old_decisions_go_with_their_cards_and_feedback(store: Store) -> None:
    shown = answer(store).response.cards[0].uuid
    store.take(told(shown), "")
    store.account(assertion(answer(None)), "")
    assert store.forget_before(NOW) == 0
    assert store.forget_before(NOW + timedelta(seconds=1)) == 1
    assert {table.name: count(store, table) for table in metadata.sorted_tables} == dict.fromkeys(
        metadata.tables, 0
    )


def test_the_migrations_make_the_tables_that_the_code_speaks_of(store: Store) -> None:
    """Two descriptions of one thing: alembic compares them."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_bringing_the_tables_up_to_date_again_changes_nothing(sqlite_store: Store, tmp_path: Path) -> None:
    answer(sqlite_store)
    again = Store(f"sqlite:///{tmp_path}/records.sqlite3")
    again.upgrade()
    assert count(again, decision) == 1


def test_a_database_that_is_down_is_left_alone_for_a_moment(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not every call of the next seconds may spend its time budget on waiting for it."""
    tried = []

    def down(*_: object) -> None:
        tried.append(1)
        raise sqlite3.OperationalError("no route")

    monkeypatch.setattr(sqlite_store.engine.dialect, "name", "postgresql")
    monkeypatch.setattr(sqlite_store.engine.pool, "_creator", down)
    sqlite_store.engine.dispose()
    for _ in range(5):
        with pytest.raises(StoreError):
            sqlite_store.upgrade()
    assert len(tried) <= 1
