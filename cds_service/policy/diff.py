"""Says in sentences what changed from one policy version to another."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cds_service.policy.check_criteria import every
from cds_service.policy.model import Code, PolicyVersion

COMPARED_APART = ("version", "criteria", "procedure-codes", "diagnosis-codes", "references", "history")
KEYS = ("id", "product", "title", "indication")
"""Members by which list items are known again."""


def changes(old: PolicyVersion, new: PolicyVersion) -> list[str]:
    """One sentence for each change, criteria first; empty when both say the same."""
    before, after = _plain(old), _plain(new)
    kept = [name for name in before if name not in COMPARED_APART]
    return [
        *_criteria(old, new),
        *_codes("procedure codes", old.procedure_codes, new.procedure_codes),
        *_codes("diagnosis codes", old.diagnosis_codes, new.diagnosis_codes),
        *(line for name in kept for line in _member(_words(name), before[name], after[name])),
        *_lists("References", [r.title for r in old.references], [r.title for r in new.references]),
        *_lists("History", [h.change for h in old.history], [h.change for h in new.history]),
    ]


def _criteria(old: PolicyVersion, new: PolicyVersion) -> Iterator[str]:
    before = {criterion.id: criterion for _, criterion in every(old.criteria)}
    after = {criterion.id: criterion for _, criterion in every(new.criteria)}
    for name, criterion in after.items():
        if name not in before:
            yield f"Criterion {name} is new: {criterion.says} ({criterion.cites})"
    for name, criterion in before.items():
        if name not in after:
            yield f"Criterion {name} is gone: {criterion.says} ({criterion.cites})"
        else:
            yield from _changed(name, _plain(criterion), _plain(after[name]))
    kept = [name for name in after if name in before]
    if kept != [name for name in before if name in after]:
        yield f"The order of the criteria is now: {', '.join(kept)}."


def _changed(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for member in {**before, **after}:
        if member != "parts":
            yield from _member(f"Criterion {name}: {_words(member)}", before.get(member), after.get(member))


def _codes(what: str, before: Sequence[Code], after: Sequence[Code]) -> Iterator[str]:
    yield from _lists(what.capitalize(), [code.code for code in before], [code.code for code in after])


def _lists(what: str, before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    added = [item for item in after if item not in before]
    removed = [item for item in before if item not in after]
    if added:
        yield f"{what}: added {'; '.join(added).rstrip('.')}."
    if removed:
        yield f"{what}: removed {'; '.join(removed).rstrip('.')}."


def _member(what: str, before: Any, after: Any) -> Iterator[str]:
    """What changed in one member, told as deep as it has names."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            yield from _member(f"{what}, {_words(name)}", before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _items(what, before, after)
    else:
        yield f"{_capital(what)} changed from {_told(before)} to {_told(after)}."


def _items(what: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    """Items that are known again are compared, the others are added or removed."""
    old, new = {_key(item): item for item in before}, {_key(item): item for item in after}
    yield from _lists(_capital(what), list(old), list(new))
    for key in old:
        if key in new and isinstance(old[key], dict):
            yield from _member(f"{what}, {key}", old[key], new[key])


def _key(item: Any) -> str:
    if isinstance(item, dict):
        return str(next((item[key] for key in KEYS if key in item), item))
    return str(item)


def _told(value: Any) -> str:
    return "nothing" if value in (None, [], {}) else f'"{value}"'


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _words(name: str) -> str:
    return name.replace("-", " ") if ":" not in name else name


def _plain(value: object) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return plain
