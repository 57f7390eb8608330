"""The pages for integrators and operators tell of every code, setting and quirk, and of no other."""

import ast
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from cds_service.answer.shape import QUIRKS
from cds_service.demo.patients import load_patients
from cds_service.kernel.clock import utc_today
from cds_service.settings import PREFIX, Settings
from cds_service.web.clients import CALLER_QUIRKS, Client, read_clients

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "integrators"
ELSEWHERE = {
    "artefact",
    "form",
    "handle",
    "loop",
    "reevaluate",
    "smart",
    "token",
    "package",
    "fhir",
    "fhir_out",
}
"""Modules of the documentation loop, whose errors are told with it."""


def page(name: str) -> str:
    """The text of a page."""
    return (PAGES / f"{name}.md").read_text("utf-8")


def first_cells(text: str) -> set[str]:
    """Every name in backquotes in the first column of the tables of a page."""
    rows = re.findall(r"^\| (.+?) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def codes_of(path: Path) -> set[str]:
    """The error codes that a module makes: the code= or fifth argument of CallError, and class attributes."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "CallError":
            given = (
                [node.args[4]] if len(node.args) > 4 else [k.value for k in node.keywords if k.arg == "code"]
            )
            found |= {each.value for each in given if isinstance(each, ast.Constant)}
    return {str(code) for code in found}


def test_every_error_code_is_told_and_no_other() -> None:
    """interface.md: errors outside 2xx carry an OperationOutcome; programs go by its code."""
    package = ROOT / "cds_service"
    files = [package / "kernel" / "errors.py", *(package / "evidence").glob("*.py"), package / "decide.py"]
    files += [each for each in (package / "web").glob("*.py") if each.stem not in ELSEWHERE]
    made = set[str]().union(*map(codes_of, files))
    assert len(made) > 10
    told = first_cells(page("errors")) - {"/auth/token"}
    assert made <= told, made - told
    assert told - made <= {"not-found", "method-not-allowed", "unsupported-media-type"}


def test_every_quirk_is_told_and_no_other() -> None:
    assert first_cells(page("clients")) == {*QUIRKS, *CALLER_QUIRKS}


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_told(name: str) -> None:
    assert f"| `{PREFIX}{name.upper()}` |" in (ROOT / "docs" / "configuration.md").read_text("utf-8")


@pytest.mark.parametrize("member", Client.__struct_fields__)
def test_every_member_of_a_client_is_told(member: str) -> None:
    assert re.search(rf"\b{member}:", (ROOT / "docs" / "configuration.md").read_text("utf-8"))


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: path.stem)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^):#]+)\)", path.read_text("utf-8")):
        assert (path.parent / target).resolve().exists(), target


def test_the_registration_of_the_public_clients_is_taken(tmp_path: Path) -> None:
    """The file that the page tells to write, with the lines for a confidential form app."""
    registration, confidential = re.findall(r"```yaml\n(.*?)```", page("public-clients"), re.DOTALL)
    keys = tmp_path / "sandbox" / "build" / ".well-known" / "jwks.json"
    keys.parent.mkdir(parents=True)
    keys.write_text('{"keys": []}', "utf-8")
    key = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True)
    (tmp_path / "form-key.json").write_text(json.dumps(key | {"kid": "form-1", "alg": "ES384"}), "utf-8")
    (tmp_path / "clients.yaml").write_text(registration + confidential, "utf-8")
    (client,) = read_clients(tmp_path / "clients.yaml").values()
    assert client.form_client_id == "cds-form-1"


def test_the_patients_to_sign_for_are_those_of_the_demo() -> None:
    """The page's address and table name patients as the demo's EHR does."""
    named = set(re.findall(r"([a-z]+-[a-z]+)-patient\b", page("public-clients")))
    assert len(named) >= 5
    assert named <= {patient.slug for patient in load_patients(utc_today())}
