"""Whether what a client sent under a prefetch key answers a need, or only a part of it (cds-hooks.md 2.5)."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs, urlsplit

from cds_service.evidence.gateway import Gateway
from cds_service.evidence.needs import ANY_OBSERVATIONS, Need
from cds_service.hooks.prefetch import Kind, Value, classify

# Search parameters that change how a result is cut into pages or decorated, but not which resources match.
_NEUTRAL = frozenset(
    {"_count", "_offset", "_sort", "_format", "_pretty", "_total", "_include", "_revinclude", "_page", "page"}
    | {"_getpages", "_getpagesoffset", "_bundletype", "_skip", "_maxresults", "ct"}
)


def all_sent(needs: Iterable[Need], prefetch: Mapping[str, bytes | None]) -> dict[Need, Value]:
    """What the client sent for each need: under its own key, or under the key for all Observations.

    That key answers many needs; it is read once.
    """
    observations: Value | None = None
    sent: dict[Need, Value] = {}
    for need in needs:
        value = classify(prefetch, need.key, need.resource_type)
        if value.kind is Kind.ABSENT and need.resource_type == "Observation":
            observations = observations or classify(prefetch, ANY_OBSERVATIONS, need.resource_type)
            value = observations
        sent[need] = value
    return sent


def is_answer(value: Value, need: Need, patient: str) -> bool:
    """Whether absence may be concluded from a value: all of it is here, and its query asked for no less.

    A client may have filled the key by a query of its own, narrower than ours; its self link tells.
    """
    return value.complete and not is_narrower(value, need, patient)


def is_narrower(value: Value, need: Need, patient: str) -> bool:
    """Whether a value's own query asked for less than the need; its further pages are then no rest of it."""
    try:
        asked = parse_qs(urlsplit(value.self_link or "").query, keep_blank_values=True)
    except ValueError:
        return True
    wanted = dict(need.parameters)
    for name, given in asked.items():
        values = {item.strip() for text in given for item in text.split(",")}
        if name.split(":")[0] in _NEUTRAL:
            continue
        if name in ("patient", "subject", "patient:Patient", "subject:Patient"):
            narrower = patient not in {value.rpartition("/")[2] for value in values}
        elif name in wanted:
            narrower = not all(
                token in values or token.rpartition("|")[2] in values for token in wanted[name]
            )
        else:
            narrower = True
        if narrower:
            return True
    return False


def as_bundle(value: Value) -> bytes:
    """The Bundle that was sent, or the single resource as one."""
    if value.kind is not Kind.RESOURCE:
        return value.raw
    return b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":%b}]}' % value.raw


def rest_of(value: Value, search: str, gateway: Gateway | None) -> str:
    """Where what was not sent is to be had: the next page at the same server, else the search (CH-086)."""
    link = value.next_page
    follows = gateway is not None and link is not None and not value.troubled and gateway.owns(link)
    return link if follows and link else search


def begun(sent: Iterable[Value]) -> dict[str, int]:
    """Address of each next page -> how many results were on the page sent before it."""
    return {value.next_page: value.matches + value.included for value in sent if value.next_page}
