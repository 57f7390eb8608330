"""What leaves for an EHR, and what is tried again, seen without a network."""

import gc
import time
import weakref
from typing import Any

import pytest
import requests
import responses

from cds_service.evidence.answers import Answer, Arrived, Failed, Limits
from cds_service.evidence.gateway import Gateway, open_gateway
from cds_service.evidence.hosts import HostRefusedError, allowed_hosts
from cds_service.evidence.network import Network
from cds_service.hooks.access import FhirAccess
from cds_service.hooks.request import read_hook_request
from cds_service.kernel.clock import Deadline
from tests.unit.hooks.bodies import call, wire

BASE = "https://ehr.example.org/fhir"
SEARCH = "Condition?patient=p1&_count=100"
BUNDLE = {"resourceType": "Bundle", "type": "searchset", "entry": []}
HOSTS = allowed_hosts(["ehr.example.org"])


@pytest.fixture
def network() -> Any:
    made = Network(Limits(threads=4))
    yield made
    made.close()


@pytest.fixture
def ehr() -> Any:
    with responses.RequestsMock() as mock:
        yield mock


def gateway(network: Network, **access: Any) -> Gateway:
    return Gateway(network, f"{BASE}/", FhirAccess("s3cret", **access), HOSTS)


def ask(network: Network, path: str = SEARCH, seconds: float = 5, **access: Any) -> Answer:
    return gateway(network, **access).round([path], Deadline.after(seconds))[path]


@pytest.mark.requirement("CH-068", "CH-095")
def test_a_search_goes_below_the_base_with_the_token_and_asks_for_lenience(
    network: Network, ehr: Any
) -> None:
    ehr.get(f"{BASE}/Condition", json=BUNDLE)
    assert isinstance(ask(network), Arrived)
    (sent,) = [item.request for item in ehr.calls]
    assert sent.url == f"{BASE}/{SEARCH}"
    assert sent.headers["Authorization"] == "Bearer s3cret"
    assert sent.headers["Prefer"] == "handling=lenient" and sent.headers["Accept"] == "application/fhir+json"
    assert "Cookie" not in sent.headers


@pytest.mark.requirement("CH-095", "CH-233")
def test_codes_stay_encoded_on_the_wire(network: Network, ehr: Any) -> None:
    path = "Observation?patient=a%2Fb%26c&code=http://loinc.org%7C1-8,urn:x%7Cy&_count=100"
    ehr.get(f"{BASE}/Observation", json=BUNDLE)
    ask(network, path)
    assert ehr.calls[0].request.url == f"{BASE}/{path}"


def test_no_cookie_and_no_setting_of_the_machine_reaches_the_ehr(
    network: Network, ehr: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Privacy: nothing is carried from one patient's call to the next, nor taken from the environment."""
    (tmp_path / ".netrc").write_text("machine ehr.example.org login u password p")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    ehr.get(f"{BASE}/Condition", json=BUNDLE, headers={"Set-Cookie": "session=1; Path=/"})
    ask(network)
    ask(network)
    assert [item.request.headers.get("Cookie") for item in ehr.calls] == [None, None]
    assert {item.request.headers["Authorization"] for item in ehr.calls} == {"Bearer s3cret"}
    assert ehr.calls[0].request.req_kwargs["proxies"] == {}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_servers_are_asked_again(network: Network, ehr: Any, status: int) -> None:
    """Issue 5.4: a further try only on 429, 502, 503 and 504."""
    ehr.get(f"{BASE}/Condition", status=status, headers={"Retry-After": "0"})
    ehr.get(f"{BASE}/Condition", json=BUNDLE)
    assert isinstance(ask(network), Arrived)
    assert len(ehr.calls) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500, 501])
def test_other_refusals_are_taken_as_said(network: Network, ehr: Any, status: int) -> None:
    """Issue 5.4: no further try on any other status."""
    ehr.get(f"{BASE}/Condition", status=status, headers={"Retry-After": "0"})
    assert isinstance(ask(network), Failed)
    assert len(ehr.calls) == 1


def test_tries_end(network: Network, ehr: Any) -> None:
    """Issue 5.4: the third refusal stands."""
    ehr.get(f"{BASE}/Condition", status=503, headers={"Retry-After": "0"})
    assert ask(network) == Failed("the EHR answered 503")
    assert len(ehr.calls) == 3


@pytest.mark.parametrize("later", ["60", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_a_wait_past_the_deadline_is_not_begun(network: Network, ehr: Any, later: str) -> None:
    """Issue 5.4: Retry-After is honoured within the time budget only."""
    ehr.get(f"{BASE}/Condition", status=503, headers={"Retry-After": later})
    began = time.monotonic()
    assert ask(network, seconds=2) == Failed("the EHR answered 503")
    assert len(ehr.calls) == 1 and time.monotonic() - began < 1


def test_a_retry_after_that_is_no_time_is_passed_over(network: Network, ehr: Any) -> None:
    """RFC 9110 10.2.3: seconds or a date."""
    ehr.get(f"{BASE}/Condition", status=503, headers={"Retry-After": "soon"})
    ehr.get(f"{BASE}/Condition", json=BUNDLE)
    assert isinstance(ask(network), Arrived)


@pytest.mark.requirement("CH-231")
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.net/fhir",
        "http://ehr.example.org/fhir",
        "https://ehr.example.org:8443/",
        "//evil.net",
        "file:///x",
        "https://[",
    ],
)
def test_a_redirect_elsewhere_is_not_followed(network: Network, ehr: Any, target: str) -> None:
    ehr.get(f"{BASE}/Condition", status=302, headers={"Location": target})
    found = ask(network)
    assert isinstance(found, Failed) and "leads to" in found.reason
    assert len(ehr.calls) == 1


