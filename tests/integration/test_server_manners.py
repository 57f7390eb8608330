"""What FHIR servers may do, each in their own way, changes no answer (issue 5.4)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cds_service.evidence.network import Network
from cds_service.kernel import fhir_json
from tests.integration.ehr_data import EhrChart, Json
from tests.integration.faults import HARMLESS, NOT_SUPPORTED
from tests.integration.faulty_ehr import INCLUDE, MEETS, SEARCHES, faulty, outcome, signed, signed_at, told
from tests.integration.loopback import ANY, Behaviour, Handler, running
from tests.integration.stub_ehr import answer_to


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close()


@pytest.mark.parametrize("manner", HARMLESS)
def test_what_servers_may_do_changes_nothing(network: Network, manner: str) -> None:
    """Issue 5.4: latency, further tries, every kind of page link, warnings, framing."""
    for name, path in SEARCHES.items():
        if "?" in path:
            answer = signed(faulty(HARMLESS[manner], name, MEETS), network)
            assert outcome(answer) == "meets-criteria", (name, told(answer))


@pytest.mark.parametrize("status", [200, 400])
def test_a_server_that_ignores_or_refuses_an_include_is_asked_for_the_payer(
    network: Network, status: int
) -> None:
    """Issue 5.4: `_include` ignored, strict handling of parameters."""

    def behave(handler: Handler) -> None:
        if "_include" in handler.path and status == 400:
            handler.answer(NOT_SUPPORTED, 400)
        else:
            path = handler.path.replace(INCLUDE, "")
            handler.answer(answer_to(path, MEETS.resources))

    with running({ANY: behave}) as ehr:
        answer = signed_at(ehr, network)
        asked = [path for path, _ in ehr.asked]
    assert outcome(answer) == "meets-criteria"
    assert asked.count("/fhir/Organization/payer") == 1


def test_resources_of_other_patients_count_for_nothing(network: Network) -> None:
    """clients.md section 5: some servers ignore `patient` and send everybody's."""
    others = [_of_other(item) for item in MEETS.resources if item["resourceType"] != "Organization"]
    alone = [
        item for item in MEETS.resources if item["resourceType"] in ("Patient", "Coverage", "Organization")
    ]
    everybody = replace(MEETS, resources=(*MEETS.resources, *others))
    nothing_own = replace(MEETS, resources=(*alone, *others))
    for held, wanted in ((everybody, "meets-criteria"), (nothing_own, "needs-info")):
        with running({ANY: _ignoring_patient(held)}) as ehr:
            answer = signed_at(ehr, network)
        assert outcome(answer) == wanted, told(answer)


def _of_other(item: Json) -> Json:
    text = fhir_json.write(item).decode().replace("Patient/pat", "Patient/other")
    return {
        **fhir_json.read(text),
        "id": "other" if item["resourceType"] == "Patient" else f"{item['id']}-other",
    }


def _ignoring_patient(held: EhrChart) -> Behaviour:
    return lambda handler: handler.answer(
        answer_to(handler.path.replace("patient=pat&", "").replace("patient=pat", ""), held.resources)
    )
