"""Settings: defaults, every name of the contract, and a sentence for what is not understood."""

from pathlib import Path

import pytest

from cds_service.kernel.errors import SettingError
from cds_service.settings import PREFIX, Settings, is_loopback, load_settings, refuse_open_door

CONTRACT = {
    "database_url",
    "policies",
    "clients",
    "auth",
    "public_url",
    "fhir_hosts",
    "crd_version",
    "time_budget_seconds",
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine or of other fixtures."""
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_the_defaults_are_those_of_the_contract() -> None:
    """interface.md section 5."""
    settings = load_settings()
    assert set(Settings.model_fields) >= CONTRACT
    assert (settings.auth, settings.crd_version, settings.time_budget_seconds) == ("required", "2.2", 4.5)
    assert (settings.policies, settings.fhir_hosts, settings.clients) == ((), (), None)
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.database.startswith("sqlite:////") and settings.database.endswith("records.sqlite3")


def test_every_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "DATABASE_URL": "postgresql+psycopg://db/cds",
        "POLICIES": "/a:/b",
        "CLIENTS": "/etc/clients.yaml",
        "AUTH": "off",
        "PUBLIC_URL": "https://crd.example.org/",
        "FHIR_HOSTS": "one.example.org, two.example.org:8443",
        "CRD_VERSION": "2.0",
        "TIME_BUDGET_SECONDS": "3",
    }
    for name, value in given.items():
        monkeypatch.setenv(PREFIX + name, value)
    settings = load_settings()
    assert settings.database == "postgresql+psycopg://db/cds"
    assert settings.policies == (Path("/a"), Path("/b"))
    assert settings.clients == Path("/etc/clients.yaml")
    assert (settings.auth, settings.crd_version, settings.time_budget_seconds) == ("off", "2.0", 3.0)
    assert settings.public_url == "https://crd.example.org"
    assert settings.fhir_hosts == ("one.example.org", "two.example.org:8443")


def test_an_empty_setting_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}AUTH", "")
    assert load_settings().auth == "required"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("AUTH", "maybe", "required"),
        ("CRD_VERSION", "3.0", "2.2"),
        ("TIME_BUDGET_SECONDS", "soon", "number"),
        ("TIME_BUDGET_SECONDS", "0", "greater than"),
        ("PUBLIC_URL", "crd.example.org", "https://crd.example.org"),
        ("PUBLIC_URL", "https://crd.example.org?x=1", "address"),
        ("DATABSE_URL", "x", "CDS_SERVICE_DATABASE_URL"),
    ],
)
def test_what_is_not_understood_stops_the_start_and_is_named(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """interface.md section 5: a sentence that names the setting, a misspelt one included."""
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingError) as caught:
        load_settings()
    assert caught.value.name == PREFIX + name
    assert says in str(caught.value)


def test_a_refused_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting may hold a password."""
    monkeypatch.setenv(f"{PREFIX}PUBLIC_URL", "hunter2")
    with pytest.raises(SettingError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_no_setting_of_a_secret_shows_in_a_repr() -> None:
    assert "s3cret" not in repr(load_settings(metrics_token="s3cret"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_without_authentication_the_server_may_listen_on_loopback(host: str) -> None:
    refuse_open_door(load_settings(auth="off"), host)
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "crd.example.org", ""])
def test_without_authentication_it_may_listen_nowhere_else(host: str) -> None:
    """interface.md section 5: `off` is refused unless the server listens on loopback."""
    with pytest.raises(SettingError) as caught:
        refuse_open_door(load_settings(auth="off"), host)
    assert caught.value.name == f"{PREFIX}AUTH"
    refuse_open_door(load_settings(auth="required"), host)
