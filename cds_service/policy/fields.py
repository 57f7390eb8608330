"""The kinds of text that members of policy data may hold; each knows how to call itself in a message."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

Text = Annotated[str, Meta(pattern=r"\S", description="text that says something")]
Id = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$",
        description="an id: small letters and digits with - or . between them",
    ),
]
IsoDate = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description='a date such as "2024-05-01"')]
PrintedDate = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d{2}(-\d{2})?$",
        description='a date such as "2024-05-01" or a month such as "2015-01"',
    ),
]
Loinc = Annotated[
    str,
    Meta(pattern=r"^(LP)?\d{1,7}-\d$", description="a LOINC number: digits, a hyphen and the check digit"),
]
Pmid = Annotated[str, Meta(pattern=r"^\d{1,8}$", description="a PubMed id: digits only")]
Length = Annotated[
    str, Meta(pattern=r"^\d+(\.\d+)? (mm|cm)$", description='a length such as "5 cm" or "50 mm"')
]


def one_of(names: Iterable[str]) -> Meta:
    """For dicts with fixed member names, which msgspec checks but leaves out of its schema."""
    return Meta(extra_json_schema={"propertyNames": {"enum": list(names)}})
