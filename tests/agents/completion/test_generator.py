from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.generator import Generator
from agents.suggestions import Completion, Trigger
from indexing.syntax.syntax import Syntax
from indexing.syntax.trees import SyntaxTrees
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from tests.agents.completion.editor import (
    HARDLY_SURE,
    LARGE,
    LONG_S,
    SURE,
    Editor,
    apply_best,
    make_model,
    never,
)
from tests.agents.doubles import MemoryIndex, make_recalled, parse_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from indexing.index import Index
    from indexing.syntax.documents import Document
    from models.completion import FillRequest


def test_a_model_completes_the_line(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("abs(value)\ny = 2"))
    assert editor.complete("x = $0\n") == "x = abs(value)\n"


def test_an_unsure_suggestion_is_shown_only_to_a_person_who_asks(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("abs(value)", HARDLY_SURE))
    assert editor.ask("x = $0\n").why_empty == "unsure"
    assert editor.complete("x = $0\n", trigger=Trigger.INVOKED) == "x = abs(value)\n"


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("said", [" " * 192, "\n" * 40, "\n    " * 40])
def test_white_space_is_never_suggested(open_editor: Callable[..., Editor], trigger: Trigger, said: str) -> None:
    fixture = 'def area(self):\n    """The area."""\n    $0\n\n\nx = 1\n'
    assert not open_editor(make_model(said)).ask(fixture, trigger=trigger).suggestions


@pytest.mark.parametrize("rounds", [["a = 1"], ["a = b", "b = a"], ["if a:", "    b()", "c()"]])
def test_lines_that_a_model_repeats_again_and_again_are_suggested_once(
    open_editor: Callable[..., Editor], rounds: list[str]
) -> None:
    said = "\n    ".join(rounds * 5)
    fixture = "def swap(a, b):\n    $0\n\n\nx = 1\n"
    shown = open_editor(make_model(said)).complete(fixture, trigger=Trigger.INVOKED)
    assert shown == fixture.replace("$0", "\n    ".join(rounds))


def test_typing_a_suggestion_asks_no_model(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("abs(value)"))
    editor.ask("x = $0\n")
    assert editor.complete("x = ab$0\n") == "x = abs(value)\n"
    assert editor.generator.compute_statistics().model_runs == 1


def test_reuse_answers_without_a_request(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("abs(value)"))
    document, offset = parse_place("x = ab$0\n")
    assert editor.generator.reuse(document, offset) is None
    editor.ask("x = $0\n")
    rest = editor.generator.reuse(document, offset)
    assert rest is not None
    assert rest.suggestions[0].text == "s(value)"


def test_nothing_is_parsed_ahead_while_completion_is_off() -> None:
    trees = SyntaxTrees()
    generator = Generator(cast("Index", MemoryIndex()), None, trees=trees)
    document, _ = parse_place("x = ab$0\n")
    assert generator.is_on(document)
    generator.set_policy(CompletionPolicy(enabled=False))
    generator.prepare(document)
    assert not generator.is_on(document)
    assert not trees.is_cached(document)


def test_a_rejected_suggestion_is_not_shown_again_while_typing(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("abs(value)"))
    editor.generator.record_rejected(editor.ask("x = $0\n").suggestions[0].id)
    assert editor.ask("x = $0\n").why_empty == "rejected"
    assert editor.complete("x = $0\n", trigger=Trigger.INVOKED) == "x = abs(value)\n"


def test_suggestions_begin_with_the_item_selected_in_the_popup(open_editor: Callable[..., Editor]) -> None:
    seen: list[str] = []

    def reply(request: FillRequest) -> str:
        seen.append(request.prefix)
        return "(value)"

    editor = open_editor(ScriptedModel(reply, log_prob=SURE))
    completion = editor.ask("x = self.ab$0\n", selected="absolute")
    assert seen == ["x = self.absolute"]
    assert completion.suggestions[0].text == "absolute(value)"
    assert apply_best("x = self.ab$0\n", completion) == "x = self.absolute(value)\n"


def test_an_item_that_differs_from_the_partial_word_replaces_it(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("(value)"))
    assert editor.complete("x = AB$0\n", selected="absolute") == "x = absolute(value)\n"


def test_recall_works_after_the_model_is_removed(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("other()"), index=MemoryIndex(recalled=(make_recalled("abs(value)"),)))
    editor.generator.set_model(None)
    assert editor.complete("x = $0\n") == "x = abs(value)\n"


def test_a_suggestion_that_breaks_the_syntax_is_shown_only_to_a_person_who_asks(
    open_editor: Callable[..., Editor],
) -> None:
    editor = open_editor(make_model("def def def"))
    assert editor.ask("x = $0\ny = 1\n").why_empty == "errors"
    assert editor.ask("x = $0\ny = 1\n", trigger=Trigger.INVOKED).suggestions


def test_a_document_that_is_not_on_disk_is_completed(open_editor: Callable[..., Editor]) -> None:
    document, offset = parse_place("x = $0\n")
    untitled = type(document)("untitled:Untitled-1", None, "python", document.text)
    found = open_editor(make_model("abs(value)")).generator.complete(
        untitled, offset, trigger=Trigger.AUTOMATIC, cancelled=never
    )
    assert found.suggestions[0].text == "abs(value)"


@pytest.mark.parametrize("offset", [-5, 10**9])
def test_an_offset_outside_of_the_text_is_moved_into_it(open_editor: Callable[..., Editor], offset: int) -> None:
    document, _ = parse_place("x = $0\n")
    found = open_editor(make_model("abs(value)")).generator.complete(
        document, offset, trigger=Trigger.INVOKED, cancelled=never
    )
    assert all(0 <= one.start <= one.end <= len(document.text) for one in found.suggestions)


