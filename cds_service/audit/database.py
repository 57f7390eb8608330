"""The database behind the store: its URL, its connections, its tables brought up to date."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cds_service.kernel import fhir_json
from cds_service.kernel.errors import CdsError, SettingError

_CONNECT_SECONDS = 1


class StoreError(CdsError):
    """The database cannot be reached or refuses; the text names the kind of trouble alone."""

    code = "store-failed"


def open_engine(url: str) -> Engine:
    """An engine for the URL; nothing is connected yet. Raises SettingError for what is no database URL."""
    try:
        parsed = make_url(url)
        engine = create_engine(
            parsed,
            connect_args=_connect_args(parsed),
            json_serializer=lambda value: fhir_json.write(value).decode(),
            json_deserializer=fhir_json.read,
            pool_pre_ping=parsed.get_backend_name() != "sqlite",
            pool_size=10,
            max_overflow=30,
            pool_timeout=_CONNECT_SECONDS,
            hide_parameters=True,
        )
    except (ArgumentError, ImportError, SQLAlchemyError, TypeError) as error:
        why = "its driver is not installed" if isinstance(error, ImportError) else "not a database URL"
        raise SettingError("CDS_SERVICE_DATABASE_URL", f"{why}.") from None
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    return engine


def _connect_args(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": _CONNECT_SECONDS}
    return {"connect_timeout": _CONNECT_SECONDS} if url.get_backend_name() == "postgresql" else {}


def _tune_sqlite(connection: Any, _: object) -> None:
    """Readers beside one writer, and references that hold."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def upgrade(engine: Engine) -> None:
    """Creates the tables or changes them to what this version needs. Raises SQLAlchemyError, StoreError."""
    from alembic import command
    from alembic.config import Config

    if engine.dialect.name == "sqlite" and engine.url.database:
        _make_private_file(Path(engine.url.database))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _make_private_file(path: Path) -> None:
    """Makes the file before SQLite does, which would let everybody on the machine read it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise StoreError(f"its file cannot be made ({error.strerror})") from error
