"""What an analyst reads when policy data is wrong: the place, the trouble and the way out, word by word."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.unit.policy.conftest import Complaints, Edit

VERSION = "capital-blue-cross/mp-1.121/2024-05-01.yaml"
OTHER = "blue-shield-of-california/7.01.75/2023-11-01.yaml"
PAYER = "capital-blue-cross/payer.yaml"
MISTAKES = YAML(typ="safe", pure=True).load(Path(__file__).with_name("mistakes.yaml"))


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry["mistake"]) for entry in MISTAKES])
def test_a_mistake_is_told_with_place_trouble_and_way_out(
    entry: dict[str, Any], folder: Path, edit: Edit, complaints: Complaints
) -> None:
    """House rule 10: the message names the place, the trouble and the way out, with the near miss."""
    edit(entry["file"], entry["change"], entry["to"])
    named = entry.get("in", entry["file"])
    before, found, _ = (folder / named).read_text("utf-8").partition(entry.get("at") or entry["to"].strip())
    assert found, "the line that the message names must be there"
    message = entry["says"].format(file=named, line=before.count("\n") + 1)
    assert sorted(complaints()) == sorted([message, *entry.get("also", ())])


def test_every_mistake_of_every_file_is_told_at_once(edit: Edit, complaints: Complaints) -> None:
    """House rule 10: an analyst mends all of it in one go."""
    edit(VERSION, "kind: resectability", "kind: resectable")
    edit(VERSION, "\nreviewed:", "\nreviewd:")
    edit(VERSION, 'code: "47381"', "code: 47381")
    edit(OTHER, "position: investigational", "position: experimental")
    edit(PAYER, "\nname: ", "\nnome: ")
    assert [line.splitlines()[0].split("/")[-1] for line in complaints()] == [
        'payer.yaml:1  "name" is missing. Add it.',
        "payer.yaml:3  nome",
        "2023-11-01.yaml:12  position",
        "2024-05-01.yaml:9  reviewd",
        "2024-05-01.yaml:18  criteria[0].kind",
        "2024-05-01.yaml:113  procedure-codes[1].code",
    ]


def test_a_file_that_would_not_be_read_is_told(folder: Path, complaints: Complaints) -> None:
    """A version named .yml would silently be missing from the answers."""
    (folder / VERSION).rename((folder / VERSION).with_suffix(".yml"))
    told = complaints()
    stem = "policies/capital-blue-cross/mp-1.121"
    assert f"{stem}/2024-05-01.yml  Not read: let the name end in .yaml." in told
    assert f"{stem}  capital-blue-cross/mp-1.121 has no version: add <version>.yaml." in told


def test_two_versions_in_force_on_one_day_are_told(folder: Path, complaints: Complaints) -> None:
    """Two texts in force at once leave no answer; the earlier one has to end."""
    text = (folder / VERSION).read_text("utf-8").replace('"2024-05-01"', '"2025-01-01"')
    (folder / VERSION).with_stem("2025-01-01").write_text(text, "utf-8")
    assert complaints() == [
        f"policies/{VERSION}:8  effective-from\n"
        "  From 2025-01-01 on capital-blue-cross/mp-1.121 2025-01-01 is in force too."
        ' Let this one end: effective-to: "2024-12-31".'
    ]


def test_two_services_of_one_code_are_told(folder: Path, complaints: Complaints) -> None:
    """A service copied for a new technique keeps its codes until somebody changes them."""
    (service,) = (folder / "_shared" / "services").glob("*.yaml")
    text = service.read_text("utf-8").replace("liver-cryoablation\n", "liver-microwave\n", 1)
    service.with_stem("liver-microwave").write_text(text, "utf-8")
    told = complaints()
    assert len(told) == 1 and "_shared/services/liver-microwave.yaml" in told[0]
    assert "stands for liver-cryoablation already. Give this service codes of its own." in told[0]


def test_the_data_as_shipped_has_nothing_to_mend(complaints: Complaints) -> None:
    """Without this the other claims would prove nothing."""
    assert complaints() == []
