"""The address of the EHR in a call: the registered one is called, no other, however it is written."""

import socket
from typing import Any

import pytest

from tests.applications import Making
from tests.conformance.ch import addresses
from tests.conformance.ch.calls import covered, post, refused, sign
from tests.conformance.ch.ehrs import TOKEN, access
from tests.ehr_client import BASE, FHIR_HOST, EhrClient


def servers() -> list[Any]:
    """Each address with the cases that it belongs to."""
    kinds = [
        (addresses.PLAIN, ("CH-226", "G2", "sec-2")),
        ([f"https://{host}/fhir" for host in addresses.INSIDE], ("CH-227", "CH-230")),
        ([f"https://{host}/fhir" for host in addresses.SPELLED], ("CH-228",)),
        ([f"https://{host}/fhir" for host in addresses.FOREIGN], ("CH-230",)),
        (addresses.WRITTEN, ("CH-232",)),
    ]
    return [pytest.param(url, marks=pytest.mark.requirement(*cases)) for urls, cases in kinds for url in urls]


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A caller that is registered for one FHIR host, and its client."""
    from cds_service.kernel.clock import Clock
    from tests.applications import applications

    folder, ehr_client = tmp_path_factory.mktemp("trusted"), EhrClient()
    with applications(folder, Clock()) as make:
        yield make(clients=ehr_client.register(folder), public_url=BASE).test_client(), ehr_client


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize("server", servers())
def test_an_address_that_is_not_the_registered_one_is_not_called(trusted: Any, server: str) -> None:
    """No name is looked up, no connection tried. What was sent is judged; what was not is out of reach."""
    client, ehr_client = trusted
    way = {"fhirServer": server, "fhirAuthorization": access()}
    answer = post(
        client, sign(prefetch=..., **way), headers={"Authorization": f"Bearer {ehr_client.token()}"}
    )
    issue = refused(answer, 412)
    assert issue["expression"] == ["prefetch.patient"]
    assert TOKEN not in answer.text and "evil" not in answer.text
    whole = post(client, sign(**way), headers={"Authorization": f"Bearer {ehr_client.token()}"})
    assert covered(whole.get_json()) == "covered"


@pytest.mark.requirement("CH-230")
@pytest.mark.usefixtures("sealed")
def test_a_host_of_another_client_is_not_called(make_app: Making, tmp_path: Any) -> None:
    """Nor one that callers without registration may name."""
    ours = EhrClient()
    other = {"iss": "https://o.example", "jwks_file": "keys.json", "fhir_hosts": ["fhir.other.example"]}
    settings = {
        "clients": ours.register(tmp_path, other),
        "fhir_hosts": ("open.example",),
        "public_url": BASE,
    }
    client = make_app(**settings).test_client()
    for host in ("fhir.other.example", "open.example"):
        body = sign(prefetch=..., fhirServer=f"https://{host}/fhir", fhirAuthorization=access())
        refused(post(client, body, headers={"Authorization": f"Bearer {ours.token()}"}), 412)


@pytest.mark.requirement("CH-227", "CH-229")
@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00::5", "0.0.0.0"])
def test_a_registered_name_that_leads_inside_is_not_connected_to(
    trusted: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """However often it is looked up: no connection is made, and the answer comes without the data."""
    client, ehr_client = trusted
    tried: list[Any] = []
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        assert host == FHIR_HOST
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", lambda *args, **_: tried.append(args))
    monkeypatch.setattr(socket.socket, "connect", lambda _, to: tried.append(to))
    body = sign(prefetch=..., fhirServer=f"https://{FHIR_HOST}/fhir", fhirAuthorization=access())
    answer = post(client, body, headers={"Authorization": f"Bearer {ehr_client.token()}"})
    assert (answer.status_code, tried) == (200, [])
    assert "action" not in answer.text or "covered" not in answer.get_json()["systemActions"]
    assert address not in answer.text
