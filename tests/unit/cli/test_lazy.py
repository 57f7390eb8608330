"""The command line starts fast, helps everywhere, and turns our own errors into sentences."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from cds_service import __version__
from cds_service.cli import main

CONTRACT = ("demo", "serve", "evaluate", "explain", "policies", "sandbox", "replay", "db")


@pytest.mark.parametrize("name", [*CONTRACT, "feedback"])
def test_every_command_has_help(name: str) -> None:
    """interface.md section 2."""
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 3


def test_help_lists_every_command_and_version_is_told() -> None:
    listed = CliRunner().invoke(main, ["--help"]).output
    assert all(f"  {name}" in listed for name in CONTRACT)
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_evaluate_loads_no_web_server_no_database_and_no_http_client() -> None:
    """Start-up is most of what a command on one file costs."""
    code = (
        "import sys; from click.testing import CliRunner; from cds_service.cli import main;"
        "CliRunner().invoke(main, ['evaluate', '--help']); import cds_service.evaluate;"
        "slow = ('flask', 'sqlalchemy', 'gunicorn', 'pydantic', 'jinja2');"
        "print([name for name in slow if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wrong_setting_is_a_sentence_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDS_SERVICE_AUTH", "perhaps")
    result = CliRunner().invoke(main, ["serve"])
    assert result.exit_code == 2
    assert result.stderr.startswith("CDS_SERVICE_AUTH: ") and "Traceback" not in result.output


def test_without_authentication_serve_refuses_to_listen_to_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CDS_SERVICE_AUTH", "off")
    result = CliRunner().invoke(main, ["serve", "--host", "0.0.0.0"])
    assert result.exit_code == 2 and "CDS_SERVICE_AUTH" in result.stderr
