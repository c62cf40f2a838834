from __future__ import annotations

import itertools
import threading
import time

import pytest

from indexing.turns import Turns


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
