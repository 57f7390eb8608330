"""Names that lead inside and servers that cannot prove who they are get no connection and no token."""

import datetime
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cds_service.evidence.answers import Answer, Arrived, Failed, Limits
from cds_service.evidence.gateway import Gateway
from cds_service.evidence.hosts import AllowedHosts, allowed_hosts
from cds_service.evidence.network import Network
from cds_service.hooks.access import FhirAccess
from cds_service.kernel.clock import Deadline
from tests.integration.loopback import Ehr, running, searchset

SEARCH = "Condition?patient=p1"
NAME = "ehr.example.org"
SOUND = {"Condition": lambda handler: handler.answer(searchset())}


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(Limits(threads=4))
    yield made
    made.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """What each look-up of a name answers, one list of addresses after the other."""
    answers: dict[str, list[list[str]]] = {}
    genuine = socket.getaddrinfo

    def resolve(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in answers:
            ipaddress.ip_address(host)  # a test that asks a real resolver is wrong
            return genuine(host, port, *args, **kwargs)
        if not answers[host]:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [info for address in answers[host].pop(0) for info in genuine(address, port, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


def ask(network: Network, ehr: Ehr, hosts: AllowedHosts, scheme: str = "http", seconds: float = 5) -> Answer:
    way = Gateway(network, f"{scheme}://{NAME}:{ehr.port}/fhir", FhirAccess("s3cret"), hosts)
    return way.round([SEARCH], Deadline.after(seconds))[SEARCH]


@pytest.mark.requirement("CH-227", "CH-229")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"])
def test_a_registered_name_that_leads_to_this_machine_gets_no_connection(
    network: Network, names: dict[str, list[list[str]]], address: str
) -> None:
    names[NAME] = [[address]]
    with running(SOUND) as ehr:
        found = ask(network, ehr, allowed_hosts([f"http://{NAME}"]))
        assert not ehr.asked
    assert isinstance(found, Failed) and "not registered" in found.reason


@pytest.mark.requirement("CH-229")
def test_the_connection_goes_to_the_address_that_was_vetted(
    network: Network, names: dict[str, list[list[str]]]
) -> None:
    """The name is looked up once for a connection; what it would answer the second time does not matter."""
    names[NAME] = [["169.254.169.254", "127.0.0.1"], ["169.254.169.254"]]
    with running(SOUND) as ehr:
        found = ask(network, ehr, allowed_hosts([f"http://{NAME}", "127.0.0.1"]))
        ((_, headers),) = ehr.asked
    assert isinstance(found, Arrived)
    assert headers["Host"] == f"{NAME}:{ehr.port}"
    assert len(names[NAME]) == 1


@pytest.mark.requirement("CH-070")
def test_a_name_that_nobody_knows_is_a_reason(network: Network, names: dict[str, list[list[str]]]) -> None:
    names[NAME] = []
    found = ask(network, Ehr(port=443), allowed_hosts([NAME]), "https")
    assert found == Failed("the EHR could not be reached")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def secure(ehr_socket: socket.socket, certificate: Path) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context.wrap_socket(ehr_socket, server_side=True, do_handshake_on_connect=False)


HOSTS = allowed_hosts([NAME, "127.0.0.1"])


@pytest.mark.requirement("CH-226", "CH-258")
def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    network: Network, names: dict[str, list[list[str]]], certificate: Path
) -> None:
    names[NAME] = [["127.0.0.1"]]
    with running(SOUND, lambda made: secure(made, certificate)) as ehr:
        assert ask(network, ehr, HOSTS, "https") == Failed("the EHR's certificate is not trusted")
        assert not ehr.asked


@pytest.mark.requirement("CH-226", "CH-258")
def test_a_trusted_certificate_opens_the_way_for_its_own_name_only(
    names: dict[str, list[list[str]]], certificate: Path
) -> None:
    network = Network(Limits(threads=2), ssl.create_default_context(cafile=certificate))
    names[NAME] = [["127.0.0.1"]] * 2
    with running(SOUND, lambda made: secure(made, certificate)) as ehr:
        assert isinstance(ask(network, ehr, HOSTS, "https"), Arrived)
        assert isinstance(ask(network, ehr, HOSTS, "https"), Arrived)
        assert len(names[NAME]) == 1, "the connection is used again"
        other = Gateway(network, f"https://127.0.0.1:{ehr.port}/fhir", FhirAccess("s3cret"), HOSTS)
        assert other.round([SEARCH], Deadline.after(5)) == {
            SEARCH: Failed("the EHR's certificate is not trusted")
        }
        assert len(ehr.asked) == 2
    network.close()


@pytest.mark.requirement("CH-235", "CH-252")
def test_a_slow_talker_over_tls_is_cut_off_at_the_deadline(
    names: dict[str, list[list[str]]], certificate: Path
) -> None:
    network = Network(Limits(threads=2), ssl.create_default_context(cafile=certificate))
    names[NAME] = [["127.0.0.1"]]
    with running(
        {"Condition": lambda handler: handler.drip(b"x" * 500)}, lambda s: secure(s, certificate)
    ) as ehr:
        began = time.monotonic()
        found = ask(network, ehr, HOSTS, "https", seconds=0.5)
        assert time.monotonic() - began < 0.8
    assert found == Failed("the EHR did not answer in time")
    network.close()


@pytest.mark.requirement("CH-235", "CH-252")
def test_a_server_that_accepts_and_never_greets_is_cut_off(
    network: Network, names: dict[str, list[list[str]]]
) -> None:
    names[NAME] = [["127.0.0.1"]]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        found = ask(network, Ehr(port=silent.getsockname()[1]), HOSTS, "https", seconds=0.4)
        assert time.monotonic() - began < 0.7
    assert found == Failed("the EHR did not answer in time")
