from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.suggestions import Completion, Origin, Trigger
from models.catalog.show_filter import KINDS, ShowFilter
from models.errors import ModelError
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from tests.agents.completion.editor import (
    HARDLY_SURE,
    LARGE,
    LONG_S,
    SURE,
    UNSURE,
    Editor,
    apply_best,
    make_model,
)
from tests.agents.doubles import MemoryIndex, make_recalled, parse_place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from indexing.records import Recalled
    from models.completion import FillRequest, Generation, Score


class BrokenModel(ScriptedModel):
    """A model whose every call raises `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__({})
        self.error = error

    def generate(self, *_: object, **__: object) -> tuple[Generation, ...]:
        raise self.error

    def score(self, *_: object, **__: object) -> tuple[Score, ...]:
        raise self.error


def make_filtered_model(weights: dict[str, float], text: str, log_prob: float) -> ScriptedModel:
    """Return a model that always writes `text` and has a show-filter with `weights`."""
    found = ShowFilter(dict.fromkeys(KINDS, weights))
    return ScriptedModel(lambda _: text, log_prob=log_prob, entry=replace(ENTRY, show_filter=found))


@pytest.mark.parametrize(
    "recall", [(), (make_recalled("abs(value)", matched=1, votes=1),), (make_recalled("abs(other)", matched=1),)]
)
def test_the_show_filter_of_a_model_decides_what_is_shown(
    open_editor: Callable[..., Editor], recall: tuple[Recalled, ...]
) -> None:
    index = MemoryIndex(recalled=recall)
    policy = CompletionPolicy(recall_first=1.1)  # the model is always asked
    shown = open_editor(make_filtered_model({"one": 3.0}, "abs(value)", UNSURE), index=index, policy=policy).ask(
        "x = $0\n"
    )
    assert shown.suggestions[0].confidence == pytest.approx(0.9526, abs=1e-4)
    hidden = open_editor(make_filtered_model({"one": -3.0}, "abs(value)", SURE), policy=policy).ask("x = $0\n")
    assert (hidden.suggestions, hidden.why_empty) == ((), "unsure")


class ScoringModel(ScriptedModel):
    """A model that records the texts that it is asked to score."""

    scored: list[str]

    def score(self, request: FillRequest, continuations: Sequence[str], **options: Any) -> tuple[Score, ...]:
        self.scored = [*getattr(self, "scored", []), *continuations]
        return super().score(request, continuations, **options)


@pytest.mark.parametrize(
    ("weights", "scored"),
    [(Path("weights"), ["library(value)"]), (Path(), ["own(value)"])],
    ids=["on this machine", "on a server"],
)
def test_text_of_a_library_is_never_sent_to_a_model_of_a_server(
    open_editor: Callable[..., Editor], weights: Path, scored: list[str]
) -> None:
    library = replace(make_recalled("library(value)", confidence=0.6), is_library=True)
    model = ScoringModel(lambda _: "other(value)", entry=replace(ENTRY, weights=weights))
    editor = open_editor(model, index=MemoryIndex(recalled=(library, make_recalled("own(value)", confidence=0.6))))
    editor.ask("x = $0\n", trigger=Trigger.INVOKED)
    assert model.scored == scored
    assert not any("library(" in repr(request) for request in model.requests)


def test_a_show_filter_gets_the_evidence_about_the_place(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(make_filtered_model({"one": -3.0, "after_equals": 6.0}, "value", SURE))
    assert editor.ask("x = $0\n").suggestions
    assert not editor.ask("return $0\n").suggestions


def test_with_a_large_model_noise_is_not_shown_even_to_a_person_who_asks(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("any(values)", confidence=0.05),))
    policy = CompletionPolicy(asking_ms=1000 * LONG_S)
    silent = ScriptedModel(lambda _: "", entry=LARGE)
    asked = open_editor(silent, index=index, policy=policy).ask("x = $0\n", trigger=Trigger.INVOKED)
    assert (asked.suggestions, asked.why_empty) == ((), "noise")
    assert open_editor(make_model(""), index=index).complete("x = $0\n", trigger=Trigger.INVOKED) == "x = any(values)\n"


def test_text_of_a_large_model_is_shown_to_a_person_who_asks_however_unsure(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("any(values)", confidence=0.6),))
    large = ScriptedModel(lambda _: "abs(value)", log_prob=UNSURE, entry=LARGE)
    policy = CompletionPolicy(asking_ms=1000 * LONG_S)
    asked = open_editor(large, index=index, policy=policy).ask("x = $0\n", trigger=Trigger.INVOKED, limit=3)
    assert [one.text for one in asked.suggestions] == ["abs(value)", "any(values)"]


def test_a_person_who_asks_gets_unsure_suggestions_last(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("any(values)", confidence=0.05),))
    asked = open_editor(make_model("abs(value)"), index=index).ask("x = $0\n", trigger=Trigger.INVOKED, limit=3)
    assert [one.text for one in asked.suggestions] == ["abs(value)", "any(values)"]


def test_recall_works_without_a_model(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(index=MemoryIndex(recalled=(make_recalled("abs(value)"),)))
    completion = editor.ask("x = $0\n")
    assert apply_best("x = $0\n", completion) == "x = abs(value)\n"
    assert completion.suggestions[0].origin is Origin.RECALL
    assert completion.suggestions[0].model == ""


def test_without_model_and_recalled_text_the_answer_is_empty(open_editor: Callable[..., Editor]) -> None:
    assert open_editor().ask("x = $0\n").why_empty == "nothing"


def test_a_short_disputed_match_is_not_shown_while_typing(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("abs(value)", matched=2, agreement=0.2, votes=1),))
    assert open_editor(index=index).ask("x = $0\n").why_empty == "unsure"


def test_the_model_is_not_asked_if_recall_is_sure(open_editor: Callable[..., Editor]) -> None:
    index = MemoryIndex(recalled=(make_recalled("abs(value)", matched=64, votes=9),))
    editor = open_editor(make_model("other()"), index=index, policy=CompletionPolicy(recall_first=0.3))
    assert editor.complete("x = $0\n") == "x = abs(value)\n"
    assert editor.generator.compute_statistics().model_runs == 0


def test_a_draft_that_the_model_agrees_with_is_used_without_decoding(open_editor: Callable[..., Editor]) -> None:
    model = make_model("abs(value)")
    decoded: list[FillRequest] = []
    model.generate = lambda request, **_: decoded.append(request) or ()  # type: ignore[method-assign,assignment,func-returns-value]
    index = MemoryIndex(recalled=(make_recalled("abs(value)", matched=10),))
    editor = open_editor(model, index=index, policy=CompletionPolicy(recall_first=1.0))
    completion = editor.ask("x = $0\n")
    assert completion.suggestions[0].origin is Origin.DRAFT
    assert decoded == []


@pytest.mark.parametrize("error", [ModelError("The model is gone; run `starling models list`."), RuntimeError("boom")])
def test_a_broken_model_leaves_recall_working(open_editor: Callable[..., Editor], error: Exception) -> None:
    editor = open_editor(BrokenModel(error), index=MemoryIndex(recalled=(make_recalled("abs(value)", matched=30),)))
    assert editor.complete("x = $0\n") == "x = abs(value)\n"


def test_with_a_broken_model_alone_the_answer_is_empty_and_gives_the_reason(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(BrokenModel(ModelError("gone")))
    assert editor.ask("x = $0\n").why_empty == "model-failed"
    assert editor.generator.compute_statistics().failures == 1


def test_a_model_that_fails_at_every_key_is_logged_once(
    open_editor: Callable[..., Editor], caplog: pytest.LogCaptureFixture
) -> None:
    editor = open_editor(BrokenModel(ModelError("gone")))
    editor.ask("x = $0\n")
    editor.ask("x = a$0\n")
    assert len(caplog.records) == 1


def test_a_person_who_asks_gets_alternatives(open_editor: Callable[..., Editor]) -> None:
    known = tuple(make_recalled(text, confidence=0.4) for text in ("all(values)", "any(values)", "max(values)"))
    index = MemoryIndex(recalled=known)
    editor = open_editor(make_model("abs(value)"), index=index)
    completion = editor.ask("x = $0\n", trigger=Trigger.INVOKED, limit=3)
    texts = [suggestion.text for suggestion in completion.suggestions]
    assert texts == ["abs(value)", "any(values)", "max(values)"], (
        "the model does not agree with the first recalled text"
    )


def test_a_cancelled_request_is_answered_while_the_model_computes(open_editor: Callable[..., Editor]) -> None:
    asked = threading.Event()

    def reply(_: FillRequest) -> str:
        asked.set()
        return "abs(value) " * 400

    editor = open_editor(
        ScriptedModel(reply, token_s=0.05, log_prob=SURE), policy=CompletionPolicy(line_tokens=100_000)
    )
    assert editor.ask("x = $0\n", cancelled=asked.is_set).why_empty == "cancelled"


def test_a_newer_request_joins_a_run_that_it_fits(open_editor: Callable[..., Editor]) -> None:
    decoding = threading.Event()

    def reply(_: FillRequest) -> str:
        decoding.set()
        return "abs(value)"

    editor = open_editor(
        ScriptedModel(reply, token_s=0.02, log_prob=SURE), policy=CompletionPolicy(linger_ms=1000 * LONG_S)
    )
    cancelled = threading.Event()
    first = threading.Thread(target=lambda: editor.ask("x = $0\n", cancelled=cancelled.is_set))
    first.start()
    assert decoding.wait(LONG_S)
    cancelled.set()
    assert editor.complete("x = a$0\n") == "x = abs(value)\n"
    first.join()
    found = editor.generator.compute_statistics()
    assert (found.model_runs, found.joined) == (1, 1)


def test_text_decoded_after_its_request_was_cancelled_is_cached_for_the_next_key(
    open_editor: Callable[..., Editor],
) -> None:
    asked, left = threading.Event(), threading.Event()

    def reply(_: FillRequest) -> str:
        asked.set()
        assert left.wait(LONG_S)
        return "abs(value)"

    editor = open_editor(ScriptedModel(reply, log_prob=SURE), policy=CompletionPolicy(linger_ms=1000 * LONG_S))
    assert editor.ask("x = $0\n", cancelled=asked.is_set).why_empty == "cancelled"
    left.set()
    while (rest := editor.generator.reuse(*parse_place("x = a$0\n"))) is None:
        time.sleep(0.001)
    assert rest.suggestions[0].text == "bs(value)"


def test_a_newer_request_that_does_not_fit_a_run_ends_it(open_editor: Callable[..., Editor]) -> None:
    decoding = threading.Event()

    def reply(request: FillRequest) -> str:
        if request.prefix.endswith("= "):
            decoding.set()
            return "abs(value) " * 4000
        return "n()"

    editor = open_editor(
        ScriptedModel(reply, token_s=0.01, log_prob=SURE),
        policy=CompletionPolicy(linger_ms=1000 * LONG_S, line_tokens=100_000, automatic_wait_ms=1000 * LONG_S),
    )
    older: list[Completion] = []
    first = threading.Thread(target=lambda: older.append(editor.ask("x = $0\n")))
    first.start()
    assert decoding.wait(LONG_S)
    assert editor.complete("x = mi$0\n") == "x = min()\n"
    first.join()
    assert older[0].why_empty == "cancelled"


def test_recalled_text_is_shown_if_the_model_is_too_slow(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor(
        make_model("other()", token_s=0.05),
        index=MemoryIndex(recalled=(make_recalled("abs(value)", matched=30),)),
        policy=CompletionPolicy(automatic_wait_ms=10, recall_first=1.0),
    )
    assert editor.complete("x = $0\n") == "x = abs(value)\n"


@pytest.mark.parametrize("trigger", list(Trigger))
def test_when_the_large_models_time_is_over_the_small_one_answers(
    open_editor: Callable[..., Editor], trigger: Trigger
) -> None:
    large = ScriptedModel(lambda _: "large(value)", entry=LARGE, token_s=LONG_S)
    editor = open_editor(
        large, quick=make_model("small(value)", HARDLY_SURE / 8), policy=CompletionPolicy(typing_ms=80, asking_ms=80)
    )
    began = time.monotonic()
    (said,) = editor.ask("x = $0\n", trigger=trigger).suggestions
    assert said.text == "small(value)"
    assert time.monotonic() - began < LONG_S


def test_a_small_model_that_is_slow_too_is_not_waited_for(open_editor: Callable[..., Editor]) -> None:
    large = ScriptedModel(lambda _: "large(value)", entry=LARGE, token_s=LONG_S)
    small = ScriptedModel(lambda _: "small(value)", token_s=LONG_S)
    began = time.monotonic()
    assert open_editor(large, quick=small, policy=CompletionPolicy(typing_ms=80)).ask("x = $0\n").why_empty == "slow"
    assert time.monotonic() - began < LONG_S


def test_a_person_who_asks_gets_the_lines_that_a_large_model_has_written_in_its_time(
    open_editor: Callable[..., Editor],
) -> None:
    reply = "large(value)\n    return value * 2\n"
    large = ScriptedModel(lambda _: reply * 50, entry=LARGE, token_s=0.02, log_prob=SURE)
    editor = open_editor(large, quick=make_model("small(value)", HARDLY_SURE), policy=CompletionPolicy(asking_ms=1000))
    fixture = "def f(value):\n    $0\n"
    (said,) = editor.ask(fixture, trigger=Trigger.INVOKED).suggestions
    assert said.model == "large"
    assert (reply * 50).startswith(said.text)


def test_half_a_line_is_not_shown_while_typing(open_editor: Callable[..., Editor]) -> None:
    large = ScriptedModel(lambda _: "large(" + "value, " * 40, entry=LARGE, token_s=0.02, log_prob=SURE)
    editor = open_editor(large, quick=ScriptedModel({}), policy=CompletionPolicy(typing_ms=200))
    assert editor.ask("x = $0\n").why_empty == "slow"


def test_text_of_the_small_model_is_shown_at_once_if_it_is_sure(open_editor: Callable[..., Editor]) -> None:
    large = ScriptedModel(lambda _: "large(value)", entry=LARGE, token_s=LONG_S)
    editor = open_editor(
        large, quick=make_model("small(value)", SURE), policy=CompletionPolicy(typing_ms=1000 * LONG_S)
    )
    (said,) = editor.ask("x = $0\n").suggestions
    assert said.text == "small(value)"


@pytest.mark.parametrize("small", [SURE, HARDLY_SURE])
def test_text_of_the_large_model_comes_before_the_small_models_however_sure_that_is(
    open_editor: Callable[..., Editor], small: float
) -> None:
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
    (said,) = open_editor(large, quick=quick, policy=policy).ask("x = $0\n", trigger=Trigger.INVOKED).suggestions
    assert said.text == "large(value)"


def test_the_small_model_does_not_run_if_the_large_one_answers_in_half_of_its_time(
    open_editor: Callable[..., Editor],
) -> None:
    def small(_: FillRequest) -> str:
        raise AssertionError("the small model must not run")

    quick = ScriptedModel(small)
    policy = CompletionPolicy(asking_ms=1000 * LONG_S)
    large = ScriptedModel(lambda _: "large(value)", entry=LARGE, log_prob=SURE)
    editor = open_editor(large, quick=quick, policy=policy)
    (said,) = editor.ask("x = $0\n", trigger=Trigger.INVOKED).suggestions
    assert said.text == "large(value)"
    assert not quick.requests


def test_a_large_model_writes_without_scoring_a_draft_first(open_editor: Callable[..., Editor]) -> None:
    class WritingOnly(ScriptedModel):
        def score(self, *_: object, **__: object) -> tuple[Score, ...]:
            raise AssertionError("scoring takes as long as writing")

    index = MemoryIndex(recalled=(make_recalled("any(values)", confidence=0.6),))
    large = WritingOnly(lambda _: "large(value)", entry=LARGE, log_prob=SURE)
    editor = open_editor(large, quick=ScriptedModel({}), index=index, policy=CompletionPolicy(typing_ms=1000 * LONG_S))
    (said,) = editor.ask("x = $0\n").suggestions
    assert said.text == "large(value)"


def test_a_late_answer_is_cached_for_the_next_key(open_editor: Callable[..., Editor]) -> None:
    go_on = threading.Event()

    def reply(_: FillRequest) -> str:
        go_on.wait(LONG_S)
        return "large(value)"

    large = ScriptedModel(reply, entry=LARGE, log_prob=SURE)
    editor = open_editor(large, quick=ScriptedModel({}), policy=CompletionPolicy(typing_ms=60, late_ms=1000 * LONG_S))
    assert editor.ask("x = $0\n").why_empty == "slow"
    go_on.set()
    document, offset = parse_place("x = l$0\n", "python")
    deadline = time.monotonic() + LONG_S
    while (rest := editor.generator.reuse(document, offset)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert rest is not None
    assert rest.suggestions[0].text == "arge(value)"
