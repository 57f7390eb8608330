"""Which payer a coverage names, and which product line it belongs to (clinical.md 6)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from cds_service.policy.model import Payer, Product

_MARKS = re.compile(r"\(r\)|\(tm\)|[®™'’]")


class Unmatched(StrEnum):
    """Why a coverage names none of the payers served; keys of `cards/reasons.yaml`."""

    NOT_READ = "payer-not-read"
    NOT_SERVED = "payer-not-served"
    AMBIGUOUS = "payer-ambiguous"


@dataclass(frozen=True, slots=True)
class PayerWords:
    """What a coverage says of its payer and product.

    names: organization names, aliases and displays; plans: plan and class names; identifiers:
    `system|value` and bare values; product_words: all words that may name a product, case folded;
    subscriber_id: as on the card.
    """

    names: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    product_words: str = ""
    subscriber_id: str = ""


def normal_name(name: str) -> str:
    """Lower case, without marks and punctuation, `and` for `&`, single blanks."""
    text = _MARKS.sub("", name.casefold()).replace("&", " and ")
    return " ".join(re.sub(r"[^\w]+", " ", text).split())


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """A payer's name as whole words; blanks may be missing, as in names written as one word."""
    words = r"\s*".join(map(re.escape, normal_name(name).split()))
    return re.compile(rf"\b{words}\b")


def match_payer(words: PayerWords, payers: Iterable[Payer]) -> Payer | Unmatched:
    """Configured identifiers first, then the organization's name, then plan names where there is no other."""
    served = tuple(payers)
    known = set(words.identifiers)
    by_id = [payer for payer in served if known & set(payer.identifiers)]
    found = by_id or _named(words.names or words.plans, served)
    if len(found) == 1:
        return found[0]
    if found:
        return Unmatched.AMBIGUOUS
    return Unmatched.NOT_SERVED if words.names else Unmatched.NOT_READ


def _named(names: Sequence[str], payers: Sequence[Payer]) -> list[Payer]:
    texts = [normal_name(name) for name in names]
    return [payer for payer in payers if any(_is_named(payer, text) for text in texts)]


def _is_named(payer: Payer, text: str) -> bool:
    named = any(_pattern(name).search(text) for name in payer.names)
    return named and not any(_pattern(name).search(text) for name in payer.not_names)


def match_products(words: PayerWords, products: Mapping[str, Product]) -> tuple[str, ...]:
    """Ids of the product lines whose words or member id pattern fit."""
    return tuple(product.id for product in products.values() if _fits(product, words))


def _fits(product: Product, words: PayerWords) -> bool:
    if any(re.search(pattern, words.product_words) for pattern in product.words):
        return True
    return bool(
        product.subscriber_id and re.search(product.subscriber_id, words.subscriber_id.strip(), re.IGNORECASE)
    )
