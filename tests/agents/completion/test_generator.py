from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.generator import Generator
from agents.suggestions import Completion, Origin, Trigger
from indexing.syntax.syntax import Syntax
from indexing.syntax.trees import SyntaxTrees
from models.catalog.show_filter import KINDS, ShowFilter
from models.errors import ModelError
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from tests import marked
from tests.agents.doubles import MemoryIndex, make_recalled, parse_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from indexing.index import Index
    from indexing.records import Recalled
    from indexing.syntax.documents import Document
    from models.completion import CompletionModel, FillRequest, Generation, Score

SURE = -0.01
HARDLY_SURE = -0.3
UNSURE = -3.0
LONG_S = 30.0
LARGE = replace(ENTRY, name="large", parameters=500_000_000)


def never() -> bool:
    return False


class Editor:
    """A person at an editor: documents as fixtures, one generator behind them."""

    def __init__(
        self,
        model: CompletionModel | None = None,
        *,
        index: MemoryIndex | None = None,
        policy: CompletionPolicy | None = None,
        quick: CompletionModel | None = None,
    ) -> None:
        self.index = index or MemoryIndex()
        self.generator = Generator(cast("Index", self.index), model, quick=quick, policy=policy or CompletionPolicy())

    def ask(
        self,
        fixture: str,
        *,
        trigger: Trigger = Trigger.AUTOMATIC,
        language: str = "python",
        selected: str | None = None,
        cancelled: Callable[[], bool] = never,
        limit: int = 1,
    ) -> Completion:
        document, offset = parse_place(fixture, language)
        return self.generator.complete(
            document, offset, trigger=trigger, selected=selected, cancelled=cancelled, limit=limit
        )

    def shows(self, fixture: str, **options: object) -> str:
        """The document with the best suggestion applied, "" when nothing is shown."""
        completion = self.ask(fixture, **options)  # type: ignore[arg-type]  # options of `ask`
        return applied(fixture, completion)


def applied(fixture: str, completion: Completion) -> str:
    if not completion.suggestions:
        return ""
    text = marked.parse(fixture).text
    best = completion.suggestions[0]
    return text[: best.start] + best.text + text[best.end :]


@pytest.fixture
def editors() -> Iterator[Callable[..., Editor]]:
    made: list[Editor] = []

    def make(*arguments: object, **options: object) -> Editor:
        made.append(Editor(*arguments, **options))  # type: ignore[arg-type]  # options of `Editor`
        return made[-1]

    yield make
    for editor in made:
        editor.generator.close()


def says(text: str, log_prob: float = SURE, **options: float) -> ScriptedModel:
    return ScriptedModel(lambda _: text, log_prob=log_prob, **options)


class BrokenModel(ScriptedModel):
    """A model whose file is gone."""

    def __init__(self, error: Exception) -> None:
        super().__init__({})
        self.error = error

    def generate(self, *_: object, **__: object) -> tuple[Generation, ...]:
        raise self.error

    def score(self, *_: object, **__: object) -> tuple[Score, ...]:
        raise self.error


def judged_by(weights: dict[str, float], text: str, log_prob: float) -> ScriptedModel:
    found = ShowFilter(dict.fromkeys(KINDS, weights))
    return ScriptedModel(lambda _: text, log_prob=log_prob, entry=replace(ENTRY, show_filter=found))


@pytest.mark.parametrize("recall", [(), (make_recalled("abs(value)"),), (make_recalled("abs(other)", matched=1),)])
def test_a_model_with_a_filter_shows_what_the_filter_says(
    editors: Callable[..., Editor], recall: tuple[Recalled, ...]
) -> None:
    index = MemoryIndex(recalled=recall)
    policy = CompletionPolicy(recall_first=1.1)  # the model is always asked
    shown = editors(judged_by({"one": 3.0}, "abs(value)", UNSURE), index=index, policy=policy).ask("x = $0\n")
    assert shown.suggestions[0].confidence == pytest.approx(0.9526, abs=1e-4)
    hidden = editors(judged_by({"one": -3.0}, "abs(value)", SURE), policy=policy).ask("x = $0\n")
    assert (hidden.suggestions, hidden.why_empty) == ((), "unsure")


