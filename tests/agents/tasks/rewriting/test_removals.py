"""Instructions that ask to remove or to replace code."""

from __future__ import annotations

import pytest

from agents.tasks.rewriting.removals import asks_to_remove, asks_to_remove_or_replace


@pytest.mark.parametrize(
    "words",
    [
        "remove the loop",
        "Lösche die Schleife",
        "删除循环",
        "comment this out",
        "get rid of it",
        "The value is never used.",
    ],
)
def test_words_that_ask_for_code_to_go(words: str) -> None:
    assert asks_to_remove(words)
    assert asks_to_remove_or_replace(words)


@pytest.mark.parametrize("words", ["rename f to g", "move it into the class", "call it g instead", "replace f by g"])
def test_words_that_ask_for_another_name_or_place(words: str) -> None:
    assert not asks_to_remove(words)
    assert asks_to_remove_or_replace(words)


@pytest.mark.parametrize(
    "words",
    [
        "use clean in it",
        "keep main",
        "Make it faster",
        "return it",
        "print the movie",
        "do not remove main",
        "deadline",
    ],
)
def test_words_that_ask_for_nothing_to_go(words: str) -> None:
    assert not asks_to_remove_or_replace(words)
