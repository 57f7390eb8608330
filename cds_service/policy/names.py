"""The normal form in which payer names are compared."""

import re

_MARKS = re.compile(r"\((?:r|tm|sm)\)|[®™℠'’.]")
_OTHER = re.compile(r"[\W_]+")


def normal_name(name: str) -> str:
    """Small letters and digits with single spaces; marks dropped, `and` for `&` (clinical.md section 6).

    Spellings with and without a space between two words are both listed in the payer's data.
    """
    text = _MARKS.sub("", name.casefold()).replace("&", " and ")
    return _OTHER.sub(" ", text).strip()
