"""Scanners for payer names, clinical words, clinical codes and places of one machine."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

CLINICAL_WORD = re.compile(r"(?<![a-z])(?:cryo|liver|hepat|ablati)", re.IGNORECASE)
# Written with brackets, so that this file does not name them itself.
MACHINE_WORD = re.compile(r"/[w]ork/|/[h]ome/[a-z]|[p]ypi\.org|[n]pmjs\.org|[d]eb\.debian|[c]rates\.io")
TEXT = {
    ".py",
    ".md",
    ".yaml",
    ".yml",
    ".toml",
    ".json",
    ".html",
    ".js",
    ".css",
    ".cff",
    ".fsh",
    ".java",
    ".xml",
    "",
}
MADE = (
    {".git", ".venv", "build", "dist", "target", "node_modules", "vendor", "__pycache__", "htmlcov"}
    | {f".{tool}_cache" for tool in ("mypy", "ruff", "pytest", "import_linter")}
    | {".hypothesis"}
)

VAGUE = re.compile(r"(?:Manager|Handler|Helper|Utils?|Data|Info)$")
CLINICAL_SYSTEM = re.compile(r"ama-assn|snomed|loinc|icd-10|ICD10|HCPCS")

# The shapes of codes as they stand in a string. Check digits tell LOINC and SNOMED CT from dates and numbers.
SHAPES = (
    re.compile(r"[A-TV-Z]\d[0-9A-Z]\.[0-9A-Z]{1,4}"),  # ICD-10-CM
    re.compile(r"[A-TV-Z]\d[0-9AB]\d{0,3}"),  # ICD-10-CM without its dot
    re.compile(r"[0-9A-HJ-NP-Z]{7}(?<=[A-Z0-9]{7})"),  # ICD-10-PCS
    re.compile(r"\d{5}|\d{4}[FTU]"),  # CPT
    re.compile(r"[A-V]\d{4}"),  # HCPCS
    re.compile(r"L[AP]\d{1,6}-\d"),  # LOINC answers and parts
)
LOINC = re.compile(r"(\d{1,6})-(\d)")
SNOMED = re.compile(r"[1-9]\d{5,17}")
NOT_CODES = re.compile(r"\d0{3,}|19\d\d|20\d\d|[A-Z]+|\d{7}")  # round numbers, years, words, plain numbers


def payers(root: Path) -> set[str]:
    """Every name under which a payer of policies/ is recognised, in lower case."""
    names = {"blue cross", "blue shield"}
    for file in root.glob("policies/*/payer.yaml"):
        content = YAML(typ="safe").load(file.read_text("utf-8"))
        listed = [file.parent.name, content.get("name", ""), *content.get("names", [])]
        names |= {str(item).lower() for item in listed if item}
    return names | {item.replace(" ", "-") for item in names} | {item.replace(" ", "_") for item in names}


def payer_words(text: str, names: set[str]) -> list[str]:
    """Payer names that stand in a text as words."""
    return sorted(item for item in names if re.search(rf"(?<![a-z]){re.escape(item)}(?![a-z])", text.lower()))


def clinical_words(text: str) -> list[str]:
    """Words of one procedure or organ."""
    return CLINICAL_WORD.findall(text)


def clinical_codes(tree: ast.AST) -> list[str]:
    """Tokens of string and whole-number literals that have the shape of a clinical code."""
    return [token for token in _tokens(tree) if is_code(token)]


def _tokens(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*", node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > 99_999:
            yield str(node.value)


def is_code(token: str) -> bool:
    """Whether a token has the shape of a clinical code, check digit included where the system has one."""
    if match := LOINC.fullmatch(token):
        return _mod10(match[1]) == int(match[2])
    if SNOMED.fullmatch(token) and _verhoeff(token):
        return True
    if NOT_CODES.fullmatch(token):
        return False
    return any(shape.fullmatch(token) for shape in SHAPES)


def _mod10(number: str) -> int:
    """Check digit of a LOINC number (LOINC users' guide, appendix on check digits)."""
    odd = str(int(number[::-1][::2]) * 2)
    total = sum(map(int, odd)) + sum(map(int, number[::-1][1::2]))
    return -total % 10


def _verhoeff(number: str) -> bool:
    """Whether the last digit of a SNOMED CT identifier checks (Verhoeff: the dihedral group of ten)."""
    state = 0
    for place, digit in enumerate(map(int, reversed(number))):
        for _ in range(place % 8):
            digit = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[digit]
        turned = (state + digit if state < 5 else state - digit) % 5
        state = turned if (state < 5) == (digit < 5) else turned + 5
    return state == 0


def value_set_codes(root: Path) -> list[str]:
    """The codes of the clinical code systems in fhir_profiles/valuesets."""
    codes: list[str] = []
    for file in sorted(root.glob("fhir_profiles/valuesets/*.json")):
        for include in json.loads(file.read_text("utf-8"))["compose"]["include"]:
            if CLINICAL_SYSTEM.search(include["system"]):
                codes += [concept["code"] for concept in include.get("concept", ())]
    return codes


def vague_classes(tree: ast.AST) -> list[str]:
    """Class names that the glossary refuses."""
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [item for item in names if VAGUE.search(item)]


def machine_words(text: str) -> list[str]:
    """Paths of one machine and hosts of package registries."""
    return sorted(set(MACHINE_WORD.findall(text)))


def own_text(root: Path) -> list[Path]:
    """Every text file that was written here; what tools make and what others wrote is left out."""
    found: list[Path] = []
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name not in MADE:
            found += own_text(path)
        elif path.is_file() and path.suffix in TEXT:
            found.append(path)
    return found
