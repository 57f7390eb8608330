"""The published schemas are those of the structs, and the data that is shipped fits them."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from cds_service.policy.places import data_folder
from cds_service.policy.schema import schema_texts, write_schemas

POLICIES = data_folder("policies")
FILES = [path for path in sorted(POLICIES.rglob("*.yaml")) if "_template" not in path.parts]


@pytest.mark.parametrize("name", sorted(schema_texts()))
def test_a_schema_is_current(name: str) -> None:
    """Editors read the same rules as the loader; `python -m tools.policy_schemas` writes them anew."""
    assert (POLICIES / "_schema" / name).read_text("utf-8") == schema_texts()[name]


def test_no_schema_is_left_over() -> None:
    """A schema of a struct that is gone would mislead."""
    assert {path.name for path in (POLICIES / "_schema").iterdir()} == set(schema_texts())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(POLICIES).as_posix())
def test_a_data_file_fits_the_schema_that_it_names(path: Path) -> None:
    """Outside editors and linters see no error where the loader sees none, and each file names its schema."""
    first = path.read_text("utf-8").splitlines()[0]
    named = first.partition("$schema=")[2]
    assert named or path.parent.name in ("tumors", "_shared"), "the first line names the schema"
    if named:
        schema = json.loads((path.parent / named).read_text("utf-8"))
        data = YAML(typ="safe", pure=True).load(path)
        assert [error.message for error in Draft202012Validator(schema).iter_errors(data)] == []


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    """The tool says what changed, so a second run is silent."""
    assert len(write_schemas(tmp_path)) == len(schema_texts())
    assert write_schemas(tmp_path) == []
