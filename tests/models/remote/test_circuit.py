"""Sparing an endpoint: when it is left alone, when it is tried again, and how many requests an hour may hold."""

from __future__ import annotations

from models.remote.circuit import Circuit, HourlyLimit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def break_circuit() -> tuple[Circuit, Clock]:
    clock = Clock()
    circuit = Circuit(failures=3, rest_s=15, clock=clock)
    for _ in range(3):
        assert circuit.admit() == 0
        circuit.record_failure()
    return circuit, clock


def test_after_some_failures_in_a_row_it_rests() -> None:
    circuit, clock = break_circuit()
    assert circuit.admit() == 15
    clock.now += 5
    assert circuit.admit() == 10


def test_a_success_in_between_begins_the_count_anew() -> None:
    circuit = Circuit(failures=2, clock=Clock())
    for _ in range(5):
        circuit.record_failure()
        circuit.record_success()
    assert circuit.admit() == 0


def test_after_the_rest_one_call_is_let_through_and_no_second() -> None:
    circuit, clock = break_circuit()
    clock.now += 15
    assert circuit.admit() == 0
    assert circuit.admit() > 0


def test_a_failure_after_the_rest_makes_the_next_one_longer() -> None:
    circuit, clock = break_circuit()
    for rest_s in (30, 60, 120, 240, 300, 300):
        clock.now += circuit.admit()
        assert circuit.admit() == 0
        circuit.record_failure()
        assert circuit.admit() == rest_s


def test_a_success_after_the_rest_ends_it() -> None:
    circuit, clock = break_circuit()
    clock.now += 15
    assert circuit.admit() == 0
    circuit.record_success()
    assert circuit.admit() == circuit.admit() == 0


def test_a_trial_that_was_given_up_is_made_again() -> None:
    circuit, clock = break_circuit()
    clock.now += 15
    assert circuit.admit() == 0
    circuit.record_abandonment()
    assert circuit.admit() == 0


def test_an_hour_holds_so_many_requests() -> None:
    clock = Clock()
    limit = HourlyLimit(2, clock=clock)
    assert [limit.take(), limit.take()] == [0, 0]
    clock.now += 600
    assert limit.take() == 3000
    clock.now += 3000
    assert limit.take() == 0


def test_no_limit_is_no_limit() -> None:
    limit = HourlyLimit(0)
    assert not any(limit.take() for _ in range(1000))
