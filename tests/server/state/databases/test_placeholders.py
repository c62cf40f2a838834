"""Statements with question marks, as psycopg takes them."""

from __future__ import annotations

import enum

import pytest

from server.state.databases.placeholders import adapt, translate


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT a FROM b WHERE c = ? AND d IN (?, ?)", "SELECT a FROM b WHERE c = %s AND d IN (%s, %s)"),
        ("SELECT '?' || ? || 'it''s ?'", "SELECT '?' || %s || 'it''s ?'"),
        ('SELECT "odd?" FROM "b""?" WHERE x LIKE ?', 'SELECT "odd?" FROM "b""?" WHERE x LIKE %s'),
        ("SELECT 5 % 2, '100%', ? -- ? %\n, ?", "SELECT 5 %% 2, '100%%', %s -- ? %%\n, %s"),
        ("SELECT /* ? \n % */ ?", "SELECT /* ? \n %% */ %s"),
        ("SELECT 'open ?", "SELECT 'open %s"),  # the server refuses it
    ],
)
def test_only_question_marks_for_values_are_replaced(statement: str, expected: str) -> None:
    assert translate(statement) == expected


def test_values_are_those_that_the_columns_take() -> None:
    class Word(enum.StrEnum):
        ONE = "the value"

    class Number(enum.IntEnum):
        TWO = 2

    given = [True, False, Word.ONE, Number.TWO, "a\0b", "\ud83d", None, 1.5, b"x", 7]
    adapted = adapt(given)
    assert adapted == [1, 0, "the value", 2, "a\\x00b", "\\ud83d", None, 1.5, b"x", 7]
    assert {type(one) for one in adapted} == {int, str, type(None), float, bytes}
