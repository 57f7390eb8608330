"""Addresses that an EHR or a chart brings: redirects, pages, references; the token stays with its server."""

import threading
import time
from collections.abc import Callable
from itertools import count

import pytest
from flask.testing import FlaskClient

from tests import builders
from tests.applications import Making
from tests.builders import Resource, condition, coverage, hcc
from tests.conformance.ch.calls import (
    answered,
    collection,
    covered,
    in_context,
    in_prefetch,
    searchset,
    sign,
)
from tests.conformance.ch.ehrs import TOKEN, bearers, ehr_with, paths, through
from tests.integration.loopback import Behaviour, Handler


def leading(location: str, status: int) -> Behaviour:
    """An EHR that sends its visitors somewhere else."""
    return lambda handler: handler.answer(b"", status, Location=location)


@pytest.mark.requirement("CH-231", "CH-225", "T1")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/fhir/Condition",
        "//127.0.0.1:{port}/fhir/Condition",
        "http://localhost:{port}/fhir/Condition",
        "http://[::ffff:127.0.0.1]:{port}/fhir/Condition",
        "http://{own}@127.0.0.1:{port}/fhir/Condition",
        "file:///etc/passwd",
        "https://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@{own}/",
    ],
)
def test_a_redirect_to_another_server_is_not_followed(
    client: FlaskClient, location: str, status: int
) -> None:
    with ehr_with() as foreign:
        to = location.format(port=foreign.port, own="127.0.0.1:1")
        with ehr_with(Condition=leading(to, status)) as ehr:
            assert covered(answered(client, through(ehr))) != "covered"
        assert not foreign.asked


@pytest.mark.requirement("CH-231", "CH-236")
def test_redirects_in_circles_end(client: FlaskClient) -> None:
    with ehr_with(Condition=leading("/fhir/Condition?again", 302)) as ehr:
        assert covered(answered(client, through(ehr))) != "covered"
        assert paths(ehr).count("Condition") < 10


@pytest.mark.requirement("CH-088", "CH-234", "CH-225", "T1")
@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize(
    "link", ["{base}/Condition?p=2", "//127.0.0.1:{port}/x", "file:///etc/passwd", "\\\\evil\\x"]
)
def test_a_next_page_at_another_server_is_not_followed(client: FlaskClient, link: str, sent: bool) -> None:
    """Prefetched or fetched: the page is not read, the token does not leave, nothing is called absent."""
    with ehr_with() as foreign:
        url = link.format(base=foreign.base, port=foreign.port)
        first = searchset(condition("C22.0"), link=[{"relation": "next", "url": url}])
        with ehr_with(Condition=lambda handler: handler.answer(first)) as ehr:
            body = in_prefetch(sign(), conditions=first) if sent else sign(prefetch=...)
            assert covered(answered(client, through(ehr, body))) != "covered"
        assert not foreign.asked


def pointing(at: str) -> list[Resource]:
    """A chart in which everything that can point somewhere points there."""
    away = [{"reference": f"{at}/Condition/x"}, {"reference": f"{at}/Observation/y"}]
    chart = builders.changed(hcc(), "cov", payor=[{"reference": f"{at}/Organization/payer"}])
    return [
        *builders.without(chart, "order", "dx"),
        builders.order(
            reasonReference=away, supportingInfo=away, insurance=[{"reference": f"{at}/Coverage/c"}]
        ),
        condition("C22.0", stage=[{"assessment": away}], evidence=[{"detail": away}]),
    ]


@pytest.mark.requirement("CH-234", "CH-225", "T1")
@pytest.mark.parametrize("sent", [True, False])
def test_references_to_another_server_are_never_opened(client: FlaskClient, sent: bool) -> None:
    with ehr_with() as foreign:
        chart = pointing(foreign.base)
        with ehr_with(chart) as ehr:
            answered(client, through(ehr, sign(chart) if sent else sign(chart, prefetch=...)))
            assert bearers(ehr) <= {f"Bearer {TOKEN}"}
        assert not foreign.asked


