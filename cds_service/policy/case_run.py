"""Runs policy cases through an evaluation and says in sentences where the answer differs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.case_chart import ORDER, CaseError, chart_of, day_of
from cds_service.policy.cases import Blocks, Case, CaseFile, Expect

Evaluate: TypeAlias = Callable[[bytes, date], Sequence[Mapping[str, Any]]]
"""A chart and "today" in, the determinations of interface.md section 3 out."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case; troubles: one sentence for each difference, none when it passed."""

    policy: str
    version: str
    case: str
    place: str
    troubles: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the answer is as expected."""
        return not self.troubles


def run_cases(
    bundle: PolicyBundle, cases: Mapping[str, Sequence[CaseFile]], blocks: Blocks, evaluate: Evaluate
) -> Iterator[CaseResult]:
    """The result of every case of every policy."""
    for files in cases.values():
        for file in files:
            for index, case in enumerate(file.sheet.cases):
                yield run_case(bundle, file, index, case, blocks, evaluate)


def run_case(
    bundle: PolicyBundle, file: CaseFile, index: int, case: Case, blocks: Blocks, evaluate: Evaluate
) -> CaseResult:
    """The result of one case; whatever keeps it from being run is a trouble of its own."""
    payer = bundle.payers[file.policy.partition("/")[0]]
    try:
        chart = chart_of(file.sheet, case, blocks, payer.name)
        troubles = tuple(_differences(file, case.expect, evaluate(chart, day_of(file.sheet, case))))
    except CaseError as error:
        troubles = (str(error),)
    place = f"{file.file.name}:{file.file.line(('cases', index))}"
    return CaseResult(file.policy, file.sheet.version, case.case, place, troubles)


def _differences(file: CaseFile, expect: Expect, answers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    about = [answer for answer in answers if answer["order"] == f"ServiceRequest/{ORDER}"]
    if len(about) != 1:
        yield f"Expected one determination for the order, got {len(about)}."
        return
    yield from _conclusion(file, expect, about[0])
    yield from _criteria(expect, about[0])


def _conclusion(file: CaseFile, expect: Expect, answer: Mapping[str, Any]) -> Iterator[str]:
    if answer["outcome"] != expect.outcome:
        yield f"Expected outcome {expect.outcome}, got {answer['outcome']}."
    if expect.covered and answer["covered"] != expect.covered:
        yield f"Expected covered {expect.covered}, got {answer['covered']}."
    if answer["policy"] not in (None, file.policy):
        yield f"Expected policy {file.policy}, got {answer['policy']}."
    if answer["policy_version"] not in (None, file.sheet.version):
        yield f"Expected version {file.sheet.version}, got {answer['policy_version']}."
    for flag in expect.flags:
        if flag not in answer["flags"]:
            yield f"Expected flag {flag}, got {', '.join(answer['flags']) or 'none'}."


def _criteria(expect: Expect, answer: Mapping[str, Any]) -> Iterator[str]:
    states = {criterion["id"]: criterion for criterion in answer["criteria"]}
    for name, state in expect.criteria.items():
        if name not in states:
            yield f"Expected {name} {state}, but it was not judged."
        elif states[name]["state"] != state:
            yield f"Expected {name} {state}, got {states[name]['state']}{_why(states[name])}."


def _why(criterion: Mapping[str, Any]) -> str:
    """The evidence that led to an unexpected state."""
    seen = [f"{entry['reference']}: {entry['summary']}" for entry in criterion.get("evidence", ())]
    return f" ({'; '.join(seen)})" if seen else ""
