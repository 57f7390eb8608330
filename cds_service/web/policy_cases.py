"""The cases beside the built-in policies, run against the policies as loaded, for who reads a policy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cachetools import LRUCache, cached

from cds_service.evaluate import as_json, evaluate_chart
from cds_service.knowledge import Knowledge
from cds_service.policy.case_run import CaseResult, run_case
from cds_service.policy.cases import Case, load_blocks, load_cases
from cds_service.policy.places import data_folder


@dataclass(frozen=True, slots=True)
class TriedCase:
    """A case as it is written, and what came of it."""

    case: Case
    result: CaseResult


@cached(LRUCache(1), key=lambda knowledge: knowledge.bundle.revision)
def tried_cases(knowledge: Knowledge) -> Mapping[str, Sequence[TriedCase]]:
    """Every case by policy id; run once for each revision of the data. Raises BundleError."""
    found: dict[str, list[TriedCase]] = {}
    for tried in _run(knowledge):
        found.setdefault(tried.result.policy, []).append(tried)
    return found


def _run(knowledge: Knowledge) -> Iterator[TriedCase]:
    folders = [data_folder("policies")]
    blocks = load_blocks(folders)

    def evaluate(chart: bytes, on: date) -> Sequence[Mapping[str, Any]]:
        return [as_json(found) for found in evaluate_chart(chart, on, knowledge)]

    for policy, files in load_cases(folders).items():
        for file in files if policy in knowledge.bundle.versions else ():
            for index, case in enumerate(file.sheet.cases):
                yield TriedCase(case, run_case(knowledge.bundle, file, index, case, blocks, evaluate))
