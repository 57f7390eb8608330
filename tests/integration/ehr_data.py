"""Charts as an EHR holds them: what it stores, the orders its user signs, and the searches it fails."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import requests

from cds_service.evidence.chart import read_outcome
from cds_service.kernel import fhir_json
from cds_service.kernel.references import canonical
from cds_service.policy.case_chart import chart_of, day_of
from cds_service.policy.cases import load_blocks, load_cases
from cds_service.policy.places import data_folder
from tests import builders
from tests.builders import condition, hcc, knowledge

Json = dict[str, Any]
SHARED = Path(__file__).parents[3] / "shared" / "cases"
FHIR_JSON = {"Content-Type": "application/fhir+json"}


@dataclass(frozen=True, slots=True, eq=False)
class EhrChart:
    """A chart for both roads: evaluated as a file, and stored on a server that is then asked.

    raw: the file; on: its "today"; patient: whom the orders are for; resources: what the EHR stores, with
    references as its own; failing: resource type -> how its search fails (code of an OperationOutcome issue).
    """

    name: str
    raw: bytes
    on: date
    patient: str
    resources: tuple[Json, ...]
    failing: Mapping[str, str]

    @property
    def orders(self) -> list[Json]:
        """The orders to be signed: all that the chart holds, as in evaluation."""
        return [item for item in self.resources if item["resourceType"] == "ServiceRequest"]

    @property
    def keys(self) -> set[str]:
        """`Type/id` of every resource."""
        return {_key(item) for item in self.resources}


def read_chart(name: str, raw: bytes, on: date, suffix: str = "") -> EhrChart:
    """The chart of a Bundle. suffix: put behind every id, so that the chart can lie beside namesakes."""
    bundle = fhir_json.read(raw)
    entries = bundle["entry"]
    aliases = {entry["fullUrl"]: _key(entry["resource"]) for entry in entries if "fullUrl" in entry}
    keys = {_key(entry["resource"]) for entry in entries}
    resources = [_owned(entry["resource"], aliases, keys, suffix) for entry in entries]
    if suffix:
        raw = fhir_json.write({**bundle, "entry": [{"resource": item} for item in resources]})
    held = [item for item in resources if item["resourceType"] != "OperationOutcome"]
    outcomes = [item for item in resources if item["resourceType"] == "OperationOutcome"]
    return EhrChart(name, raw, on, _patient(held), tuple(held), dict(_failing(outcomes)))


def side_by_side(charts: Iterable[EhrChart]) -> Iterator[EhrChart]:
    """The charts, so that all fit on one server: where ids are taken, all ids of the chart get a suffix."""
    taken: set[str] = set()
    for number, chart in enumerate(charts):
        fitting = chart if taken.isdisjoint(chart.keys) else _renamed(chart, f"-{number}")
        taken |= fitting.keys
        yield fitting


def _renamed(chart: EhrChart, suffix: str) -> EhrChart:
    return read_chart(chart.name, chart.raw, chart.on, suffix)


@cache
def own_charts() -> tuple[EhrChart, ...]:
    """The charts of all policy cases, which lie beside the policies in this repository."""
    policies, payers = [data_folder("policies")], knowledge().bundle.payers
    blocks = load_blocks(policies)
    return tuple(
        read_chart(
            f"{policy}: {case.case}",
            chart_of(file.sheet, case, blocks, payers[policy.partition("/")[0]].name),
            day_of(file.sheet, case),
        )
        for policy, files in load_cases(policies).items()
        for file in files
        for case in file.sheet.cases
    )


@cache
def long_charts() -> tuple[EhrChart, ...]:
    """Charts of many pages, which meet the criteria but for what may be on any page, if there is that."""
    many = [condition("I10", f"problem-{number}") for number in range(230)]
    outside = condition("C78.01", "outside")
    held = {
        "long": [*many, *hcc()],
        "outside first": [outside, *many, *hcc()],
        "last": [*hcc(), *many, outside],
    }
    return tuple(
        read_chart(f"many pages: {name}", builders.bundle(resources), builders.TODAY)
        for name, resources in held.items()
    )


@cache
def shared_charts() -> tuple[EhrChart, ...]:
    """The acceptance charts where they lie beside the checkout, none elsewhere."""
    if not SHARED.is_dir():
        return ()
    with (SHARED / "expected.csv").open(encoding="utf-8") as rows:
        days = {row["file"]: date.fromisoformat(row["on"]) for row in csv.DictReader(rows)}
    files = sorted((SHARED / "charts").glob("*.json"))
    return tuple(read_chart(path.stem, path.read_bytes(), days[path.name]) for path in files)


def store(base: str, chart: EhrChart) -> str | None:
    """Puts the chart on a FHIR server in one transaction; None, or why the server refused it."""
    entry = [{"resource": item, "request": {"method": "PUT", "url": _key(item)}} for item in chart.resources]
    bundle = fhir_json.write({"resourceType": "Bundle", "type": "transaction", "entry": entry})
    reply = requests.post(base, data=bundle, headers=FHIR_JSON, timeout=60)
    if reply.ok:
        return None
    return " ".join(str(issue.get("diagnostics", issue)) for issue in reply.json()["issue"])


def as_stored(base: str, chart: EhrChart) -> EhrChart:
    """The chart as the server gives it back: some servers mend or drop what they cannot read."""
    got = [requests.get(f"{base}/{key}", timeout=60) for key in map(_key, chart.resources)]
    entries = [b'{"resource":%b}' % reply.content for reply in got]
    raw = b'{"resourceType":"Bundle","type":"collection","entry":[%b]}' % b",".join(entries)
    return read_chart(chart.name, raw, chart.on)


def _key(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource.get('id')}"


def _patient(resources: Iterable[Json]) -> str:
    """The id of the patient of the first order that names one, else of the only patient."""
    for item in resources:
        subject = item.get("subject")
        if item["resourceType"] == "ServiceRequest" and isinstance(subject, dict) and "reference" in subject:
            return str(subject["reference"]).rpartition("/")[2]
    return next(str(item["id"]) for item in resources if item["resourceType"] == "Patient")


def _failing(outcomes: Iterable[Json]) -> Iterator[tuple[str, str]]:
    for outcome in outcomes:
        for kind, _, _ in read_outcome(fhir_json.write(outcome)):
            yield kind, outcome["issue"][0]["code"]


def _owned(node: Any, aliases: Mapping[str, str], keys: set[str], suffix: str, top: bool = True) -> Any:
    """A copy whose references to the chart's own resources are relative, and whose id has the suffix."""
    if isinstance(node, list):
        return [_owned(item, aliases, keys, suffix, False) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {name: _owned(value, aliases, keys, suffix, False) for name, value in node.items()}
    if isinstance(target := node.get("reference"), str) and (found := canonical(target, aliases)) in keys:
        copy["reference"] = found + suffix
    return {**copy, "id": f"{node['id']}{suffix}"} if top and "id" in node else copy
