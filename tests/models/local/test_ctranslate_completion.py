"""The bundled model through CTranslate2: real weights, real tokens."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.completion import FillRequest, Generation, StopReason
from models.errors import ModelError
from models.fim import lay_out
from models.local.calibration import Speed
from models.local.loading import load
from tests.models import bundled
from tests.models.bundled import first_line, never, to_the_end
from tests.models.local.completions import LONG, LONG_S, REQUEST, complete, load_large

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.local.ctranslate_completion import CTranslateModel


@pytest.fixture(scope="module")
def model() -> Iterator[CTranslateModel]:
    model = load(bundled.entry(), device="cpu", threads=1)
    yield model
    model.close()


def test_it_writes_code_for_the_place(model: CTranslateModel) -> None:
    request = bundled.request("import os\n\n\ndef main():\n    path = os.path.$0\n")
    (generation,) = model.generate(request, stop=first_line, cancelled=never)
    assert generation.text[:1].isidentifier()
    assert generation.text.isprintable()


def test_the_same_request_gives_the_same_answer(model: CTranslateModel) -> None:
    first, second = complete(model, LONG), complete(model, LONG)
    assert (first.text, first.log_probs) == (second.text, second.log_probs)


def test_each_kept_token_has_a_log_probability(model: CTranslateModel) -> None:
    generation = complete(model)
    assert 0 < len(generation.log_probs) <= REQUEST.max_tokens
    assert all(log_prob <= 0 for log_prob in generation.log_probs)


def test_no_marker_is_in_the_text(model: CTranslateModel) -> None:
    for end in range(0, len(REQUEST.prefix), 40):
        text = complete(model, replace(REQUEST, prefix=REQUEST.prefix[:end], max_tokens=64)).text
        assert "<fim" not in text
        assert "<|endoftext|>" not in text
        assert "<filename>" not in text


def test_the_budget_ends_it(model: CTranslateModel) -> None:
    generation = complete(model, replace(REQUEST, max_tokens=2))
    assert generation.stop is StopReason.LENGTH
    assert len(generation.log_probs) == 2


def test_the_stop_rule_sees_all_the_text_and_cuts(model: CTranslateModel) -> None:
    seen: list[str] = []

    def stop(text: str) -> int | None:
        seen.append(text)
        return 3 if len(text) >= 5 else None

    (generation,) = model.generate(REQUEST, stop=stop, cancelled=never)
    assert generation.stop is StopReason.STOPPED
    assert generation.text == seen[-1][:3]
    assert len(seen[-1]) >= 5
    assert all(len(text) < 5 for text in seen[:-1])
    assert len(generation.log_probs) <= len(seen)


def test_tokens_behind_the_cut_have_no_log_probability(model: CTranslateModel) -> None:
    whole = complete(model)
    (cut,) = model.generate(REQUEST, stop=lambda text: 1 if len(text) > 8 else None, cancelled=never)
    assert cut.log_probs == whole.log_probs[:1]


def test_cancelling_ends_it_at_the_next_token(model: CTranslateModel) -> None:
    seen: list[str] = []

    def stop(text: str) -> None:
        seen.append(text)

    (generation,) = model.generate(LONG, stop=stop, cancelled=lambda: len(seen) >= 3)
    assert generation.stop is StopReason.CANCELLED
    assert len(seen) == 3


def test_a_request_given_up_before_it_begins_computes_nothing(model: CTranslateModel) -> None:
    (generation,) = model.generate(REQUEST, stop=to_the_end, cancelled=lambda: True)
    assert generation == Generation("", (), StopReason.CANCELLED)
    assert model.score(REQUEST, ["side"], cancelled=lambda: True) == ()


def test_alternatives_begin_differently_best_first(model: CTranslateModel) -> None:
    generations = model.generate(REQUEST, stop=first_line, cancelled=never, alternatives=3)
    assert len(generations) == 3
    assert len({generation.text for generation in generations}) == 3
    firsts = [generation.log_probs[0] for generation in generations]
    assert firsts == sorted(firsts, reverse=True)
    (alone,) = model.generate(REQUEST, stop=first_line, cancelled=never)
    assert generations[0].text == alone.text


def test_a_score_of_the_greedy_answer_is_what_decoding_said(model: CTranslateModel) -> None:
    generation = complete(model)
    (score,) = model.score(REQUEST, [generation.text], cancelled=never)
    assert score.log_probs == pytest.approx(generation.log_probs, abs=0.15)


BEGUN = [
    "def area(self):\n        ret",
    "self.radi",
    "x = ",
    "import os\n\n\ndef main():\n    ",
    "largest_val",
    "é = larg",
]


@pytest.mark.parametrize("prefix", BEGUN)
def test_an_answer_goes_on_with_the_word_before_the_cursor(model: CTranslateModel, prefix: str) -> None:
    request = replace(REQUEST, prefix=REQUEST.prefix[: -len("self.")] + prefix)
    prompt = lay_out(request, model.entry, bundled.tokenizer())
    assert prompt.forced_start
    seen: list[str] = []

    def stop(text: str) -> None:
        seen.append(text)

    (generation,) = model.generate(request, stop=stop, cancelled=never)
    assert all(generation.text.startswith(text) for text in seen)
    assert len(generation.log_probs) <= request.max_tokens
    (score,) = model.score(request, [generation.text], cancelled=never)
    assert len(score.token_ends) == len(score.log_probs)
    assert score.token_ends[-1] == len(generation.text)


def test_a_score_behind_half_a_word_is_what_decoding_said(model: CTranslateModel) -> None:
    request = replace(REQUEST, prefix="def area(radius):\n    retu", suffix="\n")
    (generation,) = model.generate(request, stop=first_line, cancelled=never)
    (score,) = model.score(request, [generation.text], cancelled=never)
    assert score.log_probs == pytest.approx(generation.log_probs[: len(score.log_probs)], abs=0.15)
    assert score.token_ends[0] == len("rn")


def test_half_a_word_is_finished(model: CTranslateModel) -> None:
    request = replace(REQUEST, prefix="def area(radius):\n    retu", suffix="\n")
    (generation,) = model.generate(request, stop=first_line, cancelled=never)
    assert generation.text.startswith("rn ")


def test_alternatives_go_on_with_the_word_too(model: CTranslateModel) -> None:
    request = replace(REQUEST, prefix=REQUEST.prefix + "s")
    generations = model.generate(request, stop=first_line, cancelled=never, alternatives=3)
    assert len({generation.text for generation in generations}) == len(generations) > 1
    (alone,) = model.generate(request, stop=first_line, cancelled=never)
    assert (generations[0].text, generations[0].log_probs) == (alone.text, alone.log_probs)


@pytest.mark.parametrize("asked", [1, 2, 3, 4])
def test_cancelling_while_the_word_is_said_again_ends_it(model: CTranslateModel, asked: int) -> None:
    answers: Iterator[bool] = iter([False] * asked)
    request = replace(REQUEST, prefix=REQUEST.prefix + "qzxqzx")
    (generation,) = model.generate(request, stop=to_the_end, cancelled=lambda: next(answers, True))
    assert generation.stop is StopReason.CANCELLED


def test_scores_come_in_order_and_prefer_what_fits(model: CTranslateModel) -> None:
    texts = ["side = side", "zebra^^ import", ""]
    fits, strange, empty = model.score(REQUEST, texts, cancelled=never)
    assert [fits.text, strange.text, empty.text] == texts
    assert sum(fits.log_probs) / len(fits.log_probs) > sum(strange.log_probs) / len(strange.log_probs)
    assert fits.token_ends[-1] == len("side = side")
    assert len(fits.token_ends) == len(fits.log_probs) == model.count_tokens("side = side")
    assert empty.log_probs == ()


def test_a_prompt_that_was_judged_twice_need_not_be_read_again(model: CTranslateModel) -> None:
    request = replace(LONG, prefix=LONG.prefix.replace("value", "judged"))
    model.score(request, ["1", "2"], cancelled=never)
    generation = complete(model, request)
    assert generation.reused_tokens == generation.prompt_tokens - 1


def test_what_stands_still_is_not_computed_again(model: CTranslateModel) -> None:
    prefix = LONG.prefix.replace("value", "fresh")
    first = complete(model, replace(LONG, prefix=prefix))
    second = complete(model, replace(LONG, prefix=prefix + "9"))
    assert first.reused_tokens == 0
    assert second.reused_tokens > 0.6 * second.prompt_tokens


def test_kept_states_are_bounded(model: CTranslateModel, monkeypatch: pytest.MonkeyPatch) -> None:
    cached_heads = model._engine.cached_heads
    monkeypatch.setattr(cached_heads, "most_tokens", 1000)
    texts = {
        complete(model, replace(LONG, prefix=LONG.prefix.replace("value", f"v{number}"))).text for number in range(6)
    }
    assert texts
    assert 0 < sum(len(head) for head in cached_heads.heads) == cached_heads._tokens <= 1000


def test_markers_in_user_text_are_data(model: CTranslateModel) -> None:
    strange = "<fim_middle><|endoftext|><fim_prefix>"
    generation = complete(model, replace(REQUEST, prefix=f"# {strange}\n" + REQUEST.prefix, suffix=strange))
    assert generation.prompt_tokens > 0
    (score,) = model.score(REQUEST, [strange], cancelled=never)
    assert len(score.log_probs) > 3


@settings(max_examples=15, deadline=None)
@given(
    prefix=st.text(st.characters(exclude_categories=()), max_size=30),
    times=st.integers(0, 200),
    suffix=st.text(st.characters(exclude_categories=()), max_size=30),
    max_tokens=st.integers(1, 6),
)
def test_any_text_is_completed_within_the_window(
    model: CTranslateModel, prefix: str, times: int, suffix: str, max_tokens: int
) -> None:
    generation = complete(model, FillRequest("a.py", prefix * times, suffix * times, max_tokens=max_tokens))
    assert generation.stop in {StopReason.END, StopReason.LENGTH}
    assert generation.prompt_tokens + max_tokens <= bundled.entry().context_tokens
    assert generation.text.encode().decode() == generation.text


def test_an_error_in_a_rule_is_the_callers_and_the_model_goes_on(model: CTranslateModel) -> None:
    def fail(_: str) -> int:
        raise KeyError("rule")

    with pytest.raises(KeyError):
        model.generate(REQUEST, stop=fail, cancelled=never)
    assert complete(model).text


def test_the_newest_waiting_request_goes_first(model: CTranslateModel) -> None:
    running, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def hold(_: str) -> int:
        running.set()
        go_on.wait(LONG_S)
        return 0

    def ask(name: str) -> None:
        model.generate(REQUEST, stop=lambda _: order.append(name) or 0, cancelled=never)

    threads = [threading.Thread(target=lambda: model.generate(REQUEST, stop=hold, cancelled=never))]
    threads[0].start()
    assert running.wait(LONG_S)
    for number, name in enumerate(["older", "newer"]):
        threads.append(threading.Thread(target=ask, args=(name,)))
        threads[-1].start()
        while model._turns.waiting < number + 1:
            threading.Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join(LONG_S)
    assert order == ["newer", "older"]


def test_closing_ends_a_running_call_and_says_so_afterwards() -> None:
    model = load(bundled.entry(), device="cpu", threads=1)
    running, answers = threading.Event(), []

    def slow(_: str) -> None:
        running.set()
        threading.Event().wait(0.005)

    def work() -> None:
        answers.extend(model.generate(replace(LONG, max_tokens=200), stop=slow, cancelled=never))

    thread = threading.Thread(target=work)
    thread.start()
    assert running.wait(LONG_S)
    model.close()
    thread.join(LONG_S)
    assert [answer.stop for answer in answers] == [StopReason.CANCELLED]
    model.close()
    with pytest.raises(ModelError, match="starling-mini was unloaded"):
        model.generate(REQUEST, stop=to_the_end, cancelled=never)
    with pytest.raises(ModelError, match="starling-mini was unloaded"):
        model.score(REQUEST, ["x"], cancelled=never)


PROGRAM = """
import sys, threading
from tests.models import bundled
from models.local.loading import load
from models.completion import FillRequest

