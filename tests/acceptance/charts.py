"""Our own charts and their answers; `python -m tests.acceptance.charts` writes the files anew.

The charts are made of the builders' resources, so that a reader sees in one line what each differs in.
Review the difference of a rewritten answer like code.
"""

import json
from pathlib import Path
from typing import Any

from cds_service.evaluate import as_json, evaluate_chart
from tests.builders import (
    LIVER,
    MCODE,
    SCT,
    TODAY,
    Resource,
    attestation,
    bundle,
    changed,
    concept,
    condition,
    coverage,
    crc,
    failure,
    form,
    hcc,
    knowledge,
    lesion,
    net,
    order,
    past,
    procedure,
    quantity,
    size,
    without,
)

FOLDER = Path(__file__).parent / "charts"
SEGMENT = "277959000"
LINK = {"url": "http://hl7.org/fhir/StructureDefinition/condition-related"}
RELATED = {"url": f"{MCODE}/mcode-related-condition"}

CHARTS: dict[str, list[Resource]] = {
    "hepatocellular-carcinoma": hcc(),
    "colorectal-metastasis": crc(),
    "neuroendocrine-metastasis": net(),
    "position": changed(hcc(), "cov", payor=[{"display": "Blue Shield of California"}]),
    "two-coverages": [*hcc(), coverage("Blue Shield of California", "second", order=2)],
    "two-orders": [*hcc(), order(concept("70450", "http://www.ama-assn.org/go/cpt"), "imaging")],
    "lung-metastasis": [*hcc(), condition("C78.01", "lung")],
    "listed-code-of-another-tumor": changed(hcc(), "dx", code=concept("C22.1")),
    "unlisted-code-of-a-covered-tumor": changed(net(), "dx", code=concept("C7B.8"),
    bodySite=[concept(LIVER, SCT)]),
    "active-primary-not-resected": [*without(crc(), "primary", "done"),
    condition("C18.7", "primary", onsetDateTime="2021-06-01")],
    "linked-primary-of-two": [
        *changed(crc(), "dx", extension=[{**LINK, "valueReference": {"reference": "Condition/primary"}}]),
        past("C50.911", "breast"),
    ],
    "lesion-named-by-the-order": [
        *changed(without(hcc(), "size"), "order", bodySite=[concept(SEGMENT, SCT)]),
        lesion("small", SEGMENT, extension=[{**RELATED, "valueReference": {"reference": "Condition/dx"}}]),
        lesion("large", "277961009"),
        size({"valueQuantity": quantity(1.5, "[in_i]")}, focus=[{"reference": "BodyStructure/small"}]),
        size({"valueString": "7 x 6 cm"}, "size2", focus=[{"reference": "BodyStructure/large"}]),
    ],
    "answered-by-the-form": [
        *without(hcc(), "size", "m", "n", "resectability", "amenable-to-cryoablation"),
        form({
            "resectability": "unresectable",
            "amenable-to-cryoablation": True,
            "extrahepatic-disease": "absent",
            "largest-tumor-diameter": quantity(38, "mm"),
        }),
    ],
    "statements-that-conflict": [*hcc(), attestation("amenable-to-cryoablation", False, "second")],
    "damaged-and-failed": [
        *changed(hcc(), "size", effectiveDateTime="soon"),
        condition({}, "unknown"),
        failure("QuestionnaireResponse"),
    ],
    "unresectable-by-contraindication": [
        *without(hcc(), "resectability"),
        procedure(concept("107963000", SCT),
        "ruled-out", "2026-10-01", status="not-done", statusReason=concept("183932001", SCT)),
    ],
    "technique-not-named": changed(hcc(), "order", code=concept("47399", "http://www.ama-assn.org/go/cpt")),
    "before-the-first-version": changed(hcc(), "order", occurrenceDateTime="2024-04-30"),
    "federal-program": changed(hcc(), "cov", subscriberId="R12345678"),
    "no-coverage": without(hcc(), "cov"),
}  # fmt: skip


def answers(chart: bytes) -> list[dict[str, Any]]:
    """What `evaluate --json` says of a chart."""
    return [as_json(each) for each in evaluate_chart(chart, TODAY, knowledge())]


def write() -> None:
    """Writes every chart and its answers."""
    for name, resources in CHARTS.items():
        chart = bundle(resources)
        texts = {f"{name}.json": json.loads(chart), f"{name}.answer.json": answers(chart)}
        for file, content in texts.items():
            (FOLDER / file).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    write()
