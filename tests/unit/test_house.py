"""The house rules that no linter knows: size budget, docstrings, no payer and no clinical code in Python."""

import ast
import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit import house

Capsys = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
PRODUCT = sorted((ROOT / "cds_service").rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "target" not in path.parts)
OURS = [
    *PRODUCT,
    *TESTS,
    *sorted((ROOT / "tools").rglob("*.py")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
]


def name(path: Path) -> str:
    """The path as a reader of the checkout knows it."""
    return path.relative_to(ROOT).as_posix()


def worst(sizes: dict[str, int]) -> str:
    """The five largest."""
    return "\n".join(
        f"{size:5} {what}" for what, size in sorted(sizes.items(), key=lambda item: -item[1])[:5]
    )


def show(capsys: Capsys, text: str) -> None:
    """Prints past pytest's capture, so that the budget is seen on each run."""
    with capsys.disabled():
        print("", text, sep="\n")


@pytest.mark.parametrize(
    ("files", "median", "limit"), [(PRODUCT, 140, 300), (TESTS, 300, 400)], ids=["product", "tests"]
)
def test_no_file_grows_past_its_budget(files: list[Path], median: int, limit: int, capsys: Capsys) -> None:
    """Architecture, size budget: the long tail is what makes a code base unpleasant."""
    sizes = {name(path): len(path.read_text("utf-8").splitlines()) for path in files}
    show(capsys, worst(sizes))
    assert max(sizes.values()) <= limit, worst(sizes)
    assert statistics.median(sizes.values()) <= median, worst(sizes)


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of a module with the place it stands at."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name(path)}:{node.lineno} {node.name}", node


def test_no_function_grows_past_its_budget(capsys: Capsys) -> None:
    """Architecture, size budget: 45 lines at most, 12 at the median, docstring included."""
    found = [functions(path) for path in PRODUCT]
    sizes = {place: (node.end_lineno or 0) - node.lineno + 1 for place, node in itertools.chain(*found)}
    show(capsys, worst(sizes))
    assert max(sizes.values()) <= 45, worst(sizes)
    assert statistics.median(sizes.values()) <= 12, worst(sizes)


def test_no_policy_file_grows_past_its_budget(capsys: Capsys) -> None:
    """Architecture, size budget: a policy that one cannot read in a sitting cannot be reviewed."""
    sizes = {
        name(path): len(path.read_text("utf-8").splitlines()) for path in ROOT.glob("policies/*/*/*.yaml")
    }
    show(capsys, worst(sizes))
    assert max(sizes.values(), default=0) <= 250, worst(sizes)


@pytest.mark.parametrize("path", OURS, ids=name)
def test_every_module_opens_with_one_sentence(path: Path) -> None:
    """Architecture: every module says what it is for."""
    text = ast.get_docstring(ast.parse(path.read_bytes()))
    assert text, f"{name(path)} has no docstring"
    first = text.split("\n\n")[0]
    assert first.rstrip().endswith((".", "?", ":")), f"{name(path)} opens with no sentence: {first!r}"


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_no_payer_and_no_clinical_word_in_python(path: Path) -> None:
    """House rule 1: adding a policy touches no Python, so it names no payer, procedure or organ."""
    text = path.read_text("utf-8")
    assert not house.payer_words(text, house.payers(ROOT)), (
        "payer names belong in policies/<payer>/payer.yaml"
    )
    assert not house.clinical_words(text), "clinical words belong in policies/ and fhir_profiles/"


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_no_clinical_code_in_python(path: Path) -> None:
    """House rule 1: code refers to ValueSets by name; the codes live in fhir_profiles/."""
    found = house.clinical_codes(ast.parse(path.read_bytes()))
    assert not found, f"codes belong in fhir_profiles/valuesets: {found}"


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_class_names_say_what_a_thing_is(path: Path) -> None:
    """Glossary, suffixes: no Manager, Handler, Helper, Util, Data or Info; Error only for exceptions."""
    found = house.vague_classes(ast.parse(path.read_bytes()))
    assert not found, f"{name(path)}: {found}"


def test_every_code_of_the_value_sets_has_a_shape_that_the_scanner_knows() -> None:
    """The scanner is only as good as its shapes, so the project's own codes are held against it."""
    missed = [code for code in house.value_set_codes(ROOT) if not house.is_code(code)]
    assert len(house.value_set_codes(ROOT)) > 1000
    assert not missed


def test_the_scanners_see_what_they_look_for() -> None:
    """A scanner that finds nothing anywhere proves nothing."""
    assert house.payers(ROOT) >= {"blue cross", "blue shield"}
    assert house.payer_words("if payer == 'Acme Health':", {"acme health"}) == ["acme health"]
    assert house.clinical_words("LIVER_CODES = hepatic") == ["LIVER", "hepat"]
    assert not house.clinical_words("delivered olives")
    codes = ["C22.0", "C7B.02", "47383", "0F503ZF", "21889-1", "109841003", "D376"]
    assert house.clinical_codes(ast.parse(repr(codes))) == codes
    assert house.clinical_codes(ast.parse("x = 109841003")) == ["109841003"]
    plain = [
        "2026-11-21",
        "10000",
        "R4",
        "UTF-8",
        "2.0.1",
        "M1",
        "application/fhir+json",
        "200",
        "A text with 47383.",
    ]
    assert not house.clinical_codes(ast.parse(repr(plain[:-1])))
    assert house.clinical_codes(ast.parse(repr(plain))) == ["47383"]


@pytest.mark.parametrize("path", house.own_text(ROOT), ids=name)
def test_no_place_of_one_machine_is_named(path: Path) -> None:
    """The project speaks of itself alone: no path of a developer's machine, no host of a package registry."""
    found = house.machine_words(path.read_text("utf-8", errors="replace"))
    assert not found, f"{name(path)}: {found}"
