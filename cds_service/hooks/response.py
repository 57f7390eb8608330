"""Cards, suggestions, actions and the whole answer as CDS Hooks writes them on the wire."""

from typing import Any, Literal

import msgspec

from cds_service.kernel.fhir_json import JsonObject, read, write


class Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Base of everything sent: immutable, camel case, members at their default are left out (CH-162)."""

    def as_json(self) -> JsonObject:
        """The JSON that is sent, as plain values; a resource inside keeps its key order and its decimals."""
        sent: JsonObject = read(write(self))
        return sent


class Coding(Wire, frozen=True, kw_only=True):
    """The trimmed Coding of CDS Hooks: no version, no userSelected."""

    code: str
    system: str
    display: str | None = None


class OverrideReason(Wire, frozen=True, kw_only=True):
    """A reason that a person may pick when dismissing a card; display is required (cds-resp-4)."""

    code: str
    system: str
    display: str


class Source(Wire, frozen=True, kw_only=True):
    """Where the guidance comes from: label is the insurer (resp-4), topic the response type (resp-5)."""

    label: str
    url: str | None = None
    icon: str | None = None
    topic: Coding | None = None


class Link(Wire, frozen=True, kw_only=True):
    """A page (`absolute`) or a SMART app (`smart`); app_context only with the latter (cds-resp-3)."""

    label: str
    url: str
    type: Literal["absolute", "smart"]
    app_context: str | None = None


class Action(Wire, frozen=True, kw_only=True):
    """One change. A create or update carries the whole resource, a delete only `resource_id` (cds-resp-2)."""

    type: Literal["create", "update", "delete"]
    description: str
    resource: dict[str, Any] | None = None
    resource_id: str | None = None
    extension: dict[str, Any] | None = None


class Suggestion(Wire, frozen=True, kw_only=True):
    """A change that a person may accept; without uuid no feedback comes back."""

    label: str
    uuid: str
    is_recommended: bool | None = None
    actions: tuple[Action, ...] = ()


class Card(Wire, frozen=True, kw_only=True):
    """What a person sees; `critical` is for clinical danger, so it is never sent (resp-1, resp-2)."""

    uuid: str
    summary: str
    detail: str | None = None
    indicator: Literal["info", "warning"]
    source: Source
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: Literal["at-most-one", "any"] | None = None
    override_reasons: tuple[OverrideReason, ...] = ()
    links: tuple[Link, ...] = ()
    extension: dict[str, Any] | None = None


class HookResponse(Wire, frozen=True, kw_only=True):
    """The answer to one call.

    cards: always sent, also when empty; system_actions: None leaves the member out, an empty tuple sends
    `[]`, which CRD clients expect on the primary hooks (crd-dtr.md 3.6).
    """

    cards: tuple[Card, ...]
    system_actions: tuple[Action, ...] | None = None
    extension: dict[str, Any] | None = None
