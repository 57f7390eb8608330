"""Policy cases as analysts write them: made-up patients from building blocks, and the answer due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from cds_service.kernel.errors import DataError
from cds_service.kernel.yaml_data import YamlFile, decode, read_yaml
from cds_service.policy.bundle import BundleError
from cds_service.policy.fields import IsoDate, Text
from cds_service.policy.load import policy_folders
from cds_service.policy.model import Model
from cds_service.policy.places import shown

Use = str | dict[str, dict[str, Any]]
"""A building block by name, or with settings of one's own: `size` or `size: {cm: 4.9}`."""


class Block(Model, frozen=True, kw_only=True):
    """A made-up piece of a chart. like: another block it is a variant of; settings: what a case may change,
    with defaults; resources: FHIR R4 with `{setting}` where a setting goes.
    """

    says: Text
    like: str | None = None
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    resources: tuple[dict[str, Any], ...] = ()


class Blocks(Model, frozen=True, kw_only=True):
    """The file policies/_shared/case-blocks.yaml; always: resources of every chart."""

    always: tuple[dict[str, Any], ...] = ()
    orders: dict[str, Block] = msgspec.field(default_factory=dict)
    coverages: dict[str, Block] = msgspec.field(default_factory=dict)
    chart: dict[str, Block] = msgspec.field(default_factory=dict)


class Start(Model, frozen=True, kw_only=True):
    """What every case of a file starts from."""

    order: Use
    coverage: Use
    chart: tuple[Use, ...] = ()


class Given(Model, frozen=True, kw_only=True):
    """How a case differs from the start: another order, coverage or chart, blocks added (`with`), left out
    (`without`), or with other settings (`change`).
    """

    order: Use | None = None
    coverage: Use | None = None
    chart: tuple[Use, ...] | None = None
    added: tuple[Use, ...] = msgspec.field(default=(), name="with")
    without: tuple[str, ...] = ()
    change: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


class Expect(Model, frozen=True, kw_only=True):
    """What the policy must say; what is left out is not compared."""

    outcome: Literal[
        "meets-criteria",
        "investigational",
        "needs-info",
        "refer-to-plan",
        "no-policy",
        "out-of-scope",
        "cannot-evaluate",
    ]
    covered: Literal["covered", "not-covered", "conditional"] | None = None
    criteria: dict[str, Literal["met", "not-met", "unknown"]] = msgspec.field(default_factory=dict)
    flags: tuple[str, ...] = ()


class Case(Model, frozen=True, kw_only=True):
    """One made-up patient. on: "today" where it differs from the file's."""

    case: Text
    on: IsoDate | None = None
    given: Given = Given()
    expect: Expect


class CaseSheet(Model, frozen=True, kw_only=True):
    """One file cases/*.yaml: cases about one version of the policy, all dates relative to `on`."""

    version: Text
    on: IsoDate
    given: Start
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case sheet with the policy it lies beside and the file it came from."""

    policy: str
    file: YamlFile
    sheet: CaseSheet


def load_cases(folders: Sequence[Path]) -> Mapping[str, tuple[CaseFile, ...]]:
    """The cases of every policy below the folders, by policy id. Raises BundleError with all errors."""
    errors: list[DataError] = []
    found: dict[str, tuple[CaseFile, ...]] = {}
    for policy, folder in policy_folders(folders):
        paths = sorted((folder / "cases").glob("*.yaml"))
        read = [(file, sheet) for path in paths for file, sheet in _read(path, CaseSheet, errors)]
        found[policy] = tuple(CaseFile(policy, file, sheet) for file, sheet in read)
    if errors:
        raise BundleError(errors)
    return found


def load_blocks(folders: Sequence[Path]) -> Blocks:
    """The building blocks of all folders; a later folder's block replaces an earlier one of the same name.

    Raises BundleError with all errors.
    """
    errors: list[DataError] = []
    paths = [path for folder in folders if (path := folder / "_shared" / "case-blocks.yaml").is_file()]
    sheets = [sheet for path in paths for _, sheet in _read(path, Blocks, errors)]
    if errors:
        raise BundleError(errors)
    return Blocks(
        always=tuple(resource for sheet in sheets for resource in sheet.always),
        orders={name: block for sheet in sheets for name, block in sheet.orders.items()},
        coverages={name: block for sheet in sheets for name, block in sheet.coverages.items()},
        chart={name: block for sheet in sheets for name, block in sheet.chart.items()},
    )


def _read(path: Path, kind: type[Any], errors: list[DataError]) -> list[tuple[YamlFile, Any]]:
    try:
        file = read_yaml(path, shown(path))
    except DataError as error:
        errors.append(error)
        return []
    sheet = decode(file, kind, errors)
    return [] if sheet is None else [(file, sheet)]
