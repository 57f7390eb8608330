"""The application factory: what may be handed in, who is let in without tokens, how large a body may be."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from cds_service.kernel.errors import SettingError
from cds_service.settings import load_settings
from cds_service.web.app import MAX_BODY, create_app, settle
from cds_service.web.desk import desk
from tests.builders import knowledge

SIGN = "/cds-services/coverage-order-sign"


def test_single_settings_go_before_those_handed_in_and_those_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CDS_SERVICE_CRD_VERSION", "2.0")
    settings = load_settings(auth="required", public_url="https://one.example.org")
    app = create_app(settings, auth="off", public_url="https://two.example.org", knowledge=knowledge())
    with app.app_context():
        here = desk()
    assert (here.trust.required, here.public_url, here.crd_version) == (
        False,
        "https://two.example.org",
        "2.0",
    )


def test_a_host_that_is_none_stops_the_start() -> None:
    with pytest.raises(SettingError) as caught:
        create_app(auth="off", fhir_hosts="no/host", knowledge=knowledge())
    assert caught.value.name == "CDS_SERVICE_FHIR_HOSTS"


def test_a_database_url_that_is_none_stops_the_start() -> None:
    for url in ("nonsense", "oracle+nodriver://x/y"):
        with pytest.raises(SettingError) as caught:
            create_app(auth="off", database_url=url, knowledge=knowledge())
        assert caught.value.name == "CDS_SERVICE_DATABASE_URL"


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.1.2.3", 403)])
def test_without_authentication_only_this_machine_is_answered(address: str, status: int, app: Flask) -> None:
    """Also when somebody starts the application under a server of his own that listens everywhere."""
    answer = app.test_client().get("/cds-services", environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == status


@pytest.mark.requirement("CH-060")
@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 400), (MAX_BODY + 1, 413)])
def test_a_body_over_ten_megabytes_is_refused_by_its_announced_length(
    size: int, status: int, app: Flask
) -> None:
    class Read:
        taken = 0

        def read(self, size: int = -1) -> bytes:
            part = min(size if size >= 0 else MAX_BODY, MAX_BODY - self.taken)
            self.taken += part
            return b" " * part

        def readline(self, size: int = -1) -> bytes:
            return self.read(size)

    body = Read()
    answer = app.test_client().post(
        SIGN,
        content_type="application/json",
        environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": str(size)},
    )
    assert answer.status_code == status
    assert body.taken == (size if status == 400 else 0)


@pytest.fixture
def thawed() -> Iterator[None]:
    """The collector as it was, afterwards."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("thawed")
def test_after_start_up_the_collector_leaves_alone_what_start_up_made() -> None:
    """performance.md 1, point 3: the hidden tail."""
    settle()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] == 50_000
    assert gc.isenabled()


def test_another_policy_folder_is_served_beside_the_built_in_ones(tmp_path: Path) -> None:
    """CDS_SERVICE_POLICIES: one that is not there stops the start."""
    with pytest.raises(Exception, match="no such folder"):
        create_app(load_settings(auth="off", policies=str(tmp_path / "none")))
