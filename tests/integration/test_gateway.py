"""The gateway against real sockets: whatever the other side does, an answer in time, nothing left behind."""

import gzip
import json
import os
import threading
import time
from collections.abc import Iterator

import pytest

from cds_service.evidence.answers import Answer, Arrived, Failed, Limits
from cds_service.evidence.gateway import Gateway
from cds_service.evidence.hosts import allowed_hosts
from cds_service.evidence.network import Network
from cds_service.hooks.access import FhirAccess
from cds_service.kernel.clock import Deadline
from tests.integration.loopback import Behaviour, Ehr, Handler, closed_port, running, searchset

CONDITION = {"resourceType": "Condition", "id": "c1"}
SEARCH = "Condition?patient=p1"
LATE = Failed("the EHR did not answer in time")
LOCAL = allowed_hosts(["127.0.0.1", "localhost"])


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    made = Network(Limits(threads=8, bytes=200_000, pages=10))
    yield made
    made.close()


def gateway(network: Network, ehr: Ehr) -> Gateway:
    return Gateway(network, ehr.base, FhirAccess("s3cret"), LOCAL)


def ask(network: Network, behaviour: Behaviour, seconds: float = 5, path: str = SEARCH) -> tuple[Answer, Ehr]:
    with running({"Condition": behaviour, "Patient": behaviour, "": behaviour}) as ehr:
        began = time.monotonic()
        found = gateway(network, ehr).round([path], Deadline.after(seconds))[path]
        assert time.monotonic() - began < seconds + 0.2
    return found, ehr


@pytest.mark.requirement("CH-068")
def test_a_search_and_a_read_arrive_as_sent(network: Network) -> None:
    raw = b'{"resourceType":"Patient", "x": 7.10}'
    found, ehr = ask(network, lambda handler: handler.answer(raw), path="Patient/p1")
    assert found == Arrived((raw,))
    ((path, headers),) = ehr.asked
    assert path == "/fhir/Patient/p1"
    assert headers["Authorization"] == "Bearer s3cret" and headers["Accept-Encoding"] == "gzip"
    assert headers["Host"] == f"127.0.0.1:{ehr.port}"


def test_compressed_and_chunked_answers_are_read(network: Network) -> None:
    """RFC 9110 8.4, RFC 9112 7.1."""
    raw = json.dumps(searchset(CONDITION)).encode()

    def chunked(handler: Handler) -> None:
        handler.start(Transfer_Encoding="chunked")
        handler.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(raw), raw))

    assert ask(network, lambda handler: handler.answer(gzip.compress(raw), Content_Encoding="gzip"))[
        0
    ] == Arrived((raw,))
    assert ask(network, chunked)[0] == Arrived((raw,))


@pytest.mark.requirement("CH-099")
def test_a_round_is_parallel(network: Network) -> None:
    """All eight requests are in flight before the first one is answered."""
    together = threading.Barrier(8)

    def meet(handler: Handler) -> None:
        together.wait(5)
        handler.answer(searchset(CONDITION))

    paths = [f"Condition?patient=p1&n={number}" for number in range(8)]
    with running({"Condition": meet}) as ehr:
        found = gateway(network, ehr).round(paths, Deadline.after(5))
    assert list(found) == paths and all(isinstance(item, Arrived) for item in found.values())


def test_connections_are_used_again(network: Network) -> None:
    """performance.md 6: one pool per EHR; a new connection costs a round trip or two."""
    ports = set()

    def note(handler: Handler) -> None:
        ports.add(handler.client_address[1])
        handler.answer(searchset(CONDITION))

    with running({"Condition": note}) as ehr:
        for _ in range(5):
            gateway(network, ehr).round([SEARCH], Deadline.after(5))
    assert len(ports) == 1


@pytest.mark.requirement("CH-086")
def test_pages_are_followed_on_the_wire(network: Network) -> None:
    def pages(handler: Handler) -> None:
        last = "_getpages" in handler.path
        handler.answer(searchset(CONDITION, next_page=None if last else f"{handler.ehr.base}?_getpages=1"))

    found, ehr = ask(network, pages)
    assert isinstance(found, Arrived) and found.complete and len(found.pages) == 2
    assert [headers["Authorization"] for _, headers in ehr.asked] == ["Bearer s3cret"] * 2


