"""Makes applications for tests: built-in policies, a database of their own, nothing left open afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from cds_service.kernel.clock import Clock
from cds_service.knowledge import Knowledge
from cds_service.settings import load_settings
from cds_service.web.app import create_app
from cds_service.web.desk import NAME, Desk
from tests.builders import knowledge

Making = Callable[..., Flask]
KEY = b"a key for tests, at least 32 bytes long"


@contextmanager
def applications(folder: Path, clock: Clock) -> Iterator[Making]:
    """A function that makes an application with settings of its own; all made here share one database.

    known: other policies than the built-in ones.
    """
    made: list[Flask] = []

    def make(known: Knowledge | None = None, **given: object) -> Flask:
        records = f"sqlite:///{folder / 'records.sqlite3'}"
        settings = load_settings(**{"database_url": records, **given})
        made.append(create_app(settings, clock=clock, knowledge=known or knowledge(), signing_key=KEY))
        return made[-1]

    try:
        yield make
    finally:
        for each in made:
            desk_of(each).store.engine.dispose()
            desk_of(each).tools.network.close()


def desk_of(app: Flask) -> Desk:
    """What the pages of an application share."""
    desk: Desk = app.extensions[NAME]
    return desk
