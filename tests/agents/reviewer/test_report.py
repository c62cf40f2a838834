"""The report: its counts, its score, and parts that were not measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.findings import Severity
from agents.reviewer.assessment import assess_files, measure_code
from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from agents.reviewer.ruff.style import check_pep8, count_layout_problems
from agents.reviewer.scoring import WEIGHTS, build_report, shorten_uri
from tests.agents.reviewer.labels import make_document
from tests.agents.reviewer.test_batch import read_documents
from tests.marked import parse

if TYPE_CHECKING:
    from pathlib import Path

COUNTED = '''
def settle(self, order, late=False, *, note):
    """Settle it."""
    # a word on it
    if order.open and order.paid and not late:  # +1 +1
        for item in order.items:  # +2
            if item.late or item.free:  # +3 +1
                item.close()

            else:  # +1
                item.wait()
    elif late:  # +1
        return 1 if note else 2  # +2
    return 0


def _hidden(): ...
'''


def test_functions_are_counted() -> None:
    metrics = measure_code(make_document(COUNTED))
    assert metrics is not None
    settle, hidden = metrics.functions
    assert (settle.name, settle.first_line, settle.documented) == ("settle", 1, True)
    assert settle.cognitive == 12
    assert settle.cyclomatic == 1 + 1 + 2 + 1 + 1 + 1 + 1 + 1
    assert (settle.nesting, settle.parameters, settle.lines) == (3, 1, 10)
    assert (hidden.name, hidden.cyclomatic, hidden.cognitive, hidden.documented) == ("_hidden", 1, 0, False)
    assert (metrics.documentable, metrics.documented) == (1, 1)
    assert (metrics.code_lines, metrics.comment_lines) == (11, 2)


@pytest.mark.parametrize(
    ("language", "text", "cognitive", "cyclomatic"),
    [
        ("javascript", "function f(a) { if (a && b) { g(); } else if (c) { h(); } else { i(); } }", 4, 4),
        ("java", "class A { int f(int a) { for (;;) { if (a > 1) { return 1; } else { return 2; } } } }", 4, 3),
        ("go", "package a\nfunc f(a int) { switch a { case 1: g() ; case 2: h() } }", 1, 3),
        ("rust", "fn f(a: i32) { while a > 1 { match a { 1 => g(), _ => h() } } }", 3, 4),
        ("ruby", "def f(a)\n  if a\n    g\n  elsif b\n    h\n  end\nend\n", 2, 3),
        ("bash", "f() { if a; then b; else c; fi; }", 2, 2),
    ],
)
def test_other_languages_are_counted_alike(language: str, text: str, cognitive: int, cyclomatic: int) -> None:
    metrics = measure_code(make_document(text, language))
    assert metrics is not None
    (function,) = metrics.functions
    assert (function.cognitive, function.cyclomatic) == (cognitive, cyclomatic)


def test_a_clean_workspace_scores_full_marks_in_what_was_measured(tmp_path: Path) -> None:
    files = read_documents(
        parse('#- main.py\ndef area(r: float) -> float:\n    """Of a circle."""\n    return r * r\n').write(tmp_path)
    )
    result = build_report(list(assess_files(Reviewer(), files)))
    assert result.score == 100
    assert {part.name: part.score for part in result.parts} == {**dict.fromkeys(WEIGHTS, 100.0), "tests": None}
    assert "coverage" in next(part.how for part in result.parts if part.name == "tests")


def test_each_part_of_the_score_is_computed_as_documented(tmp_path: Path) -> None:
    files = read_documents(parse("#- main.py\nimport os\nl = undefined \n\ndef open_it(): return l\n").write(tmp_path))
    result = build_report(list(assess_files(Reviewer(), files)), covered=40.0, uncovered=("main.py",))
    scores = {part.name: part.score for part in result.parts}
    assert result.counts[Severity.ERROR] == 1
    assert scores["findings"] == 0
    assert scores["complexity"] == 100
    assert scores["documentation"] == 0
    assert scores["tests"] == 40
    assert scores["pep8"] == 0
    assert result.score is not None
    assert 0 < result.score < 50
    assert result.recommendations[0].startswith("Fix the 1 error first (F821)")
    assert any("60 % of the lines that no test runs, first main.py" in each for each in result.recommendations)


def test_a_report_on_nothing_has_no_score() -> None:
    assert build_report([]).score is None


def test_pep8_is_judged_whatever_the_workspace_selects(tmp_path: Path) -> None:
    marked = parse("#- ruff.toml\nlint.select = ['F']\nline-length = 60\n#- main.py\nx=1\ny = '" + "a" * 70 + "'\n")
    marked.write(tmp_path)
    reviewer = Reviewer()
    main = make_document(marked.files["main.py"], path=tmp_path / "main.py")
    found = check_pep8(main, reviewer.ruff, reviewer.policy)
    assert {finding.code for finding in found.findings} == {"E225", "E501"}


def test_layout_is_counted_in_every_language() -> None:
    assert count_layout_problems(make_document("int a; \n\tint b;\r\nint c;", "c")) == 3
    assert count_layout_problems(make_document("", "c")) == 0
    assert count_layout_problems(make_document("two spaces  \nmean a break\n", "markdown")) == 0


def test_layout_is_counted_in_one_pass_however_long_the_indentation() -> None:
    assert (
        count_layout_problems(make_document(" " * 1_000_000 + "x" + " " * 1_000_000 + "\n", "c")) == 2
    )  # long, and trailing


def test_without_ruff_pep8_has_no_score(tmp_path: Path) -> None:
    files = read_documents(parse("#- main.py\nx = 1\n").write(tmp_path))
    reviewer = Reviewer(ReviewPolicy())
    reviewer.ruff.binary = ""
    result = build_report(list(assess_files(reviewer, files)))
    assert next(part for part in result.parts if part.name == "pep8").score is None


def test_a_file_is_named_with_as_many_folders_as_distinguish_it_from_others() -> None:
    everywhere = {"file:///w/app.py", "file:///w/inner/app.py", "file:///w/other.py", "file:///w/myapp.py"}
    assert [shorten_uri(uri, everywhere) for uri in sorted(everywhere)] == [
        "w/app.py", "inner/app.py", "myapp.py", "other.py",
    ]  # fmt: skip
