"""A policy version as data: scope, criteria tree, outcomes, citations.

These structs are also the schema: the loader decodes YAML into them and refuses what they do not name, and
`policies/_schema/policy.schema.json` is generated from them for editors.
"""

from typing import Annotated, Literal, get_args

import msgspec

from cds_service.policy.fields import Id, IsoDate, Length, Loinc, Pmid, PrintedDate, Text, one_of

Outcome = Literal["meets-criteria", "investigational", "needs-info"]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="kebab"):
    """Base of everything read from policy YAML: immutable, kebab-case keys, no unknown members."""


class Code(Model, frozen=True, kw_only=True):
    """One code of a code list; always quoted text in YAML."""

    system: Text
    code: Text
    display: str = ""


class Contact(Model, frozen=True, kw_only=True):
    """Whom to ask; telecom values as in FHIR ContactPoint."""

    name: Text
    phone: str | None = None
    url: str | None = None


class Payer(Model, frozen=True, kw_only=True):
    """`payers`' own file, policies/<payer>/payer.yaml: how the payer is recognised and reached.

    identifiers: `system|value` pairs or bare values supplied by the deployer; names / not_names: normalised
    phrases that identify the payer / that exclude it although a name matches (clinical.md section 6);
    prior_authorization: the benefit plan's rule, by plan name where plans differ.
    """

    payer: Id
    name: Text
    names: tuple[str, ...]
    not_names: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    prior_authorization: Literal["unknown", "required", "not-required"] = "unknown"
    prior_authorization_by_plan: dict[str, Literal["unknown", "required", "not-required"]] = {}
    contact: Contact | None = None
    remarks: tuple[str, ...] = ()


class Product(Model, frozen=True, kw_only=True):
    """A product line whose text sends the reader elsewhere (policies/_shared/products.yaml).

    words: regular expressions on the words of payer name, coverage type and class; subscriber_id: regular
    expression on the subscriber id.
    """

    id: Id
    title: Text
    words: tuple[str, ...] = ()
    subscriber_id: str | None = None


class Products(Model, frozen=True, kw_only=True):
    """The file policies/_shared/products.yaml."""

    products: tuple[Product, ...]


class ProductException(Model, frozen=True, kw_only=True):
    """A product that the policy text refers to another manual, with its section."""

    product: str
    cites: Text
    says: Text
    contact: Contact | None = None


class Reference(Model, frozen=True, kw_only=True):
    """A source the policy leans on; statement in our own words."""

    title: Text
    pmid: Pmid | None = None
    url: str | None = None


class HistoryEntry(Model, frozen=True, kw_only=True):
    """One line of the policy's printed history; shown, not evaluated."""

    date: PrintedDate
    change: Text


class RelatedPolicy(Model, frozen=True, kw_only=True):
    """A policy that the text points to; number where it prints one."""

    title: Text
    number: str | None = None


class EvidenceSummary(Model, frozen=True, kw_only=True):
    """What studies say, told in our own words with PMIDs."""

    indication: Text
    summary: Text
    pmids: tuple[Pmid, ...] = ()


class Documentation(Model, frozen=True, kw_only=True):
    """A document or statement that would settle a criterion; loinc: document types to search and name."""

    title: Text
    loinc: tuple[Loinc, ...] = ()


class CriterionBase(Model, tag_field="kind", frozen=True, kw_only=True):
    """What every criterion says, whatever its kind.

    id: stable name used in answers; cites: the section of the policy text; says: the criterion in our own
    words; questions: linkIds of the documentation form that can settle it.
    """

    id: Id
    title: Text
    says: Text
    cites: Text
    documentation: tuple[Documentation, ...] = ()
    questions: tuple[str, ...] = ()


class Statement(CriterionBase, tag="statement", frozen=True, kw_only=True):
    """Met or not met by a practitioner's statement (attestation Observation or form answer)."""

    attestation: str
    met: tuple[str, ...]
    not_met: tuple[str, ...] = ()


