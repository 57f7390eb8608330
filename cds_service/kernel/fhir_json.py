"""Reads and writes JSON without losing decimals or key order, and makes safe copies."""

from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

JsonObject: TypeAlias = dict[str, Any]

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def read(text: bytes | str) -> Any:
    """Parsed JSON; decimals keep their written digits as Decimal. Raises msgspec.DecodeError."""
    return _DECODER.decode(text)


def objects(value: object) -> list[JsonObject]:
    """The objects of an array; none where it is no array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def without_empties(value: Any) -> Any:
    """A copy without empty arrays and objects, nor what becomes empty by that; FHIR knows neither."""
    if isinstance(value, dict):
        inner = {name: without_empties(item) for name, item in value.items()}
        return {name: item for name, item in inner.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [item for item in map(without_empties, value) if item not in ({}, [])]
    return value


def write(value: object) -> bytes:
    """Compact UTF-8 JSON; Decimals leave as the numbers they came as, keys in their order (CH-, G1)."""
    return _ENCODER.encode(value)
