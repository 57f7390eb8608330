"""The commands evaluate and explain: their contract on standard output and in exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cds_service.cli import main
from tests.builders import bundle, changed, coverage, hcc, without
from tests.conformance.ch.calls import sign


@pytest.fixture
def chart(tmp_path: Path) -> str:
    """The path of a chart that lacks the size of the tumor."""
    path = tmp_path / "chart.json"
    path.write_bytes(bundle(without(hcc(), "size")))
    return str(path)


def run(*words: str) -> Result:
    """One command line."""
    return CliRunner().invoke(main, list(words))


def evaluated(*words: str, code: int = 0) -> dict[str, Any]:
    """The one JSON object on standard output."""
    result = run("evaluate", "--json", *words)
    assert result.exit_code == code, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_json_is_one_object_of_the_contract(chart: str) -> None:
    """interface.md section 3."""
    found = evaluated(chart, "--on", "2026-11-21")
    assert found["evaluated_on"] == "2026-11-21"
    [result] = found["results"]
    assert result["file"] == chart
    [determination] = result["determinations"]
    assert determination["order"] == "ServiceRequest/order"
    assert determination["coverage"] == "Coverage/cov"
    assert (determination["payer"], determination["policy"], determination["policy_version"]) == (
        "capital-blue-cross",
        "capital-blue-cross/mp-1.121",
        "2024-05-01",
    )
    assert (determination["outcome"], determination["covered"]) == ("needs-info", "conditional")
    states = {each["id"]: each["state"] for each in determination["criteria"]}
    assert states.pop("size") == "unknown" and set(states.values()) == {"met"}
    assert set(states) == {"resectability", "diagnosis", "extrahepatic", "amenability"}
    size = next(each for each in determination["criteria"] if each["id"] == "size")
    assert size["gaps"][0]["code"] == "absent" and size["cites"]
    met = next(each for each in determination["criteria"] if each["id"] == "diagnosis")
    assert met["evidence"][0].keys() == {"reference", "date", "summary"}
    assert {each["criterion"] for each in determination["documentation"]} == {"size"}
    assert determination["flags"] == []


def test_the_day_of_on_is_today(chart: str) -> None:
    """Half a year later the statements are stale."""
    [result] = evaluated(chart, "--on", "2027-11-21")["results"]
    states = {each["id"]: each["state"] for each in result["determinations"][0]["criteria"]}
    assert states["resectability"] == "met", "freshness counts from the order, not from today"


def test_an_order_without_usable_coverage_has_one_entry_with_null(tmp_path: Path) -> None:
    path = tmp_path / "chart.json"
    path.write_bytes(bundle(without(hcc(), "cov")))
    [determination] = evaluated(str(path))["results"][0]["determinations"]
    assert (determination["coverage"], determination["payer"], determination["policy"]) == (None, None, None)
    assert (determination["outcome"], determination["criteria"]) == ("no-policy", [])


def test_out_of_scope_has_covered_null(tmp_path: Path) -> None:
    path = tmp_path / "chart.json"
    path.write_bytes(bundle(changed(hcc(), "order", code={"text": "Chest X-ray"})))
    [determination] = evaluated(str(path))["results"][0]["determinations"]
    assert (determination["outcome"], determination["covered"]) == ("out-of-scope", None)


def test_one_entry_for_each_order_and_coverage(tmp_path: Path) -> None:
    path = tmp_path / "chart.json"
    path.write_bytes(bundle([*hcc(), coverage("Blue Shield of California", "second")]))
    found = evaluated(str(path))["results"][0]["determinations"]
    assert {(each["coverage"], each["outcome"]) for each in found} == {
        ("Coverage/cov", "meets-criteria"),
        ("Coverage/second", "investigational"),
    }


def test_a_signed_order_is_read_like_a_chart(tmp_path: Path) -> None:
    """interface.md section 3: an object with `hook`; everything it lacks stays a gap, nobody is asked."""
    path = tmp_path / "call.json"
    path.write_text(json.dumps(sign(hcc())))
    [determination] = evaluated(str(path))["results"][0]["determinations"]
    assert determination["outcome"] == "meets-criteria"
    path.write_text(json.dumps(sign(hcc(), prefetch=...)))
    [determination] = evaluated(str(path))["results"][0]["determinations"]
    assert (determination["outcome"], determination["reason"]) == (
        "cannot-evaluate",
        "coverage-search-failed",
    )


BAD = {
    "not-json": b"{",
    "not-a-chart": b'{"resourceType": "Patient"}',
    "not-a-chart/list": b"[]",
    "not-a-chart/text": b'"x"',
    "no-order": b'{"resourceType": "Bundle"}',
    "no-order/odd": b'{"resourceType": "Bundle", "entry": [3, {"resource": []}, {}]}',
    "not-json/bytes": b"\xff\xfe\x00",
    "not-json/deep": b'{"resourceType": "Bundle", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "invalid-call": b'{"hook": "order-sign"}',
    "invalid-call/hook": b'{"hook": "patient-view", "context": {"patientId": "p"}}',
    "not-json/empty": b"",
}


@pytest.mark.parametrize(
    ("code", "body"), [(name.split("/")[0], body) for name, body in BAD.items()], ids=BAD
)
def test_a_file_that_cannot_be_used_has_its_error_in_its_place(
    code: str, body: bytes, chart: str, tmp_path: Path
) -> None:
    """The others are still evaluated; exit code 2."""
    bad = tmp_path / "bad.json"
    bad.write_bytes(body)
    first, second = evaluated(str(bad), chart, code=2)["results"]
    assert first["file"] == str(bad) and first["error"]["code"] == code
    assert first["error"]["message"] and "determinations" not in first
    assert second["determinations"][0]["outcome"] == "needs-info"


def test_a_file_that_is_not_there_and_a_folder_are_named(tmp_path: Path) -> None:
    results = evaluated(str(tmp_path / "none.json"), str(tmp_path), code=2)["results"]
    assert [each["error"]["code"] for each in results] == ["unreadable-file"] * 2


def test_the_listing_is_for_people(chart: str) -> None:
    result = run("evaluate", chart, "--on", "2026-11-21")
    assert result.exit_code == 0
    assert "ServiceRequest/order under Coverage/cov: needs-info" in result.stdout
    assert "size unknown" in result.stdout
    assert run("evaluate", "/nowhere.json").exit_code == 2


@pytest.mark.parametrize(
    "words", [["evaluate"], ["evaluate", "x", "--on", "soon"], ["explain"], ["nonsense"]]
)
def test_unusable_arguments_exit_with_2(words: list[str]) -> None:
    assert run(*words).exit_code == 2


def test_explain_shows_the_tree_from_order_to_source(chart: str) -> None:
    result = run("explain", chart, "--on", "2026-11-21")
    assert result.exit_code == 0
    text = " ".join(result.stdout.replace("│", " ").split())
    for part in (
        "ServiceRequest/order, service date 2026-12-01",
        "coverage: Coverage/cov",
        "payer: Capital Blue Cross",
        "in force from 2024-05-01",
        "outcome: needs-info, covered: conditional",
        "unknown: Smaller than 5 cm (size; I. Policy, third bullet)",
        "gap: Not on record",
        "would settle it:",
        "LOINC",
        "met: Hepatocellular carcinoma",
        "[Condition/dx, 2026-09-21]",
    ):
        assert part in text, part


def test_explain_of_an_unusable_file_says_why_and_exits_with_2(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{")
    result = run("explain", str(path))
    assert result.exit_code == 2 and result.stdout == ""
    assert "Not JSON" in result.stderr


def test_a_chart_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "chart.json"
    path.write_bytes(
        bundle(changed(hcc(), "dx", code={"coding": [{"system": "x", "code": "y", "display": "a\x1b[2Jb"}]}))
    )
    assert "\x1b[2J" not in run("explain", str(path)).stdout
    assert "\x1b" not in run("evaluate", str(path)).stdout
