"""Turns a policy case into the FHIR Bundle of a made-up chart, so that an analyst writes no FHIR."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from cds_service.kernel import fhir_json
from cds_service.kernel.schema_trouble import near_miss
from cds_service.policy.cases import Block, Blocks, Case, CaseSheet, Start, Use

PLACEHOLDER = re.compile(r"\{([a-z][a-z-]*)\}")
ORDER = "order"
"""Id of the order that a case is about."""


class CaseError(ValueError):
    """A case that cannot be turned into a chart; the message says why and what to do."""


def chart_of(sheet: CaseSheet, case: Case, blocks: Blocks, payer_name: str) -> bytes:
    """The case's chart as a FHIR R4 collection Bundle. Raises CaseError."""
    start, on = sheet.given, day_of(sheet, case)
    given = case.given
    fixed = {"payer": payer_name}
    resources = [*blocks.always]
    resources += _placed(blocks.orders, given.order or start.order, {**fixed, "as": ORDER}, on)
    resources += _placed(blocks.coverages, given.coverage or start.coverage, fixed, on)
    for name, settings in _chart_uses(start, case):
        resources += _placed(blocks.chart, {name: settings}, fixed, on)
    keys = [(resource["resourceType"], resource.get("id")) for resource in resources]
    for key in keys:
        if key[1] and keys.count(key) > 1:
            raise CaseError(f'Two resources are called {key[1]}. Name one of the blocks with "as".')
    entries = [{"resource": resource} for resource in resources]
    return fhir_json.write({"resourceType": "Bundle", "type": "collection", "entry": entries})


def day_of(sheet: CaseSheet, case: Case) -> date:
    """The case's "today"."""
    return date.fromisoformat(case.on or sheet.on)


def _chart_uses(start: Start, case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    """The chart's blocks after what the case leaves out, changes and adds, by the name they go under."""
    given = case.given
    uses = [_split(use) for use in (start.chart if given.chart is None else given.chart)]
    names = [str(settings.get("as", name)) for name, settings in uses]
    for wanted in (*given.without, *given.change):
        if wanted not in names:
            raise CaseError(f'"{wanted}" is not in the chart of this case.{near_miss(wanted, names)}')
    for (name, settings), known_as in zip(uses, names, strict=True):
        if known_as not in given.without:
            yield name, {**settings, **given.change.get(known_as, {})}
    yield from map(_split, given.added)


def _split(use: Use) -> tuple[str, dict[str, Any]]:
    if isinstance(use, str):
        return use, {}
    if len(use) != 1:
        raise CaseError(f"One block at a time: write {', '.join(use)} as items of their own.")
    return next(iter(use.items()))


def _placed(
    blocks: Mapping[str, Block], use: Use, fixed: Mapping[str, Any], on: date
) -> list[dict[str, Any]]:
    """The resources of one used block with its settings filled in."""
    name, own = _split(use)
    line = _ancestry(blocks, name)
    defaults: dict[str, Any] = {"as": name, **fixed}
    for block in reversed(line):
        defaults.update(block.settings)
    for setting in own:
        if setting not in defaults:
            raise CaseError(f'"{setting}" is not a setting of {name}.{near_miss(setting, defaults)}')
    values = {key: _dated(key, value, on) for key, value in {**defaults, **own}.items()}
    resources: Sequence[Any] = next((block.resources for block in line if block.resources), ())
    return [_filled(resource, values) for resource in resources]


def _ancestry(blocks: Mapping[str, Block], name: str) -> list[Block]:
    """The block and those it is a variant of, nearest first."""
    line: list[Block] = []
    at: str | None = name
    while at is not None:
        if at not in blocks:
            raise CaseError(f'"{at}" is not a building block.{near_miss(at, blocks)}')
        if len(line) > len(blocks):
            raise CaseError(f'"{name}" is a variant of itself. Correct its "like".')
        line.append(blocks[at])
        at = blocks[at].like
    return line


def _dated(key: str, value: Any, on: date) -> Any:
    """Settings ending in days-ago or days-ahead count from `on`; a text such as "2024-05-01" stays."""
    if key.endswith("days-ago") and isinstance(value, int):
        return (on - timedelta(days=value)).isoformat()
    if key.endswith("days-ahead") and isinstance(value, int):
        return (on + timedelta(days=value)).isoformat()
    return value


def _filled(node: Any, values: Mapping[str, Any]) -> Any:
    """The node with its placeholders replaced; what is set to nothing (null) is left out."""
    if isinstance(node, dict):
        filled = {key: _filled(value, values) for key, value in node.items()}
        return {key: value for key, value in filled.items() if value is not None and value not in ([], {})}
    if isinstance(node, list):
        return [value for item in node if (value := _filled(item, values)) is not None and value != {}]
    if not isinstance(node, str):
        return node
    whole = PLACEHOLDER.fullmatch(node)
    if whole:
        return _value(values, whole[1])
    return PLACEHOLDER.sub(lambda match: str(_value(values, match[1])), node)


def _value(values: Mapping[str, Any], name: str) -> Any:
    if name not in values:
        raise CaseError(f'The block has no setting "{name}" for its placeholder. Add it under settings.')
    return values[name]
