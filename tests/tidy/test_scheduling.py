"""Order of the tests: long ones come first for each worker, for any number of workers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.scheduling import long_first

TESTS = st.lists(st.booleans(), max_size=60).map(lambda kinds: list(enumerate(kinds)))


def deal_out(tests: list[tuple[int, bool]], workers: int) -> list[list[tuple[int, bool]]]:
    """Return the tests that xdist gives to each worker at first."""
    rest, given_out = list(tests), []
    for left in range(workers, 0, -1):
        size = len(rest) // left
        given_out.append(rest[:size])
        rest = rest[size:]
    return given_out


@given(TESTS, st.integers(1, 9))
def test_each_worker_begins_with_its_share_of_the_long_tests(tests: list[tuple[int, bool]], workers: int) -> None:
    ordered = long_first(tests, lambda test: test[1], workers)
    assert sorted(ordered) == tests
    shares = []
    for piece in deal_out(ordered, workers):
        long = [test for test in piece if test[1]]
        assert piece[: len(long)] == long
        shares.append(len(long))
    assert max(shares) - min(shares) <= 1


@given(TESTS, st.integers(1, 9))
def test_otherwise_they_stay_in_order(tests: list[tuple[int, bool]], workers: int) -> None:
    ordered = long_first(tests, lambda test: test[1], workers)
    for kind in (True, False):
        assert [test for test in ordered if test[1] is kind] == [test for test in tests if test[1] is kind]
