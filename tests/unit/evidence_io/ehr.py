"""A gateway that answers from a table and remembers its rounds, and shorthand for what an EHR sends."""

import json
from collections.abc import Container, Iterable, Mapping
from typing import Any, cast

from cds_service.evidence.answers import Answer, Arrived, Failed
from cds_service.evidence.gateway import Gateway
from cds_service.evidence.hosts import allowed_hosts
from cds_service.hooks.access import FhirAccess
from cds_service.kernel.clock import Deadline

BASE = "https://ehr.example.org/fhir"
SOON = Deadline.after(5)
NOTHING = Failed("the EHR answered 500")


class Table:
    """Stands in for a Gateway; what is not in the table fails."""

    def __init__(self, answers: dict[str, Answer] | None = None) -> None:
        self.answers = answers or {}
        self.rounds: list[list[str]] = []
        self.one_page: set[str] = set()
        self.spare: set[str] = set()
        self.begun: Mapping[str, int] = {}
        genuine = Gateway(cast(Any, None), BASE, FhirAccess("t"), allowed_hosts(["ehr.example.org"]))
        self.owns, self.path_of = genuine.owns, genuine.path_of

    def round(
        self,
        paths: Iterable[str],
        deadline: Deadline,
        one_page: Container[str] = (),
        begun: Mapping[str, int] | None = None,
        spare: Container[str] = (),
    ) -> dict[str, Answer]:
        """Answers from the table."""
        self.begun = begun or {}
        asked = list(paths)
        assert asked and len(set(asked)) == len(asked), "no empty round, nothing twice"
        self.rounds.append(asked)
        self.one_page = {path for path in asked if path in one_page}
        self.spare |= {path for path in asked if path in spare}
        return {path: self.answers.get(path, NOTHING) for path in asked}

    @property
    def gateway(self) -> Gateway:
        """Itself, as its user takes it."""
        return cast(Gateway, self)


def arrived(*pages: object, lacks: str | None = None) -> Arrived:
    """Pages that came."""
    return Arrived(tuple(json.dumps(page).encode() for page in pages), lacks)


def searchset(
    *resources: dict[str, Any], query: str = "", next_page: str = "", **members: Any
) -> dict[str, Any]:
    """A searchset with its links."""
    link = [{"relation": "self", "url": f"{BASE}/{query}"}] if query else []
    link += [{"relation": "next", "url": next_page}] if next_page else []
    entry = [{"resource": resource, "search": {"mode": "match"}} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entry, "link": link, **members}


def outcome(severity: str = "error") -> dict[str, Any]:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "exception"}]}
