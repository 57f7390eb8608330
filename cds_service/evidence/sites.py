"""Body sites: the organ itself, somewhere else, or not to be told."""

import re
from collections.abc import Iterable
from enum import StrEnum

from cds_service.kernel.codes import Terminology
from cds_service.kernel.concepts import Concept, read_concept
from cds_service.kernel.elements import CodeableConcept
from cds_service.policy.tumors import TumorModel


class Site(StrEnum):
    """Where something is; UNLISTED: words or a code of a body site that no list places."""

    ORGAN = "organ"
    ELSEWHERE = "elsewhere"
    UNLISTED = "unlisted"
    UNREAD = "unread"
    NONE = "none"


def read_site(concept: Concept, model: TumorModel) -> Site:
    """The place a site concept names; codes and words that exclude each other name none (clinical.md 1.4)."""
    trap = re.search(model.not_site_words, concept.words) is not None
    elsewhere = trap or concept.stands_in(*model.other_sites)
    named = not trap and re.search(model.site_words, concept.words) is not None
    here = named or concept.stands_in(*model.sites)
    if here or elsewhere:
        return Site.UNREAD if here and elsewhere else Site.ORGAN if here else Site.ELSEWHERE
    if re.search(model.other_site_words, concept.words):
        return Site.ELSEWHERE
    if concept.words or any(system in model.site_systems for system, _ in concept.keys):
        return Site.UNLISTED
    return Site.UNREAD if concept.keys else Site.NONE


def read_sites(concepts: Iterable[CodeableConcept], model: TumorModel, terms: Terminology) -> Site:
    """One place for several site concepts; places that differ cannot be told."""
    places = {read_site(read_concept(concept, terms), model) for concept in concepts}
    if not places:
        return Site.NONE
    return places.pop() if len(places) == 1 else Site.UNREAD
