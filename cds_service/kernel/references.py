"""FHIR references brought into one form, whether relative, absolute, versioned or urn."""

import re
from collections.abc import Mapping

_TYPE = re.compile(r"[A-Z][A-Za-z]+\Z")


def canonical(reference: str, aliases: Mapping[str, str]) -> str:
    """`Type/id` of a reference; aliases maps an entry's fullUrl to its `Type/id`.

    A reference that has no such form (an unresolved urn, a fragment) comes back as it is.
    """
    text = reference.strip()
    if text in aliases:
        return aliases[text]
    text = text.split("/_history/")[0].rstrip("/")
    if text in aliases:
        return aliases[text]
    parts = text.split("/")
    if len(parts) >= 2 and _TYPE.match(parts[-2]):
        return "/".join(parts[-2:])
    return text


def resource_type(reference: str) -> str | None:
    """The resource type a canonical reference names, or None."""
    head = reference.split("/")[0]
    return head if "/" in reference and _TYPE.match(head) else None