@pytest.mark.requirement("CH-233", "CH-234")
@pytest.mark.parametrize(
    "reference",
    [
        "Condition/../../admin",
        "Condition/..",
        "Condition/x?_include=*",
        "Condition/x#y",
        "Condition/%2e%2e",
        "Condition/x y",
        "Condition/x&y=1",
        "/Condition/x",
        "condition/x",
        "Condition//x",
        "Condition/x/y/z",
        "Basic/x",
        "Condition/x\r\nX: 1",
        "#contained",
        "urn:uuid:0-0",
        "Condition",
        "",
        "javascript:alert(1)",
    ],
)
def test_a_reference_full_of_tricks_cannot_bend_a_read(client: FlaskClient, reference: str) -> None:
    """What is asked is a plain read of a clinical type, with one segment as id, or nothing."""
    with ehr_with() as ehr:
        order = builders.order(reasonReference=[{"reference": reference}])
        answered(client, in_context(through(ehr, sign()), draftOrders=collection(order)))
        for path, _ in ehr.asked:
            kind, _, name = path.removeprefix("/fhir/").partition("/")
            assert kind == "Condition" and name and not set(name) & set("/?#&= \r\n")
            assert name not in ("..", "%2e%2e", "%2E%2E")


def endless(handler: Handler) -> None:
    """Blanks for as long as anybody listens."""
    handler.start(**{"Content-Type": "application/fhir+json"})
    while not handler.ehr.over.is_set():
        handler.wfile.write(b" " * 65536)


def huge(handler: Handler) -> None:
    """Announces a terabyte and begins to send it."""
    handler.start(**{"Content-Length": str(10**12)})
    handler.wfile.write(b" " * 20_000_000)


def dripping(handler: Handler) -> None:
    """One sign now and then, so that no single read is late."""
    handler.start()
    handler.drip(b" " * 100_000)


def bomb(handler: Handler) -> None:
    """A small body that would be a very large one."""
    import gzip

    handler.answer(gzip.compress(b" " * 200_000_000, 9), **{"Content-Encoding": "gzip"})


@pytest.mark.requirement("CH-235")
@pytest.mark.parametrize("behaviour", [endless, huge, dripping, bomb])
def test_slow_endless_and_huge_answers_are_cut_and_ours_comes_in_time(
    make_app: Making, behaviour: Callable[[Handler], None]
) -> None:
    client = make_app(auth="off", fhir_hosts=("127.0.0.1",), time_budget_seconds=1.5).test_client()
    with ehr_with(Condition=behaviour) as ehr:
        started = time.monotonic()
        assert covered(answered(client, through(ehr))) != "covered"
        assert time.monotonic() - started < 3


@pytest.mark.requirement("CH-236")
@pytest.mark.parametrize("kind", ["same", "circle", "ever new"])
def test_pages_that_never_end_end_at_the_cap(client: FlaskClient, kind: str) -> None:
    numbers, lock = count(1), threading.Lock()

    def paged(handler: Handler) -> None:
        with lock:
            number = next(numbers)
        following = {"same": 1, "circle": number % 3, "ever new": number}[kind]
        url = f"{handler.ehr.base}/Condition?p={following}"
        handler.answer(searchset(condition("C22.0"), link=[{"relation": "next", "url": url}]))

    with ehr_with(Condition=paged) as ehr:
        assert covered(answered(client, through(ehr))) != "covered"
        assert paths(ehr).count("Condition") <= 40


@pytest.mark.requirement("CH-225", "CH-234")
def test_a_payer_at_the_named_server_is_read_and_one_elsewhere_is_not(client: FlaskClient) -> None:
    payer = {"resourceType": "Organization", "id": "payer", "name": "Capital Blue Cross"}
    chart = [*builders.without(hcc(), "cov"), payer]
    with ehr_with([payer]) as foreign, ehr_with(chart) as ehr:
        own = coverage(payor=[{"reference": f"{ehr.base}/Organization/payer"}])
        away = coverage(payor=[{"reference": f"{foreign.base}/Organization/payer"}])
        read = answered(client, through(ehr, in_prefetch(sign(chart), coverage=searchset(own))))
        assert covered(read) == "covered"
        body = answered(client, through(ehr, in_prefetch(sign(chart), coverage=searchset(away))))
        assert not body["systemActions"] or covered(body) != "covered"
        assert not foreign.asked
