"""The sandbox commands on a FHIR server of one's own, here the embedded one; HAPI's is in tests/hapi."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result
from flask import Flask
from jwt.algorithms import ECAlgorithm
from structlog.testing import capture_logs

from cds_service.cli import main
from cds_service.demo.calls import OutsideError, Remote
from cds_service.demo.ehr import running_ehr
from cds_service.demo.load import kinds, search_own
from cds_service.demo.patients import load_patients
from cds_service.demo.ports import listen
from cds_service.demo.run import running_service
from cds_service.demo.sandbox import load
from cds_service.demo.sign import hook_request
from cds_service.kernel.clock import utc_today
from cds_service.settings import load_settings
from cds_service.web.app import create_app
from tests.browser.stage import serving
from tests.ehr_client import EhrClient
from tests.integration.loopback import Handler, closed_port, running, searchset

PATIENTS = [patient for patient in load_patients(utc_today()) if not patient.failing]
R4 = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
SHOWN = ["hanna-berg", "walter-nguyen", "lena-fischer"]
KEY_NAME = {"kid": "ES384-1", "alg": "ES384"}
CHOSEN = [word for slug in SHOWN for word in ("--patient", slug)]


@pytest.fixture
def base() -> Iterator[str]:
    """An empty FHIR server."""
    with listen(0, "--port") as listening, running_ehr(listening) as address:
        yield address


def run(*words: str, **environment: str) -> Result:
    """The command `cds-service sandbox`."""
    return CliRunner().invoke(main, ["sandbox", *words], env=environment)


def told(*words: str) -> dict[str, Any]:
    """What the command prints with --json."""
    result = run(*words, "--json")
    return {"exit": result.exit_code, **json.loads(result.stdout)}


def held(base: str) -> dict[str, int]:
    """How many resources of ours a server holds, by type."""
    ehr = Remote(base)
    found = {kind: len(list(ehr.search(f"{search_own(kind)}&_count=50"))) for kind in kinds(PATIENTS)}
    ehr.close()
    return found


def test_loading_twice_leaves_everything_once(base: str) -> None:
    """Issue 5, part 3: conditional updates by our own identifiers."""
    first, before = told("load", "--fhir-base", base), held(base)
    second, after = told("load", "--fhir-base", base), held(base)
    assert first["exit"] == second["exit"] == 0
    assert before == after
    assert before["Patient"] == len(PATIENTS) == len(first["patients"])
    assert sum(one["created"] for one in second["patients"]) == 0
    assert sum(one["updated"] for one in second["patients"]) == sum(
        one["created"] + one["updated"] for one in first["patients"]
    )


def test_clearing_takes_ours_and_leaves_the_rest(base: str) -> None:
    """Issue 5, part 3: never touches other data, not even what looks like it."""
    lookalike = [{"value": "Organization-capital"}]
    others: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": "hanna", "name": [{"family": "Berg", "given": ["Hanna"]}]},
        {"resourceType": "Organization", "id": "o", "name": "Capital Blue Cross", "identifier": lookalike},
    ]
    for other in others:
        requests.put(
            f"{base}/{other['resourceType']}/{other['id']}", json=other, timeout=10
        ).raise_for_status()
    run("load", "--fhir-base", base)
    cleared = told("clear", "--fhir-base", base)
    assert cleared["exit"] == 0
    assert sum(one["deleted"] for one in cleared["types"]) > 150
    assert not any(held(base).values())
    for other in others:
        assert (
            requests.get(f"{base}/{other['resourceType']}/{other['id']}", timeout=10).json()["name"]
            == other["name"]
        )


def test_a_search_that_ignores_the_identifier_deletes_nobody_elses() -> None:
    """clients.md section 5: some servers ignore a parameter and return everything; what is not ours stays.

    This server refuses every POST, so an attempt to delete would show as trouble.
    """
    page = searchset({"resourceType": "Patient", "id": "somebody"})
    behaviours = {kind: (lambda handler: handler.answer(page)) for kind in kinds(PATIENTS)}
    with running({"metadata": lambda handler: handler.answer(R4), **behaviours}) as ehr:
        result = told("clear", "--fhir-base", ehr.base)
    assert result["exit"] == 0
    assert [(one["deleted"], one["trouble"]) for one in result["types"]] == [(0, None)] * len(behaviours)


@pytest.mark.parametrize("service", ["its own", "a running one"])
def test_signing_with_and_without_prefetch_gives_the_same(base: str, service: str) -> None:
    """Issue 5, part 3: real hook calls with that server as fhirServer, and the answers of the demo."""
    run("load", "--fhir-base", base)
    words = ["sign", "--fhir-base", base, "--prefetch", "both", *CHOSEN]
    if service == "its own":
        signed = told(*words)
    else:
        with listen(0, "--port") as listening, running_service(listening, [base]) as address:
            signed = told(*words, "--service", address)
    assert signed["exit"] == 0
    assert [one["patient"] for one in signed["signed"]] == SHOWN * 2
    assert all(one["as_expected"] for one in signed["signed"])
    assert [bool(one["prefetch"]) for one in signed["signed"]] == [False] * 3 + [True] * 3


def test_signing_shows_the_cards(base: str) -> None:
    """For people: every card with its source, then a line for each answer."""
    run("load", "--fhir-base", base)
    result = run("sign", "--fhir-base", base, "--patient", "hanna-berg", "--prefetch", "both")
    assert result.exit_code == 0
    assert "Source: Capital Blue Cross" in result.output
    assert "The same with and without prefetch." in result.output


def test_a_changed_chart_is_not_the_answer_due(base: str) -> None:
    """Exit code 1: the answer is no."""
    run("load", "--fhir-base", base)
    with closing(Remote(base)) as ehr:
        (size,) = ehr.search(search_own("Observation", "hanna-berg-size"))
    requests.delete(f"{base}/Observation/{size['id']}", timeout=10).raise_for_status()
    signed = told("sign", "--fhir-base", base, "--patient", "hanna-berg")
    shown = run("sign", "--fhir-base", base, "--patient", "hanna-berg", "--brief")
    assert signed["exit"] == shown.exit_code == 1
    assert signed["signed"][0]["outcomes"] == ["needs-info"]
    assert "(due:" in shown.output


def test_the_token_goes_to_the_server() -> None:
    """The token comes from the environment and appears in no output."""
    seen: list[str | None] = []

    def answer(handler: Handler) -> None:
        seen.append(handler.headers.get("Authorization"))
        handler.answer(
            R4 if handler.path.endswith("metadata") else {"resourceType": "Bundle", "type": "searchset"}
        )

    with running({"metadata": answer, "Patient": answer}) as ehr:
        result = run("sign", "--fhir-base", ehr.base, "--patient", "hanna-berg", CDS_SANDBOX_TOKEN="s3cret")
    assert result.exit_code == 3
    assert "run `cds-service sandbox load` first" in result.output
    assert set(seen) == {"Bearer s3cret"}
    assert "s3cret" not in result.output


class Picky(Remote):
    """A server that does not want one patient."""

    def transact(self, bundle: dict[str, Any]) -> list[dict[str, Any]]:
        """Refuses him, takes everybody else."""
        if "walter-nguyen" in json.dumps(bundle, default=str):
            raise OutsideError("POST was answered 422: no such code.")
        return super().transact(bundle)


def test_a_patient_that_is_refused_leaves_the_others_alone(base: str) -> None:
    """The report says who was not stored and why."""
    with closing(Picky(base)) as ehr:
        done = {one.slug: one for one in load(PATIENTS, ehr)}
    assert done.pop("walter-nguyen").trouble == "POST was answered 422: no such code."
    assert all(one.trouble is None and one.created for one in done.values())
    assert held(base)["Patient"] == len(PATIENTS) - 1


def test_signing_at_a_service_that_wants_to_know_who_calls(base: str, tmp_path: Path) -> None:
    """interface.md 7: the command is a registered client, with a token of its own for each address."""
    ehr_client = EhrClient()
    clients = ehr_client.register(tmp_path, fhir_hosts=["127.0.0.1"], crd_version="2.0")
    key = tmp_path / "key.json"
    key.write_text(json.dumps(ECAlgorithm.to_jwk(ehr_client.keys["ES384"], as_dict=True) | KEY_NAME))
    assert told("load", "--fhir-base", base, *CHOSEN)["exit"] == 0

    def made(address: str) -> Flask:
        database = f"sqlite:///{tmp_path / 'records.sqlite3'}"
        return create_app(load_settings(clients=clients, public_url=address, database_url=database))

    with serving(made) as address, capture_logs():  # the service's log is not the command's output
        words = ("sign", "--fhir-base", base, *CHOSEN, "--service", address)
        unknown = run(*words)
        assert unknown.exit_code == 3 and " 401" in unknown.output
        known = told(*words, "--client", ehr_client.iss, "--client-key", str(key))
        assert (known["exit"], [one["as_expected"] for one in known["signed"]]) == (0, [True] * len(SHOWN))
        half = run(*words, "--client", ehr_client.iss)
        assert half.exit_code == 2 and "belong together" in half.output
        wrong = run(*words, "--client", ehr_client.iss, "--client-key", str(clients))
        assert wrong.exit_code == 2 and "holds no private JWK" in wrong.output


def test_the_token_is_handed_to_the_service_for_this_patient_alone() -> None:
    """CDS Hooks 2.0.1, fhirAuthorization: what the service needs to fetch by itself."""
    with closing(Remote("http://127.0.0.1/fhir", "s3cret")) as ehr:
        call = hook_request("p1", "Practitioner/d", {"resourceType": "ServiceRequest"}, ehr)
    assert call["fhirAuthorization"]["access_token"] == "s3cret"
    assert call["fhirAuthorization"]["patient"] == call["context"]["patientId"] == "p1"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["load", "--fhir-base", "localhost:8090"], 2, "is not an address"),
        (
            ["sign", "--fhir-base", "http://127.0.0.1/fhir", "--patient", "hana-berg"],
            2,
            'Did you mean "hanna-berg"',
        ),
        (["load"], 2, "--fhir-base"),
        (["load", "--fhir-base", f"http://127.0.0.1:{closed_port()}/fhir"], 3, "cannot be reached"),
    ],
    ids=["no-address", "unknown-patient", "no-base", "nobody-there"],
)
def test_what_cannot_be_done_is_said_in_a_sentence(words: list[str], code: int, said: str) -> None:
    """Exit codes 2 and 3 of interface.md section 2."""
    result = run(*words)
    assert result.exit_code == code
    assert said in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "statement",
    [{"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}, {"resourceType": "Patient"}, {}],
    ids=["R5", "another resource", "nothing"],
)
def test_another_kind_of_server_is_left_alone(statement: dict[str, str]) -> None:
    """Nothing is written before the server has said that it is FHIR R4."""
    with running({"metadata": lambda h: h.answer(statement)}) as ehr:
        result = run("load", "--fhir-base", ehr.base)
    assert result.exit_code == 3
    assert "is no FHIR R4 server" in result.output
    assert [path for path, _ in ehr.asked] == ["/fhir/metadata"]
