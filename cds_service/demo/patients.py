"""The made-up patients as data: a short YAML of building blocks each, made into a chart dated from today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from cds_service.kernel import fhir_json
from cds_service.kernel.errors import DataError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.kernel.yaml_data import decode, read_yaml
from cds_service.policy.bundle import BundleError
from cds_service.policy.case_chart import ORDER, CaseError, chart_of
from cds_service.policy.cases import Blocks, Case, CaseSheet, Expect, Start, Use
from cds_service.policy.fields import Text
from cds_service.policy.model import Model

FOLDER = Path(str(files("cds_service.demo")))


class Sheet(Model, frozen=True, kw_only=True):
    """One file patients/*.yaml.

    story: what is special, in a sentence; person: settings of the block `person`; order, coverages, chart:
    building blocks; failing: resource types whose search the demo's EHR answers with an error for this
    patient; expect: the outcome due under each coverage, `none` where no coverage applies.
    """

    story: Text
    person: dict[str, Any]
    order: Use
    coverages: tuple[Use, ...]
    chart: tuple[Use, ...]
    failing: tuple[str, ...] = ()
    expect: dict[str, Text]


@dataclass(frozen=True, slots=True)
class DemoPatient:
    """A made-up patient on a given day.

    slug: name of the file without its number; resources: the whole chart, the order included.
    """

    slug: str
    story: str
    expect: dict[str, str]
    failing: tuple[str, ...]
    resources: tuple[JsonObject, ...]

    @property
    def name(self) -> str:
        """Given and family name, as people say it."""
        name = self.of("Patient")[0]["name"][0]
        return f"{name['given'][0]} {name['family']}"

    def of(self, kind: str) -> list[JsonObject]:
        """The chart's resources of a type."""
        return [resource for resource in self.resources if resource["resourceType"] == kind]


def load_patients(on: date, folder: Path = FOLDER) -> list[DemoPatient]:
    """Every made-up patient with dates counted from `on`, in the order of the files.

    Raises DataError or BundleError.
    """
    blocks = _read(folder / "blocks.yaml", Blocks)
    return [_patient(path, blocks, on) for path in sorted((folder / "patients").glob("*.yaml"))]


@cache
def _read(path: Path, kind: type[Any]) -> Any:
    """The file as a struct; read once, for it does not change."""
    errors: list[DataError] = []
    found = decode(read_yaml(path, path.name), kind, errors)
    if errors:
        raise BundleError(errors)
    return found


def procedures(folder: Path = FOLDER) -> list[JsonObject]:
    """What the order-entry page offers: `id`, `label` and the order's `code` of each block of orders."""
    blocks: Blocks = _read(folder / "blocks.yaml", Blocks)
    found = []
    for name in blocks.orders:
        sheet = Sheet(story="-", person={}, order=name, coverages=(), chart=(), expect={})
        order = next(r for r in _chart(name, sheet, blocks, date(2000, 1, 1)) if r["id"] == ORDER)
        code = order["code"]["coding"][0]["code"]
        found.append({"id": name, "label": f"{order['code']['text']} ({code})", "code": order["code"]})
    return found


def _patient(path: Path, blocks: Blocks, on: date) -> DemoPatient:
    sheet: Sheet = _read(path, Sheet)
    try:
        resources = tuple(_chart(path.stem, sheet, blocks, on))
    except CaseError as error:
        raise DataError(path.name, None, "", str(error)) from None
    return DemoPatient(path.stem.partition("-")[2], sheet.story, sheet.expect, sheet.failing, resources)


def _chart(name: str, sheet: Sheet, blocks: Blocks, on: date) -> list[JsonObject]:
    """The chart as policy cases make theirs, with the person and all coverages among its blocks."""
    uses: Sequence[Use] = ({"person": sheet.person}, "staff", *sheet.coverages, *sheet.chart)
    start = Start(order=sheet.order, coverage="none", chart=tuple(uses))
    case = Case(case=name, expect=Expect(outcome="needs-info"))
    together = Blocks(
        orders=blocks.orders, coverages=blocks.coverages, chart={**blocks.chart, **blocks.coverages}
    )
    cases = CaseSheet(version="-", on=on.isoformat(), given=start, cases=(case,))
    return [entry["resource"] for entry in fhir_json.read(chart_of(cases, case, together, ""))["entry"]]


__all__ = ["ORDER", "DemoPatient", "Sheet", "load_patients", "procedures"]
