"""Makes docs/conformance.md from the requirement files and the results of a test run; says what is open."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.catalogue import NOT_MET, PARTLY, Requirement, RequirementsError, load

PAGE = Path(__file__).parent.parent / "docs" / "conformance.md"
MET, PARTLY_MET, NOT, NOT_APPLICABLE = STATES = ("met", "partly", "not", "not applicable")
LEVELS = {"SHALL": "SHALL", "SHALL NOT": "SHALL", "SHOULD": "SHOULD", "SHOULD NOT": "SHOULD", "MAY": "MAY"}
OWN_GATE = "own gate"

INTRODUCTION = """# Conformance

Made by `python -m tools.conformance` from `tests/conformance/requirements/` and a test run; not to be edited.
Each sentence is our own wording of what the source asks; the source alone is binding.

* **met**: tests name it and every one of them passed.
* **partly**: the same, with the limit told beside it.
* **not**: no passing test, or not done on purpose for the reason told beside it.
* **not applicable**: it does not bind this service, for the reason told beside it.

The line of SHALL counts SHALL NOT too, that of SHOULD counts SHOULD NOT. An own gate is asked for by no
standard's text: it comes from logical models, best practices, what real clients do, the official test kit or
our own judgement."""

Results = dict[str, dict[str, str]]
"""Outcome by test, by requirement id."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A requirement with the tests that carry its id and the state that follows from them."""

    requirement: Requirement
    tests: dict[str, str]
    state: str


def read_results(path: Path, known: dict[str, Requirement]) -> Results:
    """What `pytest --conformance-out` wrote, one outcome for each function; ValueError if unusable."""
    try:
        runs = {
            name: [(run["test"], run["outcome"]) for run in each]
            for name, each in json.loads(path.read_text("utf-8")).items()
        }
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not what pytest --conformance-out writes: {error!r}") from error
    if unknown := sorted(set(runs) - set(known)):
        raise ValueError(f"{path} speaks of unknown requirements: {', '.join(unknown)}")
    return {name: _by_function(each) for name, each in runs.items()}


def _by_function(runs: list[tuple[str, str]]) -> dict[str, str]:
    """Parameters are one test to a reader; the first outcome that is no pass stays."""
    functions: dict[str, str] = {}
    for test, outcome in runs:
        name = test.split("[")[0].removeprefix("tests/")
        if functions.get(name, "passed") == "passed":
            functions[name] = outcome
    return functions


def judge(requirement: Requirement, tests: dict[str, str]) -> Judged:
    """The state of one requirement; without passing tests nothing that binds is better than `not`."""
    passed = bool(tests) and set(tests.values()) == {"passed"}
    if not requirement.binds:
        state = NOT_APPLICABLE
    elif not passed or (requirement.reason and not requirement.reason.startswith(PARTLY)):
        state = NOT
    else:
        state = PARTLY_MET if requirement.reason else MET
    return Judged(requirement, tests, state)


def open_ids(judged: list[Judged], *, should: bool = False) -> list[str]:
    """The binding SHALLs (and SHOULDs, if asked for) that are neither met nor explained."""
    return [
        each.requirement.id
        for each in judged
        if each.state == NOT
        and not each.requirement.explained
        and (each.requirement.mandatory or (should and each.requirement.strength.startswith("SHOULD")))
    ]


def render(judged: list[Judged]) -> str:
    """The whole page."""
    by_source: dict[str, list[Judged]] = defaultdict(list)
    for each in judged:
        by_source[each.requirement.source].append(each)
    parts = [INTRODUCTION, _counts(by_source)]
    for source, entries in by_source.items():
        head = f"## {source}\n\n| id | strength | state | what, and why | tests |\n|---|---|---|---|---|"
        parts.append("\n".join([head, *map(_row, entries)]))
    return "\n\n".join(parts) + "\n"


def _counts(by_source: dict[str, list[Judged]]) -> str:
    """The summary table."""
    lines = [f"| source | strength | {' | '.join(STATES)} |", "|---|---|---|---|---|---|"]
    for source, entries in by_source.items():
        counts = Counter((_level(each.requirement), each.state) for each in entries)
        for level in dict.fromkeys((*LEVELS.values(), OWN_GATE)):
            numbers = [counts[level, state] for state in STATES]
            if any(numbers):
                lines.append(f"| {source} | {level} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def _level(asked: Requirement) -> str:
    """The line of the summary that counts a requirement."""
    return LEVELS.get(asked.strength, OWN_GATE) if asked.basis == "N" else OWN_GATE


def _why(judged: Judged) -> str:
    """The data's words for the state; what `partly:` says is withheld as long as no test bears it out."""
    asked = judged.requirement
    if judged.state == NOT and not asked.reason.startswith(NOT_MET):
        return asked.not_yet
    return asked.reason.removeprefix(PARTLY).removeprefix(NOT_MET).strip()


def _row(judged: Judged) -> str:
    """The line of one requirement."""
    asked, why = judged.requirement, _why(judged)
    what = f"{asked.says} *{why[0].upper()}{why[1:]}.*" if why else asked.says
    gate = _level(asked) == OWN_GATE and asked.strength in LEVELS
    strength = f"{asked.strength} ({OWN_GATE})" if gate else asked.strength
    tests = [f"`{n}`" if o == "passed" else f"`{n}` ({o})" for n, o in sorted(judged.tests.items())]
    cells = (asked.id, strength, judged.state, what, "<br>".join(tests))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 done, 1 something is open or the page is out of date, 2 unusable input."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="what pytest --conformance-out wrote")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a SHALL is open or the page is old"
    )
    parser.add_argument("--should", action="store_true", help="with --check: count every SHOULD too")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write or compare")
    options = parser.parse_args(arguments)
    try:
        known = load()
        results = read_results(options.results, known)
    except (OSError, ValueError, RequirementsError) as error:
        print(error, file=sys.stderr)
        return 2
    judged = [judge(requirement, results.get(name, {})) for name, requirement in known.items()]
    if options.check:
        return _check(judged, options)
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(render(judged), "utf-8")
    print(f"wrote {options.page}")
    return 0


def _check(judged: list[Judged], options: argparse.Namespace) -> int:
    """Says what keeps the page from being true and complete."""
    missing = open_ids(judged, should=options.should)
    page = options.page.read_text("utf-8") if options.page.exists() else ""
    stale = page != render(judged)
    if missing:
        print(f"{len(missing)} requirements neither met nor explained: {', '.join(missing)}")
    if stale:
        print(f"{options.page} is out of date; run python -m tools.conformance {options.results}")
    return 1 if missing or stale else 0


if __name__ == "__main__":
    sys.exit(main())
