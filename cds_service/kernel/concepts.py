"""Reads codings and words of a concept against the named ValueSets."""

from dataclasses import dataclass

from msgspec import UNSET, Raw, UnsetType

from cds_service.kernel.codes import Key, Terminology
from cds_service.kernel.decode import sound_codings
from cds_service.kernel.elements import CodeableConcept


@dataclass(frozen=True, slots=True)
class Concept:
    """What a CodeableConcept says.

    keys: normalised (system, code) pairs; sets: for each coding that stands in a ValueSet, the ids of its
    sets; words: all displays and the text, case folded; shown: the best words for a person; neighbour: a
    coding was read from a neighbouring system.
    """

    keys: tuple[Key, ...] = ()
    sets: tuple[frozenset[str], ...] = ()
    words: str = ""
    shown: str = ""
    neighbour: bool = False

    def stands_in(self, *names: str) -> bool:
        """Whether any coding stands in any of these ValueSets."""
        return any(not found.isdisjoint(names) for found in self.sets)


NOTHING = Concept()


def read_concept(concept: CodeableConcept | UnsetType, terms: Terminology) -> Concept:
    """The concept against the terminology; NOTHING when absent."""
    if concept is UNSET:
        return NOTHING
    keys: list[Key] = []
    sets: list[frozenset[str]] = []
    words: list[str] = []
    neighbour = False
    for coding in concept.coding or ():
        if coding.display is not UNSET:
            words.append(coding.display)
        if coding.system is UNSET or coding.code is UNSET:
            continue
        key, found, other = terms.lookup(coding.system, coding.code)
        keys.append(key)
        neighbour |= other
        if found:
            sets.append(found)
    if concept.text is not UNSET:
        words.insert(0, concept.text)
    shown = words[0] if words else _in_words(keys, terms)
    return Concept(tuple(keys), tuple(sets), " | ".join(words).casefold(), shown, neighbour)


def _in_words(keys: list[Key], terms: Terminology) -> str:
    """Words from the ValueSets for codes that came without displays, else the bare codes."""
    found = [words for key in keys if (words := terms.display(key))]
    return found[0] if found else " ".join(code for _, code in keys)


def damaged_concept(raw: bytes | Raw, terms: Terminology) -> Concept:
    """What can still be read of a resource whose `code` is damaged: its sound codings and words."""
    codings, text = sound_codings(raw)
    found = [terms.lookup(system, code) for system, code in codings]
    return Concept(
        tuple(key for key, _, _ in found), tuple(sets for _, sets, _ in found if sets), text.casefold(), text
    )
