"""The stage of the browser tests: a FHIR server, an EHR with sign-in, and the service, all on loopback."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from werkzeug.serving import make_server

from cds_service.demo.ehr import running_ehr
from cds_service.web.app import create_app
from cds_service.web.desk import NAME
from cds_service.web.loop import Loop
from tests.browser.smart_ehr import SmartEhr, application

Json = dict[str, Any]


@dataclass
class Stage:
    """Everything a browser test needs. service: base address; loop: the documentation loop of the service."""

    ehr: SmartEhr
    service: str
    loop: Loop

    def load(self, *resources: Json) -> None:
        """Puts resources into the EHR."""
        for each in resources:
            path = f"{self.ehr.upstream}/{each['resourceType']}/{each['id']}"
            got = requests.put(path, json=each, headers={"Content-Type": "application/fhir+json"}, timeout=10)
            assert got.ok, got.text

    def remove(self, resource: Json) -> None:
        """Takes a resource out of the EHR."""
        path = f"{self.ehr.upstream}/{resource['resourceType']}/{resource['id']}"
        assert requests.delete(path, timeout=10).ok

    def stored(self, kind: str) -> list[Json]:
        """All resources of a type in the EHR."""
        fresh = {"Cache-Control": "no-cache"}
        got = requests.get(f"{self.ehr.upstream}/{kind}?_count=200", headers=fresh, timeout=10).json()
        return [e["resource"] for e in got.get("entry", []) if e["resource"]["resourceType"] == kind]

    def sign(self, order: Json, fhir: str | None = None) -> Json:
        """Signs an order as an EHR does, and gives the answer."""
        patient = order["subject"]["reference"].removeprefix("Patient/")
        context = {"userId": "Practitioner/doc", "patientId": patient}
        context["draftOrders"] = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": order}],
        }
        body = {
            "hook": "order-sign",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": context,
        }
        body["fhirServer"] = fhir or self.ehr.fhir
        if fhir is None:
            token = self.hook_token()
            body["fhirAuthorization"] = {"access_token": token, "token_type": "Bearer", "expires_in": 300}
            body["fhirAuthorization"] |= {"scope": "user/*.rs", "subject": "cds-service"}
        got = requests.post(f"{self.service}/cds-services/coverage-order-sign", json=body, timeout=10)
        assert got.ok, got.text
        return dict(got.json())

    def hook_token(self) -> str:
        """A token for the service's own calls, as the EHR hands it out with a hook."""
        self.ehr.tokens["hook"] = {}
        return "hook"


def card_link(answer: Json) -> str:
    """The form's address on the card."""
    (link,) = [link for card in answer["cards"] for link in card.get("links", []) if link["type"] == "smart"]
    return str(link["url"])


@contextmanager
def serving(make: Callable[[str], Flask]) -> Iterator[str]:
    """The base address of an application that is made for it, served while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server("127.0.0.1", 0, make(base), threaded=True, fd=listening.fileno())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield base
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def running(folder: Path) -> Iterator[Stage]:
    """The whole stage, with an empty chart. folder: where the service keeps its records."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        running_ehr(listening) as upstream,
        in_front_of(upstream, folder) as stage,
    ):
        yield stage


@contextmanager
def in_front_of(upstream: str, folder: Path) -> Iterator[Stage]:
    """The stage on a FHIR server that runs already, at that base address."""
    ehr = SmartEhr(upstream)

    def made(base: str) -> Flask:
        ehr.base = base
        return application(ehr)

    loops: list[Loop] = []
    with serving(made), serving(lambda base: _service(base, loops, folder)) as service:
        yield Stage(ehr, service, loops[0])


def _service(base: str, loops: list[Loop], folder: Path) -> Flask:
    """The service, with the form app's registrations open to the tests."""
    app = create_app(
        auth="off",
        fhir_hosts="127.0.0.1",
        public_url=base,
        database_url=f"sqlite:///{folder / 'records.sqlite3'}",
        signing_key=b"k" * 32,
    )
    loops.append(app.extensions[f"{NAME}.loop"])
    return app
