"""Reviews of any text end soon, with findings that lie inside the text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.edits import apply_edits
from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from indexing.syntax import languages
from tests.agents.reviewer.labels import WITHOUT_RUFF, locate_findings, make_document
from tests.agents.reviewer.test_languages import SAMPLES

REVIEWER = Reviewer(WITHOUT_RUFF)
CODE = """
def area(shape, seen=[]):
    if shape == None:
        return shape is shape
    for item in seen:
        seen.remove(item)
"""


def check_findings_lie_inside(text: str, language: str) -> None:
    for finding in REVIEWER.review(make_document(text, language)):
        assert 0 <= finding.span.start < finding.span.end <= len(text)
        if finding.fix is not None:
            apply_edits(text, finding.fix.edits)


@given(st.text(), st.sampled_from(sorted(languages.NAMES)))
@settings(max_examples=150, deadline=None)
def test_any_text(text: str, language: str) -> None:
    check_findings_lie_inside(text, language)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_piece_of_code(data: st.DataObject) -> None:
    language = data.draw(st.sampled_from(sorted(SAMPLES)))
    text = SAMPLES[language]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    check_findings_lie_inside(text[:start] + data.draw(st.text(max_size=3)) + text[end:], language)


@pytest.mark.parametrize("text", ["", "\n", "\0", "\ufeffx = 1", "x = '\ud800'", "🐦 = 1\r\n" * 3, "\r\r\r"])
def test_odd_texts(text: str) -> None:
    check_findings_lie_inside(text, "python")


def test_line_endings_and_characters_outside_the_basic_plane_do_not_move_findings() -> None:
    expected = locate_findings(REVIEWER.review(make_document(CODE)), CODE)
    windows = CODE.replace("\n", "\r\n")
    assert len(expected) == 4
    assert {each[::3] for each in locate_findings(REVIEWER.review(make_document(windows)), windows)} == {
        e[::3] for e in expected
    }
    birds = "# 🐦🐦\n" + CODE
    assert locate_findings(REVIEWER.review(make_document(birds)), birds) == {
        (line + 1, *rest) for line, *rest in expected
    }


@pytest.mark.parametrize(
    "text",
    [
        "if a:\n" + "".join("    " * n + "if a:\n" for n in range(1, 900)) + "    " * 900 + "pass\n",
        "x = " + " and ".join(f"a{n}" for n in range(20_000)) + "\n",
        "if a:\n    pass\n" + "".join(f"elif a == {n}:\n    pass\n" for n in range(5_000)),
        "{" * 5000,
        "x = {" + "".join(f"'{n}': {n},\n" for n in range(30_000)) + "}\n",
        "try:\n    pass\nexcept:\n    pass\n" * 5_000,
    ],
    ids=["nested", "chained", "branches", "brackets", "pairs", "handlers"],
)
def test_huge_and_deeply_nested_texts_are_reviewed_in_time(text: str) -> None:
    check_findings_lie_inside(text, "python")


def test_large_binary_and_disabled_texts_are_not_reviewed() -> None:
    assert Reviewer(ReviewPolicy(ruff="never", longest_document=10)).review(make_document(CODE)) == ()
    assert REVIEWER.review(make_document("\0" + CODE)) == ()
    assert Reviewer(ReviewPolicy(ruff="never", enabled=False)).review(make_document(CODE)) == ()
    off = ReviewPolicy(ruff="never", languages_off=frozenset({"python"}))
    assert Reviewer(off).review(make_document(CODE)) == ()


def test_a_minified_line_is_not_reviewed() -> None:
    assert REVIEWER.review(make_document(CODE + "x = '" + "y" * 5000 + "'\n")) == ()


def test_a_cancelled_review_gives_nothing() -> None:
    assert Reviewer(WITHOUT_RUFF).review(make_document(CODE), cancelled=lambda: True) == ()


def test_an_untitled_document_is_reviewed() -> None:
    assert REVIEWER.review(make_document(CODE, path=None))
    assert REVIEWER.review(make_document(CODE, path=Path("/nowhere/at/all.py")))


@pytest.mark.parametrize(
    "text",
    [
        "<<<<<<< a\n" * 3000 + "=======\n" * 3000,
        "sk-" * 100_000 + " T3BlbkFJ",
        "-----BEGIN PRIVATE KEY-----" + " " * 100_000 + "!",
        "#!a" + "1" * 100_000 + "!",
    ],
    ids=["conflict", "key", "block", "first line"],
)
def test_a_crafted_text_is_reviewed_at_once(text: str) -> None:
    started = time.monotonic()
    REVIEWER.review(make_document(text, "text"))
    languages.detect_by_shebang(text.partition("\n")[0])
    assert time.monotonic() - started < 10.0


def test_each_conflict_is_found_once_and_only_when_it_is_whole() -> None:
    whole = "<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n"
    windows = whole.replace("\n", "\r\n")
    for text, count in ((whole * 2, 2), (windows, 1), ("=======\n" + whole, 1), ("<<<<<<< a\n>>>>>>> b\n", 0)):
        assert [each.code for each in REVIEWER.review(make_document(text, "text"))] == ["conflict-mark"] * count
