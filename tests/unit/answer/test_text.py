"""Text from charts stays text: in Markdown, in one plain line, and in length."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cds_service.answer import text

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HARMLESS = {"paragraph_open", "paragraph_close", "inline", "text", "text_special", "softbreak"}

NASTY = [
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/a.png)",
    "**bold** _it_ ~~gone~~ `code`",
    "line\n# heading\n\n- item",
    "1. list",
    "- list",
    "+ list",
    "> quote",
    "| a | b |",
    "===",
    "&lt;script&gt; &#60;b&#62;",
    "back\\slash \\<b>",
    "<!-- comment",
    "<https://evil.example>",
]


def kinds(markdown: str) -> set[str]:
    """Token types that a Markdown reader makes of a text."""
    tokens = MARKDOWN.parse(markdown)
    return {token.type for token in tokens} | {
        child.type for token in tokens for child in token.children or ()
    }


@pytest.mark.requirement("CH-137", "CH-168")
@pytest.mark.parametrize("value", NASTY)
def test_markup_in_a_value_is_shown_and_not_read(value: str) -> None:
    """CH-168: what the chart wrote comes out as the same words, with no markup of its own."""
    escaped = text.markdown(value)
    assert kinds(escaped) <= HARMLESS
    (shown,) = [token for token in MARKDOWN.parse(escaped) if token.type == "inline"]
    words = "".join(child.content for child in shown.children or ())
    assert words == " ".join(value.split())


@pytest.mark.requirement("CH-168")
@given(st.text(alphabet=st.sampled_from("<>[]()!*_~`#|-+=.1&;\\ \n/ahtpjs:w"), min_size=1))
def test_no_run_of_signs_makes_markup(value: str) -> None:
    """CH-168: whatever signs follow each other, Markdown sees plain text."""
    escaped = text.markdown(value)
    assert kinds(escaped) <= HARMLESS
    assert "<" not in escaped
    assert ">" not in escaped


@pytest.mark.parametrize("value", ["see http://evil.example/x", "www.evil.example", "HTTPS://evil.example"])
def test_addresses_do_not_become_links(value: str) -> None:
    """CH-168: GitHub's Markdown links bare addresses; an escaped sign keeps it from doing so."""
    assert not re.search(r"[a-z]://|www\.", text.markdown(value), re.IGNORECASE)


@pytest.mark.requirement("CH-130", "CH-168")
@pytest.mark.parametrize("value", NASTY)
def test_a_plain_line_holds_no_markup(value: str) -> None:
    """CH-130: summaries, labels and reasons are one line of plain text."""
    line = text.plain(value)
    assert not set("<>[]`\n") & set(line)
    assert line == line.strip()


@pytest.mark.parametrize("value", ["Ünïcödé 癌 🧊 é", "👩‍⚕️"])
def test_letters_of_every_script_survive(value: str) -> None:
    """CH-041: non-Latin and emoji text is not broken."""
    assert text.markdown(value) == value
    assert text.plain(value) == value


def test_what_turns_a_line_around_is_taken_out() -> None:
    """A text must not be shown in another order than it has."""
    assert text.plain("safe\u202eexe.doc\x00") == "safe exe.doc"
    assert text.plain("broken \ud800 half") == "broken   half"


@pytest.mark.requirement("CH-129")
@pytest.mark.parametrize("filler", ["x", "word ", "🧊"])
@pytest.mark.parametrize("length", [138, 139, 140, 141, 500])
def test_a_summary_is_cut_to_fit_in_both_ways_of_counting(filler: str, length: int) -> None:
    """CH-129: at most 139 code points and UTF-16 units; what fits is left alone."""
    given_text = (filler * length)[:length].strip()
    cut = text.shorten(given_text, 139)
    units = len(cut.encode("utf-16-le")) // 2
    assert len(cut) <= units <= 139
    fits = len(given_text.encode("utf-16-le")) // 2 <= 139
    assert (cut == given_text) is fits
    assert fits or cut.endswith("…")


def test_a_cut_ends_at_a_word() -> None:
    """No half words where a whole one ends near."""
    assert text.shorten("alpha beta gamma delta", 18) == "alpha beta gamma…"


def test_titles_with_commas_stay_apart() -> None:
    """Criteria are named one by one."""
    assert text.listed(["A, or B", "C", "D"]) == "A, or B; C; D"
    assert text.listed([]) == ""