@pytest.mark.requirement("CH-236")
def test_endless_pages_stop_at_the_limit(network: Network) -> None:
    count = iter(range(10_000))
    found, ehr = ask(
        network, lambda handler: handler.answer(searchset(next_page=f"/fhir?page={next(count)}"))
    )
    assert isinstance(found, Arrived) and not found.complete
    assert len(ehr.asked) == 10


def test_one_page_is_enough_where_that_is_said(network: Network) -> None:
    """An extra search never drags a whole history along."""
    with running({"Condition": lambda h: h.answer(searchset(CONDITION, next_page="?page=2"))}) as ehr:
        found = gateway(network, ehr).round([SEARCH], Deadline.after(5), one_page={SEARCH})[SEARCH]
        assert len(ehr.asked) == 1
    assert isinstance(found, Arrived) and len(found.pages) == 1 and not found.complete


@pytest.mark.requirement("CH-070", "CH-235", "CH-252")
@pytest.mark.parametrize("what", ["silence", "status", "head", "body", "chunk", "unframed"])
def test_slow_talkers_are_cut_off_at_the_deadline(network: Network, what: str) -> None:
    def slow(handler: Handler) -> None:
        if what == "silence":
            handler.ehr.over.wait(10)
        elif what == "status":
            handler.drip(b"HTTP/1.1 200 OK\r\n" * 100)
        elif what == "head":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            handler.drip(b"X-Header: value\r\n" * 100)
        elif what == "chunk":
            handler.start(Transfer_Encoding="chunked")
            handler.drip(b"00000000000000000001\r\n[\r\n" * 100)
        else:
            handler.start(**({"Content_Length": "5000"} if what == "body" else {"Connection": "close"}))
            handler.drip(b" " * 5000)

    found, ehr = ask(network, slow, seconds=0.4)
    assert found == LATE and len(ehr.asked) == 1


@pytest.mark.requirement("CH-252")
def test_one_hanging_search_costs_only_itself(network: Network) -> None:
    with running(
        {
            "Condition": lambda handler: handler.answer(searchset(CONDITION)),
            "Patient": lambda h: h.drip(b"H" * 500),
        }
    ) as ehr:
        found = gateway(network, ehr).round([SEARCH, "Patient/p1"], Deadline.after(0.4))
    assert isinstance(found[SEARCH], Arrived) and found["Patient/p1"] == LATE


def test_pages_that_came_in_time_are_kept(network: Network) -> None:
    """clinical.md 4.5: NOT_MET from what did arrive stays."""

    def second_hangs(handler: Handler) -> None:
        if "page=2" in handler.path:
            handler.ehr.over.wait(10)
        else:
            handler.answer(searchset(CONDITION, next_page="?page=2"))

    found, _ = ask(network, second_hangs, seconds=0.5)
    assert isinstance(found, Arrived) and len(found.pages) == 1
    assert found.lacks == "the EHR did not answer in time"


@pytest.mark.requirement("CH-235")
@pytest.mark.parametrize("framed", [True, False])
def test_a_huge_body_is_cut_at_the_limit(network: Network, framed: bool) -> None:
    written = []

    def huge(handler: Handler) -> None:
        handler.start(**({"Content_Length": str(10**9)} if framed else {"Connection": "close"}))
        for _ in range(2000):
            handler.wfile.write(b" " * 65536)
            written.append(65536)

    found, _ = ask(network, huge)
    assert found == Failed("the EHR's answer is larger than is read")
    assert sum(written) < 50_000_000


@pytest.mark.requirement("CH-235")
def test_a_small_body_that_unpacks_to_a_huge_one_is_cut_too(network: Network) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    found, _ = ask(network, lambda handler: handler.answer(packed, Content_Encoding="gzip"))
    assert found == Failed("the EHR's answer is larger than is read")


@pytest.mark.requirement("CH-070", "CH-071")
@pytest.mark.parametrize(
    "what", ["truncated", "no answer", "not http", "bad gzip", "bad chunk", "many heads"]
)
def test_broken_answers_are_reasons(network: Network, what: str) -> None:
    def broken(handler: Handler) -> None:
        handler.close_connection = True
        if what == "truncated":
            handler.start(Content_Length="5000")
            handler.wfile.write(b'{"resourceType":"Bundle"}')
        elif what == "not http":
            handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        elif what == "bad gzip":
            handler.answer(b"{}", Content_Encoding="gzip")
        elif what == "bad chunk":
            handler.start(Transfer_Encoding="chunked")
            handler.wfile.write(b"zz\r\n")
        elif what == "many heads":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n")

    found, ehr = ask(network, broken)
    assert isinstance(found, Failed) and found != LATE and not found.unsupported
    assert len(ehr.asked) == 1