def test_a_filter_sees_the_place(editors: Callable[..., Editor]) -> None:
    editor = editors(judged_by({"one": -3.0, "after_equals": 6.0}, "value", SURE))
    assert editor.ask("x = $0\n").suggestions
    assert not editor.ask("return $0\n").suggestions


def test_a_model_completes_the_line(editors: Callable[..., Editor]) -> None:
    editor = editors(says("abs(value)\ny = 2"))
    assert editor.shows("x = $0\n") == "x = abs(value)\n"


def test_what_is_not_sure_enough_is_shown_only_to_who_asks(editors: Callable[..., Editor]) -> None:
    editor = editors(says("abs(value)", HARDLY_SURE))
    assert editor.ask("x = $0\n").why_empty == "unsure"
    assert editor.shows("x = $0\n", trigger=Trigger.INVOKED) == "x = abs(value)\n"


def test_beside_a_large_model_noise_is_shown_to_nobody(editors: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("any(values)", confidence=0.05),))
    policy = CompletionPolicy(asking_ms=1000 * LONG_S)
    silent = ScriptedModel(lambda _: "", entry=LARGE)
    asked = editors(silent, index=index, policy=policy).ask("x = $0\n", trigger=Trigger.INVOKED)
    assert (asked.suggestions, asked.why_empty) == ((), "noise")
    assert editors(says(""), index=index).shows("x = $0\n", trigger=Trigger.INVOKED) == "x = any(values)\n"


def test_what_a_large_model_writes_is_no_noise(editors: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("any(values)", confidence=0.6),))
    large = ScriptedModel(lambda _: "abs(value)", log_prob=UNSURE, entry=LARGE)
    policy = CompletionPolicy(asking_ms=1000 * LONG_S)
    asked = editors(large, index=index, policy=policy).ask("x = $0\n", trigger=Trigger.INVOKED, limit=3)
    assert [one.text for one in asked.suggestions] == ["abs(value)", "any(values)"]


def test_what_is_unsure_stands_behind_what_is_better(editors: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("any(values)", confidence=0.05),))
    asked = editors(says("abs(value)"), index=index).ask("x = $0\n", trigger=Trigger.INVOKED, limit=3)
    assert [one.text for one in asked.suggestions] == ["abs(value)", "any(values)"]


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("said", [" " * 192, "\n" * 40, "\n    " * 40])
def test_white_space_is_offered_to_nobody(editors: Callable[..., Editor], trigger: Trigger, said: str) -> None:
    fixture = 'def area(self):\n    """The area."""\n    $0\n\n\nx = 1\n'
    assert not editors(says(said)).ask(fixture, trigger=trigger).suggestions


@pytest.mark.parametrize("rounds", [["a = 1"], ["a = b", "b = a"], ["if a:", "    b()", "c()"]])
def test_lines_that_come_round_again_and_again_are_said_once(editors: Callable[..., Editor], rounds: list[str]) -> None:
    said = "\n    ".join(rounds * 5)
    fixture = "def swap(a, b):\n    $0\n\n\nx = 1\n"
    shown = editors(says(said)).shows(fixture, trigger=Trigger.INVOKED)
    assert shown == fixture.replace("$0", "\n    ".join(rounds))


def test_recall_works_without_a_model(editors: Callable[..., Editor]) -> None:
    editor = editors(index=MemoryIndex(recalled=(make_recalled("abs(value)"),)))
    completion = editor.ask("x = $0\n")
    assert applied("x = $0\n", completion) == "x = abs(value)\n"
    assert completion.suggestions[0].origin is Origin.RECALL
    assert completion.suggestions[0].model == ""


def test_without_model_and_memory_the_answer_is_empty(editors: Callable[..., Editor]) -> None:
    assert editors().ask("x = $0\n").why_empty == "nothing"


