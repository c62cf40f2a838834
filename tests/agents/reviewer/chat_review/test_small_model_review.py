"""The review by a small chat model: plain questions, lenient parsing, and claims that the model confirms twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from agents.edits import apply_edits
from agents.findings import Layer, Severity
from agents.reviewer.chat_review.model_review import review_by_model
from agents.reviewer.chat_review.small_model_review import number_lines, parse_choice, parse_claims, parse_line
from indexing.syntax.syntax import Syntax
from models.chat import never
from models.scripted.scripted_chat import ScriptedChat
from tests.agents.doubles import MemoryIndex, make_document

if TYPE_CHECKING:
    from agents.findings import Finding
    from indexing.index import Index

CODE = '''class Shape:
    limit = 3

    def area(self, width, height):
        """The area."""
        size = scale(width)
        return size * width


def scale(size):
    return size
'''
WRONG, RIGHT = "        return size * width", "        return size * height"


def build_script(found: str = "line 4: it ignores the height", line: str = f"```\n{RIGHT}\n```") -> str:
    """Return a script with the model's answer about bugs, and its answer about the corrected line."""
    return f"=== write this line as it has to be\n{line}\n=== is there a bug\n{found}\n"


class Choosing(ScriptedChat):
    """Prefers the line that holds `wanted`, or always answers the same."""

    def __init__(self, text: str, *, wanted: str = RIGHT, always: str = "") -> None:
        super().__init__(text)
        self.wanted, self.always = wanted, always

    def chat(self, request, **rest):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003, ANN201 - as the base
        asked = request.messages[-1].text
        if "there are two versions" not in asked:
            return super().chat(request, **rest)
        self.requests.append(request)
        first = asked[asked.index("A:\n") : asked.index("B:\n")]
        letter = self.always or ("A" if self.wanted.strip() in first else "B")
        return ScriptedChat(f"===\n{letter}").chat(request, **rest)


def review_code(chat: ScriptedChat, code: str = CODE, index: MemoryIndex | None = None) -> tuple[Finding, ...]:
    document = make_document(code)
    span = next(one.span for one in Syntax.of(document).symbols if one.name == "area")
    return review_by_model(document, [span], chat, cast("Index", index or MemoryIndex()), never, small=True)


def test_a_confirmed_claim_becomes_a_finding_of_its_line_with_a_fix() -> None:
    chat = Choosing(build_script())
    (finding,) = review_code(chat)
    assert CODE[finding.span.start : finding.span.end] == WRONG.strip()
    assert (finding.code, finding.severity, finding.layer) == ("model-logic", Severity.INFORMATION, Layer.MODEL)
    assert finding.message == "It ignores the height"
    assert finding.fix is not None
    assert not finding.fix.safe
    assert apply_edits(CODE, finding.fix.edits) == CODE.replace(WRONG, RIGHT)
    assert len(chat.requests) == 4
    assert all(request.schema is None for request in chat.requests)


def test_the_first_question_has_line_numbers_the_class_and_used_definitions() -> None:
    chat = Choosing(build_script("no"))
    assert review_code(chat) == ()
    (request,) = chat.requests
    asked = request.messages[-1].text
    assert "4:         return size * width" in asked
    assert "class Shape" in asked
    assert "limit = 3" in asked
    assert "def scale(size):" in asked


@pytest.mark.parametrize("letter", ["A", "B", "A or B", "neither"])
def test_a_choice_that_depends_on_the_order_or_is_missing_gives_no_finding(letter: str) -> None:
    assert review_code(Choosing(build_script(), always=letter)) == ()


def test_a_model_that_prefers_the_old_line_gives_no_finding() -> None:
    assert review_code(Choosing(build_script(), wanted=WRONG)) == ()


@pytest.mark.parametrize(
    "line", ["right", "Right.", f"```\n{WRONG}\n```", "```\nreturn size*width\n```", "```\na\nb\nc\nd\n```", ""]
)
def test_a_model_without_another_line_gives_no_finding(line: str) -> None:
    chat = Choosing(build_script(line=line or "@end length\n"), wanted="nothing")
    assert review_code(chat) == ()


def test_a_new_line_that_does_not_parse_gives_no_finding() -> None:
    chat = Choosing(build_script(line="```\nreturn (size * height\n```"), wanted="return (size * height")
    assert review_code(chat) == ()
    assert len(chat.requests) == 2


def test_a_function_too_long_for_the_model_is_not_sent() -> None:
    chat = Choosing(build_script())
    chat._context_tokens = 700
    assert review_code(chat, CODE.replace(WRONG, "        size = size + 1\n" * 100 + WRONG)) == ()
    assert chat.requests == []


def test_an_excluded_document_is_not_sent_at_all() -> None:
    chat = Choosing(build_script())
    assert review_code(chat, index=MemoryIndex(excluded={"main.py": "ignored"})) == ()
    assert chat.requests == []


LINES = ["def f(a):", "    if a > 1:", "", "    return a"]


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("line 2: it should be at least 1", [2]),
        ("Line 2 is wrong.", [2]),
        ("**Line 4**: returns the wrong thing", [4]),
        ("2: off by one", [2]),
        ("2. off by one\n4. no value", [2, 4]),
        ("Yes, there is a bug in line 4: it forgets b.", [4]),
        ("line 2 `if a > 1:` excludes 1", [2]),
        ("line 2: first\nline 2: again", [2]),
        ("no", []),
        ("No, there is no bug.", []),
        ("There are no bugs. Line 2 checks the bound.", []),
        ("The code on line 2 is correct.", []),
        ("line 9: not there", []),
        ("line 3: an empty line", []),
        ("I like it.", []),
        ("", []),
    ],
)
def test_claims_are_read_however_they_are_written(answer: str, numbers: list[int]) -> None:
    assert [one.number for one in parse_claims(answer, LINES)] == numbers


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ("```python\n    if a >= 1:\n```", "    if a >= 1:"),
        ("```\nif a >= 1:\n```\nBecause.", "    if a >= 1:"),
        ("```\n2:     if a >= 1:\n```", "    if a >= 1:"),
        ("`if a >= 1:`", "    if a >= 1:"),
        ("```\nif a is None:\n    a = 1\n```", "    if a is None:\n        a = 1"),
        ("if a >= 1:\nor so", ""),
        ("It is right.", ""),
        ("```\n    if a  > 1:\n```", ""),
    ],
)
def test_a_line_is_read_however_it_is_written(answer: str, line: str) -> None:
    assert parse_line(answer, LINES[1]) == line


def test_choices_are_single_letters_and_lines_get_numbers() -> None:
    assert [parse_choice(said) for said in ("A", "B.", "Version A is right", "A or B", "both", "")] == [
        "A",
        "B",
        "A",
        "",
        "",
        "",
    ]
    assert number_lines("a\nb") == "1: a\n2: b"
    assert number_lines("x\n" * 10).splitlines()[0] == " 1: x"
