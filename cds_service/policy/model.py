"""A policy version as data: scope, criteria tree, outcomes, citations.

These structs are also the schema: the loader decodes YAML into them and refuses what they do not name, and
`policies/_schema/policy.schema.json` is generated from them for editors.
"""

from typing import Literal

import msgspec


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """Base of everything read from policy YAML: immutable, kebab-case keys, no unknown members."""


class Code(Model, kw_only=True):
    """One code of a code list; always quoted text in YAML."""

    system: str
    code: str
    display: str = ""


class Contact(Model, kw_only=True):
    """Whom to ask; telecom values as in FHIR ContactPoint."""

    name: str
    phone: str | None = None
    url: str | None = None


class Payer(Model, kw_only=True):
    """`payers`' own file, policies/<payer>/payer.yaml: how the payer is recognised and reached.

    identifiers: `system|value` pairs or bare values supplied by the deployer; names / not_names: normalised phrases
    that identify the payer / that exclude it although a name matches (clinical.md section 6); member_id_products:
    product id -> regular expression on the subscriber id; prior_authorization: the benefit plan's rule.
    """

    payer: str
    name: str
    names: tuple[str, ...]
    not_names: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    prior_authorization: Literal["unknown", "required", "not-required"] = "unknown"
    prior_authorization_by_plan: dict[str, Literal["unknown", "required", "not-required"]] = {}
    contact: Contact | None = None
    remarks: tuple[str, ...] = ()


class Product(Model, kw_only=True):
    """A product line whose text sends the reader elsewhere (policies/_shared/products.yaml).

    words: regular expressions on the words of payer name, coverage type and class; subscriber_id: regular expression.
    """

    id: str
    title: str
    words: tuple[str, ...] = ()
    subscriber_id: str | None = None


class ProductException(Model, kw_only=True):
    """A product that the policy text refers to another manual, with its section."""

    product: str
    cites: str
    says: str
    contact: Contact | None = None


class Reference(Model, kw_only=True):
    """A source the policy leans on; statement in our own words."""

    title: str
    pmid: str | None = None
    url: str | None = None


class HistoryEntry(Model, kw_only=True):
    """One line of the policy's printed history; shown, not evaluated."""

    date: str
    change: str


class RelatedPolicy(Model, kw_only=True):
    number: str
    title: str


class EvidenceSummary(Model, kw_only=True):
    """What studies say, told in our own words with PMIDs."""

    indication: str
    summary: str
    pmids: tuple[str, ...] = ()


class Documentation(Model, kw_only=True):
    """A document or statement that would settle a criterion; loinc: document types to search and name."""

    title: str
    loinc: tuple[str, ...] = ()


class CriterionBase(Model, tag_field="kind", kw_only=True):
    """What every criterion says, whatever its kind.

    id: stable name used in answers; cites: the section of the policy text; says: the criterion in our own words;
    questions: linkIds of the documentation form that can settle it.
    """

    id: str
    title: str
    says: str
    cites: str
    documentation: tuple[Documentation, ...] = ()
    questions: tuple[str, ...] = ()


class Statement(CriterionBase, tag="statement", kw_only=True):
    """Met or not met by a practitioner's statement (attestation Observation or form answer)."""

    attestation: str
    met: tuple[str, ...]
    not_met: tuple[str, ...] = ()


class Resectability(CriterionBase, tag="resectability", kw_only=True):
    """The tumor cannot be resected, or the person is no surgical candidate (clinical.md 4.3, row R)."""

    tumors: str


class TumorType(CriterionBase, tag="tumor-type", kw_only=True):
    """The treated tumor is of a named type; states: tumor group or origin group -> met / not-met / unknown."""

    tumors: str
    states: dict[str, Literal["met", "not-met", "unknown"]]


class TumorSize(CriterionBase, tag="tumor-size", kw_only=True):
    """The largest treated tumor is below a diameter (exclusive), given as a UCUM quantity text such as `5 cm`."""

    tumors: str
    below: str


class NoDiseaseOutside(CriterionBase, tag="no-disease-outside", kw_only=True):
    """No malignancy outside the organ of the treated tumor (clinical.md 2.5, 2.6, 4.2, 4.4)."""

    tumors: str
    type_criterion: str


class AllOf(CriterionBase, tag="all-of", kw_only=True):
    """Every part must be met."""

    parts: "tuple[Criterion, ...]"


