"""The bundled model through CTranslate2: real weights, real tokens."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.completion import DecodingResult, FillRequest, Generation, Openings, RankedToken, StopReason
from models.errors import ModelError
from models.fim import Prompt, lay_out
from models.local import ctranslate_completion, engine
from models.local.calibration import MovingSpeed, Speed
from models.local.loading import load
from tests.models import bundled
from tests.models.bundled import first_line, never, to_the_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.local.ctranslate_completion import CTranslateModel

LONG_S = 60.0
REQUEST = bundled.request(
    """
    #- shapes.py
    import math


    class Circle:
        def __init__(self, radius):
            self.radius = radius
            self.area = math.pi * radius * radius


    class Square:
        def __init__(self, side):
            self.$0


    def main():
        print(Circle(1).area)
    """
)
LONG = replace(REQUEST, prefix="".join(f"    value_{number} = {number}\n" for number in range(90)) + "    value_90 = ")


@pytest.fixture(scope="module")
def model() -> Iterator[CTranslateModel]:
    model = load(bundled.entry(), device="cpu", threads=1)
    yield model
    model.close()


def generated(model: CTranslateModel, request: FillRequest = REQUEST) -> Generation:
    (generation,) = model.generate(request, stop=to_the_end, cancelled=never)
    return generation


def test_it_writes_code_for_the_place(model: CTranslateModel) -> None:
    request = bundled.request("import os\n\n\ndef main():\n    path = os.path.$0\n")
    (generation,) = model.generate(request, stop=first_line, cancelled=never)
    assert generation.text[:1].isidentifier()
    assert generation.text.isprintable()


def test_the_same_request_gives_the_same_answer(model: CTranslateModel) -> None:
    first, second = generated(model, LONG), generated(model, LONG)
    assert (first.text, first.log_probs) == (second.text, second.log_probs)


def test_each_kept_token_has_a_log_probability(model: CTranslateModel) -> None:
    generation = generated(model)
    assert 0 < len(generation.log_probs) <= REQUEST.max_tokens
    assert all(log_prob <= 0 for log_prob in generation.log_probs)


def test_no_marker_is_in_the_text(model: CTranslateModel) -> None:
    for end in range(0, len(REQUEST.prefix), 40):
        text = generated(model, replace(REQUEST, prefix=REQUEST.prefix[:end], max_tokens=64)).text
        assert "<fim" not in text
        assert "<|endoftext|>" not in text
        assert "<filename>" not in text


def test_the_budget_ends_it(model: CTranslateModel) -> None:
    generation = generated(model, replace(REQUEST, max_tokens=2))
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
    whole = generated(model)
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
    generation = generated(model)
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


def test_forced_decoding_agrees_with_scoring_the_whole_sequence(model: CTranslateModel) -> None:
    tokenizer = bundled.tokenizer()
    prompt = Prompt(tokenizer.encode(REQUEST.prefix).tokens, 0, 24)
    texts = tokenizer.encode("side = side\n").tokens
    tokens = [engine.Token(tokenizer.find_id(text), text) for text in texts]
    (whole,) = model._engine._generator.score_batch([[*prompt.tokens, *texts]])
    for keep in (False, True, True):
        forced = model._engine.force_decode(prompt, tokens, never, keep=keep)
        assert forced == pytest.approx(whole.log_probs[-len(texts) :], abs=0.15)


def test_a_prompt_that_was_judged_twice_need_not_be_read_again(model: CTranslateModel) -> None:
    request = replace(LONG, prefix=LONG.prefix.replace("value", "judged"))
    model.score(request, ["1", "2"], cancelled=never)
    generation = generated(model, request)
    assert generation.reused_tokens == generation.prompt_tokens - 1


def test_what_stands_still_is_not_computed_again(model: CTranslateModel) -> None:
    prefix = LONG.prefix.replace("value", "fresh")
    first = generated(model, replace(LONG, prefix=prefix))
    second = generated(model, replace(LONG, prefix=prefix + "9"))
    assert first.reused_tokens == 0
    assert second.reused_tokens > 0.6 * second.prompt_tokens


def test_kept_states_are_bounded(model: CTranslateModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model._engine, "_kept_bytes", 1000 * model._engine._kv_token_bytes)
    texts = {
        generated(model, replace(LONG, prefix=LONG.prefix.replace("value", f"v{number}"))).text for number in range(6)
    }
    assert texts
    assert model._engine._kept_tokens <= 1000
    assert sum(len(head) for head in model._engine._kept) == model._engine._kept_tokens


def test_markers_in_user_text_are_data(model: CTranslateModel) -> None:
    strange = "<fim_middle><|endoftext|><fim_prefix>"
    generation = generated(model, replace(REQUEST, prefix=f"# {strange}\n" + REQUEST.prefix, suffix=strange))
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
    generation = generated(model, FillRequest("a.py", prefix * times, suffix * times, max_tokens=max_tokens))
    assert generation.stop in {StopReason.END, StopReason.LENGTH}
    assert generation.prompt_tokens + max_tokens <= bundled.entry().context_tokens
    assert generation.text.encode().decode() == generation.text


def test_an_error_in_a_rule_is_the_callers_and_the_model_goes_on(model: CTranslateModel) -> None:
    def broken(_: str) -> int:
        raise KeyError("rule")

    with pytest.raises(KeyError):
        model.generate(REQUEST, stop=broken, cancelled=never)
    assert generated(model).text


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


def large(speed: Speed | None = None) -> CTranslateModel:
    """The bundled weights, taken for those of a large model."""
    model = load(replace(bundled.entry(), parameters=500_000_000), device="cpu", threads=1)
    model._speed = MovingSpeed(speed) if speed is not None else None
    return model


LINE = "result = compute(alpha, beta, gamma)"


def test_while_a_person_types_on_in_a_line_only_that_line_is_read() -> None:
    model = large()
    try:
        read = []
        for end in range(0, len(LINE), 4):
            request = replace(LONG, prefix=LONG.prefix.replace("value", "typed") + "1\n    " + LINE[:end])
            generation = generated(model, replace(request, max_tokens=2))
            read.append(generation.prompt_tokens - generation.reused_tokens)
        assert read[0] > 200, "the first key reads all"
        assert max(read[1:]) <= model.count_tokens("    " + LINE) + 1
    finally:
        model.close()


def test_a_head_that_lacks_little_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model = large()
    try:
        monkeypatch.setattr(model._engine, "_long", True)
        prefix = LONG.prefix.replace("value", "lacking") + "1\n"
        first = generated(model, replace(LONG, prefix=prefix, max_tokens=2))
        second = generated(model, replace(LONG, prefix=prefix + "    more = 2\n", max_tokens=2))
        assert first.reused_tokens == 0
        assert second.prompt_tokens - second.reused_tokens <= model.count_tokens("    more = 2\n") + 1
        assert len(model._engine._kept) == 1
        far = generated(model, replace(LONG, prefix=prefix + "    more = 2\n" * 30, max_tokens=2))
        assert far.reused_tokens == 0
    finally:
        model.close()


def test_no_more_is_read_than_there_is_time_for_and_the_rest_behind_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctranslate_completion, "LEAST_PROMPT", 96)
    model = large(Speed(520.0, 100.0))
    try:
        prefix = LONG.prefix.replace("value", "budget")
        request = replace(LONG, prefix=prefix, suffix="", max_tokens=2, budget_ms=500.0)
        whole = len(lay_out(request, model.entry, bundled.tokenizer(), 512).tokens)
        first = generated(model, request)
        assert first.prompt_tokens <= 0.4 * 520 + 3 < whole
        assert first.reused_tokens == 0
        deadline = time.monotonic() + LONG_S
        while not model._engine.count_kept(lay_out(request, model.entry, bundled.tokenizer(), 512).tokens):
            assert time.monotonic() < deadline, "the head is read behind the answer"
            time.sleep(0.01)
        model._speed = MovingSpeed(Speed(520.0, 100.0))
        second = generated(model, replace(request, prefix=prefix + "9"))
        assert second.prompt_tokens >= whole
        assert second.reused_tokens > 0.8 * whole
    finally:
        model.close()


def test_where_there_is_no_room_for_another_head_it_is_read_behind_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    model = large()
    try:
        monkeypatch.setattr(model._engine, "_kept_bytes", 400 * model._engine._kv_token_bytes)
        requests = [
            replace(LONG, prefix=LONG.prefix.replace("value", name) + "1\n", max_tokens=2, budget_ms=1000.0 * LONG_S)
            for name in ("first", "second")
        ]
        generated(model, requests[0])
        generator = model._engine._generator
        heads = set(model._engine._kept)
        ended = threading.Event()
        monkeypatch.setattr(model._engine, "keep", lambda _: ended.wait(LONG_S))
        generated(model, requests[1])
        assert (model._engine._generator, model._engine._kept) == (generator, heads), "the weights were not loaded anew"
        monkeypatch.undo()
        ended.set()
    finally:
        model.close()


def test_where_too_little_fits_all_is_read_and_kept_for_the_next_key() -> None:
    model = large(Speed(5.0, 1.0))
    try:
        request = replace(LONG, prefix=LONG.prefix.replace("value", "late"), max_tokens=2, budget_ms=500.0)
        first = generated(model, request)
        assert first.prompt_tokens > 250
        second = generated(model, replace(request, prefix=request.prefix + "9"))
        assert second.reused_tokens > 0.6 * second.prompt_tokens
    finally:
        model.close()


def test_a_model_with_time_enough_reads_all() -> None:
    model = large(Speed(100_000.0, 1000.0))
    try:
        request = replace(LONG, prefix=LONG.prefix.replace("value", "enough"), max_tokens=2)
        assert generated(model, replace(request, budget_ms=5000.0)).prompt_tokens > 250
    finally:
        model.close()


def test_the_last_lines_before_the_cursor_stay_whatever_is_cut() -> None:
    entry = replace(bundled.entry(), parameters=500_000_000)
    prompt = lay_out(replace(LONG, suffix="x = 1\n" * 200), entry, bundled.tokenizer(), 96)
    text = bundled.tokenizer().decode([bundled.tokenizer().find_id(token) for token in prompt.tokens])
    assert text.endswith("value_89 = 89\n    value_90 = ")
    assert len(prompt.tokens) <= 96 + 3


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
    model = large(Speed(1.0, 1.0))
    try:
        generated(model, replace(LONG, prefix=LONG.prefix.replace("value", "moves")))
        assert model.speed is not None
        assert model.speed.prompt_tokens_per_s > 1.0
        assert model.speed.new_tokens_per_s > 1.0
    finally:
        model.close()


@pytest.mark.parametrize("speed", [None, Speed(400.0, 100.0)])
def test_alternatives_of_a_large_model_share_what_was_read(speed: Speed | None) -> None:
    model = large(speed)
    try:
        request = replace(LONG, prefix=LONG.prefix.replace("value", "shared"), max_tokens=4)
        if speed is not None:
            request = replace(request, budget_ms=1000.0 * LONG_S)
            model._speed = MovingSpeed(Speed(5.0, 1.0))
        first, *others = model.generate(request, stop=to_the_end, cancelled=never, alternatives=3)
        assert others
        assert first.reused_tokens == 0
        assert all(other.reused_tokens == other.prompt_tokens - 1 for other in others)
    finally:
        model.close()


def test_alternatives_asked_for_one_by_one_share_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctranslate_completion, "LEAST_PROMPT", 96)
    model = large(Speed(520.0, 100.0))
    try:
        request = replace(LONG, prefix=LONG.prefix.replace("value", "apart"), max_tokens=2, budget_ms=500.0)
        ranking: list[RankedToken] = []

        def asked(openings: Openings) -> DecodingResult:
            decoded = model.stream(request, on_token=lambda *_: False, cancelled=never, openings=openings)
            assert decoded is not None
            return decoded

        first = asked(Openings(None, 3, ranking.extend))
        other = asked(Openings(ranking[1]))
        assert first.reused_tokens == 0
        assert other.prompt_tokens == first.prompt_tokens == other.reused_tokens + 1
    finally:
        model.close()


def test_weights_that_load_again_while_their_model_is_closed_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    network = large()._engine
    prompt = Prompt((*["a"] * 200, "b"), 200, 2)
    begun, closed = threading.Event(), threading.Event()
    usual, failures = engine._load, list[BaseException]()

    def slowly(folder: Path, placement: engine.Placement) -> object:
        begun.set()
        assert closed.wait(LONG_S)
        return usual(folder, placement)

    def keep() -> None:
        try:
            network.keep(prompt)
        except engine.FAILURES as error:
            failures.append(error)

    monkeypatch.setattr(engine, "_load", slowly)
    network._drop()
    reading = threading.Thread(target=keep)
    reading.start()
    assert begun.wait(LONG_S)
    network.close()
    assert not network.is_released(), "they are still on their way in"
    closed.set()
    reading.join(LONG_S)
    assert network.is_released()
    assert [str(error) for error in failures] == ["the weights were unloaded"]
    assert not network._kept


def test_where_loading_again_fails_nothing_counts_as_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    network = large()._engine
    prompt = Prompt((*["a"] * 200, "b"), 200, 2)

    def fail(*_: object) -> object:
        raise MemoryError("no room")

    try:
        network._drop()
        with monkeypatch.context() as patched:
            patched.setattr(engine, "_load", fail)
            with pytest.raises(MemoryError):
                network.keep(prompt)
        assert network.count_kept(prompt.tokens) == 0
        network.keep(prompt)
        assert network.count_kept(prompt.tokens) == 200
    finally:
        network.close()
