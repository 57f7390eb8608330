"""What the files of `cards/` may contain: card kinds, shared parts and the sentence for each reason code."""

from typing import Literal

from cds_service.determination import Determination
from cds_service.policy.fields import Text
from cds_service.policy.model import Model

Offer = Literal["policy", "product", "form", "task"]
Proposes = Literal["alternative", "required-alternative", "additional-order"]


class Override(Model, frozen=True, kw_only=True):
    """A reason for dismissing the card, as a Coding with display (cds-resp-4)."""

    code: Text
    system: Text
    display: Text


class Topic(Model, frozen=True, kw_only=True):
    """A CRD response type; its system follows from the CRD version (crd-dtr.md 1.6)."""

    code: Text
    display: Text


class CardText(Model, frozen=True, kw_only=True):
    """What a card says: summary is plain text, detail is Markdown; both are Jinja templates.

    offers: what the card links to or suggests, each left out where there is nothing to offer.
    """

    topic: Topic
    indicator: Literal["info", "warning"]
    summary: Text
    detail: Text
    offers: tuple[Offer, ...] = ()
    override_reasons: tuple[Override, ...] = ()


class AssertionText(Model, frozen=True, kw_only=True):
    """What coverage-information says in words: `reason.text`, and the description of the system action."""

    reason: Text
    description: Text


class TaskText(Model, frozen=True, kw_only=True):
    """Words of the suggestion that adds a documentation Task; after-completion: code of the guide's list."""

    label: Text
    description: Text
    after_completion: Text


class ProposalText(Model, frozen=True, kw_only=True):
    """Words of a suggestion that changes the orders: its label, and what one action does.

    Both also know `proposal`; description knows `change`: add, revise or remove.
    """

    label: Text
    description: Text


class Kind(Model, frozen=True, kw_only=True):
    """One file of `cards/`: for which outcomes and reasons it speaks, and what it says.

    reasons: only these reason codes; except_reasons: not these; stands_in: used where the client switched the
    usual card's topic off; needs_policy: only where a policy version was chosen; proposes: a further card,
    with what the policy proposes of this kind.
    """

    outcomes: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    except_reasons: tuple[str, ...] = ()
    stands_in: bool = False
    needs_policy: bool = False
    proposes: Proposes | None = None
    card: CardText | None = None
    assertion: AssertionText | None = None
    task: TaskText | None = None
    proposal: ProposalText | None = None

    def speaks_of(self, determination: Determination) -> bool:
        """Whether this file is for such a determination."""
        if determination.outcome not in self.outcomes or determination.reason in self.except_reasons:
            return False
        if self.needs_policy and determination.policy is None:
            return False
        return not self.reasons or determination.reason in self.reasons


class Parts(Model, frozen=True, kw_only=True):
    """`cards/parts.yaml`: pieces that several cards include."""

    parts: dict[str, Text]


class Reasons(Model, frozen=True, kw_only=True):
    """`cards/reasons.yaml`: the closed list of codes and the sentence for each; `unlisted` for any other."""

    scope: dict[str, Text]
    coverage: dict[str, Text]
    result: dict[str, Text]
    gaps: dict[str, Text]
    notes: dict[str, Text]
    flags: dict[str, Text]
    unlisted: Text

    @property
    def sentences(self) -> dict[str, str]:
        """Code -> sentence over all lists."""
        return self.scope | self.coverage | self.result | self.gaps | self.notes | self.flags