@pytest.mark.requirement("CH-088", "CH-225", "CH-231", "CH-234")
@pytest.mark.parametrize("way", ["redirect", "page"])
def test_the_token_never_goes_to_another_server(network: Network, way: str) -> None:
    """The other server is on the allow-list and answers; still it is not asked."""
    with running({"": lambda handler: handler.answer(searchset())}) as other:

        def lead_away(handler: Handler) -> None:
            if way == "redirect":
                handler.answer(b"", 302, Location=f"{other.base}?x=1")
            else:
                handler.answer(searchset(CONDITION, next_page=f"{other.base}?x=1"))

        found, _ = ask(network, lead_away)
        assert not other.asked
    assert isinstance(found, Failed) or found.lacks == "the EHR's next page is on another server"


@pytest.mark.requirement("CH-231")
def test_a_redirect_with_an_endless_body_is_not_read_to_the_end(network: Network) -> None:
    def endless(handler: Handler) -> None:
        handler.start(302, Location="https://evil.net/", Connection="close")
        while True:
            handler.wfile.write(b" " * 65536)

    found, _ = ask(network, endless)
    assert isinstance(found, Failed) and "larger" in found.reason


@pytest.mark.requirement("CH-070")
def test_nobody_there_is_a_reason(network: Network) -> None:
    way = Gateway(network, f"http://127.0.0.1:{closed_port()}/fhir", FhirAccess("t"), LOCAL)
    assert way.round([SEARCH], Deadline.after(2)) == {SEARCH: Failed("the EHR could not be reached")}


@pytest.mark.requirement("CH-254")
def test_more_calls_than_threads_wait_their_turn_but_not_past_the_deadline(network: Network) -> None:
    paths = [f"Condition?n={number}" for number in range(40)]
    with running({"Condition": lambda handler: handler.ehr.over.wait(10)}) as ehr:
        found = gateway(network, ehr).round(paths, Deadline.after(0.4))
        assert set(found.values()) == {LATE}
        assert len(ehr.asked) == 8


def test_nothing_is_left_behind_after_many_faulty_calls(network: Network) -> None:
    """Issue 5: no thread and no socket is left after 1,000 faulty calls (each round is ten of them)."""
    faults: list[Behaviour] = [
        lambda handler: handler.answer(b"{", 500),
        lambda handler: handler.wfile.write(b"nonsense\r\n"),
        lambda handler: handler.start(Content_Length="50"),
        lambda handler: handler.answer(b" " * 300_000),
        lambda handler: handler.answer(b"", 302, Location="https://evil.net"),
        lambda handler: handler.answer(searchset(next_page="/fhir/Condition?x=1")),
        lambda handler: handler.answer(b"", 401),
        lambda handler: None,
        lambda handler: handler.answer(b"\x00", Content_Encoding="gzip"),
        lambda handler: handler.answer(b"", 204),
    ]

    def faulty(handler: Handler) -> None:
        handler.close_connection = True
        faults[int(handler.path.rpartition("=")[2]) % 10](handler)

    def left() -> tuple[int, int]:
        threads = [thread for thread in threading.enumerate() if thread.name.startswith("ehr")]
        return len(threads), len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    with running({"Condition": faulty, "": faulty}) as ehr:
        way = gateway(network, ehr)
        paths = [f"Condition?fault={number}" for number in range(10)]
        way.round(paths, Deadline.after(5))
        before = left()
        for _ in range(100):
            way.round(paths, Deadline.after(5))
        after = left()
    assert after[0] <= 8
    assert after[1] <= before[1] + 10, "open files grow with the number of calls"


def test_threads_end_soon_after_the_deadline_of_a_hanging_call() -> None:
    """Issue 5.4: cancellation when time is out."""
    others, network = set(threading.enumerate()), Network(Limits(threads=4))
    with running({"Condition": lambda handler: handler.ehr.over.wait(10)}) as ehr:
        gateway(network, ehr).round([f"Condition?n={n}" for n in range(9)], Deadline.after(0.3))
        began = time.monotonic()
        network.close()
        assert time.monotonic() - began < 1
    assert not [thread for thread in set(threading.enumerate()) - others if thread.name.startswith("ehr")]
