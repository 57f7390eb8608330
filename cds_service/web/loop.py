"""Puts the documentation loop together: payer side, token endpoint, form app, the link on the card."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from flask import Blueprint

from cds_service.answer.artefacts import Artefacts
from cds_service.answer.context import Answer
from cds_service.answer.handle import Handles, form_link
from cds_service.decide import Caller, decide
from cds_service.determination import Determination
from cds_service.evidence.hosts import AllowedHosts
from cds_service.hooks.request import HookRequest
from cds_service.kernel.clock import Deadline
from cds_service.kernel.errors import CallError
from cds_service.kernel.fhir_json import JsonObject
from cds_service.web.callers import caller_of
from cds_service.web.clients import Client
from cds_service.web.desk import Desk
from cds_service.web.fhir import PREFIX, PayerSide, Reader, create_fhir_blueprint
from cds_service.web.form_app import AppClient, registered, sources
from cds_service.web.package import Packer
from cds_service.web.reevaluate import Reevaluation
from cds_service.web.replay import UsedTokens
from cds_service.web.smart import FormLoop, create_smart_blueprint
from cds_service.web.token import PATH, AccessTokens, AssertionCheck, authorise, create_token_blueprint

_LOOPBACK = ("http://127.0.0.1:*", "http://localhost:*")
Stored = Callable[[str, str], JsonObject | None]


def nothing_stored(_assertion: str, _client: str) -> None:
    """No record is kept."""
    return


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """The documentation loop of one application.

    find: (assertion id, client) -> the account of its last determination (interface.md sections 1 and 3),
    None for a client that it is not of; a blank client may see all. find_order: the same for the order as it
    was signed; decide: another way to decide than the usual; apps: the form app's registration by client.
    """

    desk: Desk
    artefacts: Artefacts
    key: bytes = field(repr=False)
    used: UsedTokens
    find: Stored = nothing_stored
    find_order: Stored = nothing_stored
    decide: Callable[[HookRequest, Caller, Deadline], Answer] | None = None
    apps: Mapping[str, AppClient] = field(default_factory=dict)

    @property
    def handles(self) -> Handles:
        """Makes and opens handles."""
        return Handles(self.key, self.desk.tools.clock.now)

    def link(self, client: str, hook: HookRequest) -> Callable[[Determination], str | None]:
        """`Equipment.smart_link` for one call. client: its issuer, blank where nobody has to say."""
        address, asked = self.desk.public_url, hook.requested_version
        return form_link(self.handles, address, client, hook.fhir_server, asked)

    def blueprints(self) -> list[Blueprint]:
        """All pages of the loop."""
        clock, clients = self.desk.tools.clock, self.desk.trust.clients
        tokens = AccessTokens(self.key, clock.now)
        check = AssertionCheck(clients, self.used, f"{self.desk.public_url}{PATH}", clock.now)
        packer = Packer(
            artefacts=self.artefacts,
            knowledge=self.desk.tools.knowledge,
            clock=clock,
            base=f"{self.desk.public_url}{PREFIX}",
            find=self.find,
        )
        side = PayerSide(
            packer=packer,
            authorise=lambda header, scope: self._reader(tokens, header, scope),
            public_url=self.desk.public_url,
        )
        return [
            create_fhir_blueprint(side),
            create_token_blueprint(check, tokens),
            create_smart_blueprint(self._form_loop(packer)),
        ]

    def _reader(self, tokens: AccessTokens, header: str | None, scope: str) -> Reader:
        if not self.desk.trust.required:
            return Reader("", self.desk.crd_version)
        client = authorise(tokens, self.desk.trust.clients, header, scope)
        return Reader(client.iss, client.crd_version or self.desk.crd_version)

    def _form_loop(self, packer: Packer) -> FormLoop:
        desk = self.desk
        reevaluation = Reevaluation(
            tools=desk.tools,
            packer=packer,
            decide=self.decide or (lambda hook, caller, deadline: decide(hook, caller, desk.tools, deadline)),
            find_order=self.find_order,
            caller=lambda client, hook: caller_of(self._client(client), hook, desk.hosts, desk.crd_version),
            budget=desk.budget,
            open_ehr=not desk.trust.required,
        )
        return FormLoop(
            handles=self.handles,
            reevaluation=reevaluation,
            app=self._app,
            hosts=self._hosts,
            reach=lambda: chain(sources(self._all_hosts()), self._origins()),
            frames=self._origins,
            clock=desk.tools.clock,
            open_ehr=not desk.trust.required,
        )

    def _client(self, issuer: str) -> Client | None:
        """The client a handle was made for; None where nobody had to say who they are."""
        found = self.desk.trust.clients.get(issuer) if issuer else None
        if found is None and (issuer or self.desk.trust.required):
            hint = "Ask whoever runs this service."
            raise CallError(
                "The EHR is no longer registered.", "handle", hint, 403, "client-unknown", "forbidden"
            )
        return found

    def _app(self, issuer: str) -> AppClient:
        """The form app's registration at a client's EHR."""
        client = self._client(issuer)
        if issuer in self.apps or client is None:
            return self.apps.get(issuer, AppClient())
        return registered(client.form_client_id, client.form_key_file, client.form_token_url)

    def _hosts(self, issuer: str) -> AllowedHosts:
        client = self._client(issuer)
        return client.hosts if client else self.desk.hosts

    def _all_hosts(self) -> Iterator[AllowedHosts]:
        yield from (client.hosts for client in self.desk.trust.clients.all().values())
        if not self.desk.trust.required:
            yield self.desk.hosts

    def _origins(self) -> Iterator[str]:
        """Origins of registered clients; on a service for its own machine, every page of this machine."""
        yield from (origin for client in self.desk.trust.clients.all().values() for origin in client.origins)
        if not self.desk.trust.required:
            yield from _LOOPBACK
