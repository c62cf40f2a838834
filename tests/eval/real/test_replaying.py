"""Decoding is computed once for each prompt, and replayed as far as it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.fim import Prompt
from models.local.greedy_decoding import Step, Token
from tests.eval.real.replaying import Replaying

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROMPT = Prompt(("a", "b"), 0, 8)


class Engine:
    """An engine that says 1, 2, 3 and ends."""

    placement = "here"

    def __init__(self) -> None:
        self.calls = 0
        self.allowed: list[Any] = []
        self.read_ahead: list[Prompt] = []

    def keep(self, prompt: Prompt) -> None:
        self.read_ahead.append(prompt)

    def decode(self, _: Prompt, on_step: Callable[[Step], bool], **options: Any) -> Any:
        self.calls += 1
        steering = options.get("steering")
        for number in (1, 2, 3):
            if steering is not None:
                self.allowed.append(steering.list_allowed())
            if on_step(Step(Token(number, str(number)), -0.5)):
                break
        return 0, ()


def decode_all(engine: Replaying, most: int, prompt: Prompt = PROMPT, **options: Any) -> list[int]:
    numbers: list[int] = []
    engine.decode(prompt, lambda step: numbers.append(step.token.number) or len(numbers) >= most, **options)
    return numbers


def test_what_was_decoded_is_replayed_in_a_later_run_and_computed_on_where_more_is_wanted(tmp_path: Path) -> None:
    own = Engine()
    engine = Replaying(own, tmp_path / "decoded.jsonl", "w")  # type: ignore[arg-type]
    assert (decode_all(engine, 2), own.calls) == ([1, 2], 1)
    assert (decode_all(engine, 1), own.calls) == ([1], 1)
    again = Replaying(own, tmp_path / "decoded.jsonl", "w")  # type: ignore[arg-type]
    assert (decode_all(again, 2), own.calls) == ([1, 2], 1)
    assert again.spared_s >= 0
    again.keep(Prompt(("a", "c"), 0, 8))
    assert own.read_ahead == []
    assert (decode_all(again, 9), own.calls) == ([1, 2, 3], 2)
    assert (decode_all(again, 9), own.calls) == ([1, 2, 3], 2)


def test_other_prompts_budgets_weights_and_rankings_are_computed(tmp_path: Path) -> None:
    own = Engine()
    engine = Replaying(own, tmp_path / "decoded.jsonl", "w")  # type: ignore[arg-type]
    decode_all(engine, 9)
    decode_all(engine, 9, Prompt(("a", "c"), 0, 8))
    decode_all(engine, 9, Prompt(("a", "b"), 0, 9))
    decode_all(Replaying(own, tmp_path / "decoded.jsonl", "v"), 9)  # type: ignore[arg-type]
    decode_all(engine, 9, ranked=3)
    assert own.calls == 5
    assert engine.placement == "here"


class Steering:
    """Steering that always allows 7."""

    def list_allowed(self) -> list[int]:
        return [7]

    def spell(self, number: int) -> str:
        return str(number)


def test_a_begun_word_is_replayed_too_and_computing_on_is_led_through_what_was_told(tmp_path: Path) -> None:
    own = Engine()
    engine = Replaying(own, tmp_path / "decoded.jsonl", "w")  # type: ignore[arg-type]
    begun = Prompt(("a", "b"), 0, 8, "wor")
    assert (decode_all(engine, 2, begun, steering=Steering()), own.calls) == ([1, 2], 1)
    assert (decode_all(engine, 2, begun, steering=Steering()), own.calls) == ([1, 2], 1)
    assert (decode_all(engine, 2), own.calls) == ([1, 2], 2), "without the word it is another prompt"
    own.allowed.clear()
    assert (decode_all(engine, 9, begun, steering=Steering()), own.calls) == ([1, 2, 3], 3)
    assert own.allowed == [[1], [2], [7]]