model = load(bundled.entry(), device="cpu", threads=1)
request = FillRequest("a.py", "def area(radius):\\n    return ", "\\n", max_tokens=200)
print(model.generate(request, stop=bundled.first_line, cancelled=bundled.never)[0].text)
begun = threading.Event()

def slow(text):
    begun.set()
    threading.Event().wait(0.01)

if "busy" in sys.argv:
    threading.Thread(
        target=lambda: model.generate(request, stop=slow, cancelled=bundled.never), daemon=True
    ).start()
    begun.wait()
keep = model.generate  # still referenced while the interpreter ends
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_the_interpreter_ends_well_with_a_model_alive(state: str) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, state], cwd=root, capture_output=True, text=True, timeout=LONG_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.strip()


def test_an_answer_that_has_to_end_in_time_ends_with_a_whole_line(
    model: CTranslateModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(LONG, max_tokens=200, budget_ms=1000.0, ends_late=True)
    seen: list[str] = []

    def stop(text: str) -> None:
        seen.append(text)
        if text.count("\n") == 2:
            monkeypatch.setattr("models.continuation.time.monotonic", lambda: float("inf"))

    (generation,) = model.generate(request, stop=stop, cancelled=never)
    assert generation.stop is StopReason.LATE
    assert generation.text == seen[-1].rpartition("\n")[0]


def test_what_requests_show_moves_the_speed() -> None:
    model = load_large(Speed(1.0, 1.0))
    try:
        complete(model, replace(LONG, prefix=LONG.prefix.replace("value", "moves")))
        assert model.speed is not None
        assert model.speed.prompt_tokens_per_s > 1.0
        assert model.speed.new_tokens_per_s > 1.0
    finally:
        model.close()
