"""Reads the requirement files and refuses what could make the conformance page untrue."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

FOLDER = Path(__file__).parent / "requirements"
STRENGTHS = ("SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "MAY", "self", "kit")
AREAS = (
    "discovery",
    "trust",
    "hooks",
    "prefetch",
    "response",
    "coverage-information",
    "feedback",
    "dtr",
    "operations",
)
ACTORS = ("server", "server-org", "client", "client-org")
BASES = ("N", "L", "B", "C", "D")
PARTLY, NOT_MET = "partly:", "not:"


class RequirementsError(ValueError):
    """A requirement file cannot be read or contradicts itself; the message names file and id."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One statement or test case; the members are explained in requirements/README.md."""

    id: str
    strength: str
    area: str
    binds: bool
    says: str
    source: str
    reason: str = ""
    not_yet: str = ""
    basis: str = "N"
    versions: str = "both"
    actors: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()

    @property
    def mandatory(self) -> bool:
        """A SHALL or SHALL NOT that binds this service."""
        return self.binds and self.strength.startswith("SHALL")

    @property
    def explained(self) -> bool:
        """Whether the data admits that it is not met."""
        return self.reason.startswith(NOT_MET) or bool(self.not_yet)


# What the file says of itself is not repeated in its entries.
_OF_THE_FILE = {"source", "not_yet"}
_MEMBERS = {field.name for field in fields(Requirement)} - _OF_THE_FILE
_NEEDED = {field.name for field in fields(Requirement) if field.default is MISSING} - _OF_THE_FILE


def load(folder: Path = FOLDER) -> dict[str, Requirement]:
    """All requirements by id, statements before cases; raises RequirementsError on the first fault."""
    known: dict[str, Requirement] = {}
    for path in sorted(folder.glob("*.yaml"), key=lambda path: (path.name.startswith("cases-"), path.name)):
        for requirement in _read(path):
            if requirement.id in known:
                raise RequirementsError(f"{path.name}: {requirement.id} is there twice; give it one entry")
            known[requirement.id] = requirement
    for requirement in known.values():
        if unknown := [cited for cited in requirement.cites if cited not in known]:
            raise RequirementsError(f"{requirement.id} cites {', '.join(unknown)}, which no file holds")
    return known


def _read(path: Path) -> list[Requirement]:
    """The entries of one file."""
    try:
        content = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise RequirementsError(f"{path.name} is not YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("requirements"), list):
        raise RequirementsError(f"{path.name} has no list named requirements")
    if set(content) - {"source", "not_yet", "requirements"} or not content.get("source"):
        raise RequirementsError(f"{path.name} needs source and requirements, and allows not_yet beside them")
    return [
        _entry(raw, path.name, str(content["source"]), str(content.get("not_yet", "")))
        for raw in content["requirements"]
    ]


def _entry(raw: Any, file: str, source: str, not_yet: str) -> Requirement:
    """One entry, with its members checked."""
    if not isinstance(raw, dict):
        raise RequirementsError(f"{file}: {raw!r} is not an entry")
    place = f"{file}: {raw.get('id', 'an entry without id')}"
    if strange := set(raw) - _MEMBERS:
        raise RequirementsError(f"{place} has unknown members: {', '.join(sorted(map(str, strange)))}")
    if missing := _NEEDED - set(raw):
        raise RequirementsError(f"{place} lacks {', '.join(sorted(missing))}")
    lists: dict[str, Any] = {name: raw.get(name, []) for name in ("actors", "cites")}
    if not all(isinstance(value, list) for value in lists.values()):
        raise RequirementsError(f"{place}: actors and cites are lists")
    lists = {name: tuple(value) for name, value in lists.items()}
    requirement = Requirement(**{**raw, **lists}, source=source, not_yet=not_yet)
    if fault := _fault(requirement):
        raise RequirementsError(f"{place}: {fault}")
    return requirement


def _fault(requirement: Requirement) -> str:
    """What is wrong with the values of an entry, or nothing."""
    texts = (requirement.id, requirement.says, requirement.reason, requirement.versions)
    if not all(isinstance(text, str) for text in texts) or not requirement.id or not requirement.says.strip():
        return "id, says, reason and versions are texts, and the first two are not empty"
    for value, allowed in (
        (requirement.strength, STRENGTHS),
        (requirement.area, AREAS),
        (requirement.basis, BASES),
        (requirement.binds, (True, False)),
        *((actor, ACTORS) for actor in requirement.actors),
    ):
        if value not in allowed:
            return f"{value!r} is none of {', '.join(map(str, allowed))}"
    if not requirement.binds and not requirement.reason:
        return "it does not bind, so it needs a reason"
    if requirement.binds and requirement.reason and not requirement.reason.startswith((PARTLY, NOT_MET)):
        return f"a reason for something that binds starts with {PARTLY} or {NOT_MET}"
    return ""