@pytest.mark.requirement("CH-231")
def test_a_redirect_at_the_server_is_followed_a_few_times(network: Network, ehr: Any) -> None:
    ehr.get(f"{BASE}/Condition", status=307, headers={"Location": "/moved"})
    ehr.get("https://ehr.example.org/moved", json=BUNDLE)
    assert isinstance(ask(network), Arrived)
    ehr.get(f"{BASE}/Patient/p1", status=301, headers={"Location": f"{BASE}/Patient/p1"})
    assert ask(network, "Patient/p1") == Failed("the EHR redirects too often")


@pytest.mark.requirement("CH-070")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (requests.ConnectionError("https://ehr.example.org secret"), "could not be reached"),
        (requests.exceptions.SSLError("x"), "certificate"),
        (requests.ReadTimeout("x"), "in time"),
        (requests.exceptions.ChunkedEncodingError("x"), "broke off"),
        (requests.exceptions.InvalidURL("x"), "could not be reached"),
        (UnicodeError("x"), "could not be reached"),
        (OSError("x"), "could not be reached"),
    ],
)
def test_trouble_on_the_way_is_a_reason_and_never_an_exception(
    network: Network, ehr: Any, error: Exception, reason: str
) -> None:
    ehr.get(f"{BASE}/Condition", body=error)
    found = ask(network)
    assert isinstance(found, Failed) and reason in found.reason and "secret" not in found.reason


@pytest.mark.requirement("CH-094")
@pytest.mark.parametrize(("seconds", "access"), [(0, {}), (5, {"expires_in": 0.01})])
def test_no_call_leaves_when_time_or_token_has_run_out(network: Network, seconds: float, access: Any) -> None:
    way = gateway(network, **access)
    with responses.RequestsMock() as ehr:
        found = way.round([SEARCH, "Patient/p1"], Deadline.after(seconds))
        assert not ehr.calls
    assert found == {
        SEARCH: Failed("the EHR did not answer in time"),
        "Patient/p1": Failed("the EHR did not answer in time"),
    }


@pytest.mark.requirement("CH-224")
def test_nothing_keeps_the_token_when_the_call_is_over(network: Network, ehr: Any) -> None:
    ehr.get(f"{BASE}/Condition", json=BUNDLE)
    way = gateway(network)
    way.round([SEARCH], Deadline.after(5))
    gone = weakref.ref(way)
    ehr.reset()
    del way
    gc.collect()
    assert gone() is None


@pytest.mark.requirement("CH-226", "CH-230")
def test_a_gateway_is_not_made_for_a_server_that_is_not_registered(network: Network) -> None:
    for server in ("https://evil.net/fhir", "http://ehr.example.org/fhir", "https://u@ehr.example.org"):
        with pytest.raises(HostRefusedError):
            Gateway(network, server, FhirAccess("t"), HOSTS)


ACCESS = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "", "subject": "s"}


@pytest.mark.requirement("CH-058", "CH-067", "CH-094", "CH-230", "CH-237")
@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, "names no fhirServer"),
        ({"fhirServer": BASE}, "no fhirAuthorization"),
        ({"fhirAuthorization": ACCESS}, "without fhirServer"),
        ({"fhirServer": BASE, "fhirAuthorization": {**ACCESS, "expires_in": 0}}, "expired"),
        ({"fhirServer": BASE, "fhirAuthorization": {**ACCESS, "token_type": "mac"}}, "not Bearer"),
        ({"fhirServer": "https://evil.net", "fhirAuthorization": ACCESS}, "not registered"),
        ({"fhirServer": "http://ehr.example.org", "fhirAuthorization": ACCESS}, "https"),
        ({"fhirServer": "http://169.254.169.254", "fhirAuthorization": ACCESS}, "not registered"),
    ],
)
def test_there_is_no_way_to_the_ehr_without_server_token_and_trust(
    network: Network, members: dict[str, Any], why: str
) -> None:
    request = read_hook_request(wire(call(**members)), "order-sign")
    way, reason = open_gateway(request, network, HOSTS)
    assert way is None and why in (reason or "")


def test_an_open_server_is_called_without_a_token_only_when_that_is_allowed(
    network: Network, ehr: Any
) -> None:
    """cds-hooks.md 1.6, point 5: an opt-in for open test servers."""
    request = read_hook_request(wire(call(fhirServer=BASE)), "order-sign")
    way, reason = open_gateway(request, network, HOSTS, without_token=True)
    assert way is not None and reason is None
    ehr.get(f"{BASE}/Condition", json=BUNDLE)
    assert isinstance(way.round([SEARCH], Deadline.after(5))[SEARCH], Arrived)
    assert "Authorization" not in ehr.calls[0].request.headers


@pytest.mark.requirement("CH-086", "CH-088")
def test_a_page_named_by_the_client_is_asked_for_at_the_same_server_only(network: Network, ehr: Any) -> None:
    way = gateway(network)
    link = "https://ehr.example.org/other?_getpages=2"
    assert way.owns(link) and not way.owns("https://evil.net/") and not way.owns("http://[")
    ehr.get("https://ehr.example.org/other", json=BUNDLE)
    assert isinstance(way.round([link], Deadline.after(5))[link], Arrived)
