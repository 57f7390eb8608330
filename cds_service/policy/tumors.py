"""What diagnoses, staging and statements say of tumors of one organ, as data (policies/_shared/tumors/)."""

from typing import Literal

from msgspec import field

from cds_service.policy.model import Model

Reading = Literal["none", "disease", "unknown", "ignored"]


class TumorGroup(Model, frozen=True, kw_only=True):
    """Diagnoses of a tumor at the organ itself (clinical.md 2.1).

    kind: what it is; specific: false when it yields to any other diagnosis; yields_to: groups that are more
    specific; nodes: an N category of 1 or more is disease outside the organ; one_meaning: any of its
    codes says the same; origin: the origin its code states.
    """

    group: str
    kind: Literal["primary", "metastasis", "unspecified", "benign"]
    value_sets: tuple[str, ...]
    specific: bool = True
    nodes: bool = False
    one_meaning: bool = False
    origin: str | None = None
    yields_to: tuple[str, ...] = ()


class Elsewhere(Model, frozen=True, kw_only=True):
    """Diagnoses of a malignancy outside the organ, or of none (clinical.md 2.3, 2.5).

    effect: what a current confirmed one says about disease outside: `disease`, `unknown`, `primary` (by its
    row among the origins), `by-site` (unknown until a body site is given), `none`; candidate: may be the
    primary of a metastasis; origin: its row among the origins; at_organ: the TumorGroup it becomes when the
    body site is the organ; tumor_site: counts as another place a measured tumor might be; bears: it can
    matter to any rule; gap: the reason (cards/reasons.yaml) when its effect is unknown; joins_metastasis:
    beside a metastasis code of the same concept it states the origin; reads_histology: the histology
    extension may make it more specific.
    """

    group: str
    value_sets: tuple[str, ...]
    effect: Literal["disease", "unknown", "primary", "by-site", "none"] = "none"
    candidate: bool = False
    origin: str | None = None
    at_organ: str | None = None
    tumor_site: bool = True
    specific: bool = True
    yields_to: tuple[str, ...] = ()
    bears: bool = True
    gap: str = "unspecified-site"
    joins_metastasis: bool = False
    reads_histology: bool = False


class OriginFamily(Model, frozen=True, kw_only=True):
    """A row of the M category table (clinical.md 4.2): origins it holds for and how each category reads.

    value_sets: when given, a diagnosis belongs to the family only if it also stands in one of these.
    """

    family: str
    origins: tuple[str, ...]
    value_sets: tuple[str, ...] = ()
    reads: dict[str, Reading]
    status_present: Reading


class Removal(Model, frozen=True, kw_only=True):
    """How the removal of a primary of one organ is recognised (clinical.md 2.6).

    primaries: ValueSets of its diagnoses; procedures: ValueSets of resections; words: regular expression on
    a procedure's words; absences: ValueSets of acquired-absence diagnoses, which count beside a history
    diagnosis of the same origin.
    """

    organ: str
    primaries: tuple[str, ...]
    procedures: tuple[str, ...] = ()
    words: str | None = None
    absences: tuple[str, ...] = ()


class StatementCode(Model, frozen=True, kw_only=True):
    """An attestation code and what its values mean for the question asked.

    means: group of tumors or origin of a metastasis -> the value that says the same.
    """

    code: str
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    means: dict[str, str] = field(default_factory=dict)


class Category(Model, frozen=True, kw_only=True):
    """A staging category: ValueSets of its coded values and a regular expression on its text."""

    category: str
    value_sets: tuple[str, ...] = ()
    text: str


class SizeCodes(Model, frozen=True, kw_only=True):
    """ValueSets of size observations and of the components that hold dimensions (clinical.md 3.1)."""

    observation: tuple[str, ...]
    longest: tuple[str, ...]
    other: tuple[str, ...]


class StagingCodes(Model, frozen=True, kw_only=True):
    """ValueSets of staging observations and how their values read (clinical.md 4.1)."""

    m: tuple[str, ...]
    m_categories: tuple[Category, ...]
    n: tuple[str, ...]
    n_categories: tuple[Category, ...]
    status: tuple[str, ...]
    status_none: tuple[str, ...]
    status_present: tuple[str, ...]


class ResectionCodes(Model, frozen=True, kw_only=True):
    """What speaks about resecting the tumor besides attestations (clinical.md 4.3, row R)."""

    unresectable: tuple[str, ...]
    values: tuple[str, ...]
    procedures: tuple[str, ...]
    not_procedures: tuple[str, ...] = ()
    words: str
    contraindicated: tuple[str, ...]


class TumorModel(Model, frozen=True, kw_only=True):
    """What the tumor criteria read for one organ; ValueSets by id, words as patterns (case folded)."""

    tumors: str
    organ: str
    sites: tuple[str, ...]
    whole_organ_sites: tuple[str, ...]
    other_sites: tuple[str, ...]
    site_systems: tuple[str, ...]
    site_words: str
    not_site_words: str
    other_site_words: str
    malignant_words: str
    open_words: str
    malignant_codes: dict[str, str]
    groups: tuple[TumorGroup, ...]
    elsewhere: tuple[Elsewhere, ...]
    no_metastasis: dict[str, Reading]
    no_metastasis_status: Reading
    no_tumor: dict[str, Reading]
    no_tumor_status: Reading
    metastasis_default: dict[str, Reading]
    metastasis_status: Reading
    families: tuple[OriginFamily, ...]
    form_families: dict[str, str]
    form_primaries: tuple[str, ...]
    form_metastases: tuple[str, ...]
    removals: tuple[Removal, ...]
    treatments: tuple[str, ...]
    treatment_words: str
    sizes: SizeCodes
    staging: StagingCodes
    resection: ResectionCodes
    statements: dict[
        Literal[
            "cannot-resect",
            "not-a-candidate",
            "disease-outside",
            "primary-in-place",
            "diameter",
            "tumor-type",
        ],
        StatementCode,
    ]
    metastasis_link: str
    histology_extension: str
    lesion_condition: str


class AttestationCode(Model, frozen=True, kw_only=True):
    """One attestation: how its value is given and which values are allowed.

    title: what it is called in front of people; words: what values are called, where not by their code.
    """

    title: str
    type: Literal["choice", "boolean", "quantity"]
    values: tuple[str, ...] = ()
    value_sets: tuple[str, ...] = ()
    words: dict[str, str] = field(default_factory=dict)


class Attestations(Model, frozen=True, kw_only=True):
    """The project's attestation codes and form (policies/_shared/attestations.yaml; interface.md 4)."""

    system: str
    value_system: str
    questionnaire: str
    performers: tuple[str, ...]
    codes: dict[str, AttestationCode]
