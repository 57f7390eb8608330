"""JSON Schemas of the policy data files, so that editors complete and underline."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cds_service.kernel.schema_trouble import json_schema
from cds_service.policy.cases import Blocks, CaseSheet
from cds_service.policy.model import Payer, PolicyVersion, Products, Service
from cds_service.policy.tumors import Attestations, TumorModel

FILES: Mapping[str, type] = {
    "policy": PolicyVersion,
    "payer": Payer,
    "products": Products,
    "service": Service,
    "tumors": TumorModel,
    "attestations": Attestations,
    "cases": CaseSheet,
    "case-blocks": Blocks,
}
"""Schema file `<name>.schema.json` -> the struct it is made from."""


def schema_texts() -> dict[str, str]:
    """File name -> content of every schema."""
    return {f"{name}.schema.json": _text(name, struct) for name, struct in FILES.items()}


def write_schemas(folder: Path) -> list[Path]:
    """Writes every schema below the folder and says which files changed."""
    changed: list[Path] = []
    for name, text in schema_texts().items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _text(name: str, struct: type) -> str:
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"cds-service {name} file",
        **json_schema(struct),
    }
    return json.dumps(_one_line(schema), indent=2, ensure_ascii=False) + "\n"


def _one_line(node: Any) -> Any:
    """Descriptions come from docstrings: their line breaks and indents are layout of Python files."""
    if isinstance(node, dict):
        return {
            key: " ".join(value.split())
            if key == "description" and isinstance(value, str)
            else _one_line(value)
            for key, value in node.items()
        }
    return [_one_line(item) for item in node] if isinstance(node, list) else node
