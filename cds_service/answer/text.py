"""Makes text from charts and policies safe to stand in a card, as Markdown or as one plain line."""

import re
from collections.abc import Iterable

LONGEST, BRIEF = 1000, 160
"""Characters of any inserted value, and of one that comes from a chart: it must not bury the card."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+|\s+")
_MARKS = re.compile(r"[\\`*_\[\]~]")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_AUTOLINK = re.compile(r"(?<=[A-Za-z]):(?=//)|(?<=www)\.", re.IGNORECASE)
_LEADING = re.compile(r"^(?=[#+=|-])")
_LEADING_NUMBER = re.compile(r"^(\d{1,9})(?=[.)](?:\s|$))")
_BRACKETS = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "`": "'"})


class Trusted(str):
    """Text that went through a template already, so it is not escaped again."""

    __slots__ = ()


def markdown(value: object) -> str:
    """A value as it may stand inside Markdown: no markup, HTML, link or line of its own (CH-137, CH-168)."""
    if isinstance(value, Trusted):
        return value
    text = _ENTITY.sub("&amp;", _one_line(value))
    text = _MARKS.sub(r"\\\g<0>", text).replace("<", "&lt;").replace(">", "&gt;")
    text = _LEADING_NUMBER.sub(r"\1\\", _LEADING.sub(r"\\", text))
    return _AUTOLINK.sub(r"\\\g<0>", text)


def plain(value: object) -> str:
    """A value as it may stand in a summary, label or reason: one line without markup (CH-130, CH-168)."""
    if isinstance(value, Trusted):
        return value
    return _one_line(value).translate(_BRACKETS)


def shorten(text: str, limit: int) -> str:
    """The text in at most `limit` UTF-16 units, cut at a word where one ends in the last third (CH-129)."""
    if _units(text) <= limit:
        return text
    text = text[:limit]  # a text has at least as many units as letters; now the loop is short
    while _units(text) > limit - 1:
        text = text[:-1]
    head, _, _ = text.rpartition(" ")
    kept = head if len(head) * 3 > len(text) * 2 else text
    return kept.rstrip(" ,;:.(") + "…"


def brief(value: object) -> str:
    """A chart's text, cut where it is long; still to be escaped."""
    return shorten(str(value), BRIEF)


def listed(items: Iterable[object]) -> str:
    """`A; B; C`, since titles hold commas of their own."""
    return "; ".join(str(item) for item in items)


def tidy(text: str) -> str:
    """Markdown without trailing blanks and without runs of empty lines."""
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def one_line(text: str) -> str:
    """A rendered plain template as one line."""
    return " ".join(text.split())


def _one_line(value: object) -> str:
    return shorten(_CONTROLS.sub(" ", str(value)).strip(), LONGEST)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