class AnyOf(CriterionBase, tag="any-of", kw_only=True):
    """One part must be met."""

    parts: "tuple[Criterion, ...]"


Criterion = Statement | Resectability | TumorType | TumorSize | NoDiseaseOutside | AllOf | AnyOf

Outcome = Literal["meets-criteria", "investigational", "needs-info"]


class OutcomeWording(Model, kw_only=True):
    """What an outcome means for coverage-information; combinations the extension forbids do not load."""

    covered: Literal["covered", "not-covered", "conditional"]
    doc_needed: Literal["clinical", "admin", "patient"] | None = None
    questionnaire: str | None = None
    says: str


class Limits(Model, kw_only=True):
    """The project's own rules, changeable per deployment (clinical.md 4.5, 3.3): days and millimetres."""

    fresh_days: int = 180
    plausible_mm: int = 300


class PolicyVersion(Model, kw_only=True):
    """One dated state of a medical policy.

    policy: `<payer>/<number in kebab case>`; version: the printed effective date; position: `criteria` when the
    criteria decide, `investigational` when the text needs none.
    """

    policy: str
    version: str
    number: str
    title: str
    service: str
    effective_from: str
    effective_to: str | None = None
    reviewed: str | None = None
    source: str
    position: Literal["criteria", "investigational"]
    position_says: str
    position_cites: str
    criteria: tuple[Criterion, ...] = ()
    outcomes: dict[Outcome, OutcomeWording]
    procedure_codes: tuple[Code, ...] = ()
    diagnosis_codes: tuple[Code, ...] = ()
    codes_cite: str
    product_exceptions: tuple[ProductException, ...] = ()
    caveats: tuple[str, ...] = ()
    limits: Limits = Limits()
    documentation: tuple[Documentation, ...] = ()
    evidence_summary: tuple[EvidenceSummary, ...] = ()
    related: tuple[RelatedPolicy, ...] = ()
    references: tuple[Reference, ...] = ()
    history: tuple[HistoryEntry, ...] = ()

    @property
    def payer(self) -> str:
        """Id of the payer whose policy this is."""
        return self.policy.split("/", 1)[0]


class Service(Model, kw_only=True):
    """How a service is recognised on an order (policies/_shared/services/<id>.yaml; clinical.md 1).

    Each list names ValueSets. Text patterns are regular expressions on the order's words, case folded.
    """

    service: str
    title: str
    triggers: tuple[str, ...]
    triggers_with_words: tuple[str, ...] = ()
    triggers_with_site: tuple[str, ...] = ()
    generic: tuple[str, ...] = ()
    adjuncts: tuple[str, ...] = ()
    other_techniques: tuple[str, ...] = ()
    words: str
    site_words: str
    not_site_words: str
    other_technique_words: str
    sites: tuple[str, ...]
    order_types: tuple[str, ...] = ("ServiceRequest",)
    questionnaire: str


class TumorGroup(Model, kw_only=True):
    """What a diagnosis ValueSet says of a tumor at the organ itself."""

    group: str
    kind: Literal["primary", "metastasis", "unspecified", "benign"]
    value_sets: tuple[str, ...]
    specific: bool = True
    excludes_metastasis: bool = False


class OriginGroup(Model, kw_only=True):
    """What a diagnosis ValueSet says of a malignancy elsewhere, seen as the possible origin of a metastasis.

    family: row of the staging table; candidate: whether it can be a primary at all.
    """

    group: str
    value_sets: tuple[str, ...]
    family: str | None = None
    organs: tuple[str, ...] = ()


class StagingRow(Model, kw_only=True):
    """How an M category reads for one family of tumors: value -> none, disease, unknown or ignored."""

    family: str
    m0: Literal["none", "disease", "unknown", "ignored"]
    m1: Literal["none", "disease", "unknown", "ignored"]
    m1a: Literal["none", "disease", "unknown", "ignored"]
    m1b: Literal["none", "disease", "unknown", "ignored"]
    m1c: Literal["none", "disease", "unknown", "ignored"]
    m1d: Literal["none", "disease", "unknown", "ignored"]


class Organ(Model, kw_only=True):
    """An organ a primary can be removed from: its primaries, resection ValueSets and words of a resection."""

    organ: str
    primaries: tuple[str, ...]
    resections: tuple[str, ...] = ()
    words: str = ""
