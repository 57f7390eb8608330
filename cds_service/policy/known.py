"""The names that policy data may refer to in the other data folders: value sets, questions, reasons."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.kernel.errors import DataError
from cds_service.kernel.yaml_data import read_yaml
from cds_service.policy.places import data_folder, shown


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Ids of ValueSets, linkIds of every question of every form, and the keys of `cards/reasons.yaml`."""

    value_sets: frozenset[str]
    questions: frozenset[str]
    reasons: frozenset[str]


def known_names() -> KnownNames:
    """The names of the built-in data. Raises DataError naming the file that cannot be read."""
    profiles = data_folder("fhir_profiles")
    reasons = data_folder("cards") / "reasons.yaml"
    forms = [_json(path) for path in sorted((profiles / "questionnaires").glob("*.json"))]
    return KnownNames(
        value_sets=frozenset(_json(path)["id"] for path in sorted((profiles / "valuesets").glob("*.json"))),
        questions=frozenset(link for form in forms for link in _links(form.get("item", ()))),
        reasons=frozenset(_sentences(read_yaml(reasons, shown(reasons)).data)),
    )


def _links(items: Any) -> Iterator[str]:
    for item in items:
        if item.get("type") not in ("group", "display"):
            yield item["linkId"]
        yield from _links(item.get("item", ()))


def _sentences(groups: Any) -> Iterator[str]:
    """Codes of all groups of sentences."""
    for group in groups.values():
        if isinstance(group, dict):
            yield from group


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(shown(path), None, "", f"The file cannot be read: {error}.") from None
