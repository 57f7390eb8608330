"""`cds-service policies`: what each command prints and with which code it ends (interface.md section 2)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cds_service.cli_policies import policies
from cds_service.kernel.errors import DataError
from tests.unit.policy.conftest import Edit

CAPITAL = "capital-blue-cross/mp-1.121"
LAKESIDE = "lakeside-health/lp-7.2"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CDS_SERVICE_POLICIES", raising=False)

    return lambda *args: CliRunner().invoke(policies, [*map(str, args)], catch_exceptions=False)


def test_check_is_silent_about_sound_data(run: Run) -> None:
    """Exit 0: the data as shipped has nothing to mend."""
    result = run("check")
    assert (result.exit_code, result.output.startswith("Nothing to mend, revision ")) == (0, True)
    assert json.loads(run("check", "--json").output)["errors"] == []


def test_check_names_a_missing_data_folder(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1 with a sentence when value sets, forms or reasons cannot be read."""

    def missing() -> None:
        raise DataError("cards/reasons.yaml", None, "", "The file cannot be read: gone.")

    monkeypatch.setattr("cds_service.cli_policies.known_names", missing)
    result = run("check")
    assert (result.exit_code, result.output) == (
        1,
        "cards/reasons.yaml  The file cannot be read: gone.\n1 to mend.\n",
    )


def test_check_names_what_to_mend(run: Run, folder: Path, edit: Edit) -> None:
    """Exit 1: each error with file, line and way out; as JSON with the same four parts."""
    edit("capital-blue-cross/payer.yaml", "\nname: ", "\nnome: ")
    result = run("check", "--folder", folder)
    assert result.exit_code == 1
    assert 'policies/capital-blue-cross/payer.yaml:3  nome\n  "nome" is not a member here.' in result.output
    assert result.output.endswith("2 to mend.\n")
    told = json.loads(run("check", "--folder", folder, "--json").output)
    assert told["errors"][1]["line"] == 3 and set(told["errors"][1]) == {"file", "line", "member", "message"}


def test_further_folders_come_from_the_setting(run: Run, folder: Path, edit: Edit, monkeypatch: Any) -> None:
    """interface.md section 5: CDS_SERVICE_POLICIES, separated by a colon."""
    edit("capital-blue-cross/payer.yaml", "\nname: ", "\nnome: ")
    monkeypatch.setenv("CDS_SERVICE_POLICIES", f"{folder}:{folder}")
    assert run("check").exit_code == 1


@pytest.mark.parametrize("command", [("check",), ("test",), ("show", CAPITAL)])
def test_a_folder_that_is_not_there_is_unusable(run: Run, command: tuple[str, ...]) -> None:
    """Exit 2: a wrong path is not an empty folder."""
    result = run(*command, "--folder", "nowhere")
    assert (result.exit_code, "nowhere" in result.output) == (2, True)


def test_a_new_policy_passes_check_and_test_at_once(run: Run) -> None:
    """ecosystem.md 4.4: a folder that already passes, for a payer that is new as well."""
    made = run("new", "Lakeside Health", "LP 7.2", "--into", "own", "--effective-from", "2026-01-01")
    assert made.exit_code == 0, made.output
    assert made.output.splitlines()[:3] == [
        "own/lakeside-health/payer.yaml",
        "own/lakeside-health/lp-7.2/2026-01-01.yaml",
        "own/lakeside-health/lp-7.2/cases/criteria.yaml",
    ]
    checked = run("check", "--folder", "own")
    assert checked.exit_code == 0, checked.output
    tested = run("test", "--folder", "own", "--policy", LAKESIDE)
    assert (tested.exit_code, tested.output) == (0, "6 passed, 0 failed\n")


def test_a_failed_case_is_told_with_its_place(run: Run) -> None:
    """Exit 1, the case's file and line, and the difference; the same as JSON."""
    run("new", "Lakeside Health", "LP 7.2", "--into", "own", "--effective-from", "2026-01-01")
    cases = Path("own/lakeside-health/lp-7.2/cases/criteria.yaml")
    cases.write_text(cases.read_text("utf-8").replace("{cm: 5.0}", "{cm: 4.0}"), "utf-8")
    result = run("test", "--folder", "own", "--policy", LAKESIDE)
    assert result.exit_code == 1
    assert result.output == (
        f"{cases}:12  Too large\n"
        "  Expected outcome investigational, got meets-criteria.\n"
        "  Expected covered not-covered, got covered.\n"
        "  Expected size not-met, got met (Observation/size: longest diameter 4.0 cm).\n"
        "5 passed, 1 failed\n"
    )
    told = json.loads(run("test", "--folder", "own", "--policy", LAKESIDE, "--json").output)
    assert [case["passed"] for case in told["cases"]].count(False) == 1