def test_a_prepared_document_is_parsed_incrementally(monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[Syntax | None] = []
    real = Syntax.of

    def record_parse(document: Document, previous: Syntax | None = None) -> Syntax:
        before.append(previous)
        return real(document, previous)

    monkeypatch.setattr(Syntax, "of", record_parse)
    document, offset = parse_place("x = 1\n$0\n")
    generator = Generator(cast("Index", MemoryIndex()), None)
    generator.prepare(replace(document, text="x = 1\n"))
    generator.complete(document, offset, trigger=Trigger.AUTOMATIC, cancelled=never)
    assert [previous is None for previous in before] == [True, False]


def test_a_generator_uses_the_cache_of_syntax_trees_that_it_was_given() -> None:
    trees = SyntaxTrees()
    generator = Generator(cast("Index", MemoryIndex()), None, trees=trees)
    document, _ = parse_place("x = 1\n$0\n")
    generator.prepare(document)
    assert trees.is_cached(document)
    generator.forget(document.uri)  # the cache has its own owner
    assert trees.is_cached(document)


def test_answers_and_accepted_suggestions_are_counted(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_model("abs(value)"))
    given = editor.ask("x = $0\n").suggestions[0]
    editor.generator.record_shown(given.id)
    editor.generator.record_accepted(given.id)
    found = editor.generator.compute_statistics()
    assert (found.requests, found.shown, found.accepted, found.characters_accepted) == (1, 1, 1, 10)
    assert found.total_p50_ms >= found.model_p50_ms > 0


def test_closing_ends_the_model_run(open_editor: Callable[..., Editor]) -> None:
    asked = threading.Event()

    def reply(_: FillRequest) -> str:
        asked.set()
        return "abs(value) " * 4000

    editor = open_editor(
        ScriptedModel(reply, token_s=0.01, log_prob=SURE), policy=CompletionPolicy(line_tokens=100_000)
    )
    answers: list[Completion] = []
    asking = threading.Thread(target=lambda: answers.append(editor.ask("x = $0\n")))
    asking.start()
    assert asked.wait(LONG_S)
    editor.generator.close()
    asking.join()
    assert answers[0].why_empty == "cancelled"


class Loading(ScriptedModel):
    """A large model that is not loaded yet."""

    is_settled = False
    warmed = False

    def warm(self) -> None:
        self.warmed = True


def test_the_small_model_answers_while_a_large_one_is_loading(open_editor: Callable[..., Editor]) -> None:
    large = Loading(lambda _: "large(value)", entry=LARGE)
    policy = CompletionPolicy(typing_ms=1000 * LONG_S, threshold=0.2)
    editor = open_editor(large, quick=make_model("small(value)", HARDLY_SURE / 2), policy=policy)
    (said,) = editor.ask("x = $0\n").suggestions
    assert (said.text, said.model) == ("small(value)", ENTRY.name)
    assert large.warmed
    assert not large.requests
    large.is_settled = True  # type: ignore[misc]
    (said,) = editor.ask("y = $0\n").suggestions
    assert (said.text, said.model) == ("large(value)", "large")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("else:", "else:"),
        ("elif t:", "elif t:"),
        ("t = 2", "    t = 2"),
        ("    t = 2", "    t = 2"),
        ("t = 2\n    t += 1", "    t = 2\n        t += 1"),
    ],
)
def test_above_a_deeper_line_a_suggestion_is_a_branch_or_belongs_to_the_block_of_that_line(
    open_editor: Callable[..., Editor], written: str, shown: str
) -> None:
    fixture = "def below(l, t):\n    if l:\n        t = 1\n    $0\n        return t\n"
    assert open_editor(make_model(written)).complete(fixture, trigger=Trigger.INVOKED) == fixture.replace("$0", shown)


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize(("written", "shown"), [("if e >= t:", "if e >= t:"), ("e += 1", "")])
def test_between_a_header_and_a_deeper_line_only_another_header_is_suggested(
    open_editor: Callable[..., Editor], trigger: Trigger, written: str, shown: str
) -> None:
    fixture = "def below(l, t):\n    for e in l:\n        $0\n            return False\n    return True\n"
    found = open_editor(make_model(written)).complete(fixture, trigger=trigger)
    assert found == (fixture.replace("$0", shown) if shown else "")


def test_a_suggestion_typed_on_key_by_key_is_withdrawn_and_comes_when_asked_for(
    open_editor: Callable[..., Editor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.completion.reuse.DECLINED_AFTER_S", 0.0)
    text = "compute_everything(values, limit)"
    editor = open_editor(make_model(text))
    document, offset = parse_place("x = $0\n")
    answers = [editor.generator.complete(document, offset, trigger=Trigger.AUTOMATIC, cancelled=never)]
    for typed in range(1, 12):
        document, offset = parse_place(f"x = {text[:typed]}$0\n")
        answers.append(editor.generator.complete(document, offset, trigger=Trigger.AUTOMATIC, cancelled=never))
    assert [bool(one.suggestions) for one in answers] == [True] * 4 + [False] * 8
    assert answers[-1].why_empty == "declined"
    editor.generator.set_model(make_model(text[11:]))
    asked = editor.generator.complete(document, offset, trigger=Trigger.INVOKED, cancelled=never)
    assert asked.suggestions[0].text == text[11:]
