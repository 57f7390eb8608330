"""Who is calling: version, strictness and quirks follow from registration and request."""

from typing import Any

import pytest

from cds_service.evidence.hosts import HostRefusedError, allowed_hosts
from cds_service.hooks.request import HookRequest
from cds_service.kernel.errors import CallError
from cds_service.web.callers import caller_of
from cds_service.web.clients import Client

HOSTS = allowed_hosts(["open.example.org"])


def asking(version: str | None = None) -> HookRequest:
    """A call that asks for a CRD version."""
    return HookRequest(hook="order-sign", hook_instance="1", patient_id="p", requested_version=version)


def registered(**members: Any) -> Client:
    """A registration."""
    return Client(**{"iss": "https://ehr", "jwks_url": "https://ehr/k", "fhir_hosts": ("ehr",), **members})


@pytest.mark.requirement("CRD-083")
@pytest.mark.parametrize(
    ("client", "asked", "version", "strict", "dtr"),
    [
        (None, None, "2.0", False, False),
        (None, "2.2", "2.2", True, True),
        (None, "2.2.1", "2.2", True, True),
        (None, "2.0", "2.0", False, False),
        (registered(), None, "2.0", False, False),
        (registered(crd_version="2.2"), None, "2.2", True, True),
        (registered(crd_version="2.2"), "2.0", "2.0", False, False),
        (registered(crd_version="2.0"), "2.2", "2.2", True, True),
        (registered(crd_version="2.0", quirks=("has-dtr",)), None, "2.0", False, True),
    ],
)
def test_the_request_goes_before_the_registration_and_that_before_the_setting(
    client: Client | None, asked: str | None, version: str, strict: bool, dtr: bool
) -> None:
    """Only who names 2.2, in the call or the registration, gets errors for coverage trouble (hook-13)."""
    caller = caller_of(client, asking(asked), HOSTS, "2.0")
    assert (caller.version, caller.strict, caller.options.dtr) == (version, strict, dtr)


@pytest.mark.requirement("CRD-084")
@pytest.mark.parametrize("version", ["9.9", "2", "2.1", "2.2x", "", "two"])
def test_a_version_that_is_not_spoken_is_refused_with_the_place(version: str) -> None:
    with pytest.raises(CallError) as caught:
        caller_of(None, asking(version), HOSTS, "2.2")
    assert caught.value.status == 400
    assert caught.value.where == "extension.davinci-crd.requestedVersion"
    assert "2.0 or 2.2" in str(caught.value.hint)


def test_quirks_of_a_registration_reach_the_part_they_are_for() -> None:
    quirks = ("plain-cds-hooks", "no-system-actions", "open-fhir-server", "select-any")
    caller = caller_of(registered(quirks=quirks), asking(), HOSTS, "2.2")
    assert (caller.options.crd, caller.options.system_actions, caller.without_token) == (False, False, True)
    assert caller.options.quirks == {"select-any"}
    plain = caller_of(registered(), asking(), HOSTS, "2.2")
    assert (plain.options.crd, plain.options.system_actions, plain.without_token) == (True, True, False)
    assert plain.options.issuer == "https://ehr"
    resource = {"reasonCode": [], "code": {"coding": [{}], "text": "x"}}
    assert plain.seen(resource) == resource
    tolerant = caller_of(registered(quirks=("empty-is-absent",)), asking(), HOSTS, "2.2")
    assert tolerant.seen(resource) == {"code": {"text": "x"}}


@pytest.mark.requirement("CH-230")
def test_each_client_may_name_its_own_ehr_only() -> None:
    """The open list of the settings is for callers without a registration."""
    own = caller_of(registered(), asking(), HOSTS, "2.2").hosts
    assert own.base("https://ehr/fhir")
    with pytest.raises(HostRefusedError):
        own.base("https://open.example.org/fhir")
    assert caller_of(None, asking(), HOSTS, "2.2").hosts.base("https://open.example.org/fhir")
