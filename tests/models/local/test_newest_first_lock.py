from __future__ import annotations

import threading

import pytest

from models.local.newest_first_lock import NewestFirstLock

LONG_S = 30.0


def never() -> bool:
    return False


def wait_for_threads(turns: NewestFirstLock, count: int) -> None:
    """Wait until `count` threads wait for the lock."""
    while turns.waiting < count:
        threading.Event().wait(0.001)


def test_the_newest_waiting_one_goes_first() -> None:
    turns = NewestFirstLock()
    order: list[str] = []

    def work(name: str) -> None:
        with turns.take(never) as granted:
            assert granted
            order.append(name)

    with turns.take(never):
        threads = []
        for number, name in enumerate(["oldest", "middle", "newest"]):
            threads.append(threading.Thread(target=work, args=(name,)))
            threads[-1].start()
            wait_for_threads(turns, number + 1)
    for thread in threads:
        thread.join(LONG_S)
    assert order == ["newest", "middle", "oldest"]


def test_only_one_has_the_turn() -> None:
    turns = NewestFirstLock()
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            with turns.take(never):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
    assert max(most) == 1
    assert len(most) == 200


def test_one_that_is_given_up_while_waiting_gets_no_turn() -> None:
    turns = NewestFirstLock()
    wanted = threading.Event()
    wanted.set()
    answers: list[bool] = []

    def work() -> None:
        with turns.take(lambda: not wanted.is_set()) as granted:
            answers.append(granted)

    with turns.take(never):
        thread = threading.Thread(target=work)
        thread.start()
        wait_for_threads(turns, 1)
        wanted.clear()
        thread.join(LONG_S)
        assert answers == [False]
    with turns.take(never) as granted:
        assert granted


def test_an_error_gives_the_turn_back() -> None:
    turns = NewestFirstLock()
    with pytest.raises(ZeroDivisionError), turns.take(never):
        _ = 1 / 0
    with turns.take(never) as granted:
        assert granted
