"""Which payer a name means, and which product sends the reader elsewhere (clinical.md 6)."""

import msgspec
import pytest

from cds_service.coverage.payers import PayerWords, Unmatched, match_payer, match_products, normal_name
from cds_service.policy.model import Payer, Product
from tests.builders import knowledge

BSC, CBC = "blue-shield-of-california", "capital-blue-cross"


def served() -> list[Payer]:
    """The payers of the built-in policies."""
    return list(knowledge().bundle.payers.values())


def named(*names: str, plans: tuple[str, ...] = (), identifiers: tuple[str, ...] = ()) -> str:
    """The payer's id, or why there is none."""
    found = match_payer(PayerWords(names, plans, identifiers), served())
    return found.value if isinstance(found, Unmatched) else found.payer


@pytest.mark.parametrize(
    ("name", "payer"),
    [
        ("Blue Shield of California", BSC),
        ("BlueShield of California", BSC),
        ("BLUE SHIELD OF CALIFORNIA(R)", BSC),
        ("Blue Shield of California® Promise Health Plan", BSC),
        ("Blue Shield of California Life & Health Insurance Company", BSC),
        ("Blue Shield California", BSC),
        ("Blue Shield of CA", BSC),
        ("California Physicians' Service", BSC),
        ("California Physicians’ Service, dba Blue Shield of California", BSC),
        ("Capital Blue Cross", CBC),
        ("Capital BlueCross", CBC),
        ("capital  blue-cross", CBC),
        ("CapitalBlueCross", CBC),
        ("Capital Advantage Insurance Company", CBC),
        ("Capital Advantage Assurance Company", CBC),
        ("Keystone Health Plan Central", CBC),
    ],
)
def test_a_served_payer_is_known_by_its_names(name: str, payer: str) -> None:
    """clinical.md 6, matching order: normalised organization name."""
    assert named(name) == payer


@pytest.mark.parametrize(
    "name",
    [
        "Blue Cross Blue Shield of California",
        "Blue Shield of California and Blue Cross",
        "Anthem Blue Cross",
        "Highmark Blue Shield",
        "Blue Shield",
        "Blue Shield of Carolina",
        "Capital Health Plan",
        "Capital District Physicians Health Plan",
        "Keystone Health Plan East",
        "Keystone Health Plan West",
        "Capital Blue",
        "Aetna",
        "Capital Blue Crossing",
    ],
)
def test_a_name_that_comes_near_is_not_our_payer(name: str) -> None:
    """clinical.md 6: California has two licensees, and others have names like ours."""
    assert named(name) == "payer-not-served"


def test_an_identifier_that_the_deployer_configured_comes_first() -> None:
    """clinical.md 6, matching order."""
    ours = [
        msgspec.structs.replace(payer, identifiers=(f"urn:x|{payer.payer}", payer.payer))
        for payer in served()
    ]
    for identifier in (f"urn:x|{BSC}", BSC):
        found = match_payer(PayerWords(("Capital Blue Cross",), identifiers=(identifier,)), ours)
        assert isinstance(found, Payer) and found.payer == BSC
    both = match_payer(PayerWords(identifiers=(BSC, CBC)), ours)
    assert both is Unmatched.AMBIGUOUS
    assert named(identifiers=(BSC,)) == "payer-not-read"


def test_plan_names_count_only_where_there_is_no_other_name() -> None:
    """clinical.md 6: then plan or class name."""
    assert named(plans=("Capital Blue Cross PPO",)) == CBC
    assert named("Aetna", plans=("Capital Blue Cross PPO",)) == "payer-not-served"


def test_names_of_two_payers_are_ambiguous_and_no_name_is_unreadable() -> None:
    """clinical.md 0: other or ambiguous payer: no policy; payer that cannot be read: cannot evaluate."""
    assert named("Capital Blue Cross", "Blue Shield of California") == "payer-ambiguous"
    assert named() == "payer-not-read"
    assert named(plans=("PPO",)) == "payer-not-read"


def products(words: str, subscriber_id: str = "") -> tuple[str, ...]:
    """The product lines of these words."""
    return match_products(
        PayerWords(product_words=words.casefold(), subscriber_id=subscriber_id), knowledge().bundle.products
    )


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("FEP Blue Standard", ("fep",)),
        ("Federal Employee Program", ("fep",)),
        ("Service Benefit Plan", ("fep",)),
        ("FEHB", ("fep",)),
        ("Medicare Advantage HMO", ("medicare",)),
        ("Pennsylvania Medicaid", ("medicaid",)),
        ("Medi-Cal managed care", ("medicaid",)),
        ("PPO 1500", ()),
        ("fepx", ()),
        ("", ()),
    ],
)
def test_product_words(words: str, found: tuple[str, ...]) -> None:
    """clinical.md 6: FEP, Medicare and Medicaid in coverage type, class or payer name."""
    assert products(words) == found


@pytest.mark.parametrize(
    ("subscriber_id", "found"),
    [
        ("R12345678", ("fep",)),
        (" r12345678 ", ("fep",)),
        ("R1234567", ()),
        ("R123456789", ()),
        ("XR12345678", ()),
        ("12345678", ()),
    ],
)
def test_a_federal_member_id(subscriber_id: str, found: tuple[str, ...]) -> None:
    """clinical.md 6: subscriberId R and eight digits."""
    assert products("ppo", subscriber_id) == found


def test_a_product_without_words_fits_nothing() -> None:
    """House rule 2: silence is no match."""
    assert (
        match_products(PayerWords(product_words="x", subscriber_id="x"), {"p": Product(id="p", title="P")})
        == ()
    )


@pytest.mark.parametrize(
    ("name", "normal"),
    [("A & B", "a and b"), ("A(R) B(TM)", "a b"), ("A®™ B’s", "a bs"), ("  A--B.  ", "a b"), ("", "")],
)
def test_names_are_normalised(name: str, normal: str) -> None:
    """clinical.md 6: lower case, drop (R) and TM, `and` for `&`."""
    assert normal_name(name) == normal
