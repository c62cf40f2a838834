"""Reading expressions without a tree."""

from __future__ import annotations

import pytest

from indexing.resolution.cursor_text import read_expression_before
from indexing.resolution.expressions import UNKNOWN, Expression, parse


def show(expression: Expression) -> str:
    """Return an expression as a short text."""
    inside = ", ".join(map(show, expression.parts))
    base = show(expression.base) if expression.base is not None else ""
    return {
        "name": expression.name,
        "member": f"{base}.{expression.name}",
        "call": f"{base}({inside})",
        "index": f"{base}[{inside}]",
        "choice": f"<{inside}>",
        "await": f"await {base}",
        "literal": f"{expression.name}({inside})",
        "unknown": "?",
    }[expression.kind]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a.b(c, d=1)[0].e", "a.b(c, ?)[int()].e"),
        ("a if b(1) else c", "<a, c>"),
        ("a or b() or None", "<a, b(), None>"),
        ("(a)", "a"),
        ("(a, b)", "tuple(a, b)"),
        ("[a(x) for x in y]", "list(a(x))"),
        ("{'k': a}", "dict(?, a)"),
        ("await a.b()", "await a.b()"),
        ("dict[str, A | None]", "dict[str, <A, None>]"),
        ("'A.B'", "str(A.B)"),
        ("a + b", "?"),
        ("lambda x: x", "?"),
        ("not a.b", "bool()"),
        ("f'{a}' 'b'", "str({a})"),
        ("", "?"),
        ("a.b(", "a.b()"),
    ],
)
def test_it_is_read_as_far_as_a_type_can_follow(text: str, shown: str) -> None:
    assert show(parse(text)) == shown


def test_deep_and_long_expressions_end() -> None:
    assert parse("(" * 5000) == UNKNOWN
    assert parse("a" + "[b" * 300).kind in {"unknown", "index"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = a.b", "a.b"),
        ("if a.b(c.d, (1, 2)).e", "a.b(c.d, (1, 2)).e"),
        ("f(a.b", "a.b"),
        ("f(a(b", "b"),
        ("a[0].b", "a[0].b"),
        ("x = 'don\\'t'.join", "'don\\'t'.join"),
        ("a.b(')').c", "a.b(')').c"),
        ("x = (\n    a\n    .b()\n    .c", "a\n    .b()\n    .c"),
        ('"""It isn\'t."""\n\na.b', "a.b"),
        ("1 + ", ""),
    ],
)
def test_the_expression_that_ends_at_the_cursor_is_found(text: str, found: str) -> None:
    assert read_expression_before(text, len(text)) == found
