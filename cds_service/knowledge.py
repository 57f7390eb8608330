"""The loaded data that every call is judged by: policies, terminology and recognition, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cds_service.kernel.codes import Terminology, load_terminology
from cds_service.orders.recognise import Recogniser
from cds_service.policy.bundle import PolicyBundle
from cds_service.policy.check import load_checked
from cds_service.policy.places import data_folder


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the service knows before any call arrives."""

    bundle: PolicyBundle
    terms: Terminology
    recogniser: Recogniser


def load_knowledge(further_policies: Sequence[Path] = ()) -> Knowledge:
    """The built-in data with further policy folders beside it. Raises BundleError or DataError."""
    terms = load_terminology(data_folder("fhir_profiles"))
    bundle = load_checked([data_folder("policies"), *further_policies])
    return Knowledge(bundle, terms, Recogniser(bundle.services.values(), terms))
