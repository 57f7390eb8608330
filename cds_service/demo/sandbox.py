"""Puts the made-up patients on a FHIR R4 server and takes them off again; touches nothing else there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cds_service.demo.calls import OutsideError, Remote
from cds_service.demo.load import is_own, kinds, search_own, transaction
from cds_service.demo.patients import DemoPatient
from cds_service.kernel.fhir_json import JsonObject


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading one patient did; patient: its id on the server; trouble: why nothing was stored."""

    slug: str
    name: str
    patient: str | None
    created: int = 0
    updated: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """What clearing one resource type did; trouble: why resources are still there."""

    kind: str
    deleted: int
    trouble: str | None = None


def refuse_others(ehr: Remote) -> None:
    """Raises OutsideError unless the address is that of a FHIR R4 server that takes transactions."""
    statement = ehr.get("metadata")
    version = str(statement.get("fhirVersion", "unknown"))
    if statement.get("resourceType") != "CapabilityStatement" or not version.startswith("4.0"):
        raise OutsideError(f"{ehr.base} is no FHIR R4 server: its version is {version}, 4.0.1 is needed.")


def load(patients: Iterable[DemoPatient], ehr: Remote, with_ids: bool = False) -> list[Loaded]:
    """Loads each patient by a transaction of its own; a second time it brings dates and contents up to date.

    with_ids: as in `transaction`. A patient that the server refuses leaves the others alone.
    """
    return [_load(patient, ehr, with_ids) for patient in patients]


def _load(patient: DemoPatient, ehr: Remote, with_ids: bool) -> Loaded:
    bundle = transaction(patient, with_ids)
    try:
        responses = ehr.transact(bundle)
    except OutsideError as error:
        return Loaded(patient.slug, patient.name, None, trouble=str(error))
    statuses = [str(response.get("status", ""))[:3] for response in responses]
    at = [entry["resource"]["resourceType"] for entry in bundle["entry"]].index("Patient")
    created = statuses.count("201")
    return Loaded(patient.slug, patient.name, _id(responses[at], "Patient"), created, len(statuses) - created)


def _id(response: JsonObject, kind: str) -> str | None:
    """The id in a `location` such as `http://host/fhir/Patient/12/_history/1`."""
    _, found, rest = str(response.get("location", "")).rpartition(f"{kind}/")
    return rest.partition("/")[0] if found else None


def clear(patients: Sequence[DemoPatient], ehr: Remote) -> list[Cleared]:
    """Deletes every resource with our identifier, of every type that the patients use; others stay.

    Something of others that refers to ours (a form saved by an app, say) keeps some servers from deleting it:
    then that type's line says so.
    """
    return [_clear(kind, ehr) for kind in kinds(patients)]


def _clear(kind: str, ehr: Remote) -> Cleared:
    found = [
        r["id"]
        for r in ehr.search(f"{search_own(kind)}&_count=100")
        if r["resourceType"] == kind and is_own(r)
    ]
    if not found:
        return Cleared(kind, 0)
    entries = [{"request": {"method": "DELETE", "url": f"{kind}/{own}"}} for own in found]
    try:
        ehr.transact({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    except OutsideError as error:
        return Cleared(kind, 0, f"{len(found)} left: {error}")
    return Cleared(kind, len(found))
