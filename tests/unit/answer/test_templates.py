"""Every card file, part and sentence can be used, and no code of the program lacks its sentence."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from cds_service import determination
from cds_service.answer.templates import load_cards
from cds_service.answer.view import view
from cds_service.coverage.payers import Unmatched
from cds_service.determination import Determination, Outcome
from cds_service.hooks.response_check import SUMMARY_LIMIT, length
from cds_service.kernel.errors import DataError
from cds_service.kernel.provenance import Evidence, Gap, Note
from cds_service.kernel.truth import Truth
from cds_service.kernel.yaml_data import read_yaml
from cds_service.policy.select import SelectionReason
from tests.unit.answer import samples

CODE = Path(__file__).parents[3] / "cds_service"
# Codes that were agreed on for all parts of the program.
AGREED = (
    "service-recognised text-only-order technique-not-named adjunct-only other-technique not-this-service "
    "order-not-to-be-done order-status-dropped order-unreadable no-coverage coverage-not-in-force "
    "coverage-search-failed coverage-unreadable payer-not-read payer-not-served payer-ambiguous product-"
    "exception no-version-in-force no-policy-for-service criteria-met criterion-not-met criteria-open "
    "position-investigational absent search-failed not-fetched unreadable stale undated conflict "
    "provisional not-final no-value no-unit unit-conflict straddles-limit implausible unmeasured-lesion "
    "no-site target-not-found which-tumor excludes-each-other origin-unknown origin-differs unspecified-"
    "diagnosis unmapped-malignancy unspecified-site skin-cancer primary-not-resected no-statement not-a-"
    "practitioner other-patient narrative-only resection-ordered fitness-not-stated future-dated second-"
    "diagnosis provisional-beside code-read-as lesions-not-tracked other-lesion-large set-aside search-"
    "unsupported policy-definition benign-beside not-on-problem-list dimensions-inconsistent search-not-"
    "needed order-has-no-code code-list-conflict code-not-listed "
)


def test_every_agreed_code_has_a_sentence() -> None:
    """The catalogue is the contract between the parts."""
    assert set(AGREED.split()) <= samples.card_set().codes


def test_every_reason_that_a_determination_can_have_has_a_sentence() -> None:
    """Reasons come from recognition, payer matching, version selection and the outcome table."""
    reasons = {*determination._OUTCOMES, *Unmatched, *SelectionReason} - {SelectionReason.SEVERAL}
    assert reasons <= samples.card_set().codes


def codes_in_the_program() -> Iterator[tuple[str, str]]:
    """(code, place) of every gap and note that the program makes with a literal code."""
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            made = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if made in ("Gap", "Note") and isinstance(node, ast.Call) and node.args:
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value, f"{path.name}:{node.lineno}"


def test_every_gap_and_note_of_the_program_has_a_sentence() -> None:
    """A new code comes with its wording, or this fails and names the place."""
    found = dict(codes_in_the_program())
    assert found, "no gap is made anywhere: the scanner is blind"
    assert {code: place for code, place in found.items() if code not in samples.card_set().codes} == {}


@pytest.mark.parametrize("code", sorted(samples.card_set().codes))
@pytest.mark.parametrize("made", [Gap, Note])
def test_every_sentence_reads_well_with_and_without_its_fields(
    code: str, made: type[Gap] | type[Note]
) -> None:
    """A sentence ends once, has no hole, and names what it is about where that is known."""
    bare = sentence(made(code))
    full = sentence(made(code, "diameter 3.1 cm", "Observation/o1", "2026-10-22"))
    for text in (bare, full):
        assert re.fullmatch(r"\S.*[^\s.,:;]\.", text), text
        assert not re.search(r"\s[.,:;]|\s\s|None|\(\)|: ?\.|undefined", text), text
    gaps_and_notes = code not in ("criteria-open", "criterion-not-met") and full != bare
    assert not gaps_and_notes or "diameter 3.1 cm" in full


def sentence(item: Gap | Note) -> str:
    """The sentence of a gap or note, as a card would show it."""
    shown = samples.context(cards=samples.card_set()).cards.markdown(
        "cannot-evaluate/detail", view(samples.technical(gaps=(item,)), "Lakeside", form=False)
    )
    return next(line[2:] for line in shown.splitlines() if line.startswith("- "))


def test_a_code_without_a_sentence_is_shown_and_breaks_nothing() -> None:
    """A missing wording must not cost the clinician the answer."""
    assert sentence(Gap("brand-new", "this")) == "Could not be judged, reason code brand-new: this."


# Every kind of determination; those whose words hang on the reason with each reason they can have.
EVERY = [make() for make in samples.KINDS.values()] + [
    make(reason=reason)
    for make in (samples.no_policy, samples.cannot_evaluate, samples.technical)
    for reason in read_yaml(samples.CARDS / "reasons.yaml").data["coverage"]
]


@pytest.mark.parametrize("made", EVERY, ids=lambda made: f"{made.outcome}-{made.reason}")
@pytest.mark.parametrize("form", [True, False])
def test_every_template_renders_with_every_determination_it_is_for(made: Determination, form: bool) -> None:
    """Architecture: a test renders each template with each kind of determination and measures the summary."""
    words = {
        **view(made, "Great Lakes Mutual Health Insurance", form),
        "proposals": [samples.FIRST, samples.OTHER],
        "proposal": samples.OTHER,
    }
    rendered = 0
    for name, kind in samples.card_set().kinds.items():
        if not kind.speaks_of(made):
            continue
        if kind.card:
            assert 0 < length(samples.card_set().plain(f"{name}/summary", words)) < SUMMARY_LIMIT, name
            detail = samples.card_set().markdown(f"{name}/detail", words)
            assert not re.search(r"\n{3}|[ \t]\n|\{\{|\{%|None|<", detail), detail
            assert "\n" not in detail.splitlines()[0]
        if kind.assertion:
            reason = samples.card_set().plain(f"{name}/reason", words)
            assert len(re.findall(r"\. [A-Z]", reason)) <= 1, f"more than two sentences: {reason}"
            assert samples.card_set().plain(f"{name}/action", words)
        if kind.task:
            assert samples.card_set().plain(f"{name}/task", words)
            assert samples.card_set().plain(f"{name}/task-label", words)
        if kind.proposal:
            assert samples.card_set().plain(f"{name}/proposal-label", words)
            for change in ("add", "revise", "remove"):
                assert samples.card_set().plain(f"{name}/proposal", {**words, "change": change})
        rendered += 1
    assert rendered


def test_every_outcome_has_words_for_its_assertion_and_every_one_in_scope_a_card() -> None:
    """determinations.md section 3: one card for each in-scope order, nothing for the others."""
    kinds = samples.card_set().kinds.values()
    for outcome in Outcome:
        assert any(kind.assertion for kind in kinds if outcome in kind.outcomes), outcome
        cards = [kind for kind in kinds if outcome in kind.outcomes and kind.card and not kind.stands_in]
        assert bool(cards) is (outcome is not Outcome.OUT_OF_SCOPE), outcome


def test_every_kind_is_documented() -> None:
    """Architecture: a test proves that each card kind is documented."""
    page = (samples.CARDS.parent / "docs" / "cards.md").read_text("utf-8")
    assert [name for name in samples.card_set().kinds if f"`{name}`" not in page] == []


def test_times_of_day_are_left_out() -> None:
    """A clinician needs the day."""
    late = Evidence("Observation/o", "3.1 cm", "2026-10-22T14:15:00Z")
    made = samples.met(criteria=(samples.criterion(Truth.MET, evidence=(late,)),))
    assert "3.1 cm (2026-10-22)" in samples.body(made)["cards"][0]["detail"]
    assert (
        sentence(Gap("stale", "3.1 cm", None, "2025-01-01T08:00:00Z"))
        == "Too old to count: 3.1 cm (2025-01-01)."
    )


def test_no_card_says_approved_or_denied() -> None:
    """determinations.md section 3, words."""
    for path in samples.CARDS.glob("*.yaml"):
        assert not re.search(r"\b(approv|den(y|ied|ial))", path.read_text("utf-8"), re.IGNORECASE), path.name


def test_a_name_that_nobody_gives_is_an_error_and_not_a_hole(tmp_path: Path) -> None:
    """StrictUndefined, and None counts as nothing given."""
    for wrong in ("{{ nobody }}", "{{ plan }}"):
        cards = load_cards(copy(tmp_path, "no-policy.yaml", "No medical policy applied", wrong))
        words = view(samples.no_policy(), "Lakeside", form=False)
        with pytest.raises(UndefinedError):
            cards.plain("no-policy/summary", words)


def test_a_template_cannot_reach_into_the_program(tmp_path: Path) -> None:
    """Card files are data; the sandbox keeps them so."""
    cards = load_cards(
        copy(tmp_path, "no-policy.yaml", "No medical policy applied", "{{ reason.__class__.__mro__ }}")
    )
    with pytest.raises(Exception, match=r"(?i)unsafe|undefined|access"):
        cards.plain("no-policy/summary", view(samples.no_policy(), "Lakeside", form=False))


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("no-policy.yaml", "indicator: info", "indicator: critical", "no-policy.yaml:5"),
        ("no-policy.yaml", "indicator: info", "indicater: info", "card.indicater"),
        ("no-policy.yaml", "{{ reason | sentence }}", "{{ reason | sentence", "no-policy/summary"),
        ("reasons.yaml", "unlisted:", "unlist:", "reasons.yaml"),
    ],
)
def test_a_card_file_that_cannot_be_used_is_named(
    tmp_path: Path, file: str, old: str, new: str, says: str
) -> None:
    """House rule: an error says what is wrong and where."""
    with pytest.raises(DataError) as raised:
        load_cards(copy(tmp_path, file, old, new))
    assert says in str(raised.value)


def copy(tmp_path: Path, file: str, old: str, new: str) -> Path:
    """The shipped cards with one change."""
    folder = tmp_path / "cards"
    shutil.copytree(samples.CARDS, folder, dirs_exist_ok=True)
    content = (samples.CARDS / file).read_text("utf-8")
    assert old in content
    (folder / file).write_text(content.replace(old, new, 1), "utf-8")
    return folder
