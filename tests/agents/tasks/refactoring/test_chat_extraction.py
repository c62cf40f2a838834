"""Extraction of a function on request: a chat model chooses lines and a name, the rest follows from the syntax."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.edits import ProposedEdit
from agents.findings import Finding, Severity
from agents.tasks.filling import Cancelled
from agents.tasks.functions import find_function_at
from agents.tasks.refactoring.chat_extraction import _Extraction, asks_to_extract
from agents.tasks.refactoring.refusals import ExtractionError
from agents.tasks.task import Nothing, Result, Scene
from indexing.syntax.documents import Document, Span
from models.scripted.scripted_chat import ScriptedChat
from tests.agents.tasks.scenes import Workplace, make_scene, read_after, run_chat_task

REPORT = """
def report(rows, out):
    total = 0
    for row in rows:
        total += row.size
        out.write(row.name)

    out.write("-" * 20)
    out.$0write(str(total))
    return total
"""
DIVIDED = """def _write_rows(rows, out, total):
    for row in rows:
        total += row.size
        out.write(row.name)
    return total


def report(rows, out):
    total = 0
    total = _write_rows(rows, out, total)

    out.write("-" * 20)
    out.write(str(total))
    return total
"""
LOOP = "lines 3-5: from `for row in rows:` to `out.write(row.name)`\nname: write_rows"
WORDS = "extract the loop over the rows into a function"


def run_extraction(
    scene: Scene, chat: ScriptedChat, *, task: str = "refactor", workplace: Workplace | None = None
) -> Result:
    """Run a task on a scene with a chat model, and return its result."""
    return run_chat_task(task, scene, workplace or Workplace(), chat)


def make_request_scene(words: str = WORDS, fixture: str = REPORT, select: str = "") -> Scene:
    """Return a scene with the instruction `words` and the text `select` selected, or at the fixture's `$0`."""
    found, _ = make_scene(fixture)
    start = found.document.text.index(select) if select else found.span.start
    return replace(found, instruction=words, span=Span(start, start + len(select)))


@pytest.mark.parametrize("task", ["refactor", "generate"])
def test_the_lines_that_the_model_names_are_a_function_of_their_own(task: str) -> None:
    chat = ScriptedChat(f"===\n{LOOP}")
    result = run_extraction(make_request_scene(), chat, task=task)
    assert read_after(result) == DIVIDED
    assert isinstance(result, ProposedEdit)
    assert (result.why, result.model) == ("Lines 3 to 5 of `report` are now a separate function.", "scripted")
    (request,) = chat.requests
    asked = request.messages[-1].text
    assert f"The task: {WORDS}." in asked
    assert "lines 3-5: from `for row in rows:` to `out.write(row.name)`\n" in asked
    assert "3     for row in rows:\n" in asked


def test_a_name_that_the_person_gives_holds() -> None:
    chat = ScriptedChat(f"===\n{LOOP}")
    assert read_after(
        run_extraction(make_request_scene("extract the loop into a function called put_rows"), chat)
    ) == DIVIDED.replace("_write_rows", "put_rows")


def test_selected_lines_are_the_ones_that_move() -> None:
    chat = ScriptedChat("===\nlines 7-8: from `out.write` to `out.write`\nname: write_total")
    selected = '    out.write("-" * 20)\n    out.write(str(total))\n'
    made = read_after(run_extraction(make_request_scene("extract this into a function", select=selected), chat))
    assert "    _write_total(out, total)\n    return total\n" in made
    assert "lines 7-8:" in chat.requests[0].messages[-1].text
    assert "lines 3-5:" not in chat.requests[0].messages[-1].text


def test_for_lines_that_cannot_move_the_model_is_asked_again_with_the_reason() -> None:
    chat = ScriptedChat(f"===\n@times 1\nlines 2-9: all\nname: work\n===\n{LOOP}")
    assert read_after(run_extraction(make_request_scene(), chat)) == DIVIDED
    assert "That cannot be done: that is the whole function" in chat.requests[1].messages[-1].text


