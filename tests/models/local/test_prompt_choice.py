"""The prompts of a large model: no longer than there is time for, and no part read twice."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from models.completion import DecodingResult, Openings, RankedToken
from models.fim import lay_out
from models.local import prompt_choice
from models.local.calibration import MovingSpeed, Speed
from tests.models import bundled
from tests.models.bundled import never, to_the_end
from tests.models.local.completions import LONG, LONG_S, complete, load_large

LINE = "result = compute(alpha, beta, gamma)"


def test_while_a_person_types_on_in_a_line_only_that_line_is_read() -> None:
    model = load_large()
    try:
        read = []
        for end in range(0, len(LINE), 4):
            request = replace(LONG, prefix=LONG.prefix.replace("value", "typed") + "1\n    " + LINE[:end])
            generation = complete(model, replace(request, max_tokens=2))
            read.append(generation.prompt_tokens - generation.reused_tokens)
        assert read[0] > 200, "the first key reads all"
        assert max(read[1:]) <= model.count_tokens("    " + LINE) + 1
    finally:
        model.close()


def test_a_head_that_lacks_little_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_large()
    try:
        monkeypatch.setattr(model._engine.cached_heads, "long_window", True)
        prefix = LONG.prefix.replace("value", "lacking") + "1\n"
        first = complete(model, replace(LONG, prefix=prefix, max_tokens=2))
        second = complete(model, replace(LONG, prefix=prefix + "    more = 2\n", max_tokens=2))
        assert first.reused_tokens == 0
        assert second.prompt_tokens - second.reused_tokens <= model.count_tokens("    more = 2\n") + 1
        assert len(model._engine.cached_heads.heads) == 1
        far = complete(model, replace(LONG, prefix=prefix + "    more = 2\n" * 30, max_tokens=2))
        assert far.reused_tokens == 0
    finally:
        model.close()


def test_no_more_is_read_than_there_is_time_for_and_the_rest_behind_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prompt_choice, "LEAST_PROMPT", 96)
    model = load_large(Speed(520.0, 100.0))
    try:
        prefix = LONG.prefix.replace("value", "budget")
        request = replace(LONG, prefix=prefix, suffix="", max_tokens=2, budget_ms=500.0)
        whole = len(lay_out(request, model.entry, bundled.tokenizer(), 512).tokens)
        first = complete(model, request)
        assert first.prompt_tokens <= 0.4 * 520 + 3 < whole
        assert first.reused_tokens == 0
        deadline = time.monotonic() + LONG_S
        while not model._engine.cached_heads.count_cached_tokens(
            lay_out(request, model.entry, bundled.tokenizer(), 512).tokens
        ):
            assert time.monotonic() < deadline, "the head is read behind the answer"
            time.sleep(0.01)
        model._prompts.speed = MovingSpeed(Speed(520.0, 100.0))
        second = complete(model, replace(request, prefix=prefix + "9"))
        assert second.prompt_tokens >= whole
        assert second.reused_tokens > 0.8 * whole
    finally:
        model.close()


def test_where_there_is_no_room_for_another_head_it_is_read_behind_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_large()
    try:
        monkeypatch.setattr(model._engine.cached_heads, "most_tokens", 400)
        requests = [
            replace(LONG, prefix=LONG.prefix.replace("value", name) + "1\n", max_tokens=2, budget_ms=1000.0 * LONG_S)
            for name in ("first", "second")
        ]
        complete(model, requests[0])
        generator = model._engine._generator
        heads = model._engine.cached_heads.heads
        ended = threading.Event()
        monkeypatch.setattr(model._engine, "cache_head", lambda _: ended.wait(LONG_S))
        complete(model, requests[1])
        assert model._engine._generator is generator, "the weights were not loaded anew"
        assert model._engine.cached_heads.heads == heads
        monkeypatch.undo()
        ended.set()
    finally:
        model.close()


def test_where_too_little_fits_all_is_read_and_kept_for_the_next_key() -> None:
    model = load_large(Speed(5.0, 1.0))
    try:
        request = replace(LONG, prefix=LONG.prefix.replace("value", "late"), max_tokens=2, budget_ms=500.0)
        first = complete(model, request)
        assert first.prompt_tokens > 250
        second = complete(model, replace(request, prefix=request.prefix + "9"))
        assert second.reused_tokens > 0.6 * second.prompt_tokens
    finally:
        model.close()


def test_a_model_with_time_enough_reads_all() -> None:
    model = load_large(Speed(100_000.0, 1000.0))
    try:
        request = replace(LONG, prefix=LONG.prefix.replace("value", "enough"), max_tokens=2)
        assert complete(model, replace(request, budget_ms=5000.0)).prompt_tokens > 250
    finally:
        model.close()


def test_the_last_lines_before_the_cursor_stay_whatever_is_cut() -> None:
    entry = replace(bundled.entry(), parameters=500_000_000)
    prompt = lay_out(replace(LONG, suffix="x = 1\n" * 200), entry, bundled.tokenizer(), 96)
    text = bundled.tokenizer().decode([bundled.tokenizer().find_id(token) for token in prompt.tokens])
    assert text.endswith("value_89 = 89\n    value_90 = ")
    assert len(prompt.tokens) <= 96 + 3


@pytest.mark.parametrize("speed", [None, Speed(400.0, 100.0)])
def test_alternatives_of_a_large_model_share_what_was_read(speed: Speed | None) -> None:
    model = load_large(speed)
    try:
        request = replace(LONG, prefix=LONG.prefix.replace("value", "shared"), max_tokens=4)
        if speed is not None:
            request = replace(request, budget_ms=1000.0 * LONG_S)
            model._prompts.speed = MovingSpeed(Speed(5.0, 1.0))
        first, *others = model.generate(request, stop=to_the_end, cancelled=never, alternatives=3)
        assert others
        assert first.reused_tokens == 0
        assert all(other.reused_tokens == other.prompt_tokens - 1 for other in others)
    finally:
        model.close()


def test_alternatives_asked_for_one_by_one_share_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_choice, "LEAST_PROMPT", 96)
    model = load_large(Speed(520.0, 100.0))
    try:
        request = replace(LONG, prefix=LONG.prefix.replace("value", "apart"), max_tokens=2, budget_ms=500.0)
        ranking: list[RankedToken] = []

        def decode(openings: Openings) -> DecodingResult:
            decoded = model.stream(request, on_token=lambda *_: False, cancelled=never, openings=openings)
            assert decoded is not None
            return decoded

        first = decode(Openings(None, 3, ranking.extend))
        other = decode(Openings(ranking[1]))
        assert first.reused_tokens == 0
        assert other.prompt_tokens == first.prompt_tokens == other.reused_tokens + 1
    finally:
        model.close()
