"""Where a fact came from, and what was looked for and not found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """A resource that speaks to a criterion.

    reference: `Type/id` as the EHR knows it; date: ISO date as written, or None; summary: the value as seen;
    said: (question, answer) of a practitioner's statement, in the codes of the attestations.
    """

    reference: str
    summary: str
    date: str | None = None
    said: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What was looked for and why it is not there.

    code: key of `cards/reasons.yaml` (kebab case), which holds the sentence; about: what it concerns, in
    words of the chart or of the value looked for; reference: the resource concerned, if there is one.
    """

    code: str
    about: str = ""
    reference: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something a reader should know that does not change the state; code and fields as in Gap."""

    code: str
    about: str = ""
    reference: str | None = None
    date: str | None = None