def test_a_short_disputed_match_is_not_shown_unasked(editors: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("abs(value)", matched=2, agreement=0.2, votes=1),))
    assert editors(index=index).ask("x = $0\n").why_empty == "unsure"


def test_recall_that_is_sure_leaves_the_model_in_peace(editors: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("abs(value)", matched=64, votes=9),))
    editor = editors(says("other()"), index=index, policy=CompletionPolicy(recall_first=0.3))
    assert editor.shows("x = $0\n") == "x = abs(value)\n"
    assert editor.generator.compute_statistics().model_runs == 0


def test_a_draft_the_model_agrees_with_is_taken_without_decoding(editors: Callable[..., Editor]) -> None:
    model = says("abs(value)")
    decoded: list[FillRequest] = []
    model.generate = lambda request, **_: decoded.append(request) or ()  # type: ignore[method-assign,assignment,func-returns-value]
    index = MemoryIndex(recalled=(make_recalled("abs(value)", matched=10),))
    editor = editors(model, index=index, policy=CompletionPolicy(recall_first=1.0))
    completion = editor.ask("x = $0\n")
    assert completion.suggestions[0].origin is Origin.DRAFT
    assert decoded == []


@pytest.mark.parametrize("error", [ModelError("The model is gone; run `starling models list`."), RuntimeError("boom")])
def test_a_broken_model_leaves_recall_working(editors: Callable[..., Editor], error: Exception) -> None:
    editor = editors(BrokenModel(error), index=MemoryIndex(recalled=(make_recalled("abs(value)", matched=30),)))
    assert editor.shows("x = $0\n") == "x = abs(value)\n"


def test_a_broken_model_alone_gives_an_empty_answer_with_its_reason(editors: Callable[..., Editor]) -> None:
    editor = editors(BrokenModel(ModelError("gone")))
    assert editor.ask("x = $0\n").why_empty == "model-failed"
    assert editor.generator.compute_statistics().failures == 1


def test_a_model_that_fails_at_every_key_is_logged_once(
    editors: Callable[..., Editor], caplog: pytest.LogCaptureFixture
) -> None:
    editor = editors(BrokenModel(ModelError("gone")))
    editor.ask("x = $0\n")
    editor.ask("x = a$0\n")
    assert len(caplog.records) == 1


def test_typing_what_was_suggested_asks_no_model(editors: Callable[..., Editor]) -> None:
    editor = editors(says("abs(value)"))
    editor.ask("x = $0\n")
    assert editor.shows("x = ab$0\n") == "x = abs(value)\n"
    assert editor.generator.compute_statistics().model_runs == 1


def test_reuse_answers_alone(editors: Callable[..., Editor]) -> None:
    editor = editors(says("abs(value)"))
    document, offset = parse_place("x = ab$0\n")
    assert editor.generator.reuse(document, offset) is None
    editor.ask("x = $0\n")
    rest = editor.generator.reuse(document, offset)
    assert rest is not None
    assert rest.suggestions[0].text == "s(value)"


def test_a_generator_follows_the_off_switch_and_reads_nothing_ahead_where_it_is_off() -> None:
    trees = SyntaxTrees()
    generator = Generator(cast("Index", MemoryIndex()), None, trees=trees)
    document, _ = parse_place("x = ab$0\n")
    assert generator.is_on(document)
    generator.set_policy(CompletionPolicy(enabled=False))
    generator.prepare(document)
    assert not generator.is_on(document)
    assert not trees.is_cached(document)


def test_a_suggestion_turned_down_is_not_offered_again_unasked(editors: Callable[..., Editor]) -> None:
    editor = editors(says("abs(value)"))
    editor.generator.record_rejected(editor.ask("x = $0\n").suggestions[0].id)
    assert editor.ask("x = $0\n").why_empty == "rejected"
    assert editor.shows("x = $0\n", trigger=Trigger.INVOKED) == "x = abs(value)\n"