def test_a_policy_without_cases_fails(run: Run) -> None:
    """architecture.md, Tests: no cases found is a failure."""
    run("new", "Lakeside Health", "LP 7.2", "--into", "own")
    Path("own/lakeside-health/lp-7.2/cases/criteria.yaml").unlink()
    result = run("test", "--folder", "own", "--policy", LAKESIDE)
    assert (result.exit_code, f"{LAKESIDE} has no cases." in result.output) == (1, True)
    assert run("check", "--folder", "own").exit_code == 1


def test_new_keeps_what_is_there(run: Run) -> None:
    """Exit 2: a second policy for payer and service would leave two texts in force."""
    run("new", "Lakeside Health", "LP 7.2", "--into", "own")
    result = run("new", "Lakeside Health", "LP 8", "--into", "own")
    assert result.exit_code == 2
    assert f"{LAKESIDE}" in result.output and "already speaks for lakeside-health" in result.output
    assert run("new", "capital-blue-cross", "MP 2", "--into", "own").exit_code == 2
    assert run("new", "Lakeside Health", "???", "--into", "own").exit_code == 2
    wrong = run("new", "Riverside", "1", "--into", "own", "--service", "liver-cryoablatoin")
    assert (wrong.exit_code, 'Did you mean "liver-cryoablation"?' in wrong.output) == (2, True)
    Path("own/riverside/7").mkdir(parents=True)
    Path("own/riverside/payer.yml").write_text("half written", "utf-8")
    refused = run("new", "Riverside", "8", "--into", "own")
    assert (refused.exit_code, "riverside/7 has no version" in refused.output) == (2, True)


def test_new_never_writes_over_a_file(run: Run) -> None:
    """What somebody wrote stays, even where the loader does not look."""
    left = Path("elsewhere/riverside/payer.yaml")
    left.parent.mkdir(parents=True)
    left.write_text("half written", "utf-8")
    assert run("new", "Riverside", "8", "--into", "elsewhere").exit_code == 2
    assert left.read_text("utf-8") == "half written"


@pytest.mark.parametrize("payer", ['A "quoted" & Co.: plan #1', "Ünïted Hëalth", "a'b", "{{ 7 * 7 }}"])
def test_new_survives_any_name(run: Run, payer: str) -> None:
    """What people type is quoted in the YAML that is written, or refused in a sentence."""
    made = run("new", payer, "P: #1 {x}", "--into", "own")
    assert made.exit_code == 0, made.output
    checked = run("check", "--folder", "own")
    assert checked.exit_code == 0, checked.output


def test_show_prints_the_latest_version(run: Run) -> None:
    """A page for people, the whole version for programs."""
    page = run("show", CAPITAL)
    assert (page.exit_code, page.output.startswith("# Capital Blue Cross MP 1.121: ")) == (0, True)
    assert json.loads(run("show", CAPITAL, "2024-05-01", "--json").output)["version"] == "2024-05-01"


def test_diff_says_what_changed(run: Run, folder: Path) -> None:
    """Sentences for people, a list for programs."""
    first = folder / CAPITAL / "2024-05-01.yaml"
    text = first.read_text("utf-8")
    later = text.replace('"2024-05-01"', '"2025-01-01"').replace("below: 5 cm", "below: 4 cm")
    first.with_stem("2025-01-01").write_text(later, "utf-8")
    first.write_text(text.replace("\nreviewed:", '\neffective-to: "2024-12-31"\nreviewed:'), "utf-8")
    arguments = ("diff", CAPITAL, "2024-05-01", "2025-01-01", "--folder", folder)
    sentence = 'Criterion size: below changed from "5 cm" to "4 cm".'
    assert sentence in run(*arguments).output.splitlines()
    assert sentence in json.loads(run(*arguments, "--json").output)["changes"]
    same = run("diff", CAPITAL, "2024-05-01", "2024-05-01")
    assert (same.exit_code, same.output) == (0, "Nothing but the version changed.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "capital-blue-cross/mp-1.12"), f'Did you mean "{CAPITAL}"?'),
        (("show", CAPITAL, "2024-05-02"), 'Did you mean "2024-05-01"?'),
        (("diff", CAPITAL, "2023-05-01", "2024-05-01"), '"2023-05-01" is not a version'),
        (("test", "--policy", "nothing/like-it"), "is not a policy here"),
    ],
)
def test_a_wrong_name_is_told_with_its_near_miss(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """Exit 2 and one sentence."""
    result = run(*arguments)
    assert (result.exit_code, message in result.output) == (2, True)


@pytest.mark.parametrize("command", ["check", "test", "show", "diff", "new"])
def test_every_command_explains_itself(run: Run, command: str) -> None:
    """interface.md section 2: every command has --help, and --json where it prints results."""
    result = run(command, "--help")
    assert (result.exit_code, "--json" in result.output) == (0, True)
