"""The commands that work on records: replay, feedback report, db upgrade and db prune."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from cds_service.audit.database import StoreError
from cds_service.audit.rejudge import differences, rejudge
from cds_service.audit.report import feedback_report
from cds_service.audit.store import Store
from cds_service.kernel import fhir_json
from cds_service.kernel.errors import InputError
from cds_service.knowledge import load_knowledge
from cds_service.settings import load_settings

NO, OUTSIDE = 1, 3
"""Exit codes: the answer is no; an outside system failed (interface.md section 2)."""

with_json = click.option("as_json", "--json", is_flag=True, help="Print one JSON object.")


@click.command()
@click.argument("name", metavar="ID")
@with_json
@click.option(
    "folders",
    "--folder",
    "-f",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A further policy folder, beside the built-in ones and those of the settings.",
)
def replay(name: str, as_json: bool, folders: Sequence[Path]) -> None:
    """Judge a stored decision again by today's policies and show the difference.

    ID is that of a decision, of a coverage assertion, or of a card. Exit code 1 if anything differs.
    """
    settings = load_settings()
    record = _asked(lambda store: store.decision(name), settings.database)
    if record is None:
        raise InputError(f"There is no decision, assertion or card {name}.", "not-on-record")
    now = rejudge(record, load_knowledge([*settings.policies, *folders]))
    found = differences(record["determinations"], now)
    if as_json:
        then = record["determinations"]
        _print_json({"decision": record["id"], "then": then, "now": now, "differences": found})
    else:
        click.echo(f"decision {record['id']} of {record['decided_at']:%Y-%m-%d %H:%M} UTC")
        click.echo("\n".join(found) or "Nothing differs.")
    raise SystemExit(NO if found else 0)


@click.group()
def feedback() -> None:
    """What became of the cards."""


@feedback.command()
@with_json
def report(as_json: bool) -> None:
    """Acceptance and override reasons by policy, and by criterion."""
    found = _asked(feedback_report, load_settings().database)
    if as_json:
        _print_json(found)
        return
    for row in found["policies"]:
        cards = _many(row["cards"], "card")
        click.echo(f"{row['policy'] or 'no policy'} {row['version'] or ''} {row['outcome']}: ", nl=False)
        click.echo(f"{cards}, {row['accepted']} accepted, {row['overridden']} overridden")
        for what in ("reasons", "criteria"):
            for name, count in row[what].items():
                click.echo(f"  {what[:-1] if what == 'reasons' else 'open criterion'} {name}: {count}")
    click.echo(f"{_many(found['unknown'], 'item')} on cards that are not on record")


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


@click.group()
def db() -> None:
    """Work on the database of records."""


@db.command()
def upgrade() -> None:
    """Bring the tables to what this version needs."""
    _asked(lambda store: store.upgrade(), load_settings().database)
    click.echo("The tables are up to date.")


@db.command()
@click.option("--older-than", "days", type=click.IntRange(1), required=True, metavar="DAYS")
def prune(days: int) -> None:
    """Delete decisions older than so many days, with their cards and the feedback on them."""
    before = datetime.now(UTC) - timedelta(days=days)
    gone = _asked(lambda store: store.forget_before(before), load_settings().database)
    click.echo(f"{gone} decisions deleted.")


def _asked(question: Any, url: str) -> Any:
    """What the database says; exit code 3 when it does not answer."""
    try:
        return question(Store(url))
    except StoreError as error:
        click.echo(f"The database does not answer: {error}.", err=True)
        raise SystemExit(OUTSIDE) from None


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(fhir_json.write(value), indent=2).decode())
