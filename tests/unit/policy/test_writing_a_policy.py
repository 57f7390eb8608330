"""The guide for analysts is true: each kind is there, and each example can be copied."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from cds_service.cli_policies import evaluation, policies
from cds_service.kernel.schema_trouble import troubles
from cds_service.kernel.yaml_data import YamlFile
from cds_service.policy.case_run import run_cases
from cds_service.policy.cases import CaseFile, CaseSheet, load_blocks
from cds_service.policy.check import load_checked
from cds_service.policy.model import Criterion, CriterionBase
from cds_service.policy.places import data_folder

GUIDE = (Path(__file__).parents[3] / "docs" / "writing-a-policy.md").read_text("utf-8")
EXAMPLES: list[dict[str, Any]] = [
    YAML(typ="safe", pure=True).load(text) for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
]
CRITERIA = [example for example in EXAMPLES if "kind" in example]
KINDS = [kind.__struct_config__.tag for kind in CriterionBase.__subclasses__()]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_told_with_what_makes_it_met_not_met_and_unknown(kind: str) -> None:
    """ecosystem.md 4.7: the list of criterion kinds, each with an example and its three states."""
    title = next(line for line in GUIDE.splitlines() if line.startswith("#### ") and f"`{kind}`" in line)
    section = GUIDE.split(title)[1].split("\n#")[0]
    for state in ("met", "not met", "unknown"):
        assert f"\n- **{state}**: " in section
    assert "```yaml" in section


@pytest.mark.parametrize("example", CRITERIA, ids=lambda example: str(example["id"]))
def test_each_criterion_of_the_guide_can_be_copied(example: dict[str, Any]) -> None:
    """An example that does not load would cost an analyst the half hour."""
    assert troubles({"c": example}, dict[str, Criterion]) == []
    assert msgspec.convert(example, Criterion).says


def test_the_cases_of_the_guide_pass_on_the_policy_that_new_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guide's commands and cases are run, not only read."""
    monkeypatch.chdir(tmp_path)
    command = next(line for line in GUIDE.splitlines() if line.startswith("cds-service policies new"))
    arguments = ["new", "Lakeside Health", "LP 7.2", "--into", "policies", "--effective-from", "2026-01-01"]
    assert command.replace('"', "").split()[2:] == " ".join(arguments).split()
    assert CliRunner().invoke(policies, arguments).exit_code == 0
    folders = [data_folder("policies"), Path("policies")]
    (sheet,) = [msgspec.convert(example, CaseSheet) for example in EXAMPLES if "cases" in example]
    cases = {"lakeside-health/lp-7.2": [CaseFile("lakeside-health/lp-7.2", YamlFile("guide", {}, {}), sheet)]}
    results = list(run_cases(load_checked(folders), cases, load_blocks(folders), evaluation(folders[1:])))
    assert [(result.case, result.troubles) for result in results] == [(case.case, ()) for case in sheet.cases]
