"""The demo as a whole: service, embedded EHR and pages in one process, and the command around them."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from cds_service import cli_demo
from cds_service.cli import main
from cds_service.demo.calls import OutsideError
from cds_service.demo.patients import load_patients
from cds_service.demo.ports import listen
from cds_service.demo.run import RunningDemo, running_demo
from cds_service.demo.sign import assertions, sign, templates
from cds_service.kernel.clock import utc_today
from cds_service.kernel.errors import InputError
from cds_service.web.app import create_app
from cds_service.web.demo import DemoSite, create_demo_blueprint

PATIENTS = load_patients(utc_today())
IDS = [patient.slug for patient in PATIENTS]


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningDemo]:
    """A running demo, started once."""
    with (
        listen(0, "--port") as page,
        listen(0, "--ehr-port") as record,
        running_demo(PATIENTS, page, record) as running,
    ):
        yield running


@pytest.mark.parametrize("patient", PATIENTS, ids=IDS)
@pytest.mark.parametrize("along", ["nothing", "published"])
def test_signing_brings_the_answer_due(demo: RunningDemo, patient: object, along: str) -> None:
    """Issue 3, part 10: a real hook call, evidence fetched from the EHR that it names."""
    sent = templates(demo.service) if along == "published" else {}
    signed = sign(patient, demo.ehr, demo.service, sent)  # type: ignore[arg-type]
    assert signed.as_expected, (signed.outcomes, signed.patient.expect)
    cards = [card["summary"] for card in signed.response["cards"]]
    assert bool(cards) == ("out-of-scope" not in signed.patient.expect.values())


def test_what_is_sent_along_is_what_an_ehr_would_send(demo: RunningDemo) -> None:
    """CDS Hooks: the published templates resolved; a search that fails leaves its key out."""
    published = templates(demo.service)
    by_slug = {patient.slug: patient for patient in PATIENTS}
    whole = sign(by_slug["hanna-berg"], demo.ehr, demo.service, published)
    failing = sign(by_slug["ben-adeyemi"], demo.ehr, demo.service, published)
    assert set(whole.prefetch) == set(published)
    assert set(failing.prefetch) == set(published) - {"coverage"}


def test_a_failing_search_fails_for_its_patient_alone(demo: RunningDemo) -> None:
    """The embedded EHR's faults are those that the patient was made with."""
    with pytest.raises(OutsideError, match="500"):
        demo.ehr.get("Observation?patient=olga-petrova-patient")
    assert list(demo.ehr.search("Observation?patient=hanna-berg-patient"))
    assert list(demo.ehr.search("Condition?patient=olga-petrova-patient"))
    for patient, status in (("olga-petrova", 500), ("hanna-berg", 200)):
        form = {"patient": f"{patient}-patient"}
        assert (
            requests.post(f"{demo.ehr.base}/Observation/_search", data=form, timeout=10).status_code == status
        )


def test_the_page_may_call_the_ehr_and_nothing_else(demo: RunningDemo) -> None:
    """House rule: no outside request."""
    reply = requests.get(f"{demo.service.base}/demo/", timeout=10)
    policy = reply.headers["Content-Security-Policy"]
    assert reply.status_code == 200
    assert f"connect-src 'self' {demo.ehr.base.removesuffix('/fhir')};" in policy
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert "http" not in reply.text.replace(demo.service.base, "")


def test_the_page_learns_whom_and_what_to_choose(demo: RunningDemo) -> None:
    """Patients, procedures and payers come from data."""
    site = demo.service.get("demo/site.json")
    assert [person["slug"] for person in site["patients"]] == IDS
    assert site["ehr"] == demo.ehr.base
    assert len(site["payers"]) >= 2
    both = next(person for person in site["patients"] if person["slug"] == "tom-whitaker")
    assert len(both["payers"]) == len(both["expect"]) == 2


def test_codes_and_markdown_are_put_into_words(demo: RunningDemo) -> None:
    """Card Markdown becomes HTML that holds nothing active; a gap becomes its sentence."""
    asked = {
        "markdown": ["**5 cm** <script>alert(1)</script> [x](javascript:alert(1))"],
        "remarks": [
            {"code": "search-failed", "about": "Observation", "reference": None, "date": None},
            {},
            7,
        ],
    }
    told = demo.service.post("demo/words", asked)
    assert "<strong>5 cm</strong>" in told["html"][0]
    assert "<script" not in told["html"][0] and 'href="javascript' not in told["html"][0]
    assert told["sentences"][0].startswith("A search of the EHR failed: Observation")
    assert len(told["sentences"]) == 3


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"markdown": "text"}', b'{"remarks": {}}'])
def test_words_refuse_what_they_cannot_read(demo: RunningDemo, body: bytes) -> None:
    """Bad input gets a clear error, never a 5xx."""
    reply = requests.post(f"{demo.service.base}/demo/words", data=body, timeout=10)
    assert reply.status_code == 400
    assert reply.json()["resourceType"] == "OperationOutcome"


