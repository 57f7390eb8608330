"""The sandbox commands with HAPI as the EHR: loaded twice, signed, cleared, with a token and without."""

import json
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.demo.load import kinds, search_own
from cds_service.demo.patients import load_patients
from cds_service.kernel.clock import utc_today
from tests.hapi.engine import Server

pytestmark = pytest.mark.hapi
PATIENTS = [patient for patient in load_patients(utc_today()) if not patient.failing]


def told(*words: str, token: str = "") -> dict[str, Any]:
    """What `cds-service sandbox` prints with --json."""
    environment = {"CDS_SANDBOX_TOKEN": token} if token else {}
    result = CliRunner().invoke(main, ["sandbox", *words, "--json"], env=environment)
    assert result.stdout, result.output
    return {"exit": result.exit_code, **json.loads(result.stdout)}


def held(base: str) -> dict[str, int]:
    """How many resources of ours the server holds, by type, asked past its cache of searches."""
    fresh = {"Cache-Control": "no-cache"}
    return {
        kind: requests.get(f"{base}/{search_own(kind)}&_summary=count", headers=fresh, timeout=60).json()[
            "total"
        ]
        for kind in kinds(PATIENTS)
    }


def test_the_whole_round_at_the_address_that_asks_for_a_token(hapi_server: Server) -> None:
    """Issue 5, part 3: load twice, sign with and without prefetch, clear; the same answers as in the demo."""
    base, token = hapi_server.secured, hapi_server.token
    other = requests.post(f"{hapi_server.base}/Patient", json={"resourceType": "Patient"}, timeout=60).json()[
        "id"
    ]
    refused = CliRunner().invoke(main, ["sandbox", "load", "--fhir-base", base])
    assert refused.exit_code == 3 and " 401" in refused.output

    first, before = told("load", "--fhir-base", base, token=token), held(hapi_server.base)
    second = told("load", "--fhir-base", base, token=token)
    assert first["exit"] == second["exit"] == 0, [one["trouble"] for one in first["patients"]]
    assert held(hapi_server.base) == before
    assert sum(one["created"] for one in second["patients"]) == 0
    assert before["Patient"] == len(PATIENTS)

    signed = told("sign", "--fhir-base", base, "--prefetch", "both", token=token)
    assert not [one for one in signed["signed"] if one["as_expected"] is not True]
    assert signed["exit"] == 0
    assert len(signed["signed"]) == 2 * len(PATIENTS)

    cleared = told("clear", "--fhir-base", base, token=token)
    assert cleared["exit"] == 0, cleared["types"]
    assert not any(held(hapi_server.base).values())
    assert requests.get(f"{hapi_server.base}/Patient/{other}", timeout=60).status_code == 200


def test_the_open_address_needs_no_token(hapi_server: Server) -> None:
    """An open test server is the common case of an integrator."""
    base = hapi_server.base
    assert told("load", "--fhir-base", base, "--patient", "hanna-berg")["exit"] == 0
    signed = told("sign", "--fhir-base", base, "--patient", "hanna-berg")
    assert signed["signed"][0]["as_expected"] is True
    assert told("clear", "--fhir-base", base)["exit"] == 0
