"""Changes to the baseline charts: what charts say, so that properties are tried on all kinds of answers."""

from collections.abc import Callable

from hypothesis import strategies as st

from tests import builders as make
from tests.builders import (
    LIVER,
    LOINC,
    MCODE,
    NCIT,
    SCT,
    Resource,
    changed,
    concept,
    condition,
    without,
)

Chart = list[Resource]
Mutation = Callable[[Chart], Chart]

SEGMENT = "277959000"
OTHER_PERSON = {"reference": "Patient/other"}
LINKED = f"{MCODE}/mcode-related-condition"


def _plus(*resources: Resource) -> Mutation:
    return lambda chart: [*chart, *resources]


def _with(name: str, **members: object) -> Mutation:
    return lambda chart: changed(chart, name, **members) if _has(chart, name) else chart


def _less(*names: str) -> Mutation:
    return lambda chart: without(chart, *(name for name in names if _has(chart, name)))


def _has(chart: Chart, name: str) -> bool:
    return any(each.get("id") == name for each in chart)


def _tracked(chart: Chart) -> Chart:
    """The size is about a tracked lesion."""
    about = {"focus": [{"reference": "BodyStructure/lesion"}], "bodySite": None}
    return [*_with("size", **about)(chart), make.lesion()]


def _refuted(code: str, name: str) -> Resource:
    return condition(code, name, verificationStatus=make.verification("refuted"))


def _provisional(code: str, name: str) -> Resource:
    return condition(code, name, verificationStatus=make.verification("provisional"))


DISEASE: dict[str, Resource] = {
    "lung metastasis": condition("C78.01", "lung"),
    "peritoneal metastasis": condition("C78.6", "peritoneum"),
    "lymph node": condition("C77.2", "node"),
    "bone metastasis of a carcinoid": condition("C7B.03", "bone"),
    "disseminated": condition("C80.0", "everywhere"),
    "malignant ascites": condition("R18.0", "ascites"),
    "breast cancer": condition("C50.911", "breast"),
    "prostate cancer": condition("C61", "prostate"),
    "lymphoma": condition("C83.30", "lymphoma"),
    "gallbladder cancer": condition("C23", "gallbladder"),
    "lung metastasis by SNOMED CT": condition(concept("94391008", SCT), "lung-sct"),
    "statement of disease": make.attestation("extrahepatic-disease", "present", "present", 1),
}
"""Evidence of disease outside the liver that decides by itself."""

DOUBTFUL: dict[str, Resource] = {
    "skin cancer": condition("C44.91", "skin"),
    "site unspecified": condition("C79.9", "somewhere"),
    "primary unspecified": condition("C80.1", "unknown-primary"),
    "words of malignancy": condition(concept("L1", "local", display="Metastatic cancer"), "words"),
    "provisional": _provisional("C78.01", "maybe"),
    "local recurrence": condition(concept("314965007", SCT), "recurrence"),
    "in place": make.attestation("primary-tumor-status", "in-place", "in-place", 1),
    "cM1b": make.m_category("cM1b", "m1b", 2),
    "cM1c": make.m_category("pM1c", "m1c", 40),
    "cN1": make.n_category("cN1", "n1", 2),
    "old statement of disease": make.attestation("extrahepatic-disease", "present", "present-old", 100),
}
"""Evidence that may say so, or leaves it open."""

