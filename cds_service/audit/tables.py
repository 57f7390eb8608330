"""The tables of decision records and feedback; migrations sit beside."""

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
}
metadata = MetaData(naming_convention=_NAMES)

decision = Table(
    "decision",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("decided_at", DateTime(timezone=True), nullable=False, index=True),
    Column("hook", String(40), nullable=False),
    Column("hook_instance", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("crd_version", String(8), nullable=False),
    Column("service_version", String(40), nullable=False),
    Column("bundle_revision", String(64), nullable=False),
    Column("milliseconds", Float, nullable=False),
    Column("request", JSON, nullable=False),
    Column("answer", JSON, nullable=False),
    Column("chart", LargeBinary, nullable=False),
)
determination = Table(
    "determination",
    metadata,
    Column("decision", ForeignKey("decision.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("assertion", String(80), nullable=False, index=True),
    Column("client", Text, nullable=False),
    Column("policy", Text),
    Column("version", String(40)),
    Column("outcome", String(40), nullable=False),
    Column("account", JSON, nullable=False),
)
card = Table(
    "card",
    metadata,
    Column("uuid", String(36), primary_key=True),
    Column("decision", ForeignKey("decision.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("client", Text, nullable=False),
    Column("kind", String(60), nullable=False),
    Column("assertion", String(80), nullable=False),
    Column("policy", Text),
    Column("version", String(40)),
    Column("outcome", String(40), nullable=False),
    Column("open_criteria", JSON, nullable=False),
    Column("suggestions", JSON, nullable=False),
)
feedback = Table(
    "feedback",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("card", Text, nullable=False, index=True),
    Column("client", Text, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("suggestions", JSON, nullable=False),
    Column("reason", Text),
    Column("reason_system", Text),
    Column("reason_display", Text),
    Column("comment", Text),
    Column("extension", JSON),
)
reading = Table(
    "reading",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("decision", ForeignKey("decision.id", ondelete="CASCADE"), nullable=False),
    Column("client", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
used_token = Table(
    "used_token",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("until", Float, nullable=False, index=True),
)
