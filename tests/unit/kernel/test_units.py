"""Lengths in millimetres from UCUM codes and unit words (clinical.md 3.3, steps 3 and 4)."""

from decimal import Decimal

import pytest

from cds_service.kernel.units import millimetres_per, parse_length

CM, MM, INCH = Decimal(10), Decimal(1), Decimal("25.4")


@pytest.mark.parametrize(
    ("code", "factor"),
    [("cm", CM), ("mm", MM), ("[in_i]", INCH), ("m", Decimal(1000)), ("um", Decimal("0.001"))],
)
def test_a_ucum_code_of_length_has_its_factor(code: str, factor: Decimal) -> None:
    """clinical.md 3.3, step 4; the inch is 25.4 mm by the UCUM table."""
    assert millimetres_per(code, None) == factor
    assert millimetres_per(f" {code} ", code) == factor


@pytest.mark.parametrize("code", ["Mm", "CM", "MM", "Cm", "in", "inch", "kg", "1", "cm2"])
def test_ucum_codes_are_case_sensitive_and_nothing_else_is_one(code: str) -> None:
    """clinical.md 3.3, step 3: UCUM `Mm` is megameter."""
    assert millimetres_per(code, None) is None
    assert millimetres_per(code, code) is None


@pytest.mark.parametrize(
    ("words", "factor"),
    [
        (["cm", "CM", "Cm", "centimeter", "centimeters", "centimetre", "Centimetres", " cm "], CM),
        (["mm", "MM", "millimeter", "millimeters", "millimetre", "MILLIMETRES"], MM),
        (["in", "IN", "inch", "Inches"], INCH),
    ],
)
def test_without_a_code_unit_words_count_in_any_case(words: list[str], factor: Decimal) -> None:
    """clinical.md 3.3, step 3: the unit words that are read."""
    assert [millimetres_per(None, word) for word in words] == [factor] * len(words)


@pytest.mark.parametrize("word", [None, "", "m", "cms", "fruit", "cm.", "millimetre squared", "meter"])
def test_other_words_and_none_are_no_unit(word: str | None) -> None:
    """clinical.md 3.3, step 3: no unit gives unknown."""
    assert millimetres_per(None, word) is None


@pytest.mark.parametrize(
    ("code", "unit"),
    [("cm", "mm"), ("mm", "cm"), ("[in_i]", "cm"), ("cm", "fruit"), ("m", "metres"), ("kg", "cm")],
)
def test_a_code_and_words_that_disagree_cannot_be_compared(code: str, unit: str) -> None:
    """clinical.md 3.3, step 3: code and unit text that disagree give unknown."""
    assert millimetres_per(code, unit) is None


@pytest.mark.parametrize(
    ("code", "unit"), [("cm", "Centimeters"), ("mm", "mm"), ("[in_i]", "inches"), ("cm", "")]
)
def test_a_code_and_words_that_agree_are_read(code: str, unit: str) -> None:
    """clinical.md 3.3, step 3."""
    assert millimetres_per(code, unit) == millimetres_per(code, None)


@pytest.mark.parametrize(
    ("text", "length"), [("5 cm", 50), ("30 mm", 30), ("2 [in_i]", "50.8"), ("0.5 m", 500)]
)
def test_a_policy_writes_a_length_with_its_unit(text: str, length: int | str) -> None:
    """House rule 1: the limit is data."""
    assert parse_length(text) == Decimal(length)


@pytest.mark.parametrize(
    "text", ["5", "cm", "five cm", "5cm", "5 parsec", "", "5 CM", "NaN cm", "Infinity cm", "0 cm", "-5 cm"]
)
def test_a_length_that_cannot_be_read_is_an_error_of_the_policy(text: str) -> None:
    """House rule 10: fail at start, kindly."""
    with pytest.raises(ValueError, match="is no"):
        parse_length(text)
