"""Only registered servers are called, however their address is spelled and wherever their name leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.evidence.hosts import AllowedHosts, HostRefusedError, Origin, allowed_hosts, follow

EHR = allowed_hosts(["ehr.example.org", "Fhir.Example.org:8443"])
EVERYWHERE = allowed_hosts(["0.0.0.0/0", "::/0", "ehr.example.org", "localhost"])
ORIGIN = Origin("https", "ehr.example.org", 443)


def refused(hosts: AllowedHosts, url: str) -> str:
    with pytest.raises(HostRefusedError) as caught:
        hosts.base(url)
    return str(caught.value)


@pytest.mark.requirement("CH-095")
@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://ehr.example.org/fhir", "https://ehr.example.org/fhir"),
        ("https://ehr.example.org/fhir/", "https://ehr.example.org/fhir"),
        ("HTTPS://EHR.example.ORG:443/Fhir//", "https://ehr.example.org:443/Fhir"),
        ("https://ehr.example.org:9443", "https://ehr.example.org:9443"),
        ("https://fhir.example.org:8443/r4", "https://fhir.example.org:8443/r4"),
    ],
)
def test_a_registered_server_is_called_by_its_plain_address(url: str, base: str) -> None:
    assert EHR.base(url)[1] == base


@pytest.mark.requirement("CH-230")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org/fhir",
        "https://ehr.example.org.evil.net/",
        "https://xehr.example.org/",
        "https://fhir.example.org/",
        "https://fhir.example.org:8444/",
        "https://8.8.8.8/",
    ],
)
def test_a_server_that_is_not_registered_is_refused(url: str) -> None:
    assert refused(EHR, url) == "a host that is not registered"


@pytest.mark.requirement("CH-226")
def test_http_is_for_local_hosts_and_for_entries_that_say_so() -> None:
    assert refused(EHR, "http://ehr.example.org/fhir") == "http where https is needed"
    assert refused(allowed_hosts(["8.8.8.8"]), "http://8.8.8.8/") == "http where https is needed"
    local = allowed_hosts(
        ["localhost", "127.0.0.1:8090", "10.1.2.3", "hapi:8080", "http://open.example.org", "::1"]
    )
    for url in (
        "http://localhost:9000/fhir",
        "http://127.0.0.1:8090/fhir",
        "http://10.1.2.3/fhir",
        "http://hapi:8080/fhir",
        "http://open.example.org/r4",
        "http://[::1]:1/fhir",
    ):
        assert local.base(url)[1] == url
    assert refused(local, "http://hapi:8081/fhir") == "a host that is not registered"


@pytest.mark.requirement("CH-227")
@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.0.0.1", "[::1]", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1",
        "169.254.169.254",
        "[fe80::1]", "[fd00:ec2::254]", "100.64.0.1", "[::]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_private_addresses_are_refused_unless_registered(scheme: str, host: str) -> None:
    assert refused(EHR, f"{scheme}://{host}/fhir") == "a host that is not registered"


@pytest.mark.requirement("CH-227")
def test_a_wide_network_does_not_open_the_metadata_address() -> None:
    assert refused(EVERYWHERE, "http://169.254.169.254/latest")
    assert not EVERYWHERE.admits(ORIGIN, "169.254.169.254")
    named = allowed_hosts(["169.254.169.254"])
    assert named.base("http://169.254.169.254/fhir")[1] == "http://169.254.169.254/fhir"


@pytest.mark.requirement("CH-228")
@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.1", "127.1", "127.0.1",
        "127.0.0.01",
        "1.2.3.4.5", "256.1.1.1", "127.0.0.1.", "ehr.example.org.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25eth0]", "[::1%lo]", "a.0x", "a.1",
        "ehr..example.org",
        ".ehr.example.org", "-a", "a-", "a" * 64, "a." * 127 + "ab", "%31%32%37.0.0.1", "[v1.x]",
        "[127.0.0.1]",
    ],
)  # fmt: skip
def test_an_oddly_written_host_is_refused_even_where_all_is_allowed(host: str) -> None:
    refused(EVERYWHERE, f"http://{host}/fhir")
    refused(EVERYWHERE, f"https://{host}:8443/fhir")


@pytest.mark.requirement("CH-232")
@pytest.mark.parametrize(
    "url",
    [
        "https://ehr.example.org@evil.net/", "https://u:p@ehr.example.org/",
        "https://evil.net@ehr.example.org/",
        "https://ehr.example.org/fhir?x=1", "https://ehr.example.org/fhir#x", "https://ehr.example.org/fhir?",
        "file:///etc/passwd", "gopher://ehr.example.org/", "ftp://ehr.example.org/", "//ehr.example.org/fhir",
        "ehr.example.org/fhir", "https:ehr.example.org", "https:///fhir", "https://", "", "https://[::1",
        "https://]/",
        "https://ehr.example.org:0/", "https://ehr.example.org:99999/", "https://ehr.example.org:x/",
        "https://ehr.example.org:/", "https://ehr.example.org\\@evil.net/", "https:\\\\ehr.example.org",
        "https://ehr.example.org /", " https://ehr.example.org/", "https://ehr.example.org/\r\nHost: evil",
        "https://ehr.exa\tmple.org/", "https://ehr.example.org/a/../../x", "https://ehr.example.org/%2e%2e/x",
        "https://\uff45hr.example.org/", "https://\u24d4hr.example.org/", "https://ehr\u3002example.org/",
        "https://ehr.example.org/f\u00e9", "https://ehr.example.org/" + "x" * 4000, "javascript:alert(1)",
    ],
)  # fmt: skip
def test_an_address_with_tricks_is_refused(url: str) -> None:
    assert refused(EVERYWHERE, url)


@pytest.mark.requirement("CH-229")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "::1", "10.0.0.1", "172.31.0.1", "192.168.0.1", "169.254.169.254", "0.0.0.0", "::",
        "fe80::1",
        "fd00::1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::a00:1", "2002:a00:1::", "ff02::1", "fe80::1%eth0", "not-an-address", "",
    ],
)  # fmt: skip
def test_a_public_name_may_not_lead_inside(address: str) -> None:
    assert not EHR.admits(ORIGIN, address)


@pytest.mark.requirement("CH-229")
def test_a_name_may_lead_where_its_kind_or_the_register_allows() -> None:
    assert EHR.admits(ORIGIN, "93.184.216.34") and EHR.admits(ORIGIN, "2606:2800:220:1::1")
    assert EHR.admits(ORIGIN, "64:ff9b::808:808")
    inside = allowed_hosts(["ehr.example.org", "10.0.0.0/8:443", "hapi"])
    assert inside.admits(ORIGIN, "10.9.9.9")
    assert not inside.admits(Origin("https", "ehr.example.org", 444), "10.9.9.9")
    assert not inside.admits(ORIGIN, "192.168.0.1")
    hapi = Origin("http", "hapi", 8080)
    assert (
        inside.admits(hapi, "172.18.0.3") and inside.admits(hapi, "127.0.0.1") and inside.admits(hapi, "::1")
    )
    assert not inside.admits(hapi, "169.254.169.254") and not inside.admits(hapi, "fe80::1")
    assert not inside.admits(hapi, "0.0.0.0")


@pytest.mark.requirement("CH-229")
def test_an_address_leads_only_to_itself() -> None:
    hosts = allowed_hosts(["127.0.0.1", "8.8.8.8"])
    assert hosts.admits(Origin("http", "127.0.0.1", 80), "127.0.0.1")
    assert not hosts.admits(Origin("http", "127.0.0.1", 80), "9.9.9.9")


@pytest.mark.requirement("CH-086")
@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("?page=2", "https://ehr.example.org/fhir/Condition?page=2"),
        ("/fhir?_getpages=1", "https://ehr.example.org/fhir?_getpages=1"),
        ("https://ehr.example.org/fhir?_getpages=a|b#x", "https://ehr.example.org/fhir?_getpages=a|b"),
        ("https://EHR.example.org:443/other", "https://EHR.example.org:443/other"),
        (" ?page=2 ", "https://ehr.example.org/fhir/Condition?page=2"),
    ],
)
def test_a_link_at_the_same_server_is_followed(link: str, target: str) -> None:
    assert follow(ORIGIN, "https://ehr.example.org/fhir/Condition?a=1", link) == target


@pytest.mark.requirement("CH-088", "CH-231", "CH-234")
@pytest.mark.parametrize(
    "link",
    [
        "https://evil.net/fhir?page=2", "//evil.net/", "http://ehr.example.org/fhir?page=2",
        "file:///etc/passwd",
        "https://ehr.example.org:8443/fhir", "https://ehr.example.org@evil.net/",
        "https://x@ehr.example.org/",
        "https://ehr.example.org.evil.net/", "http://169.254.169.254/", "https:\\\\evil.net", "https://[",
        "\\\\evil.net",
        "javascript:alert(1)", "https://ehr.example.org\t.evil.net/",
    ],
)  # fmt: skip
def test_a_link_elsewhere_is_not_followed(link: str) -> None:
    with pytest.raises(HostRefusedError):
        follow(ORIGIN, "https://ehr.example.org/fhir/Condition?a=1", link)


@pytest.mark.parametrize(
    "text",
    [
        "http:/x",
        "ftp://x",
        "a b",
        "host:0",
        "host:70000",
        "host:x",
        "127.0.0.256",
        "0x7f.1",
        "u@host",
        "a/b",
        "::ffff:1.2.3.4:5x",
        "10.0.0.0/99",
    ],
)
def test_an_entry_that_is_no_host_stops_the_start_by_name(text: str) -> None:
    """interface.md 5: a setting that is not understood is named."""
    with pytest.raises(ValueError, match="is no host name") as caught:
        allowed_hosts([text])
    assert repr(text) in str(caught.value)


def test_blank_entries_are_nothing() -> None:
    """interface.md 5: the default of FHIR_HOSTS is empty."""
    assert allowed_hosts(["", " "]) == allowed_hosts([]) == AllowedHosts(frozenset())
    assert refused(allowed_hosts([]), "https://ehr.example.org/")


@given(st.text(max_size=30) | st.text(alphabet="htps:/@.[]%#?0123456789abcfx\\-", max_size=30))
def test_no_text_passes_by_accident(text: str) -> None:
    """A client writes the address: whatever it writes is refused, unless it is the registered server."""
    for url in (text, f"https://{text}", f"http://{text}/fhir"):
        try:
            origin, _ = EHR.base(url)
        except HostRefusedError:
            continue
        assert origin.host in ("ehr.example.org", "fhir.example.org")
