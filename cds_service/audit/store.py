"""Writes and reads decision records and feedback; SQLite by default, PostgreSQL by URL."""

import hashlib
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from cds_service.audit.database import StoreError, open_engine, upgrade
from cds_service.audit.kept import read_kept
from cds_service.audit.record import DecisionRecord
from cds_service.audit.tables import card, decision, determination, feedback, reading, used_token
from cds_service.hooks.feedback import Feedback
from cds_service.kernel import fhir_json
from cds_service.kernel.fhir_json import JsonObject

_RETRY_SECONDS = 5.0


class Store:
    """Decision records and feedback of all calls. Every method raises StoreError when the database fails."""

    def __init__(self, url: str) -> None:
        """Raises SettingError for what is no database URL; a database that is down is tried again later."""
        self.engine = open_engine(url)
        self._lock = threading.Lock()
        self._turn = threading.Lock() if self.engine.dialect.name == "sqlite" else nullcontext()
        self._current = False
        self._down_until = float("-inf")

    def write(self, record: DecisionRecord) -> None:
        """Keeps a record, whole or not at all."""
        with self._transaction() as connection:
            connection.execute(insert(decision), record.decision)
            if record.determinations:
                connection.execute(insert(determination), list(record.determinations))
            if record.cards:
                connection.execute(insert(card), list(record.cards))

    def account(self, assertion: str, client: str) -> JsonObject | None:
        """The account of a client's last determination under an assertion id (interface.md section 1).

        client: blank where nobody has to say who they are; then all may be read. The reading is recorded.
        """
        with self._transaction() as connection:
            row = connection.execute(_newest(assertion, client)).mappings().first()
            if row is None:
                return None
            reader = {
                "id": str(uuid.uuid4()),
                "decision": row["id"],
                "client": client,
                "at": datetime.now(UTC),
            }
            connection.execute(insert(reading), reader)
        return {
            **row["account"],
            "coverage_assertion_id": assertion,
            "hook_instance": row["hook_instance"],
            "decided_at": _utc(row["decided_at"]).isoformat(),
            "bundle_revision": row["bundle_revision"],
            "decision": row["id"],
        }

    def order(self, assertion: str, client: str) -> JsonObject | None:
        """The order of that determination, as far as rules read it; arguments as for `account`."""
        with self._transaction() as connection:
            row = connection.execute(_newest(assertion, client)).mappings().first()
        if row is None:
            return None
        stored = read_kept(row["chart"]).build().find(row["account"]["order"])
        found: JsonObject | None = fhir_json.read(bytes(stored.raw)) if stored else None
        return found

    def decision(self, name: str) -> JsonObject | None:
        """A whole decision, by its id, by an assertion's id (the last one), or by a card's uuid."""
        wanted = (
            select(decision)
            .outerjoin(determination)
            .outerjoin(card, card.c.decision == decision.c.id)
            .where((decision.c.id == name) | (determination.c.assertion == name) | (card.c.uuid == name))
            .order_by(decision.c.decided_at.desc())
            .limit(1)
        )
        with self._transaction() as connection:
            row = connection.execute(wanted).mappings().first()
            if row is None:
                return None
            accounts = select(determination.c.account).where(determination.c.decision == row["id"])
            found = connection.execute(accounts.order_by(determination.c.place)).scalars().all()
        return {**row, "decided_at": _utc(row["decided_at"]), "determinations": list(found)}

    def take(self, items: Sequence[Feedback], client: str) -> None:
        """Keeps feedback; what was sent before takes the place of itself (CH-175)."""
        rows = {row["id"]: row for row in (_feedback_row(item, client) for item in items)}
        if rows:
            with self._transaction() as connection:
                connection.execute(delete(feedback).where(feedback.c.id.in_(rows)))
                connection.execute(insert(feedback), list(rows.values()))

    def first_use(self, issuer: str, jti: str, until: float) -> bool | None:
        """Whether a token id is new to all that share the database; None when it cannot be asked."""
        now = time.time()
        try:
            with self._transaction() as connection:
                connection.execute(delete(used_token).where(used_token.c.until < now))
                connection.execute(insert(used_token), {"id": _digest(issuer, jti), "until": until})
        except StoreError as error:
            return False if isinstance(error.__cause__, IntegrityError) else None
        return True

    def forget_before(self, moment: datetime) -> int:
        """Deletes decisions made before a moment, with their cards and the feedback on them; how many."""
        moment = moment.astimezone(UTC)
        old = select(decision.c.id).where(decision.c.decided_at < moment)
        with self._transaction() as connection:
            cards = select(card.c.uuid).where(card.c.decision.in_(old))
            connection.execute(delete(feedback).where(feedback.c.card.in_(cards)))
            for table in (card, determination, reading):
                connection.execute(delete(table).where(table.c.decision.in_(old)))
            return connection.execute(delete(decision).where(decision.c.decided_at < moment)).rowcount

    @property
    def ready(self) -> bool:
        """Whether records can be kept now."""
        try:
            self.upgrade()
        except StoreError:
            return False
        return True

    def upgrade(self) -> None:
        """Brings the tables up to date now."""
        with self._transaction():
            return

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reports."""
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A connection whose work is kept when the block ends well; after a failure none for some seconds."""
        if time.monotonic() < self._down_until:
            raise StoreError("not reachable a moment ago")
        try:
            self._prepare()
            # SQLite has room for one writer; who waits there may wait in vain, here everybody has a turn.
            with self._turn, self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            if isinstance(error, OperationalError) and self.engine.dialect.name != "sqlite":
                self._down_until = time.monotonic() + _RETRY_SECONDS
            raise StoreError(type(error).__name__) from error

    def _prepare(self) -> None:
        """Brings the tables up to date, once."""
        if not self._current:
            with self._lock:
                if not self._current:
                    upgrade(self.engine)
                    self._current = True


def _newest(assertion: str, client: str) -> Select[Any]:
    """The last determination under an assertion id, with its decision."""
    wanted = select(determination.c.account, decision).join(decision)
    wanted = wanted.where(determination.c.assertion == assertion)
    if client:
        wanted = wanted.where(determination.c.client == client)
    return wanted.order_by(decision.c.decided_at.desc()).limit(1)


def _feedback_row(item: Feedback, client: str) -> dict[str, Any]:
    reason = item.reason
    parts = (
        client,
        item.card,
        item.outcome,
        item.at.isoformat(),
        *item.suggestions,
        reason.code if reason else "",
    )
    return {
        "id": _digest(*parts),
        "card": _storable(item.card),
        "client": client,
        "outcome": item.outcome,
        "at": item.at,
        "received_at": datetime.now(UTC),
        "suggestions": list(item.suggestions),
        "reason": _storable(reason.code) if reason else None,
        "reason_system": _storable(reason.system) if reason else None,
        "reason_display": _storable(reason.display) if reason else None,
        "comment": _storable(item.comment),
        "extension": item.extension,
    }


def _storable(text: str | None) -> str | None:
    """A client's text as every database takes it: PostgreSQL knows no NUL."""
    return text.replace("\0", "") if text else text


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _utc(moment: datetime) -> datetime:
    """SQLite gives moments back without their zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
