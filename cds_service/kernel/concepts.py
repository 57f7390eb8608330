"""Reads codings and words of a concept against the named ValueSets."""

from dataclasses import dataclass

from msgspec import UNSET, Raw, UnsetType

from cds_service.kernel.codes import Key, Terminology
from cds_service.kernel.decode import sound, sound_codings
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


def code_concept(code: Raw | None, resource: bytes | Raw, terms: Terminology) -> Concept:
    """The concept of a resource's `code`; what is sound of it when it is damaged.

    code: the bytes of the element, None when it is absent; resource: those of the whole resource.
    """
    whole = sound(code, CodeableConcept) if code is not None else None
    return damaged_concept(resource, terms) if whole is None else read_concept(whole, terms)


def damaged_concept(raw: bytes | Raw, terms: Terminology) -> Concept:
    """What can still be read of a resource whose `code` is damaged: its sound codings and their words.

    Without a coding of a known system nothing tells what the damage hides: nothing is read (clinical.md 4.5).
    """
    codings, text = sound_codings(raw)
    known = [(system, code) for system, code in codings if code.strip() and terms.is_known_system(system)]
    if not known:
        return Concept(shown=text)
    found = [terms.lookup(system, code) for system, code in known]
    return Concept(
        tuple(key for key, _, _ in found), tuple(sets for _, sets, _ in found if sets), text.casefold(), text
    )