def test_suggestions_begin_with_the_item_selected_in_the_popup(editors: Callable[..., Editor]) -> None:
    seen: list[str] = []

    def reply(request: FillRequest) -> str:
        seen.append(request.prefix)
        return "(value)"

    editor = editors(ScriptedModel(reply, log_prob=SURE))
    completion = editor.ask("x = self.ab$0\n", selected="absolute")
    assert seen == ["x = self.absolute"]
    assert completion.suggestions[0].text == "absolute(value)"
    assert applied("x = self.ab$0\n", completion) == "x = self.absolute(value)\n"


def test_an_item_that_rewrites_the_word_replaces_it(editors: Callable[..., Editor]) -> None:
    editor = editors(says("(value)"))
    assert editor.shows("x = AB$0\n", selected="absolute") == "x = absolute(value)\n"


def test_a_person_who_asks_gets_alternatives(editors: Callable[..., Editor]) -> None:
    known = [make_recalled(text, confidence=0.4) for text in ("all(values)", "any(values)", "max(values)")]
    index = MemoryIndex(recalled=known)
    editor = editors(says("abs(value)"), index=index)
    completion = editor.ask("x = $0\n", trigger=Trigger.INVOKED, limit=3)
    texts = [suggestion.text for suggestion in completion.suggestions]
    assert texts == ["abs(value)", "any(values)", "max(values)"], "the model would not write the first of them"


def test_a_cancelled_request_is_answered_while_the_model_computes(editors: Callable[..., Editor]) -> None:
    asked = threading.Event()

    def reply(_: FillRequest) -> str:
        asked.set()
        return "abs(value) " * 400

    editor = editors(ScriptedModel(reply, token_s=0.05, log_prob=SURE), policy=CompletionPolicy(line_tokens=100_000))
    assert editor.ask("x = $0\n", cancelled=asked.is_set).why_empty == "cancelled"


def test_a_newer_request_joins_the_run_that_still_fits(editors: Callable[..., Editor]) -> None:
    decoding = threading.Event()

    def reply(_: FillRequest) -> str:
        decoding.set()
        return "abs(value)"

    editor = editors(
        ScriptedModel(reply, token_s=0.02, log_prob=SURE), policy=CompletionPolicy(linger_ms=1000 * LONG_S)
    )
    cancelled = threading.Event()
    first = threading.Thread(target=lambda: editor.ask("x = $0\n", cancelled=cancelled.is_set))
    first.start()
    assert decoding.wait(LONG_S)
    cancelled.set()
    assert editor.shows("x = a$0\n") == "x = abs(value)\n"
    first.join()
    found = editor.generator.compute_statistics()
    assert (found.model_runs, found.joined) == (1, 1)


def test_what_comes_after_its_request_has_left_is_there_for_the_next_key(editors: Callable[..., Editor]) -> None:
    asked, left = threading.Event(), threading.Event()

    def reply(_: FillRequest) -> str:
        asked.set()
        assert left.wait(LONG_S)
        return "abs(value)"

    editor = editors(ScriptedModel(reply, log_prob=SURE), policy=CompletionPolicy(linger_ms=1000 * LONG_S))
    assert editor.ask("x = $0\n", cancelled=asked.is_set).why_empty == "cancelled"
    left.set()
    while (rest := editor.generator.reuse(*parse_place("x = a$0\n"))) is None:
        time.sleep(0.001)
    assert rest.suggestions[0].text == "bs(value)"


def test_a_newer_request_that_no_longer_fits_ends_the_run(editors: Callable[..., Editor]) -> None:
    decoding = threading.Event()

    def reply(request: FillRequest) -> str:
        if request.prefix.endswith("= "):
            decoding.set()
            return "abs(value) " * 4000
        return "n()"

    editor = editors(
        ScriptedModel(reply, token_s=0.01, log_prob=SURE),
        policy=CompletionPolicy(linger_ms=1000 * LONG_S, line_tokens=100_000, automatic_wait_ms=1000 * LONG_S),
    )
    older: list[Completion] = []
    first = threading.Thread(target=lambda: older.append(editor.ask("x = $0\n")))
    first.start()
    assert decoding.wait(LONG_S)
    assert editor.shows("x = mi$0\n") == "x = min()\n"
    first.join()
    assert older[0].why_empty == "cancelled"


