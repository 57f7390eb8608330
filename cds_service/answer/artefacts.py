"""The FHIR artefacts published here: forms, value sets, code systems, profiles, by id or canonical."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cds_service.kernel import fhir_json
from cds_service.kernel.errors import DataError
from cds_service.kernel.fhir_json import JsonObject

_FOLDERS = {
    "questionnaires": "Questionnaire",
    "valuesets": "ValueSet",
    "codesystems": "CodeSystem",
    "structuredefinitions": "StructureDefinition",
}


@dataclass(frozen=True, slots=True)
class Artefacts:
    """All artefacts by type and id, in the order of their files; loaded once and never changed."""

    by_type: Mapping[str, Mapping[str, JsonObject]]
    capability: JsonObject

    def read(self, kind: str, identity: str) -> JsonObject | None:
        """The artefact of that type with that logical id, or None."""
        return self.by_type.get(kind, {}).get(identity)

    def find(self, kind: str, canonical: str) -> JsonObject | None:
        """The artefact that a canonical names; any version when it names none."""
        url, _, version = canonical.strip().partition("|")
        for artefact in self.by_type.get(kind, {}).values():
            if artefact.get("url") == url and version in ("", artefact.get("version")):
                return artefact
        return None


def versioned(artefact: JsonObject) -> str:
    """The canonical of an artefact with its version (DTR oper-16)."""
    version = artefact.get("version")
    return f"{artefact['url']}|{version}" if version else str(artefact["url"])


def load_artefacts(folders: Sequence[Path]) -> Artefacts:
    """The artefacts of folders laid out as `fhir_profiles/`; the first holds the CapabilityStatement.

    Raises DataError naming a file that is no resource of its folder's type, or two that claim one canonical.
    """
    by_type: dict[str, dict[str, JsonObject]] = {kind: {} for kind in _FOLDERS.values()}
    claimed: set[str] = set()
    for kind, path in _files(folders):
        artefact = _read(path, kind)
        name = versioned(artefact)
        if artefact["id"] in by_type[kind] or name in claimed:
            raise DataError(str(path), None, "", f"{kind} {name} stands in another file already.")
        claimed.add(name)
        by_type[kind][artefact["id"]] = artefact
    return Artefacts(by_type, _read(folders[0] / "capabilitystatement.json", "CapabilityStatement"))


def _files(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    for folder in folders:
        for name, kind in _FOLDERS.items():
            yield from ((kind, path) for path in sorted((folder / name).glob("*.json")))


def _read(path: Path, kind: str) -> JsonObject:
    try:
        artefact = fhir_json.read(path.read_bytes())
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise DataError(str(path), None, "", f"The file cannot be read: {error}.") from None
    if not isinstance(artefact, dict) or artefact.get("resourceType") != kind:
        raise DataError(str(path), None, "resourceType", f"This folder is for {kind}.")
    if not all(isinstance(artefact.get(name), str) for name in ("id", "url")):
        raise DataError(str(path), None, "", "An id and a url are needed.")
    return artefact
