"""What the pages of one application share: settings as plain values, trust, and the tools of deciding."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import cast

from flask import current_app

from cds_service.answer.coverage_rules import Version
from cds_service.audit.store import Store
from cds_service.decide import Equipment
from cds_service.determination import Determination
from cds_service.evidence.hosts import AllowedHosts
from cds_service.hooks.request import HookRequest
from cds_service.web.auth import Trust

NAME = "cds_service"
MOST_CALLS = 32
"""Hook calls answered at once; the next is told to come again (CH-254)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """hosts: EHRs that callers without a registration may name; store: records and feedback; link: where the
    form of a determination opens, by client and FHIR server.
    """

    tools: Equipment
    trust: Trust
    hosts: AllowedHosts
    public_url: str
    crd_version: Version
    store: Store
    link: Callable[[str, HookRequest], Callable[[Determination], str | None]] | None = None
    open_discovery: bool = True
    metrics_token: str = field(default="", repr=False)
    slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MOST_CALLS))

    @property
    def budget(self) -> float:
        """Seconds for one call."""
        return self.tools.budget


def desk() -> Desk:
    """The desk of the application that answers the current request."""
    return cast(Desk, current_app.extensions[NAME])
