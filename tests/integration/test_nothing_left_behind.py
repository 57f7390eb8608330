"""A thousand faulty calls leave no thread and no open file behind, and over HTTP each fault is a 200."""

import gc
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cds_service.decide import decide
from cds_service.evidence.answers import Limits
from cds_service.evidence.network import Network
from cds_service.kernel import fhir_json
from cds_service.kernel.clock import Deadline
from tests.applications import Making
from tests.builders import TODAY
from tests.integration.deciding import CALLER, equipment, read, request
from tests.integration.faults import ANYWHERE, SEARCHSET, SLOW
from tests.integration.faulty_ehr import MEETS, SEARCHES, faulty, outcome
from tests.integration.loopback import ANY, Handler, running
from tests.integration.stub_ehr import answer_to

CALLS, AT_ONCE, THREADS = 1000, 8, 16
SHORT = 0.7
QUICK = {**ANYWHERE, **SEARCHSET}
FAULTS = {**QUICK, **SLOW}
TOKEN = {
    "fhirAuthorization": {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.rs",
        "subject": "cds-service",
    }
}
DECIDING = ("conditions", "sizeObservations", "mObservations", "attestations", "serviceRequests", "coverage")


def _plan() -> list[tuple[str, str]]:
    """(fault, search) of each call: every fault at every deciding search; one in ten hangs or drips."""
    quick = itertools.cycle(itertools.product(QUICK, DECIDING))
    slow = itertools.cycle(itertools.product(SLOW, DECIDING))
    return [next(slow) if number % 10 == 0 else next(quick) for number in range(CALLS)]


PLAN = _plan()


def behave(handler: Handler) -> None:
    """An EHR whose base address names the call, and so its fault; links stay below it."""
    number, path = handler.path.removeprefix("/fhir/").split("/", 1)
    fault, name = PLAN[int(number)]
    if path.startswith(SEARCHES[name]):
        FAULTS[fault](handler, lambda: answer_to(path, MEETS.resources) or {})
    else:
        handler.answer(answer_to(path, MEETS.resources) or {})


def left() -> tuple[int, int]:
    """(threads, open files) of this process."""
    gc.collect()
    return threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_a_thousand_faulty_calls_leave_nothing_behind() -> None:
    """Issue 5, Must show: measured while the service goes on, and after it has ended."""
    assert set(PLAN) == set(itertools.product(FAULTS, DECIDING))
    before = left()
    network = Network(Limits(threads=THREADS, pages=5, bytes=200_000))
    with running({ANY: behave}) as ehr, ThreadPoolExecutor(AT_ONCE) as callers:
        call = _calling(ehr.base, network)
        assert not [trouble for trouble in callers.map(call, range(200)) if trouble]
        early = left()
        assert not [trouble for trouble in callers.map(call, range(200, CALLS)) if trouble]
        late = left()
        assert sum(thread.name.startswith("ehr") for thread in threading.enumerate()) <= THREADS
        assert late[1] <= early[1] + 2 * THREADS, "open files grow with the number of calls"
    network.close()
    for thread in threading.enumerate():
        if "process_request_thread" in thread.name:  # the EHR's own, which end when their caller hangs up
            thread.join(5)
    after = left()
    assert after[0] <= before[0] and after[1] <= before[1]


def _calling(base: str, network: Network) -> Callable[[int], str]:
    tools = equipment(network, TODAY)

    def call(number: int) -> str:
        """What is wrong with the answer, if anything."""
        asked = read(request(f"{base}/{number}", MEETS.patient, MEETS.orders))
        answer = decide(asked, CALLER, tools, Deadline.after(SHORT))
        wrong = outcome(answer) == "meets-criteria" or not answer.response.cards
        return f"{PLAN[number]}: {outcome(answer)}" if wrong else ""

    return call


@pytest.mark.requirement("resp-43", "CRD-062")
@pytest.mark.parametrize("name", ["patient", "coverage", "conditions"])
def test_over_http_every_fault_is_a_200_with_a_card(make_app: Making, name: str) -> None:
    """Issue 5, Must show: the whole service in front."""
    service = make_app(auth="off", fhir_hosts="127.0.0.1", time_budget_seconds=1.0).test_client()
    for fault, wrong in FAULTS.items():
        if fault in SEARCHSET and "?" not in SEARCHES[name]:
            continue
        with running({ANY: faulty(wrong, name, MEETS)}) as ehr:
            body = fhir_json.write(request(ehr.base, MEETS.patient, MEETS.orders) | TOKEN)
            reply = service.post(
                "/cds-services/coverage-order-sign", data=body, content_type="application/json"
            )
        assert reply.status_code == 200, (fault, reply.text)
        assert reply.json is not None and len(reply.json["cards"]) == 1, fault
        assert name == "patient" or "all 5 criteria met" not in reply.text, fault