MUTATIONS: dict[str, Mutation] = {
    # ---------------------------------------------------------------- disease outside, staging
    **{name: _plus(each) for name, each in {**DISEASE, **DOUBTFUL}.items()},
    "no staging": _less("m"),
    "M is stale": _with("m", effectiveDateTime=make.ago(181)),
    "M is preliminary": _with("m", status="preliminary"),
    "M of another person": _with("m", subject=OTHER_PERSON),
    "M about another diagnosis": _with("m", focus=[{"reference": "Condition/elsewhere"}]),
    "M about the tumor": _with("m", focus=[{"reference": "Condition/dx"}]),
    "pM0": _with("m", valueCodeableConcept={"text": "pM0"}),
    "cM1": _with("m", valueCodeableConcept={"text": "cM1"}),
    "statement: none": _plus(make.attestation("extrahepatic-disease", "absent", "absent", 2)),
    "statement: indeterminate": _plus(make.attestation("extrahepatic-disease", "indeterminate", "open", 1)),
    "statement by the patient": _plus(
        make.attestation("extrahepatic-disease", "present", "own", performer=[make.PATIENT])
    ),
    "no recurrence": _plus(
        make.disease_status("414861001"), make.procedure("Hepatic ablation", "rfa", "2025-01-02")
    ),
    "distant metastasis present": _plus(make.disease_status("399409002")),
    # ---------------------------------------------------------------- diagnoses
    "liver cancer unspecified": _with("dx", code=concept("C22.9")),
    "bile duct carcinoma": _with("dx", code=concept("C22.1")),
    "provisional tumor": _with("dx", verificationStatus=make.verification("provisional")),
    "resolved tumor": _with("dx", clinicalStatus=concept("resolved", "x")),
    "abated tumor": _with("dx", abatementDateTime="2026-11-01"),
    "metastasis without a site": lambda chart: changed(chart, "dx", code=concept("C7B.8")),
    "metastasis with a site": lambda chart: changed(
        chart, "dx", code=concept("C7B.8"), bodySite=[concept(LIVER, SCT)]
    ),
    "second liver tumor": _plus(condition("C22.0", "dx2")),
    "second liver tumor, another kind": _plus(condition("C78.7", "dx3")),
    "benign liver tumor": _plus(condition("D13.4", "benign")),
    "refuted lung metastasis": _plus(_refuted("C78.01", "not")),
    "lung metastasis of another person": _plus(condition("C78.01", "theirs", subject=OTHER_PERSON)),
    "breast cancer in the past": _plus(condition("C50.911", "past", "resolved")),
    "history of colon cancer": _plus(condition("Z85.038", "history")),
    "family history": _plus(condition("Z80.0", "family")),
    "hypertension": _plus(condition("I10", "htn")),
    "primary is active": _with("primary", clinicalStatus=None),
    "no primary": _less("primary"),
    "primary in the appendix": _with("primary", code=concept("C18.1")),
    "primary in the breast": _with("primary", code=concept("C50.911")),
    "linked primary": _with(
        "dx",
        extension=[
            {
                "url": "http://hl7.org/fhir/StructureDefinition/condition-related",
                "valueReference": {"reference": "Condition/primary"},
            }
        ],
    ),
    "no resection": _less("done"),
    "statement: resected": _plus(make.attestation("primary-tumor-status", "resected", "resected")),
    # ---------------------------------------------------------------- size
    "large": _with("size", component=make.size(6)["component"]),
    "exactly 5 cm": _with("size", component=make.size(5)["component"]),
    "small, in inches": _with(
        "size", component=make.size({"valueQuantity": make.quantity(1.9, "[in_i]")})["component"]
    ),
    "size by words": _with("size", component=make.size({"valueString": "4 x 3 cm"})["component"]),
    "size without a unit": _with("size", component=make.size({"valueQuantity": {"value": 3}})["component"]),
    "less than 5 cm": _with(
        "size", component=make.size({"valueQuantity": make.quantity(5, comparator="<")})["component"]
    ),
    "second dimension": _with(
        "size",
        component=[
            *make.size(3.2)["component"],
            {"code": concept("33729-5", LOINC), "valueQuantity": make.quantity(6)},
        ],
    ),
    "size is stale": _with("size", effectiveDateTime=make.ago(181)),
    "size is preliminary": _with("size", status="preliminary"),
    "size without a site": _with("size", bodySite=None),
    "size of the colon": _with("size", bodySite=concept("71854001", SCT)),
    "size of a specimen": _with("size", specimen={"reference": "Specimen/s"}),
    "second size, large": _plus(make.size(7, "size2", 10)),
    "second size, newer and small": _plus(make.size(2, "size3", 5)),
    "second lesion, large": _plus(make.size(7, "size4", bodySite=concept(SEGMENT, SCT))),
    "tracked lesion": _tracked,
    "unmeasured lesion": _plus(make.lesion("unmeasured", SEGMENT)),
    "inactive lesion": _plus(make.lesion("gone", SEGMENT, active=False)),
    "lesion linked to a diagnosis": _plus(
        make.lesion(
            "linked",
            "",
            location=None,
            extension=[{"url": LINKED, "valueReference": {"reference": "Condition/dx"}}],
        )
    ),
    "order names a segment": _with("order", bodySite=[concept(SEGMENT, SCT)]),
    "order names the tumor": _with("order", reasonReference=[{"reference": "Condition/dx"}]),
    "order names a code": _with("order", reasonCode=[concept("C22.0")]),
    "order names a lesion": _with("order", supportingInfo=[{"reference": "BodyStructure/lesion"}]),
    # ---------------------------------------------------------------- statements, resection
    "fit for surgery": _plus(make.attestation("surgical-candidate", True, "fit", 1)),
    "not fit for surgery": _plus(make.attestation("surgical-candidate", False, "unfit", 1)),
    "resectable, newer": _plus(make.attestation("resectability", "resectable", "resectable", 1)),
    "resectable, same day": _plus(make.attestation("resectability", "resectable", "resectable3", 3)),
    "no statement of resectability": _less("resectability"),
    "unresectable by code": _plus(condition(concept("C27359", NCIT), "unresectable")),
    "resection ruled out": _plus(
        make.procedure(
            concept("107963000", SCT),
            "ruled-out",
            None,
            status="not-done",
            statusReason=concept("183932001", SCT),
        )
    ),
    "resection ordered": _plus(make.order(concept(text="Partial hepatectomy"), "resection")),
    "not amenable": _plus(make.attestation("amenable-to-cryoablation", False, "not-amenable", 1)),
    "amenability is stale": _with("amenable-to-cryoablation", effectiveDateTime=make.ago(181)),
    "amenability is undated": _with("amenable-to-cryoablation", effectiveDateTime=None),
    "form": _plus(
        make.form({"liver-tumor-type": "hepatocellular-carcinoma", "extrahepatic-disease": "absent"})
    ),
    "form: other tumor": _plus(make.form({"liver-tumor-type": "other"}, "form2")),
    "form: large": _plus(make.form({"largest-tumor-diameter": make.quantity(6)}, "form3")),
    "form in progress": _plus(make.form({"extrahepatic-disease": "present"}, "form4", status="in-progress")),
    # ---------------------------------------------------------------- order, coverage
    "payer by Organization": lambda chart: [
        *changed(chart, "cov", payor=[{"reference": "Organization/payer"}]),
        {"resourceType": "Organization", "id": "payer", "name": "Capital BlueCross"},
    ],
    "federal program by Organization": lambda chart: [
        *changed(chart, "cov", payor=[{"reference": "Organization/fep", "display": "Capital Blue Cross"}]),
        {"resourceType": "Organization", "id": "fep", "name": "Federal Employee Program"},
    ],
    "federal program by class": _with("cov", **{"class": [{"name": "FEP Blue Focus"}]}),
    "Medicare by type": _with("cov", type={"text": "Medicare Advantage"}),
    "other payer": _with("cov", payor=[{"display": "Blue Shield of California"}]),
    "coverage has ended": _with("cov", period={"end": "2026-11-30"}),
    "second coverage": _plus(make.coverage("Blue Shield of California", "cov2")),
    "order names its coverage": _with("order", insurance=[{"reference": "Coverage/cov"}]),
    "method-neutral code": _with("order", code=concept("47399", make.CPT)),
    "method-neutral code with words": _with(
        "order", code=concept("47399", make.CPT, text="Cryoablation of liver")
    ),
    "order not to be done": _with("order", doNotPerform=True),
    "order is revoked": _with("order", status="revoked"),
    "service before the policy": _with("order", occurrenceDateTime="2024-04-30"),
    # ---------------------------------------------------------------- searches
    **{
        f"{kind} search failed": _plus(make.failure(kind))
        for kind in (
            "Condition",
            "Observation",
            "QuestionnaireResponse",
            "BodyStructure",
            "Procedure",
            "Coverage",
        )
    },
    "some search failed": _plus(make.failure(None)),
    "BodyStructure not supported": _plus(make.failure("BodyStructure", "not-supported")),
    "Observation not supported": _plus(make.failure("Observation", "not-supported")),
}

names = st.lists(st.sampled_from(sorted(MUTATIONS)), max_size=3, unique=True)


def mutated(base: str, mutations: list[str]) -> Chart:
    """A baseline with these mutations, in the order given."""
    chart = make.BASELINES[base]()
    for name in mutations:
        chart = MUTATIONS[name](chart)
    return chart


charts = st.builds(mutated, st.sampled_from(sorted(make.BASELINES)), names)
"""Baselines with up to three mutations."""
