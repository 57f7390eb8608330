"""What `serve` tells whoever starts it; how it serves is shown by the tests of the installed command."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.cli_serve import _Server
from tests.ehr_client import EhrClient

UNHEARD = "No client is registered (CDS_SERVICE_CLIENTS): hook calls will be refused."


@pytest.mark.parametrize("how", ["nobody", "off", "registered"])
def test_a_service_that_nobody_may_call_says_so_at_its_start(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Server, "run", lambda self: None)
    environment = {"CDS_SERVICE_DATABASE_URL": f"sqlite:///{tmp_path / 'records.sqlite3'}"}
    if how == "off":
        environment["CDS_SERVICE_AUTH"] = "off"
    if how == "registered":
        environment["CDS_SERVICE_CLIENTS"] = str(EhrClient().register(tmp_path))
    result = CliRunner().invoke(main, ["serve", "--port", "0"], env=environment)
    assert result.exit_code == 0, result.output
    assert "cds-service listens on" in result.output
    assert (UNHEARD in result.output) is (how == "nobody")
