"""Writes policies/_schema/ anew from the structs: `python -m tools.policy_schemas` after they change."""

from pathlib import Path

from cds_service.policy.schema import write_schemas

for changed in write_schemas(Path(__file__).parents[1] / "policies" / "_schema"):
    print(changed)
