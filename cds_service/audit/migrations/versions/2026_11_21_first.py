"""The first tables: decisions, determinations, cards, feedback, readings, used tokens."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic import op

revision = "2026_11_21_first"
down_revision = None

Column: TypeAlias = "sa.Column[Any]"
_TABLES = ("decision", "determination", "card", "reading", "feedback", "used_token")


def upgrade() -> None:
    """To this shape."""
    op.create_table("decision", *_decision())
    op.create_table("determination", *_determination(), sa.PrimaryKeyConstraint("decision", "place"))
    op.create_table("card", *_card())
    op.create_table("reading", _id(36), _of_decision("reading"), _text("client"), _moment("at"))
    op.create_table("feedback", *_feedback())
    op.create_table("used_token", _id(64), sa.Column("until", sa.Float, nullable=False))
    for table, column in (
        ("decision", "decided_at"),
        ("determination", "assertion"),
        ("card", "decision"),
        ("feedback", "card"),
        ("used_token", "until"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """Back to an empty database."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _decision() -> Iterator[Column]:
    yield from (_id(36), _moment("decided_at"), _string("hook", 40), _text("hook_instance"), _text("client"))
    yield from (_string("crd_version", 8), _string("service_version", 40), _string("bundle_revision", 64))
    yield sa.Column("milliseconds", sa.Float, nullable=False)
    yield from (_json("request"), _json("answer"), sa.Column("chart", sa.LargeBinary, nullable=False))


def _determination() -> Iterator[Column]:
    yield _of_decision("determination")
    yield sa.Column("place", sa.Integer, nullable=False)
    yield from (_string("assertion", 80), _text("client"), *_policy(), _json("account"))


def _card() -> Iterator[Column]:
    yield sa.Column("uuid", sa.String(36), primary_key=True)
    yield from (_of_decision("card"), _text("client"), _string("kind", 60), _string("assertion", 80))
    yield from (*_policy(), _json("open_criteria"), _json("suggestions"))


def _feedback() -> Iterator[Column]:
    yield from (_id(64), _text("card"), _text("client"), _string("outcome", 20))
    yield from (_moment("at"), _moment("received_at"), _json("suggestions"))
    yield from (sa.Column(name, sa.Text) for name in ("reason", "reason_system", "reason_display", "comment"))
    yield sa.Column("extension", sa.JSON)


def _policy() -> tuple[Column, ...]:
    return sa.Column("policy", sa.Text), sa.Column("version", sa.String(40)), _string("outcome", 40)


def _id(length: int) -> Column:
    return sa.Column("id", sa.String(length), primary_key=True)


def _of_decision(table: str) -> Column:
    known = sa.ForeignKey("decision.id", ondelete="CASCADE", name=f"fk_{table}_decision")
    return sa.Column("decision", sa.String(36), known, nullable=False)


def _string(name: str, length: int) -> Column:
    return sa.Column(name, sa.String(length), nullable=False)


def _text(name: str) -> Column:
    return sa.Column(name, sa.Text, nullable=False)


def _json(name: str) -> Column:
    return sa.Column(name, sa.JSON, nullable=False)


def _moment(name: str) -> Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
