"""The tool that makes ValueSets from the code list: what it leaves out, expands, derives and refuses."""

import csv
import json
from pathlib import Path

import pytest

from tools.build_value_sets import CPT, ICD_10_CM, Row, build, header_rows, main, merge

COLUMNS = ["system", "code", "display", "concept", "role", "source", "confirmed"]


def _row(code: str, role: str, system: str = ICD_10_CM, **other: str) -> Row:
    words = {
        "display": f"title of {code}",
        "concept": f"words for {code}",
        "source": "a list",
        "confirmed": "yes",
    }
    return {"system": system, "code": code, "role": role} | words | other


def _write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_one_file_for_each_role_and_nothing_unconfirmed(tmp_path: Path) -> None:
    """A row that no source confirms is not shipped; a weak one is, with its mark."""
    rows = [_row("A", "dx_one"), _row("B", "dx_one", confirmed="weak"), _row("X", "dx_one", confirmed="no")]
    assert build(_write(tmp_path / "codes.csv", rows), _write(tmp_path / "extra.csv", []), tmp_path) == 1
    value_set = json.loads((tmp_path / "valuesets" / "dx-one.json").read_text(encoding="utf-8"))
    [include] = value_set["compose"]["include"]
    comments = {part["code"]: part["extension"][0]["valueString"] for part in include["concept"]}
    assert sorted(comments) == ["A", "B"]
    assert comments["A"] == "words for A; source: a list"
    assert comments["B"].endswith("; weak: seen only in third-party public files")


def test_cpt_is_shown_in_our_own_words(tmp_path: Path) -> None:
    """The licensed descriptor of a CPT code never leaves the list; a range becomes its whole numbers."""
    rows = [_row("44140..44142", "resection", CPT, display="a licensed descriptor")]
    build(_write(tmp_path / "codes.csv", rows), _write(tmp_path / "extra.csv", []), tmp_path)
    text = (tmp_path / "valuesets" / "resection.json").read_text(encoding="utf-8")
    concepts = json.loads(text)["compose"]["include"][0]["concept"]
    assert [concept["code"] for concept in concepts] == ["44140", "44141", "44142"]
    assert "licensed descriptor" not in text and "trademark" in text


def test_an_extra_row_replaces_the_same_code_of_the_same_role() -> None:
    """The project's own words win over the list's."""
    merged = merge([_row("A", "one"), _row("A", "two")], [_row("A", "one", concept="better words")])
    assert [(row["role"], row["concept"]) for row in merged] == [
        ("one", "better words"),
        ("two", "words for A"),
    ]


def test_headers_are_derived_by_family() -> None:
    """Clinical rules, section 0: a header is the unspecified case; above mixed leaves, of any malignancy."""
    roles = {
        "C22.0": "dx_hcc",
        "C22.1": "dx_liver_primary_not_hcc",
        "C18.1": "primary_appendix_review",
        "C78.7": "dx_liver_met",
        "C80.0": "met_extrahepatic",
        "C80.1": "primary_unspecified",
        "C20": "primary_crc",
        "D37.6": "uncertain_behavior_liver",
    }
    leaves = [_row(code, role) for code, role in roles.items()]
    headers = {row["code"]: row["role"] for row in header_rows(leaves)}
    assert headers == {
        "C22": "header_liver",
        "C18": "header_malignancy",
        "C78": "header_metastasis",
        "C80": "header_malignancy",
    }


def test_a_list_with_other_columns_is_refused(tmp_path: Path) -> None:
    """The message names the file and what was expected."""
    wrong = tmp_path / "codes.csv"
    wrong.write_text("system,code\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"codes\.csv: columns are"):
        build(wrong, wrong, tmp_path)


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments: usage on standard error, exit code 2."""
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