def test_a_slow_model_does_not_keep_recall_waiting(editors: Callable[..., Editor]) -> None:
    editor = editors(
        says("other()", token_s=0.05),
        index=MemoryIndex(recalled=(make_recalled("abs(value)", matched=30),)),
        policy=CompletionPolicy(automatic_wait_ms=10, recall_first=1.0),
    )
    assert editor.shows("x = $0\n") == "x = abs(value)\n"


def test_taking_the_model_away_leaves_recall(editors: Callable[..., Editor]) -> None:
    editor = editors(says("other()"), index=MemoryIndex(recalled=(make_recalled("abs(value)"),)))
    editor.generator.set_model(None)
    assert editor.shows("x = $0\n") == "x = abs(value)\n"


def test_a_suggestion_that_breaks_the_syntax_is_shown_only_to_who_asks(editors: Callable[..., Editor]) -> None:
    editor = editors(says("def def def"))
    assert editor.ask("x = $0\ny = 1\n").why_empty == "errors"
    assert editor.ask("x = $0\ny = 1\n", trigger=Trigger.INVOKED).suggestions


def test_a_document_that_is_not_on_disk_is_completed(editors: Callable[..., Editor]) -> None:
    document, offset = parse_place("x = $0\n")
    untitled = type(document)("untitled:Untitled-1", None, "python", document.text)
    found = editors(says("abs(value)")).generator.complete(untitled, offset, trigger=Trigger.AUTOMATIC, cancelled=never)
    assert found.suggestions[0].text == "abs(value)"


@pytest.mark.parametrize("offset", [-5, 10**9])
def test_an_offset_outside_of_the_text_is_moved_into_it(editors: Callable[..., Editor], offset: int) -> None:
    document, _ = parse_place("x = $0\n")
    found = editors(says("abs(value)")).generator.complete(document, offset, trigger=Trigger.INVOKED, cancelled=never)
    assert all(0 <= one.start <= one.end <= len(document.text) for one in found.suggestions)


def test_a_document_that_was_prepared_is_parsed_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[Syntax | None] = []
    real = Syntax.of

    def watched(document: Document, previous: Syntax | None = None) -> Syntax:
        before.append(previous)
        return real(document, previous)

    monkeypatch.setattr(Syntax, "of", watched)
    document, offset = parse_place("x = 1\n$0\n")
    generator = Generator(cast("Index", MemoryIndex()), None)
    generator.prepare(replace(document, text="x = 1\n"))
    generator.complete(document, offset, trigger=Trigger.AUTOMATIC, cancelled=never)
    assert [previous is None for previous in before] == [True, False]


def test_a_generator_reads_and_fills_the_parse_cache_that_it_was_given() -> None:
    trees = SyntaxTrees()
    generator = Generator(cast("Index", MemoryIndex()), None, trees=trees)
    document, _ = parse_place("x = 1\n$0\n")
    generator.prepare(document)
    assert trees.is_cached(document)
    generator.forget(document.uri)  # the cache has its own owner
    assert trees.is_cached(document)


def test_what_happened_is_counted(editors: Callable[..., Editor]) -> None:
    editor = editors(says("abs(value)"))
    given = editor.ask("x = $0\n").suggestions[0]
    editor.generator.record_shown(given.id)
    editor.generator.record_accepted(given.id)
    found = editor.generator.compute_statistics()
    assert (found.requests, found.shown, found.accepted, found.characters_accepted) == (1, 1, 1, 10)
    assert found.total_p50_ms >= found.model_p50_ms > 0


def test_closing_ends_the_model(editors: Callable[..., Editor]) -> None:
    asked = threading.Event()

    def reply(_: FillRequest) -> str:
        asked.set()
        return "abs(value) " * 4000

    editor = editors(ScriptedModel(reply, token_s=0.01, log_prob=SURE), policy=CompletionPolicy(line_tokens=100_000))
    answers: list[Completion] = []
    asking = threading.Thread(target=lambda: answers.append(editor.ask("x = $0\n")))
    asking.start()
    assert asked.wait(LONG_S)
    editor.generator.close()
    asking.join()
    assert answers[0].why_empty == "cancelled"


