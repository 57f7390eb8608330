"""What the answer step is handed besides the determinations, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from cds_service.answer.assertion import Issuer
from cds_service.answer.coverage_rules import Version
from cds_service.answer.templates import CardSet
from cds_service.determination import Determination
from cds_service.hooks.response import HookResponse
from cds_service.kernel.fhir_json import JsonObject


def no_link(_: Determination) -> str | None:
    """No form app for any determination."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """What is known of the client.

    issuer: its `iss`; crd: it speaks CRD, so orders out of scope get an assertion and `systemActions` is
    always there; system_actions: its registration allows them; dtr: it asked or is registered for CRD 2.2, or
    has DTR, so no documentation Task is suggested (resp-59); quirks: names of `shape.QUIRKS`.
    """

    issuer: str = ""
    crd: bool = True
    system_actions: bool = True
    dtr: bool = True
    quirks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerContext:
    """What the answer depends on besides the determinations.

    configuration: `davinci-crd.configuration` as received, anything; public_url: PUBLIC_URL; payer_label: the
    name to show where no payer was recognised; smart_link: address of the form app for a determination, or
    None; primary: order-sign, order-dispatch or appointment-book (resp-26); drafted: every resource of the
    call's draft orders, which proposals may change and must not repeat (hook-34).
    """

    version: Version
    today: date
    public_url: str
    cards: CardSet
    new_id: Callable[[], str]
    configuration: object = None
    payer_label: str = "The patient's health plan"
    client: ClientOptions = field(default_factory=ClientOptions)
    smart_link: Callable[[Determination], str | None] = no_link
    primary: bool = True
    drafted: tuple[JsonObject, ...] = ()

    @property
    def issuer(self) -> Issuer:
        """Who asserts to whom."""
        return Issuer(self.public_url.rstrip("/"), self.client.issuer)

    def policy_page(self, determination: Determination) -> str | None:
        """Address of the policy version's own page, not of a start page (interface.md section 1, resp-21)."""
        policy = determination.policy
        if policy is None:
            return None
        return f"{self.public_url.rstrip('/')}/policies/{policy.policy}/versions/{policy.version}"

    def payer_name(self, determination: Determination) -> str:
        """The insurer's name as a reader knows it (resp-4)."""
        return determination.payer.name if determination.payer else self.payer_label


@dataclass(frozen=True, slots=True)
class CardOrigin:
    """Which determination a card speaks of, so that feedback on its ids can be joined to it."""

    card: str
    suggestions: tuple[str, ...]
    kind: str
    order: str
    coverage: str | None
    assertion_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The checked response; the determinations with their assertion ids; where each card came from."""

    response: HookResponse
    determinations: tuple[Determination, ...]
    origins: tuple[CardOrigin, ...]
