from __future__ import annotations

import itertools
import threading
import time

import pytest

from indexing import turns as module
from indexing.turns import Turns, take_slot


def test_turns_do_not_overlap_and_rest_in_between() -> None:
    turns, ended, spans = Turns(rest=2.0), threading.Event(), []

    def work() -> None:
        with turns.take(ended) as has_turn:
            assert has_turn
            began = time.monotonic()
            time.sleep(0.02)
            spans.append((began, time.monotonic()))

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    spans.sort()
    assert len(spans) == len(threads)
    for (began, end), (after, _) in itertools.pairwise(spans):
        assert after - end >= 2.0 * (end - began)


def test_a_turn_that_fails_is_over() -> None:
    turns, ended = Turns(rest=0.0), threading.Event()
    with pytest.raises(ZeroDivisionError), turns.take(ended):
        _ = 1 / 0
    with turns.take(ended) as has_turn:
        assert has_turn


def test_nobody_waits_for_a_turn_after_the_end() -> None:
    turns, ended = Turns(rest=1e6), threading.Event()
    with turns.take(ended):
        time.sleep(0.001)
    waiting = threading.Timer(0.05, ended.set)
    waiting.start()
    with turns.take(ended) as has_turn:
        assert not has_turn
    waiting.join()


def test_without_a_free_slot_a_search_waits_until_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_slots", threading.BoundedSemaphore(1))
    with take_slot(None) as first:
        began = time.monotonic()
        with take_slot(began + 0.05) as second:
            assert (first, second) == (True, False)
        assert time.monotonic() - began >= 0.04
        with take_slot(began) as late:
            assert not late
        with take_slot(began, ahead=True) as ahead, take_slot(began, ahead=True) as second_ahead:
            assert (ahead, second_ahead) == (True, False)
    with take_slot(time.monotonic()) as again:
        assert again
