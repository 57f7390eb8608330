"""The file of trusted clients: what it may hold, where a mistake is, and what a change does."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cds_service.evidence.hosts import HostRefusedError
from cds_service.kernel.errors import DataError
from cds_service.web import clients
from cds_service.web.clients import CALLER_QUIRKS, ClientList, read_clients

Write = Callable[[str], Path]
SOUND = """\
clients:
  - iss: "https://ehr.example.org"
    jwks_url: "https://ehr.example.org/jwks"
    fhir_hosts: ["fhir.ehr.example.org"]
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the clients file; a key file lies beside it."""
    (tmp_path / "keys.json").write_text('{"keys": []}')

    def written(text: str) -> Path:
        path = tmp_path / "clients.yaml"
        path.write_text(text)
        return path

    return written


def test_a_sound_file_gives_clients_by_issuer_with_the_defaults_of_the_contract(write: Write) -> None:
    """interface.md section 6."""
    [client] = read_clients(write(SOUND)).values()
    assert client.iss == "https://ehr.example.org"
    assert client.algorithms == ("ES384", "RS384")
    assert (client.crd_version, client.origins, client.quirks, client.tenants) == (None, (), (), ())
    assert client.hosts.base("https://fhir.ehr.example.org/r4")
    with pytest.raises(HostRefusedError):
        client.hosts.base("https://fhir.other.example.org/r4")


def test_a_key_file_is_found_from_the_place_of_the_clients_file(write: Write, tmp_path: Path) -> None:
    path = write('clients:\n  - iss: "a"\n    jwks_file: keys.json\n')
    assert read_clients(path)["a"].jwks_file == str(tmp_path / "keys.json")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('clients:\n  - iss: "a"\n    jwks_uri: "https://a/k"\n', 3, 'Did you mean "jwks_url"?'),
        ('clients:\n  - iss: "a"\n', 2, "exactly one of jwks_url and jwks_file"),
        ('clients:\n  - iss: "a"\n    jwks_url: "https://a/k"\n    jwks_file: keys.json\n', 2, "exactly one"),
        ('clients:\n  - iss: "a"\n    jwks_url: "http://a.example.org/k"\n', 3, "https"),
        ('clients:\n  - iss: "a"\n    jwks_file: nowhere.json\n', 3, "There is no file"),
        ('clients:\n  - iss: " "\n    jwks_file: keys.json\n', 2, "blank"),
        (SOUND + '  - iss: "https://ehr.example.org"\n    jwks_file: keys.json\n', 5, "listed twice"),
        (SOUND + "    algorithms: [HS256]\n", 5, "HS256"),
        (SOUND + "    algorithms: [none]\n", 5, "none"),
        (SOUND + "    algorithms: []\n", 5, "No algorithm"),
        (SOUND + '    crd_version: "1.0"\n', 5, "1.0"),
        (SOUND + '    origins: ["https://ehr.example.org/app"]\n', 5, "scheme and host"),
        (SOUND + '    origins: ["*"]\n', 5, "scheme and host"),
        (SOUND + "    quirks: [has-drt]\n", 5, 'Did you mean "has-dtr"?'),
        (SOUND.replace("fhir.ehr.example.org", "no host"), 4, "no host"),
        ("clients: 3\n", 1, "list"),
        ("clients: [\n", 2, "not YAML"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_way_out(text: str, line: int, says: str, write: Write) -> None:
    """interface.md section 6: unknown members, a missing key set or a duplicate issuer stop the start."""
    path = write(text)
    with pytest.raises(DataError) as caught:
        read_clients(path)
    assert caught.value.file == str(path)
    assert caught.value.line == line, str(caught.value)
    assert says in str(caught.value)


@pytest.mark.requirement("CH-221")
def test_nobody_is_trusted_by_default() -> None:
    """The sandbox's signing key is public, so its issuer must never be on a list by itself."""
    assert dict(ClientList(None).all()) == {}


def test_a_changed_file_is_read_again_and_a_broken_one_is_not_taken(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake in the file of a running service locks nobody out and lets nobody in."""
    monkeypatch.setattr(clients, "_CHECK_EVERY", 0.0)
    path = write(SOUND)
    known = ClientList(path)
    assert set(known.all()) == {"https://ehr.example.org"}

    path.write_text(SOUND.replace('https://ehr.example.org"', 'https://new.example.org"'))
    os.utime(path, (1, 1))
    assert set(known.all()) == {"https://new.example.org"}
    assert known.get("https://ehr.example.org") is None

    path.write_text("clients: [")
    os.utime(path, (2, 2))
    assert set(known.all()) == {"https://new.example.org"}

    path.unlink()
    assert set(known.all()) == {"https://new.example.org"}


def test_between_two_looks_the_file_is_left_alone(write: Write) -> None:
    path = write(SOUND)
    known = ClientList(path)
    path.write_text("clients: []")
    assert set(known.all()) == {"https://ehr.example.org"}


def test_every_quirk_says_what_it_is_for() -> None:
    assert all(text for text in CALLER_QUIRKS.values())
