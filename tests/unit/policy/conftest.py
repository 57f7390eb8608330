"""Fixtures of the policy tests: a copy of the built-in data to damage, and what else the checks need."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.policy.bundle import BundleError, PolicyBundle
from cds_service.policy.cases import load_cases
from cds_service.policy.check import check
from cds_service.policy.known import KnownNames, known_names
from cds_service.policy.load import load_bundle
from cds_service.policy.places import data_folder

Edit = Callable[[str, str, str], None]
Complaints = Callable[[], list[str]]


@pytest.fixture(scope="session")
def known() -> KnownNames:
    """What the other data folders offer."""
    return known_names()


@pytest.fixture(scope="session")
def bundle() -> PolicyBundle:
    """The built-in bundle."""
    return load_bundle([data_folder("policies")])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the built-in policies, named from where the test stands."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(data_folder("policies"), tmp_path / "policies"))


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replaces a text that occurs once in a file of the copy."""

    def replace(path: str, old: str, new: str) -> None:
        file = folder / path
        text = file.read_text("utf-8")
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {path}"
        file.write_text(text.replace(old, new), "utf-8")

    return replace


@pytest.fixture
def complaints(folder: Path, known: KnownNames) -> Complaints:
    """Everything that loading and checking the copy has to say, as people read it."""

    def told() -> list[str]:
        try:
            loaded, cases = load_bundle([folder]), load_cases([folder])
        except BundleError as error:
            return [str(entry) for entry in error.errors]
        errors = check(loaded, known.value_sets, known.questions, known.reasons, cases)
        return [str(entry) for entry in errors]

    return told
