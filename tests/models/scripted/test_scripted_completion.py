from __future__ import annotations

import threading

import pytest

from models.completion import FillRequest, StopReason
from models.errors import ModelError
from models.scripted.scripted_completion import UNLIKELY_LOG_PROB, ScriptedModel
from tests.models.bundled import first_line, never, to_the_end

LONG_S = 30.0
REQUEST = FillRequest("a.py", "total = ", "\n")


def test_the_longest_fitting_end_of_the_prefix_answers() -> None:
    model = ScriptedModel({"": "any", "= ": "sum(parts)", "x": "no"})
    (generation,) = model.generate(REQUEST, stop=to_the_end, cancelled=never)
    assert generation.text == "sum(parts)"
    assert generation.stop is StopReason.END
    assert len(generation.log_probs) == model.count_tokens("sum(parts)")
    assert set(generation.log_probs) == {-0.1}
    assert model.requests == [REQUEST]


def test_a_function_may_answer() -> None:
    model = ScriptedModel(lambda request: request.prefix.upper())
    assert model.generate(REQUEST, stop=to_the_end, cancelled=never)[0].text == "TOTAL = "


def test_it_obeys_stop_rules_and_budgets() -> None:
    model = ScriptedModel({"": "one two\nthree"})
    (stopped,) = model.generate(REQUEST, stop=first_line, cancelled=never)
    assert (stopped.text, stopped.stop) == ("one two", StopReason.STOPPED)
    (short,) = model.generate(FillRequest("", "", "", max_tokens=1), stop=to_the_end, cancelled=never)
    assert (short.text, short.stop) == ("one", StopReason.LENGTH)


def test_it_is_cancelled_at_the_next_token() -> None:
    seen: list[str] = []

    def stop(text: str) -> None:
        seen.append(text)

    model = ScriptedModel({"": "a b c d e"})
    (generation,) = model.generate(REQUEST, stop=stop, cancelled=lambda: len(seen) >= 2)
    assert generation.stop is StopReason.CANCELLED
    assert generation.text == "a b"


def test_alternatives_come_after_the_reply() -> None:
    model = ScriptedModel({"": "a"}, alternatives={"": ("b", "c")})
    texts = [one.text for one in model.generate(REQUEST, stop=to_the_end, cancelled=never, alternatives=2)]
    assert texts == ["a", "b"]


def test_a_score_agrees_as_far_as_the_script_does() -> None:
    model = ScriptedModel({"": "a b c"}, log_prob=-0.2)
    same, other = model.score(REQUEST, ["a b", "a x"], cancelled=never)
    assert same.log_probs == (-0.2, -0.2)
    assert other.log_probs == (-0.2, UNLIKELY_LOG_PROB)
    assert other.token_ends == (1, 3)


def test_closing_ends_it_and_is_safe_twice() -> None:
    model = ScriptedModel({"": "word " * 1000}, token_s=0.5)
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(model.generate(REQUEST, stop=to_the_end, cancelled=never)))
    thread.start()
    while not model.requests:
        threading.Event().wait(0.001)
    model.close()
    model.close()
    thread.join(LONG_S)
    assert answers[0].stop is StopReason.CANCELLED
    with pytest.raises(ModelError, match="scripted was unloaded"):
        model.generate(REQUEST, stop=to_the_end, cancelled=never)