def test_an_answer_without_a_coverage_has_its_account_too(demo: RunningDemo) -> None:
    """Where there is nothing to assert about, the call is judged again for the page."""
    ben = next(patient for patient in PATIENTS if patient.slug == "ben-adeyemi")
    signed = sign(ben, demo.ehr, demo.service, {})
    assert not list(assertions(signed.response))
    assert signed.determinations and signed.determinations[0]["coverage"] is None
    assert signed.determinations[0]["reason"] == "coverage-search-failed"


def test_the_start_page_tells_of_the_patients(demo: RunningDemo) -> None:
    """Issue 6, part 4: what this is, what is loaded."""
    page = requests.get(f"{demo.service.base}/", headers={"Accept": "text/html"}, timeout=10).text
    assert all(patient.name in page for patient in PATIENTS)
    assert "/demo/#hanna-berg" in page


def test_a_service_that_trusts_registered_callers_only_shows_no_demo(tmp_path: Path) -> None:
    """The account of a call is for nobody else; the demo runs without authentication only."""
    app = create_app(auth="required", database_url=f"sqlite:///{tmp_path / 'records.sqlite3'}")
    app.register_blueprint(
        create_demo_blueprint(DemoSite(ehr="http://127.0.0.1/fhir", people=(), procedures=()))
    )
    with app.test_client() as client:
        assert client.get("/demo/").status_code == 403
        assert client.post("/demo/account", json={}).status_code == 403


def test_the_command_signs_prints_and_leaves_nothing_behind() -> None:
    """Issue 3, part 10: the cards in the terminal; exit 0 when every answer is the one due."""
    before = set(threading.enumerate())
    result = CliRunner().invoke(main, ["demo", "--once", "--port", "0"])
    assert result.exit_code == 0, result.output
    assert all(patient.name in result.output for patient in PATIENTS)
    assert "Source: Capital Blue Cross" in result.output
    assert "(due:" not in result.output
    assert not [
        t for t in threading.enumerate() if t not in before and t.name in ("cds-service", "embedded-ehr")
    ]


def test_a_taken_port_is_told_in_one_line() -> None:
    """Exit code 2 and the option to change (interface.md section 2)."""
    with listen(0, "--port") as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(main, ["demo", "--once", "--port", port])
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert f"Port {port}" in result.output and "--port" in result.output


def test_a_taken_port_of_the_ehr_names_its_own_option() -> None:
    """The other port is chosen by the other option."""
    with listen(0, "--ehr-port") as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(main, ["demo", "--once", "--port", "0", "--ehr-port", port])
    assert result.exit_code == 2
    assert "--ehr-port" in result.output


def test_a_missing_extra_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3: what is missing is not in our hands, and the line says how to get it."""
    monkeypatch.setattr(cli_demo, "find_spec", lambda name: None if name == "sekmet" else find_spec(name))
    result = CliRunner().invoke(main, ["demo", "--once"])
    assert result.exit_code == 3
    assert result.output.splitlines() == ['The demo needs its extra: pip install "cds-service[demo]"']


def test_no_port_is_taken_beyond_this_machine() -> None:
    """Loopback only."""
    with listen(0, "--port") as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
    with pytest.raises(InputError, match="Choose another by --port"):
        listen(socket.getservbyname("http") + 10**6, "--port")


def test_the_ehr_hands_out_a_launch_for_an_app(demo: RunningDemo) -> None:
    """CDS Hooks sandbox: a card's SMART link is only opened with a launch id, asked for across origins."""
    address = f"{demo.ehr.base}/_services/smart/Launch"
    asked = {
        "launchUrl": f"{demo.service.base}/smart/launch",
        "parameters": {"patient": "hanna-berg-patient"},
    }
    reply = requests.post(address, json=asked, headers={"Origin": "http://127.0.0.1:8083"}, timeout=10)
    given = reply.json()["launch_id"]
    fields = json.loads(base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)))
    assert fields == [0, "hanna-berg-patient", "", "NONE", 0, 0, 0, *[""] * 7, 0, 2, ""]
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"parameters": []}', '{"parameters": {"patient": 7}}'])
def test_a_launch_is_for_a_patient(demo: RunningDemo, body: str) -> None:
    """A call that names no patient is told so."""
    reply = requests.post(f"{demo.ehr.base}/_services/smart/Launch", data=body, timeout=10)
    assert reply.status_code == 400
    assert reply.json()["error"]
