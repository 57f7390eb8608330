"""Determinations as a tree a person can read: order, coverage, policy, criteria with sources and gaps."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from rich.text import Text
from rich.tree import Tree

from cds_service.answer.templates import CardSet
from cds_service.answer.view import view
from cds_service.criteria.result import CriterionResult
from cds_service.determination import Determination
from cds_service.kernel.provenance import Evidence

_STYLES = {"met": "green", "not-met": "red", "unknown": "yellow"}
Says = Callable[[Any], str]


def tree(file: str, today: date, determinations: Iterable[Determination], cards: CardSet) -> Tree:
    """The tree of one file's determinations; cards: where the sentences for reasons and gaps come from."""
    top = Tree(_line(f"{file}, judged on {today}", "bold"))
    for determination in determinations:
        _determination(top, determination, cards)
    return top


def _line(words: str, style: str = "") -> Text:
    """Words as they may be printed: a chart's text must not steer the terminal."""
    return Text("".join(letter if letter.isprintable() else " " for letter in words), style)


def _determination(top: Tree, item: Determination, cards: CardSet) -> None:
    words = view(item, item.payer.name if item.payer else "the payer", False)

    def says(remark: Any) -> str:
        return cards.sentence(remark, words)

    order = top.add(_line(f"{item.order.reference}, service date {item.order.service_date}", "bold"))
    order.add(_line(f"order: {words['order']}"))
    order.add(_line(f"coverage: {item.coverage or 'none'}{f', plan {item.plan}' if item.plan else ''}"))
    if item.payer:
        order.add(_line(f"payer: {item.payer.name}"))
    if policy := item.policy:
        since = f"in force from {policy.effective_from}"
        order.add(_line(f"policy: {policy.number}, {policy.title}, {since} ({policy.policy})"))
    covered = item.covered or "nothing said"
    outcome = order.add(_line(f"outcome: {item.outcome.value}, covered: {covered}", "bold"))
    outcome.add(_line(says(item.reason)))
    _remarks(outcome, "gap", item.gaps, says)
    _remarks(outcome, "note", (*item.order.notes, *item.notes), says)
    _remarks(outcome, "flag", item.flags, says)
    for result in item.criteria:
        _criterion(order, result, says)


def _criterion(order: Tree, result: CriterionResult, says: Says) -> None:
    state = result.state.value
    asked = f" ({result.id}; {result.cites})"
    label = Text.assemble((f"{state}: ", _STYLES[state]), (result.title, "bold"), asked)
    branch = order.add(label)
    branch.add(_line(result.says))
    for evidence in result.evidence:
        branch.add(_line(f"evidence: {_source(evidence)}"))
    _remarks(branch, "gap", result.gaps, says)
    _remarks(branch, "note", result.notes, says)
    for document in result.documentation:
        codes = f" (LOINC {', '.join(document.loinc)})" if document.loinc else ""
        branch.add(_line(f"would settle it: {document.title}{codes}"))


def _source(evidence: Evidence) -> str:
    day = f", {evidence.date}" if evidence.date else ""
    return f"{evidence.summary} [{evidence.reference}{day}]"


def _remarks(branch: Tree, kind: str, remarks: Sequence[Any], says: Says) -> None:
    for remark in dict.fromkeys(remarks):
        reference = getattr(remark, "reference", None)
        branch.add(_line(f"{kind}: {says(remark)}{f' [{reference}]' if reference else ''}"))
