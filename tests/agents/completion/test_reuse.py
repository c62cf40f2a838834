from __future__ import annotations

import sys

import pytest

from agents.completion.reuse import (
    DECLINED_AFTER,
    DECLINED_AFTER_S,
    DOCUMENTS,
    ENTRIES_PER_DOCUMENT,
    LIFETIME_S,
    SuggestionCache,
)
from agents.suggestions import Origin, Suggestion
from tests.agents.doubles import make_document, parse_place


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def cache_suggestion(
    fixture: str, text: str, *, replacing: int = 0, cache: SuggestionCache | None = None
) -> SuggestionCache:
    """Put the suggestion `text` for the cursor of `fixture` into `cache`, by default a new one, and return it."""
    document, offset = parse_place(fixture)
    cache = SuggestionCache() if cache is None else cache
    cache.put(document, offset, Suggestion("s1", text, offset, offset + replacing, Origin.MODEL, 0.9, "m"))
    return cache


def check_rest(cache: SuggestionCache, fixture: str, expected: str | None) -> None:
    """Check that the suggestion found at the cursor of `fixture`, applied, gives `expected`; None for no suggestion."""
    document, offset = parse_place(fixture)
    rest = cache.find(document, offset)
    if expected is None:
        assert rest is None
        return
    assert rest is not None
    assert rest.origin is Origin.REUSE
    assert document.text[: rest.start] + rest.text + document.text[rest.end :] == expected


@pytest.mark.parametrize("typed", ["", "a", "ab", "abs(", "abs(va"])
def test_typing_a_suggestion_gives_its_rest(typed: str) -> None:
    cache = cache_suggestion("x = $0\ny = 1\n", "abs(value)")
    check_rest(cache, f"x = {typed}$0\ny = 1\n", "x = abs(value)\ny = 1\n")


def test_the_rest_keeps_the_identity_of_the_suggestion() -> None:
    document, offset = parse_place("x = ab$0\n")
    rest = cache_suggestion("x = $0\n", "abs(value)").find(document, offset)
    assert rest is not None
    assert rest.id == "s1"


@pytest.mark.parametrize("left", ["x =", "x = a"])
def test_a_suggestion_stays_valid_after_backspacing(left: str) -> None:
    cache = cache_suggestion("x = ab$0\n", "s(value)")
    check_rest(cache, f"{left}$0\n", "x = abs(value)\n")


def test_typing_something_else_gives_nothing() -> None:
    check_rest(cache_suggestion("x = $0\n", "abs(value)"), "x = am$0\n", None)


def test_a_suggestion_typed_to_its_end_gives_nothing() -> None:
    check_rest(cache_suggestion("x = $0\n", "abs(value)"), "x = abs(value)$0\n", None)


def test_a_change_above_gives_nothing() -> None:
    check_rest(cache_suggestion("a = 1\nx = $0\n", "abs(value)"), "b = 1\nx = a$0\n", None)


def test_a_change_below_gives_nothing() -> None:
    check_rest(cache_suggestion("x = $0\na = 1\n", "abs(value)"), "x = a$0\nb = 1\n", None)


def test_brackets_that_the_editor_closes_meanwhile_are_replaced() -> None:
    check_rest(cache_suggestion("x = $0\n", 'f("a", b)\n'.rstrip()), 'x = f("$0")\n', 'x = f("a", b)\n')


def test_after_new_brackets_that_the_suggestion_lacks_it_is_not_found() -> None:
    check_rest(cache_suggestion("x = $0\n", "[1, 2]"), "x = [$0)\n", None)


def test_the_rest_of_a_suggestion_replaces_the_same_characters() -> None:
    check_rest(cache_suggestion("f($0)\n", "value) + g(1)", replacing=1), "f(va$0)\n", "f(value) + g(1)\n")


def test_a_block_can_be_typed_over_several_lines() -> None:
    cache = cache_suggestion("def f(x):\n    $0\n", "y = x\n    return y")
    check_rest(cache, "def f(x):\n    y = x\n    ret$0\n", "def f(x):\n    y = x\n    return y\n")


def test_another_document_gives_nothing() -> None:
    cache = cache_suggestion("x = $0\n", "abs(value)")
    check_rest(cache, "#- other.py\nx = $0\n", None)


def test_the_newest_suggestion_is_found_first() -> None:
    cache = cache_suggestion("x = $0\n", "abs(value)")
    cache_suggestion("x = $0\n", "all(values)", cache=cache)
    check_rest(cache, "x = a$0\n", "x = all(values)\n")


def test_an_older_suggestion_is_found_when_the_newer_no_longer_fits() -> None:
    cache = cache_suggestion("x = $0\n", "abs(value)")
    cache_suggestion("x = $0\n", "all(values)", cache=cache)
    check_rest(cache, "x = ab$0\n", "x = abs(value)\n")


