"""Speed: measured once, kept by model and machine, and corrected by what requests show."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pytest

from models.local.calibration import (
    FILE,
    SPEED_FILE,
    MovingSpeed,
    Speed,
    choose_threads,
    load_or_measure_speed,
    load_speed,
    measure_speed,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Machine:
    """Reads and writes at fixed rates, with a fixed cost of each call."""

    reads: float
    writes: float
    call_s: float = 0.01
    asked: list[tuple[int, int]] = field(default_factory=list)

    def time_request(self, prompt_tokens: int, new_tokens: int) -> float:
        self.asked.append((prompt_tokens, new_tokens))
        return self.call_s + prompt_tokens / self.reads + new_tokens / self.writes


@pytest.mark.parametrize(("reads", "writes"), [(60.0, 4.0), (900.0, 30.0), (20_000.0, 200.0)])
def test_both_rates_are_found_without_what_every_call_costs(reads: float, writes: float) -> None:
    speed = measure_speed(Machine(reads, writes))
    assert speed.prompt_tokens_per_s == pytest.approx(reads, rel=0.01)
    assert speed.new_tokens_per_s == pytest.approx(writes, rel=0.01)


def test_a_machine_that_is_busy_for_a_moment_is_not_taken_for_a_fast_one() -> None:
    class Busy(Machine):
        def time_request(self, prompt_tokens: int, new_tokens: int) -> float:
            return super().time_request(prompt_tokens, new_tokens) + (5.0 if len(self.asked) <= 3 else 0.0)

    speed = measure_speed(Busy(60.0, 4.0))
    assert speed.prompt_tokens_per_s <= 2 * 60.0
    assert speed.new_tokens_per_s <= 2 * 4.0


def test_a_slow_model_is_given_a_short_prompt_only() -> None:
    machine = Machine(60.0, 4.0)
    measure_speed(machine)
    assert max(prompt for prompt, _ in machine.asked) == 32


def test_the_speed_is_measured_once_for_each_model(tmp_path: Path) -> None:
    measured: list[str] = []

    def measure(name: str) -> Speed:
        measured.append(name)
        return Speed(250.0, 16.0)

    for name in ("a", "b", "a", "b"):
        assert load_or_measure_speed(name, tmp_path, partial(measure, name)) == Speed(250.0, 16.0)
    assert measured == ["a", "b"]


BEYOND = "1" + 400 * "0"


@pytest.mark.parametrize(
    "kept",
    [
        "{", "[]", "[" * 100_000, '{"KEY": [0, 1]}', '{"KEY": "fast"}', '{"KEY": [NaN, 1]}', '{"KEY": [1e-320, 1]}',
        f'{{"KEY": [{BEYOND}, 1]}}', '{"KEY": [1, 1e300]}',
    ],
)  # fmt: skip
def test_a_damaged_record_is_measured_again(tmp_path: Path, kept: str) -> None:
    load_or_measure_speed("a", tmp_path, lambda: Speed(1.0, 1.0))
    path = tmp_path / SPEED_FILE
    key = path.read_text().split('"')[1]
    path.write_text(kept.replace("KEY", key))
    assert load_speed("a", tmp_path) is None
    (tmp_path / FILE).write_text(kept)
    assert choose_threads("a", tmp_path, lambda threads, _: float(threads), cores=2) == 1
    assert load_or_measure_speed("a", tmp_path, lambda: Speed(2.0, 3.0)) == Speed(2.0, 3.0)


def test_real_requests_move_the_figure_slowly() -> None:
    moving = MovingSpeed(Speed(400.0, 20.0))
    moving.update(read=100, reading_s=1.0, written=0, writing_s=0.0)
    assert 250.0 < moving.now.prompt_tokens_per_s < 400.0
    assert moving.now.new_tokens_per_s == 20.0
    for _ in range(60):
        moving.update(read=100, reading_s=1.0, written=10, writing_s=1.0)
    assert moving.now.prompt_tokens_per_s == pytest.approx(100.0, rel=0.02)
    assert moving.now.new_tokens_per_s == pytest.approx(10.0, rel=0.02)


def test_one_stalled_request_does_not_decide() -> None:
    moving = MovingSpeed(Speed(400.0, 20.0))
    moving.update(read=100, reading_s=1000.0, written=10, writing_s=1000.0)
    assert moving.now.prompt_tokens_per_s > 250.0
    assert moving.now.new_tokens_per_s > 12.0


def test_a_handful_of_tokens_says_nothing_of_reading() -> None:
    moving = MovingSpeed(Speed(400.0, 20.0))
    moving.update(read=3, reading_s=1.0, written=1, writing_s=1.0)
    assert moving.now == Speed(400.0, 20.0)


def test_a_request_takes_its_reading_and_its_writing() -> None:
    assert Speed(100.0, 10.0).estimate_seconds(200, 5) == pytest.approx(2.5)


def test_the_newest_speed_of_a_model_is_found_by_the_head_of_its_identity(tmp_path: Path) -> None:
    assert load_speed("a|9|cpu", tmp_path) is None
    for identity, reads in (("a|9|cpu|int8|1", 100.0), ("a|9|cpu|int8|2", 200.0), ("a|9|cuda|auto|0", 900.0)):
        load_or_measure_speed(identity, tmp_path, partial(Speed, reads, 10.0))
    assert load_speed("a|9|cpu", tmp_path) == Speed(200.0, 10.0)
    assert load_speed("a|9|c", tmp_path) is None
    path = tmp_path / SPEED_FILE
    path.write_text(path.read_text("utf-8").replace("|cpu|", "|cpu|of another machine"), "utf-8")
    assert load_speed("a|9|cpu|int8", tmp_path) is None
