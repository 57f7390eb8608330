"""Turns the reference code list (CSV) into the FHIR R4 ValueSets that rules and form refer to by name."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Row = dict[str, str]
Json = dict[str, Any]

BASE = "http://cds-service.example.org/fhir"
VERSION = "1.0.0"
DATE = "2026-11-21"
COMMENT_URL = "http://hl7.org/fhir/StructureDefinition/valueset-concept-comments"
COLUMNS = ["system", "code", "display", "concept", "role", "source", "confirmed"]
CPT = "http://www.ama-assn.org/go/cpt"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
# Which family a header belongs to, by the roles of the leaves below it;
# leaves of several families make it a plain malignancy.
HEADER_FAMILIES = {
    "dx_liver_met": "header_metastasis",
    "dx_liver": "header_liver",
    "dx_hcc": "header_liver",
    "met_": "header_metastasis",
    "heme_": "header_heme_malignancy",
    "skin_": "header_skin_nonmelanoma",
}

# Why each notice is there: the licence of the system asks for it, or says that none is needed.
NOTICES = {
    CPT: "CPT is a trademark of the AMA. Only numbers are used; the words are this project's own.",
    "http://snomed.info/sct": "SNOMED CT is a trademark of SNOMED International and needs a licence.",
    "http://loinc.org": "LOINC is copyright Regenstrief Institute, Inc.; free, see loinc.org/license.",
}
# Roles whose name does not say what the codes mean to the rules.
PURPOSES = {
    "m0": "M category 0.",
    "m1": "M category 1 without a letter.",
    "m1a": "M category 1a.",
    "m1b": "M category 1b.",
    "m1c": "M category 1c.",
    "m1d": "M category 1d.",
    "m0_review": "M0 forms that settle nothing: pM0 and M0(i+).",
    "n0": "N category 0.",
    "n1": "N category 1 or more.",
    "nx": "N category not assessed.",
    "header_liver": "ICD-10-CM headers (no leaves) above primary liver neoplasms: type unspecified.",
    "header_metastasis": "ICD-10-CM headers (no leaves) above secondary neoplasms only: site unspecified.",
    "header_heme_malignancy": "ICD-10-CM headers (no leaves) above blood and lymph cancers only.",
    "header_skin_nonmelanoma": "ICD-10-CM headers (no leaves) above non-melanoma skin cancers only.",
    "header_malignancy": "ICD-10-CM headers (no leaves) above other malignant neoplasms: unspecified.",
}


def read_rows(path: Path) -> list[Row]:
    """Rows of one code list; raises ValueError when its columns are not the expected ones."""
    with path.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if reader.fieldnames != COLUMNS:
            raise ValueError(f"{path}: columns are {reader.fieldnames}, expected {COLUMNS}")
        return [row for source in reader for row in expand_range(source)]


def expand_range(row: Row) -> Iterator[Row]:
    """One row for each whole number of a code written `first..last`; other rows as they are."""
    first, dots, last = row["code"].partition("..")
    if not dots:
        yield row
        return
    for number in range(int(first), int(last) + 1):
        yield {**row, "code": str(number)}


def merge(rows: list[Row], extra: list[Row]) -> list[Row]:
    """Confirmed reference rows and the extra rows; an extra row replaces one of the same role and code."""
    merged = {(row["role"], row["system"], row["code"]): row for row in rows if row["confirmed"] != "no"}
    merged |= {(row["role"], row["system"], row["code"]): row for row in extra}
    return sorted(merged.values(), key=lambda row: (row["role"], row["system"], row["code"]))


def header_role(roles: Iterable[str]) -> str:
    """The role of a header from the roles of all leaf codes below it."""
    families = {
        next(
            (HEADER_FAMILIES[start] for start in HEADER_FAMILIES if role.startswith(start)),
            "header_malignancy",
        )
        for role in roles
    }
    return families.pop() if len(families) == 1 else "header_malignancy"


def header_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows for the headers above malignant ICD-10-CM leaf codes (a header is the unspecified case)."""
    leaves = {
        row["code"]: row["role"] for row in rows if row["system"] == ICD_10_CM and row["code"].startswith("C")
    }
    headers = {leaf[:end].rstrip(".") for leaf in leaves for end in range(3, len(leaf))} - set(leaves)
    shared = {
        "system": ICD_10_CM,
        "concept": "header: unspecified",
        "source": "derived: prefix of leaf codes of this list",
        "confirmed": "yes",
    }
    return [
        {
            **shared,
            "code": code,
            "display": f"ICD-10-CM header {code} (not a leaf code)",
            "role": header_role(role for leaf, role in leaves.items() if leaf.startswith(code)),
        }
        for code in sorted(headers)
    ]


def display_of(row: Row) -> str:
    """The words shown for a code: our own for CPT, whose descriptors are licensed; else those of the list."""
    return row["concept"] if row["system"] == CPT else row["display"].removeprefix("(component) ")


def concept_of(row: Row) -> Json:
    """One ValueSet concept; its comment keeps what the rules take it for, its source and a weak mark."""
    mark = "" if row["confirmed"] == "yes" else "; weak: seen only in third-party public files"
    comment = f"{row['concept']}; source: {row['source']}{mark}"
    return {
        "extension": [{"url": COMMENT_URL, "valueString": comment}],
        "code": row["code"],
        "display": display_of(row),
    }


def value_set(role: str, rows: list[Row]) -> Json:
    """The ValueSet of one role."""
    identifier = role.replace("_", "-")
    systems = sorted({row["system"] for row in rows})
    notices = " ".join(NOTICES[system] for system in systems if system in NOTICES)
    return {
        "resourceType": "ValueSet",
        "id": identifier,
        "url": f"{BASE}/ValueSet/{identifier}",
        "version": VERSION,
        "name": "".join(part.capitalize() for part in role.split("_")),
        "title": role.replace("_", " ").capitalize(),
        "status": "active",
        "experimental": False,
        "date": DATE,
        "publisher": "cds-service",
        "description": PURPOSES.get(role, f"Codes that the rules read as: {role.replace('_', ' ')}."),
        **({"copyright": notices} if notices else {}),
        "compose": {
            "include": [
                {"system": system, "concept": [concept_of(row) for row in rows if row["system"] == system]}
                for system in systems
            ]
        },
    }


def build(codes_csv: Path, extra_csv: Path, out_dir: Path) -> int:
    """Writes one file for each role below `out_dir`/valuesets and returns how many."""
    reference = read_rows(codes_csv)
    rows = merge(reference, [*read_rows(extra_csv), *header_rows(reference)])
    roles = sorted({row["role"] for row in rows})
    folder = out_dir / "valuesets"
    folder.mkdir(parents=True, exist_ok=True)
    for role in roles:
        resource = value_set(role, [row for row in rows if row["role"] == role])
        text = json.dumps(resource, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{resource['id']}.json").write_text(text, encoding="utf-8")
    return len(roles)


def main(arguments: list[str]) -> int:
    """`build_value_sets.py CODES_CSV OUT_DIR`; OUT_DIR also holds extra_codes.csv."""
    if len(arguments) != 2:
        print("usage: build_value_sets.py CODES_CSV OUT_DIR", file=sys.stderr)
        return 2
    out_dir = Path(arguments[1])
    count = build(Path(arguments[0]), out_dir / "extra_codes.csv", out_dir)
    print(f"{count} value sets written to {out_dir / 'valuesets'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
