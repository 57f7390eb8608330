"""The whole demo in one process: the service, an EHR with the made-up patients, and the pages."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket

import structlog
from flask import Flask

from cds_service.demo.calls import OutsideError, Remote
from cds_service.demo.ehr import running_ehr
from cds_service.demo.load import own_value
from cds_service.demo.patients import ORDER, DemoPatient, procedures
from cds_service.demo.ports import port_of
from cds_service.demo.sandbox import load
from cds_service.kernel.fhir_json import JsonObject
from cds_service.web.app import create_app
from cds_service.web.demo import DemoPerson, DemoSite, create_demo_blueprint
from cds_service.web.loopback import serving


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """A demo that answers. service, ehr: both servers, ready to be called; patients: those on the EHR."""

    service: Remote
    ehr: Remote
    patients: Sequence[DemoPatient]


@contextmanager
def running_demo(patients: Sequence[DemoPatient], page: socket, record: socket) -> Iterator[RunningDemo]:
    """Runs the demo while the block does.

    page, record: sockets of service and EHR. Raises EhrMissingError, OutsideError.
    """
    failing = {own_value(patient, "Patient/patient"): patient.failing for patient in patients}
    address = f"http://127.0.0.1:{port_of(page)}"
    with running_ehr(record, failing) as base, running_service(page, [base], patients):
        ehr, service = Remote(base), Remote(address)
        try:
            _load_all(patients, ehr)
            yield RunningDemo(service, ehr, patients)
        finally:
            ehr.close()
            service.close()


def _load_all(patients: Sequence[DemoPatient], ehr: Remote) -> None:
    for loaded in load(patients, ehr, with_ids=True):
        if loaded.trouble:
            raise OutsideError(f"{loaded.name}: {loaded.trouble}")


@contextmanager
def running_service(
    listening: socket, fhir_bases: Sequence[str], patients: Sequence[DemoPatient] = ()
) -> Iterator[str]:
    """The address of a service on loopback that trusts this machine's callers and may ask these FHIR servers.

    patients: those whose order-entry page it shows. Its records are thrown away at the end.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    address = f"http://127.0.0.1:{port_of(listening)}"
    with tempfile.TemporaryDirectory(prefix="cds-service-") as folder:
        app = _application(address, Path(folder), fhir_bases)
        site = DemoSite(ehr=fhir_bases[0], people=[*map(_person, patients)], procedures=procedures())
        app.register_blueprint(create_demo_blueprint(site))
        with serving(app, listening):
            yield address


def _application(address: str, folder: Path, fhir_bases: Sequence[str]) -> Flask:
    return create_app(
        auth="off",
        public_url=address,
        fhir_hosts=",".join(base.split("/")[2] for base in fhir_bases),
        database_url=f"sqlite:///{folder / 'records.sqlite3'}",
    )


def _person(patient: DemoPatient) -> DemoPerson:
    named = {coverage["id"]: _payer(coverage, patient) for coverage in patient.of("Coverage")}
    return DemoPerson(
        slug=patient.slug,
        id=own_value(patient, "Patient/patient"),
        order=own_value(patient, f"ServiceRequest/{ORDER}"),
        name=patient.name,
        story=patient.story,
        payers=tuple(named.values()),
        expect={named.get(coverage, coverage): outcome for coverage, outcome in patient.expect.items()},
    )


def _payer(coverage: JsonObject, patient: DemoPatient) -> str:
    organization = str(coverage["payor"][0]["reference"]).partition("/")[2]
    return next(str(one["name"]) for one in patient.of("Organization") if one["id"] == organization)