class Resectability(CriterionBase, tag="resectability", frozen=True, kw_only=True):
    """The tumor cannot be resected, or the person is no surgical candidate (clinical.md 4.3, row R)."""

    tumors: str


class TumorType(CriterionBase, tag="tumor-type", frozen=True, kw_only=True):
    """The treated tumor is of a named type; states: tumor or origin group -> met / not-met / unknown."""

    tumors: str
    states: dict[str, Literal["met", "not-met", "unknown"]]


class TumorSize(CriterionBase, tag="tumor-size", frozen=True, kw_only=True):
    """The largest treated tumor is below a diameter (exclusive), such as `5 cm`."""

    tumors: str
    below: Length


class NoDiseaseOutside(CriterionBase, tag="no-disease-outside", frozen=True, kw_only=True):
    """No malignancy outside the organ of the treated tumor (clinical.md 2.5, 2.6, 4.2, 4.4)."""

    tumors: str
    type_criterion: str


class AllOf(CriterionBase, tag="all-of", frozen=True, kw_only=True):
    """Every part must be met."""

    parts: "tuple[Criterion, ...]"


class AnyOf(CriterionBase, tag="any-of", frozen=True, kw_only=True):
    """One part must be met."""

    parts: "tuple[Criterion, ...]"


Criterion = Statement | Resectability | TumorType | TumorSize | NoDiseaseOutside | AllOf | AnyOf


class OutcomeWording(Model, frozen=True, kw_only=True):
    """What an outcome means for coverage-information; combinations the extension forbids do not load."""

    covered: Literal["covered", "not-covered", "conditional"]
    doc_needed: Literal["clinical", "admin", "patient"] | None = None
    questionnaire: str | None = None
    says: Text


class Limits(Model, frozen=True, kw_only=True):
    """The project's own rules, changeable per deployment (clinical.md 4.5, 3.3): days and millimetres."""

    fresh_days: int = 180
    plausible_mm: int = 300


class Proposal(Model, frozen=True, kw_only=True):
    """An order that the text speaks of beside the one in hand.

    when: outcomes at which it is proposed; code: what would be ordered.
    """

    id: Id
    title: Text
    says: Text
    cites: Text
    when: tuple[Outcome, ...]
    code: Code


class Alternative(Proposal, frozen=True, kw_only=True):
    """An order instead of the one in hand.

    required: the text wants it tried first; replaces: a new order takes the old one's place, otherwise only
    the code of the old one is revised (CRD resp-54).
    """

    required: bool = False
    replaces: bool = True


class PolicyVersion(Model, frozen=True, kw_only=True):
    """One dated state of a medical policy.

    policy: `<payer>/<number in kebab case>`; version: the printed effective date; position: `criteria` when
    the criteria decide, `investigational` when the text needs none.
    """

    policy: str
    version: Text
    number: Text
    title: Text
    service: str
    effective_from: IsoDate
    effective_to: IsoDate | None = None
    reviewed: IsoDate | None = None
    source: Text
    position: Literal["criteria", "investigational"]
    position_says: Text
    position_cites: Text
    criteria: tuple[Criterion, ...] = ()
    outcomes: Annotated[dict[Outcome, OutcomeWording], one_of(get_args(Outcome))]
    procedure_codes: tuple[Code, ...] = ()
    diagnosis_codes: tuple[Code, ...] = ()
    codes_cite: Text
    product_exceptions: tuple[ProductException, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    additional_orders: tuple[Proposal, ...] = ()
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


class Service(Model, frozen=True, kw_only=True):
    """How a service is recognised on an order (policies/_shared/services/<id>.yaml; clinical.md 1).

    Each list names ValueSets. Text patterns are regular expressions on the order's words, case folded.
    billing_systems: code systems whose codes an assertion names as what would be billed.
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
    billing_systems: tuple[str, ...] = ()
