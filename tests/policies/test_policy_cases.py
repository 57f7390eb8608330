"""Every policy case that lies beside a policy, run as `cds-service evaluate` would run its chart."""

import pytest

from cds_service.cli_policies import evaluation
from cds_service.policy.case_chart import chart_of, day_of
from cds_service.policy.case_run import Evaluate, run_case
from cds_service.policy.cases import CaseFile, load_blocks, load_cases
from cds_service.policy.check import check
from cds_service.policy.known import known_names
from cds_service.policy.load import load_bundle
from cds_service.policy.places import data_folder

FOLDERS = [data_folder("policies")]
BUNDLE = load_bundle(FOLDERS)
CASES = load_cases(FOLDERS)
BLOCKS = load_blocks(FOLDERS)
EACH = [
    pytest.param(file, index, id=f"{policy}: {case.case}")
    for policy, files in CASES.items()
    for file in files
    for index, case in enumerate(file.sheet.cases)
]


@pytest.fixture(scope="module")
def evaluate() -> Evaluate:
    """The real evaluation by the built-in policies."""
    return evaluation([])


@pytest.mark.parametrize(("file", "index"), EACH)
def test_the_policy_says_what_its_case_expects(file: CaseFile, index: int, evaluate: Evaluate) -> None:
    """House rule 8: policy cases sit beside the policy, in the analyst's words."""
    result = run_case(BUNDLE, file, index, file.sheet.cases[index], BLOCKS, evaluate)
    assert result.passed, "\n".join([f"{result.place}  {result.case}", *result.troubles])


@pytest.mark.parametrize("policy", BUNDLE.versions)
def test_a_policy_has_cases(policy: str) -> None:
    """architecture.md, Tests: no cases found is a failure."""
    assert sum(len(file.sheet.cases) for file in CASES[policy]) >= 10


def test_the_data_checks_and_every_branch_has_a_case() -> None:
    """Each criterion met, not met, unknown; each outcome; a date out of range; a product sent elsewhere."""
    known = known_names()
    errors = check(BUNDLE, known.value_sets, known.questions, known.reasons, CASES)
    assert [str(error) for error in errors] == []


def test_one_chart_has_the_answer_of_its_payer(evaluate: Evaluate) -> None:
    """The same chart meets every criterion of one payer and is investigational to the other."""
    sheet = CASES["capital-blue-cross/mp-1.121"][0].sheet
    said = {}
    for payer in BUNDLE.payers.values():
        (answer,) = evaluate(
            chart_of(sheet, sheet.cases[0], BLOCKS, payer.name), day_of(sheet, sheet.cases[0])
        )
        said[payer.payer] = (answer["outcome"], answer["covered"])
    assert said == {
        "capital-blue-cross": ("meets-criteria", "covered"),
        "blue-shield-of-california": ("investigational", "not-covered"),
    }
