"""Prints made-up patients, signed orders and their cards for people at a terminal."""

from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cds_service.demo.sandbox import Cleared, Loaded
from cds_service.demo.sign import Signed
from cds_service.kernel.fhir_json import JsonObject

_COLOURS = {"info": "blue", "warning": "yellow", "critical": "red"}


def print_tables(*tables: Table) -> None:
    """Prints tables to standard output."""
    console = Console()
    for table in tables:
        console.print(table)


def print_cards(signed: Iterable[Signed]) -> None:
    """Prints each signed order with its cards, as they would open in an EHR."""
    console = Console()
    for one in signed:
        _print_order(console, one)


def _print_order(console: Console, signed: Signed) -> None:
    patient = signed.patient
    console.print()
    console.print(Text.assemble((patient.name, "bold"), f"  {patient.story}"))
    cards = signed.response.get("cards", ())
    for card in cards:
        console.print(_card(card))
    if not cards:
        console.print(Text("  No card: the policies here do not speak of this order.", style="dim"))


def _card(card: JsonObject) -> Panel:
    parts: list[RenderableType] = [
        Text(card["summary"], style="bold"),
        _source(card),
        Markdown(card.get("detail", "")),
    ]
    parts += [Text(f"-> {link['label']}: {link['url']}", style="cyan") for link in card.get("links", ())]
    parts += [Text(f"[ {suggestion['label']} ]") for suggestion in card.get("suggestions", ())]
    colour = _COLOURS.get(card["indicator"], "white")
    return Panel(
        Group(*parts), title=card["indicator"], title_align="left", border_style=colour, padding=(0, 2)
    )


def _source(card: JsonObject) -> Text:
    return Text(f"Source: {card['source']['label']}\n", style="italic dim")


def summary(signed: Iterable[Signed]) -> Table:
    """One line for each answer: patient, outcome, card; an outcome that is not the one due is marked."""
    table = Table(box=SIMPLE, pad_edge=False)
    for title in ("Patient", "Outcome", "Card"):
        table.add_column(title, overflow="fold", no_wrap=title == "Patient")
    for one in signed:
        mark = f" (due: {', '.join(one.patient.expect.values())})" if one.as_expected is False else ""
        for number, (outcome, text) in enumerate(_lines(one)):
            table.add_row(one.patient.name if number == 0 else "", outcome + mark, text)
    return table


def _lines(signed: Signed) -> Iterator[tuple[str, str]]:
    cards = [card["summary"] for card in signed.response.get("cards", ())]
    outcomes = signed.outcomes or ("not told" if signed.determinations is None else "none",)
    for number in range(max(len(cards), len(outcomes))):
        yield (
            outcomes[number] if number < len(outcomes) else "",
            cards[number] if number < len(cards) else "no card",
        )


def loaded_table(loaded: Sequence[Loaded]) -> Table:
    """What was put on a server, patient by patient."""
    table = Table(box=SIMPLE, pad_edge=False)
    for title in ("Patient", "Id on the server", "Created", "Updated", "Trouble"):
        table.add_column(
            title, overflow="fold", justify="right" if title in ("Created", "Updated") else "left"
        )
    for one in loaded:
        table.add_row(one.name, one.patient or "", str(one.created), str(one.updated), one.trouble or "")
    return table


def cleared_table(cleared: Sequence[Cleared]) -> Table:
    """What was taken off a server, type by type."""
    table = Table(box=SIMPLE, pad_edge=False)
    for title in ("Type", "Deleted", "Trouble"):
        table.add_column(title, overflow="fold", justify="right" if title == "Deleted" else "left")
    for one in cleared:
        table.add_row(one.kind, str(one.deleted), one.trouble or "")
    return table