class Loading(ScriptedModel):
    """A large model that is not there yet."""

    ready = False
    warmed = False

    def warm(self) -> None:
        self.warmed = True


def test_nobody_waits_for_a_large_model_to_load(editors: Callable[..., Editor]) -> None:
    large = Loading(lambda _: "large(value)", entry=LARGE)
    policy = CompletionPolicy(typing_ms=1000 * LONG_S, threshold=0.2)
    editor = editors(large, quick=says("small(value)", HARDLY_SURE), policy=policy)
    (said,) = editor.ask("x = $0\n").suggestions
    assert (said.text, said.model) == ("small(value)", ENTRY.name)
    assert large.warmed
    assert not large.requests
    large.ready = True  # type: ignore[misc]
    (said,) = editor.ask("y = $0\n").suggestions
    assert (said.text, said.model) == ("large(value)", "large")


@pytest.mark.parametrize("trigger", list(Trigger))
def test_when_the_large_models_time_is_over_the_small_one_answers(
    editors: Callable[..., Editor], trigger: Trigger
) -> None:
    large = ScriptedModel(lambda _: "large(value)", entry=LARGE, token_s=LONG_S)
    editor = editors(
        large, quick=says("small(value)", HARDLY_SURE / 4), policy=CompletionPolicy(typing_ms=80, asking_ms=80)
    )
    began = time.monotonic()
    (said,) = editor.ask("x = $0\n", trigger=trigger).suggestions
    assert said.text == "small(value)"
    assert time.monotonic() - began < LONG_S


def test_a_small_model_that_is_slow_too_is_not_waited_for(editors: Callable[..., Editor]) -> None:
    large = ScriptedModel(lambda _: "large(value)", entry=LARGE, token_s=LONG_S)
    small = ScriptedModel(lambda _: "small(value)", token_s=LONG_S)
    began = time.monotonic()
    assert editors(large, quick=small, policy=CompletionPolicy(typing_ms=80)).ask("x = $0\n").why_empty == "slow"
    assert time.monotonic() - began < LONG_S


def test_what_a_large_model_has_written_when_its_time_is_over_is_given_to_who_asks(
    editors: Callable[..., Editor],
) -> None:
    reply = "large(value)\n    return value * 2\n"
    large = ScriptedModel(lambda _: reply * 50, entry=LARGE, token_s=0.02, log_prob=SURE)
    editor = editors(large, quick=says("small(value)", HARDLY_SURE), policy=CompletionPolicy(asking_ms=1000))
    fixture = "def f(value):\n    $0\n"
    (said,) = editor.ask(fixture, trigger=Trigger.INVOKED).suggestions
    assert said.model == "large"
    assert (reply * 50).startswith(said.text)


def test_half_a_line_is_not_shown_unasked(editors: Callable[..., Editor]) -> None:
    large = ScriptedModel(lambda _: "large(" + "value, " * 40, entry=LARGE, token_s=0.02, log_prob=SURE)
    editor = editors(large, quick=ScriptedModel({}), policy=CompletionPolicy(typing_ms=200))
    assert editor.ask("x = $0\n").why_empty == "slow"


def test_the_small_model_is_shown_at_once_where_it_is_sure(editors: Callable[..., Editor]) -> None:
    large = ScriptedModel(lambda _: "large(value)", entry=LARGE, token_s=LONG_S)
    editor = editors(large, quick=says("small(value)", SURE), policy=CompletionPolicy(typing_ms=1000 * LONG_S))
    (said,) = editor.ask("x = $0\n").suggestions
    assert said.text == "small(value)"