def test_suggestions_expire_after_some_time() -> None:
    clock = Clock()
    cache = cache_suggestion("x = $0\n", "abs(value)", cache=SuggestionCache(clock))
    clock.now = LIFETIME_S + 1
    check_rest(cache, "x = a$0\n", None)


LONG = "compute_everything(values, limit)"


def type_along(cache: SuggestionCache, clock: Clock, text: str, *, key_s: float, keys: int = 1) -> int | None:
    """Type `text`, a beginning of LONG, `keys` characters at a time; return after how many the suggestion is gone."""
    for typed in range(keys, len(text) + 1, keys):
        clock.now += key_s
        document, offset = parse_place(f"x = {text[:typed]}$0\n")
        if cache.find(document, offset) is None:
            assert cache.is_declined(document, offset)
            return typed
        assert not cache.is_declined(document, offset)
    return None


def test_a_suggestion_that_is_typed_on_key_by_key_is_withdrawn() -> None:
    cache = cache_suggestion("x = $0\n", LONG, cache=SuggestionCache(clock := Clock()))
    assert type_along(cache, clock, LONG[:20], key_s=DECLINED_AFTER_S / 4) == DECLINED_AFTER + 1


def test_a_suggestion_that_was_shown_at_once_is_withdrawn_one_key_earlier() -> None:
    cache, text = SuggestionCache(clock := Clock()), "x = \n"
    document, offset = parse_place(text.replace("\n", "$0\n"))
    cache.put(document, offset, Suggestion("s1", LONG, offset, offset, Origin.MODEL, 0.9, "m"), shown=True)
    assert type_along(cache, clock, LONG[:20], key_s=1.0) == DECLINED_AFTER


def test_a_suggestion_stays_for_some_time_however_fast_it_is_typed() -> None:
    cache = cache_suggestion("x = $0\n", LONG, cache=SuggestionCache(clock := Clock()))
    assert type_along(cache, clock, LONG[:20], key_s=DECLINED_AFTER_S / 50) is None


def test_a_suggestion_that_is_accepted_word_by_word_stays() -> None:
    cache = cache_suggestion("x = $0\n", LONG, cache=SuggestionCache(clock := Clock()))
    assert type_along(cache, clock, LONG[:24], key_s=1.0, keys=6) is None


def test_a_withdrawn_suggestion_comes_back_with_a_step_back() -> None:
    cache = cache_suggestion("x = $0\n", LONG, cache=SuggestionCache(clock := Clock()))
    assert type_along(cache, clock, LONG[:20], key_s=1.0) is not None
    check_rest(cache, f"x = {LONG[:4]}$0\n", f"x = {LONG}\n")


def test_the_next_line_of_a_block_is_suggested_although_its_first_line_was_typed() -> None:
    cache = SuggestionCache(clock := Clock())
    block = "total = compute(values)\n    return total"
    cache_suggestion("def f(values):\n    $0\n", block, cache=cache)
    for typed in range(1, len("total = compute(values)\n    ") + 1):
        clock.now += 1.0
        cache.find(*parse_place(f"def f(values):\n    {block[:typed]}$0\n"))
    check_rest(cache, "def f(values):\n    total = compute(values)\n    $0\n", f"def f(values):\n    {block}\n")


@pytest.mark.parametrize("typed", ["abs(valu", "abs(value"])
def test_a_rest_that_is_quicker_to_type_than_to_accept_is_not_suggested(typed: str) -> None:
    check_rest(cache_suggestion("x = $0\n", "abs(value)"), f"x = {typed}$0\n", None)


def test_the_cache_has_a_bound() -> None:
    cache = SuggestionCache()
    for number in range(DOCUMENTS + 5):
        document = make_document("x = ", name=f"f{number}.py")
        for entry in range(ENTRIES_PER_DOCUMENT + 5):
            cache.put(document, 4, Suggestion(f"s{entry}", "abs", 4, 4, Origin.MODEL, 0.9))
    assert len(cache) == DOCUMENTS * ENTRIES_PER_DOCUMENT


def test_a_rejected_suggestion_is_not_found_again() -> None:
    document, offset = parse_place("x = $0\n")
    cache = cache_suggestion("x = $0\n", "abs(value)")
    given = cache.find(document, offset)
    assert given is not None
    cache.reject(document.uri, given)
    assert cache.find(document, offset) is None
    assert cache.is_rejected(document.uri, offset, "abs(value)")


def test_a_closed_document_is_forgotten() -> None:
    cache = cache_suggestion("x = $0\n", "abs(value)")
    cache.forget(parse_place("x = $0\n")[0].uri)
    check_rest(cache, "x = $0\n", None)


def test_finding_loads_neither_parser_nor_model() -> None:
    module = sys.modules[SuggestionCache.__module__]
    assert not {"tree_sitter", "ctranslate2", "numpy"} & set(vars(module))
