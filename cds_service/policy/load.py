"""Reads policy folders into one bundle, or names everything that keeps it from loading."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.kernel.errors import DataError
from cds_service.kernel.yaml_data import YamlFile, decode, read_yaml
from cds_service.policy.bundle import BundleError, PolicyBundle
from cds_service.policy.model import Payer, PolicyVersion, Products, Service
from cds_service.policy.places import shown
from cds_service.policy.tumors import Attestations, TumorModel

QUOTED = frozenset(
    ("code", "version", "effective-from", "effective-to", "reviewed", "date", "pmid", "pmids", "loinc")
)
"""Members of a policy version that a YAML reader might take for numbers or dates (house rule 1)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of data file: where it lies, what it holds, its id, and the members that its path fixes."""

    name: str
    pattern: str
    struct: type[Any]
    identity: Callable[[Any], str]
    fixed: Callable[[Path], Mapping[str, str]]


KINDS = (
    Kind("payer", "*/payer.yaml", Payer, lambda d: str(d.payer), lambda p: {"payer": p.parent.name}),
    Kind("products", "_shared/products.yaml", Products, lambda d: "products", lambda p: {}),
    Kind(
        "service", "_shared/services/*.yaml", Service, lambda d: str(d.service), lambda p: {"service": p.stem}
    ),
    Kind(
        "tumors", "_shared/tumors/*.yaml", TumorModel, lambda d: str(d.tumors), lambda p: {"tumors": p.stem}
    ),
    Kind("attestations", "_shared/attestations.yaml", Attestations, lambda d: "attestations", lambda p: {}),
    Kind(
        "version",
        "*/*/*.yaml",
        PolicyVersion,
        lambda d: f"{d.policy}@{d.version}",
        lambda p: {"policy": f"{p.parent.parent.name}/{p.parent.name}", "version": p.stem},
    ),
)


def load_bundle(folders: Sequence[Path]) -> PolicyBundle:
    """The data of all folders; where two hold the same id, the later folder's file replaces the earlier's.

    Raises BundleError with every DataError found.
    """
    found: dict[str, tuple[YamlFile, Any]] = {}
    errors: list[DataError] = []
    digests: dict[str, str] = {}
    for folder in folders:
        for kind, path in _files(folder, errors):
            read = _read(kind, path, errors)
            if read is not None:
                key = f"{kind.name} {kind.identity(read[1])}"
                found[key] = read
                digests[key] = hashlib.sha256(path.read_bytes()).hexdigest()
    data = {key: value for key, (_, value) in found.items()}
    if "attestations attestations" not in data and not errors:
        names = ", ".join(str(folder) for folder in folders) or "no folder"
        errors.append(
            DataError(names, None, "", "There is no _shared/attestations.yaml: name a policy folder.")
        )
    if errors:
        raise BundleError(errors)
    revision = hashlib.sha256(repr(sorted(digests.items())).encode()).hexdigest()[:12]
    return _bundle(data, revision, {key: file for key, (file, _) in found.items()})


def policy_folders(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Policy id and folder of every policy below the folders."""
    for folder in folders:
        for path in sorted(folder.glob("*/*/")):
            if path.is_dir() and not path.parent.name.startswith("_"):
                yield f"{path.parent.name}/{path.name}", path


def _files(folder: Path, errors: list[DataError]) -> Iterator[tuple[Kind, Path]]:
    """The data files of a folder; what looks like one but would not be read is an error."""
    if not folder.is_dir():
        errors.append(DataError(shown(folder), None, "", "There is no such folder: correct its path."))
        return
    stray = sorted(folder.rglob("*.yml"))
    errors.extend(DataError(shown(path), None, "", "Not read: let the name end in .yaml.") for path in stray)
    for policy, path in policy_folders([folder]):
        if not any(path.glob("*.yaml")):
            errors.append(DataError(shown(path), None, "", f"{policy} has no version: add <version>.yaml."))
    for kind in KINDS:
        for path in sorted(folder.glob(kind.pattern)):
            if kind.pattern.startswith("_") or not path.relative_to(folder).parts[0].startswith("_"):
                yield kind, path


def _read(kind: Kind, path: Path, errors: list[DataError]) -> tuple[YamlFile, Any] | None:
    """One file decoded, with what its place and the quoting rule demand checked."""
    try:
        file = read_yaml(path, shown(path))
    except DataError as error:
        errors.append(error)
        return None
    before = len(errors)
    value = decode(file, kind.struct, errors)
    for name, wanted in kind.fixed(path).items():
        if isinstance(file.data, dict) and file.data.get(name, wanted) != wanted:
            message = (
                f'"{file.data[name]}" does not fit the place of this file. Write "{wanted}" or move the file.'
            )
            errors.append(file.error((name,), message))
    if kind.struct is PolicyVersion:
        errors.extend(_unquoted(file))
    return None if len(errors) > before else (file, value)


def _unquoted(file: YamlFile) -> Iterator[DataError]:
    for member, text in file.unquoted(QUOTED):
        yield file.error(member, f'Codes, dates and versions are quoted: write "{text}".')


def _bundle(data: Mapping[str, Any], revision: str, files: Mapping[str, YamlFile]) -> PolicyBundle:
    versions: dict[str, tuple[PolicyVersion, ...]] = {}
    for version in sorted(_of(data, "version").values(), key=lambda v: str(v.effective_from)):
        versions[version.policy] = (*versions.get(version.policy, ()), version)
    products = _of(data, "products").values()
    return PolicyBundle(
        payers=_of(data, "payer"),
        products={product.id: product for entry in products for product in entry.products},
        services=_of(data, "service"),
        tumors=_of(data, "tumors"),
        attestations=data["attestations attestations"],
        versions=dict(sorted(versions.items())),
        revision=revision,
        files=files,
    )


def _of(data: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {key.partition(" ")[2]: value for key, value in data.items() if key.startswith(f"{kind} ")}
