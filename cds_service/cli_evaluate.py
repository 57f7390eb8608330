"""The commands that judge charts without a server: evaluate and explain."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from cds_service.determination import Determination
from cds_service.evaluate import as_json as determination_json
from cds_service.evaluate import evaluate_chart
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import utc_today
from cds_service.kernel.errors import InputError
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.policy.places import data_folder

UNUSABLE = 2
"""Exit code for unusable input (interface.md section 2)."""

with_folders = click.option(
    "folders",
    "--folder",
    "-f",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="CDS_SERVICE_POLICIES",
    help="A further policy folder, beside the built-in ones. Repeat for more.",
)
with_day = click.option(
    "--on", type=click.DateTime(["%Y-%m-%d"]), help="The day that counts as today; default: the date in UTC."
)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@with_day
@click.option("as_json", "--json", is_flag=True, help="Print one JSON object.")
@with_folders
def evaluate(files: Sequence[str], on: datetime | None, as_json: bool, folders: Sequence[Path]) -> None:
    """Judge the orders in each FILE: a FHIR Bundle with the chart, or an order-sign request.

    Exit code 2 if a file cannot be used; the others are still judged.
    """
    today, knowledge = _day(on), load_knowledge(folders)
    results = [_result(file, today, knowledge) for file in files]
    if as_json:
        found = [_as_object(*result) for result in results]
        _print_json({"evaluated_on": today.isoformat(), "results": found})
    else:
        click.echo("\n".join(line for result in results for line in _listed(*result)))
    if any(isinstance(found, InputError) for _, found in results):
        raise SystemExit(UNUSABLE)


@click.command()
@click.argument("file", metavar="FILE")
@with_day
@with_folders
def explain(file: str, on: datetime | None, folders: Sequence[Path]) -> None:
    """Show why: each order in FILE, its coverage, the policy, and every criterion with its sources."""
    from rich.console import Console

    from cds_service.answer.templates import load_cards
    from cds_service.answer.tree import tree

    today, knowledge = _day(on), load_knowledge(folders)
    _, found = _result(file, today, knowledge)
    if isinstance(found, InputError):
        raise InputError(f"{file}: {found.message}", found.code)
    width = None if sys.stdout.isatty() else 120
    shown = tree(file, today, found, load_cards(data_folder("cards")))
    Console(width=width, highlight=False).print(shown)


def _day(on: datetime | None) -> date:
    return on.replace(tzinfo=UTC).date() if on else utc_today()


def _result(file: str, today: date, knowledge: Knowledge) -> tuple[str, list[Determination] | InputError]:
    """The determinations of one file, or why it cannot be used."""
    try:
        return file, evaluate_chart(_read(file), today, knowledge)
    except InputError as error:
        return file, error


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"The file cannot be read: {why}.", "unreadable-file") from error


def _as_object(file: str, found: list[Determination] | InputError) -> dict[str, Any]:
    if isinstance(found, InputError):
        return {"file": file, "error": {"code": found.code, "message": found.message}}
    return {"file": file, "determinations": [determination_json(item) for item in found]}


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(fhir_json.write(value), indent=2).decode())


def _listed(file: str, found: list[Determination] | InputError) -> Iterator[str]:
    """A file's outcomes, one line for each order and coverage."""
    yield file
    if isinstance(found, InputError):
        yield f"  cannot be used: {found.message}"
        return
    for item in found:
        policy = f"{item.policy.policy} {item.policy.version}" if item.policy else "no policy"
        under = item.coverage or "no coverage"
        yield f"  {item.order.reference} under {under}: {item.outcome.value} ({policy})"
        states = ", ".join(f"{result.id} {result.state.value}" for result in item.criteria)
        if states:
            yield f"    {states}"
