"""Codes brought into one form, and their membership in named ValueSets."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.kernel.errors import DataError

Key = tuple[str, str]
_NOWHERE: frozenset[str] = frozenset()
_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """How codes of one system are brought into one form (`fhir_profiles/systems.json`)."""

    canonical: str
    normalise: str | None
    read_as: str | None = None


def _icd10cm(code: str) -> str:
    """Upper case with the dot after the third character (clinical.md 1.4)."""
    bare = code.strip().upper().replace(".", "")
    return f"{bare[:3]}.{bare[3:]}" if len(bare) > 3 else bare


def _upper(code: str) -> str:
    return code.strip().upper()


_FORMS: Mapping[str | None, Callable[[str], str]] = {"icd10cm": _icd10cm, "upper": _upper, None: str.strip}


class Terminology:
    """Answers in which ValueSets a code stands; built once from `fhir_profiles/`."""

    def __init__(
        self,
        systems: Mapping[str, CodeSystem],
        concepts: Mapping[str, Sequence[Key]],
        displays: Mapping[Key, str] | None = None,
    ) -> None:
        """systems: any known address -> CodeSystem; concepts: ValueSet id -> its (system, code) pairs.

        displays: words for codes that come without any.
        """
        self._systems = systems
        self._displays = {self.normal(*key): words for key, words in (displays or {}).items()}
        self._concepts = {name: tuple(keys) for name, keys in concepts.items()}
        members: dict[Key, set[str]] = {}
        for name, keys in self._concepts.items():
            for system, code in keys:
                members.setdefault(self.normal(system, code), set()).add(name)
        self._members = {key: frozenset(names) for key, names in members.items()}
        self._seen: dict[Key, tuple[Key, frozenset[str], bool]] = {}

    def normal(self, system: str, code: str) -> Key:
        """Canonical system and normalised code; a foreign system is only trimmed."""
        known = self._systems.get(system.strip())
        if known is None:
            return system.strip(), code.strip()
        return known.canonical, _FORMS[known.normalise](code)

    def lookup(self, system: str, code: str) -> tuple[Key, frozenset[str], bool]:
        """The normal form, its ValueSets, and whether a neighbouring system was read in its place.

        An ICD-10 address is read as ICD-10-CM where the code exists there (clinical.md 1.4). Charts repeat
        codes, so answers are remembered, up to a limit that a hostile chart cannot pass.
        """
        found = self._seen.get((system, code))
        if found is None:
            found = self._look(system, code)
            if len(self._seen) < _REMEMBERED:
                self._seen[system, code] = found
        return found

    def _look(self, system: str, code: str) -> tuple[Key, frozenset[str], bool]:
        key = self.normal(system, code)
        sets = self._members.get(key, _NOWHERE)
        known = self._systems.get(system.strip())
        if not sets and known is not None and known.read_as:
            other = self.normal(known.read_as, code)
            sets = self._members.get(other, _NOWHERE)
            return (other if sets else key), sets, bool(sets)
        return key, sets, False

    def display(self, key: Key) -> str:
        """Words for a normalised code; empty when the ValueSets hold none."""
        return self._displays.get(key, "")

    def is_known_system(self, system: str) -> bool:
        """Whether the system is one the rules read."""
        return system.strip() in self._systems

    def concepts(self, value_set: str) -> Sequence[Key]:
        """The codes of a ValueSet. Raises KeyError for an unknown id."""
        return self._concepts[value_set]

    @property
    def value_sets(self) -> frozenset[str]:
        """Ids of all loaded ValueSets."""
        return frozenset(self._concepts)


def load_terminology(folder: Path) -> Terminology:
    """Reads `systems.json` and `valuesets/*.json` below the folder. Raises DataError naming the file."""
    systems: dict[str, CodeSystem] = {}
    for item in _read(folder / "systems.json")["systems"]:
        system = CodeSystem(item["canonical"], item["normalise"], item.get("read_as"))
        for address in (item["canonical"], *item["aliases"]):
            systems[address] = system
    concepts: dict[str, list[Key]] = {}
    displays: dict[Key, str] = {}
    for path in sorted((folder / "valuesets").glob("*.json")):
        resource = _read(path)
        listed = {
            (include["system"], concept["code"]): concept.get("display", "")
            for include in resource["compose"]["include"]
            for concept in include.get("concept", ())
        }
        concepts[resource["id"]] = list(listed)
        displays |= listed
    return Terminology(systems, concepts, displays)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(str(path), None, "", f"cannot be read: {error}") from error
