"""Lengths in millimetres from UCUM codes or unit words, or the reason why they cannot be compared."""

from collections.abc import Mapping
from decimal import Decimal

# Factors to millimetres, UCUM codes (case matters: Mm is megameter). Inches: [in_i] = 2.54 cm, UCUM table.
_BY_CODE: Mapping[str, Decimal] = {
    "cm": Decimal(10),
    "mm": Decimal(1),
    "m": Decimal(1000),
    "um": Decimal("0.001"),
    "[in_i]": Decimal("25.4"),
}
_BY_WORD: Mapping[str, Decimal] = {
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), Decimal(10)),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), Decimal(1)),
    **dict.fromkeys(("in", "inch", "inches"), Decimal("25.4")),
}


def millimetres_per(code: str | None, unit: str | None) -> Decimal | None:
    """Factor to millimetres of a quantity's UCUM code (None when its system is not UCUM) and unit text.

    None when neither is known, or when the two disagree (clinical.md 3.3, step 3).
    """
    by_word = _BY_WORD.get(unit.strip().casefold()) if unit else None
    if code is None:
        return by_word
    by_code = _BY_CODE.get(code.strip())
    if unit and unit.strip() != code.strip() and by_word != by_code:
        return None
    return by_code


def parse_length(text: str) -> Decimal:
    """Millimetres of a policy's own quantity text such as `5 cm`. Raises ValueError."""
    number, _, unit = text.strip().partition(" ")
    factor = _BY_CODE.get(unit.strip())
    if factor is None:
        raise ValueError(f"{text!r} is no length in cm, mm, m, um or [in_i]")
    try:
        length = Decimal(number) * factor
    except ArithmeticError as error:
        raise ValueError(f"{number!r} is no number") from error
    if not length.is_finite() or length <= 0:
        raise ValueError(f"{text!r} is no length above zero")
    return length