@pytest.mark.parametrize("small", [SURE, HARDLY_SURE])
def test_what_the_small_model_says_gives_way_however_sure_it_is(editors: Callable[..., Editor], small: float) -> None:
    answered = threading.Event()

    class Small(ScriptedModel):
        def generate(self, *given: object, **options: object) -> tuple[Generation, ...]:
            found = super().generate(*given, **options)  # type: ignore[arg-type]  # handed on
            answered.set()
            return found

    def reply(_: FillRequest) -> str:
        assert answered.wait(LONG_S)
        return "large(value)"

    large = ScriptedModel(reply, entry=LARGE, log_prob=-0.12)
    policy = CompletionPolicy(asking_ms=4000)
    quick = Small(lambda _: "small(value)", log_prob=small)
    (said,) = editors(large, quick=quick, policy=policy).ask("x = $0\n", trigger=Trigger.INVOKED).suggestions
    assert said.text == "large(value)"


def test_a_large_model_that_answers_in_half_of_its_time_has_the_processor_to_itself(
    editors: Callable[..., Editor],
) -> None:
    def small(_: FillRequest) -> str:
        raise AssertionError("it computes for nothing, and the large one is slower for it")

    quick = ScriptedModel(small)
    policy = CompletionPolicy(asking_ms=1000 * LONG_S)
    large = ScriptedModel(lambda _: "large(value)", entry=LARGE, log_prob=SURE)
    editor = editors(large, quick=quick, policy=policy)
    (said,) = editor.ask("x = $0\n", trigger=Trigger.INVOKED).suggestions
    assert said.text == "large(value)"
    assert not quick.requests


def test_a_large_model_writes_without_judging_a_draft_first(editors: Callable[..., Editor]) -> None:
    class Unjudging(ScriptedModel):
        def score(self, *_: object, **__: object) -> tuple[Score, ...]:
            raise AssertionError("judging costs as much as writing")

    index = MemoryIndex(recalled=(make_recalled("any(values)", confidence=0.6),))
    large = Unjudging(lambda _: "large(value)", entry=LARGE, log_prob=SURE)
    editor = editors(large, quick=ScriptedModel({}), index=index, policy=CompletionPolicy(typing_ms=1000 * LONG_S))
    (said,) = editor.ask("x = $0\n").suggestions
    assert said.text == "large(value)"


def test_a_late_answer_is_there_at_the_next_key(editors: Callable[..., Editor]) -> None:
    go_on = threading.Event()

    def reply(_: FillRequest) -> str:
        go_on.wait(LONG_S)
        return "large(value)"

    large = ScriptedModel(reply, entry=LARGE, log_prob=SURE)
    editor = editors(large, quick=ScriptedModel({}), policy=CompletionPolicy(typing_ms=60, late_ms=1000 * LONG_S))
    assert editor.ask("x = $0\n").why_empty == "slow"
    go_on.set()
    document, offset = parse_place("x = l$0\n", "python")
    deadline = time.monotonic() + LONG_S
    while (rest := editor.generator.reuse(document, offset)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert rest is not None
    assert rest.suggestions[0].text == "arge(value)"


@pytest.mark.parametrize(
    ("says_it", "shown"),
    [
        ("else:", "else:"),
        ("elif t:", "elif t:"),
        ("t = 2", "    t = 2"),
        ("    t = 2", "    t = 2"),
        ("t = 2\n    t += 1", "    t = 2\n        t += 1"),
    ],
)
def test_above_a_deeper_line_stands_a_branch_or_what_goes_on_with_its_block(
    editors: Callable[..., Editor], says_it: str, shown: str
) -> None:
    fixture = "def below(l, t):\n    if l:\n        t = 1\n    $0\n        return t\n"
    assert editors(says(says_it)).shows(fixture, trigger=Trigger.INVOKED) == fixture.replace("$0", shown)


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize(("says_it", "shown"), [("if e >= t:", "if e >= t:"), ("e += 1", "")])
def test_a_header_that_is_missing_below_another_one_stands_where_it_is_asked_for(
    editors: Callable[..., Editor], trigger: Trigger, says_it: str, shown: str
) -> None:
    fixture = "def below(l, t):\n    for e in l:\n        $0\n            return False\n    return True\n"
    found = editors(says(says_it)).shows(fixture, trigger=trigger)
    assert found == (fixture.replace("$0", shown) if shown else "")