def test_without_usable_lines_the_model_writes_the_function_itself() -> None:
    written = f"```python\n{DIVIDED}```\nThe loop is a function now."
    chat = ScriptedChat(f"===\n@times 1\nI cannot.\n===\n@times 1\nlines 90-95: x\nname: y\n===\n{written}")
    assert read_after(run_extraction(make_request_scene(), chat)) == DIVIDED
    assert [request.max_tokens > 200 for request in chat.requests] == [False, False, True]


@pytest.mark.parametrize(
    "words",
    [
        "rename total to sum",
        "extract the loop into a function and add type hints",
        "split into two functions, one for reading and one for writing",
        "split into three functions",
        "move total to a constant",
        "extract a class",
        "make it faster",
        "",
        "Extrahiere die Schleife",
    ],
)
def test_instructions_that_ask_for_anything_else_are_no_extraction(words: str) -> None:
    assert not asks_to_extract(words)


@pytest.mark.parametrize(
    "words",
    [
        "split into two functions",
        "Split this function.",
        "please extract the checks into a function of its own",
        "extract the loop over extra into a method named `format_extra`",
        "move the parsing of the header into a helper",
        "factor the loop out into its own method",
        "pull the retry and the logging out into a function",
        "extract the retry logic",
        "break this up into smaller functions",
    ],
)
def test_instructions_that_ask_for_a_part_as_a_function_are_an_extraction(words: str) -> None:
    assert asks_to_extract(words)


def test_other_languages_are_written_by_the_model_as_before() -> None:
    fixture = "#- main.js\nfunction f(a) {\n  for (const b of a) {\n    $0g(b)\n  }\n  return 1\n}\n"
    found, workplace = make_scene(fixture)
    chat = ScriptedChat("===\n```js\nfunction f(a) {\n  each(a)\n  return 1\n}\n```\nDone.")
    made = run_extraction(replace(found, instruction=WORDS), chat, workplace=workplace)
    assert "each(a)" in read_after(made)
    assert len(chat.requests) == 1


def test_a_division_that_brings_an_error_is_not_proposed() -> None:
    def review(document: Document) -> tuple[Finding, ...]:
        found = Finding("x", Severity.ERROR, Span(0, 1), "It is wrong.")
        return (found,) if "_write_rows" in document.text else ()

    chat = ScriptedChat(f"===\n@times 2\n{LOOP}\n===\nI cannot.")
    assert isinstance(run_extraction(make_request_scene(), chat, workplace=Workplace(review=review)), Nothing)
    assert "That cannot be done: it brings an error: It is wrong." in chat.requests[1].messages[-1].text


def test_a_cancelled_extraction_ends() -> None:
    chat = ScriptedChat(f"===\n{LOOP}")
    with pytest.raises(Cancelled):
        run_extraction(make_request_scene(), chat, workplace=Workplace(cancelled=lambda: True))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "lines 3-5",
        "name: write_rows",
        f"lines {'9' * 6000}-{'9' * 6000}\nname: x",
        "lines 0-5\nname: x",
        "lines 5-3\nname: x",
        "lines 3-500\nname: x",
        "lines -3--5\nname: x",
        "lines 3-5\nname: class",
        "lines 3-5\nname: __init__",
        "lines 3-5\nname: naïve",
        f"lines 3-5\n{' ' * 100_000}name: x",
        f"{'lines ' * 20_000}\nname: x",
    ],
)
def test_an_answer_that_names_nothing_that_can_be_moved_is_refused_with_a_reason(answer: str) -> None:
    asked = make_request_scene()
    function = find_function_at(asked.syntax, asked.span.start)
    assert function is not None
    with pytest.raises(ExtractionError):
        _Extraction(ScriptedChat("===\nnothing"), asked, function).read_answer(answer)


def test_of_a_name_with_code_only_the_name_is_used() -> None:
    result = run_extraction(make_request_scene(), ScriptedChat("===\nlines 3-5\nname: write(1); import os"))
    assert read_after(result) == DIVIDED.replace("_write_rows", "_write")
