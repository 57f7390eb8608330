"""The client's card choices of `davinci-crd.configuration`, read leniently."""

from collections.abc import Collection
from dataclasses import dataclass

MAX_CARDS = "max-cards"
MOST_CARDS = 20
"""Cards sent where the client sets no limit of its own."""
COVERAGE_TOPIC = "coverage-info"
"""Switches coverage cards and the coverage-information action alike (resp-28)."""
FORM_TASK, FORM_APP = "form-completion", "smart-app"
PARTS = {FORM_TASK: "Documentation Task", FORM_APP: "Documentation Form App"}
"""Response types that stand on coverage cards, and that the guide's list has no code for (dev-5, dev-7)."""


@dataclass(frozen=True, slots=True)
class CardChoice:
    """off: response types switched off; max_cards: at most so many; ignored: what was not used."""

    off: frozenset[str] = frozenset()
    max_cards: int = MOST_CARDS
    ignored: tuple[str, ...] = ()

    def allows(self, topic: str) -> bool:
        """Whether this response type may be sent (dev-14)."""
        return topic not in self.off


def read_configuration(raw: object, topics: Collection[str]) -> CardChoice:
    """The choices among known ones; unknown codes and wrong types are ignored and named (dev-6, dev-17)."""
    if not isinstance(raw, dict):
        return CardChoice()
    off, max_cards, ignored = set(), MOST_CARDS, []
    for code, value in raw.items():
        if code in topics and isinstance(value, bool):
            off |= set() if value else {code}
        elif code == MAX_CARDS and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            max_cards = value
        else:
            ignored.append(str(code))
    return CardChoice(frozenset(off), max_cards, tuple(ignored))
