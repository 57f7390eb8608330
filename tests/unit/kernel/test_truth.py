"""Met, not met and unknown: unknown is never no, and never yes (determinations.md 1)."""

import itertools

import pytest

from cds_service.kernel.truth import Truth, agreed, all_of, any_of

MET, NOT, OPEN = Truth.MET, Truth.NOT_MET, Truth.UNKNOWN


@pytest.mark.parametrize("parts", list(itertools.product(Truth, repeat=3)))
def test_all_of_is_failed_by_one_no_and_met_only_when_all_are(parts: tuple[Truth, ...]) -> None:
    """determinations.md 1: any not-met decides, then any unknown, else met."""
    expected = NOT if NOT in parts else OPEN if OPEN in parts else MET
    assert all_of(parts) is expected


@pytest.mark.parametrize("parts", list(itertools.product(Truth, repeat=3)))
def test_any_of_is_met_by_one_yes_and_failed_only_when_all_are(parts: tuple[Truth, ...]) -> None:
    """clinical.md 4.3, row R: either statement is enough, whatever the other says."""
    expected = MET if MET in parts else OPEN if OPEN in parts else NOT
    assert any_of(parts) is expected


@pytest.mark.parametrize("parts", list(itertools.product(Truth, repeat=3)))
def test_agreed_needs_all_parts_to_say_the_same(parts: tuple[Truth, ...]) -> None:
    """clinical.md 2.1: met if each alone gives met, not met if each alone does, else unknown."""
    assert agreed(parts) is (parts[0] if len(set(parts)) == 1 else OPEN)


@pytest.mark.parametrize("combine", [all_of, any_of, agreed])
def test_nothing_at_all_is_unknown(combine: object) -> None:
    """House rule 2: silence neither passes nor fails."""
    assert callable(combine)
    assert combine(()) is OPEN


@pytest.mark.parametrize("truth", Truth)
def test_a_truth_is_no_bool(truth: Truth) -> None:
    """House rule 2: `if truth` would let unknown pass for yes."""
    with pytest.raises(TypeError, match="three values"):
        bool(truth)
