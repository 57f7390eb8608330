"""Runs migrations on the connection that the store hands over; where a database can lock, one at a time."""

from alembic import context
from sqlalchemy import Connection, text

from cds_service.audit.tables import metadata

_LOCK = 121_701


def _run(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()


_run(context.config.attributes["connection"])
