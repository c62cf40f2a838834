"""Extraction of statements into a new function: its parameters and results, and the refused cases."""

from __future__ import annotations

from typing import Any

import pytest

from agents.edits import apply_edits
from agents.tasks.refactoring.function_extraction import ExtractionError, extract_function, list_movable
from tests.agents.doubles import make_document


def extract_lines(
    text: str, first: str, last: str = "", *, head: str = "def f", name: str = "part", keep: bool = False
) -> str:
    """Return the text with the lines from the one with `first` to the one with `last` moved out of `head`."""
    lines = text.splitlines()
    at, begin = (next(i for i, line in enumerate(lines, 1) if mark in line) for mark in (head, first))
    end = max(i for i, line in enumerate(lines, 1) if (last or first) in line)
    return apply_edits(text, extract_function(make_document(text), at, (begin, end), name, keep_name=keep))


def test_names_that_are_read_become_parameters_and_names_that_are_needed_come_back() -> None:
    text = (
        "def f(items: list[int], limit: int) -> int:\n    total = 0\n    for item in items:\n"
        "        if item < limit:\n            total += item\n    return total * 2\n"
    )
    assert extract_lines(text, "for item", "total +=") == (
        "def _part(items: list[int], limit: int, total):\n    for item in items:\n        if item < limit:\n"
        "            total += item\n    return total\n\n\n"
        "def f(items: list[int], limit: int) -> int:\n    total = 0\n    total = _part(items, limit, total)\n"
        "    return total * 2\n"
    )


def test_a_method_is_put_below_its_own_one_and_called_on_self() -> None:
    text = (
        "class A:\n    def f(self, path: str) -> None:\n        # where it lies\n        with open(path) as file:\n"
        "            data = file.read()\n        self.data = data\n\n    def g(self):\n        pass\n"
    )
    assert extract_lines(text, "with open", "file.read") == (
        "class A:\n    def f(self, path: str) -> None:\n        data = self._part(path)\n        self.data = data\n\n"
        "    def _part(self, path: str):\n        # where it lies\n        with open(path) as file:\n"
        "            data = file.read()\n        return data\n\n    def g(self):\n        pass\n"
    )


def test_a_class_method_makes_a_class_method() -> None:
    text = (
        "class A:\n    @classmethod\n    def f(cls, n):\n        if n:\n            raise cls.E(n)\n        return n\n"
    )
    assert extract_lines(text, "if n", "raise") == (
        "class A:\n    @classmethod\n    def f(cls, n):\n        cls._part(n)\n        return n\n\n"
        "    @classmethod\n    def _part(cls, n):\n        if n:\n            raise cls.E(n)\n"
    )


def test_lines_that_end_the_function_are_returned() -> None:
    text = "def f(a) -> int:\n    a = a + 1\n    if a:\n        return 1\n    print(a)\n    return 2\n"
    assert extract_lines(text, "if a", "return 2") == (
        "def _part(a) -> int:\n    if a:\n        return 1\n    print(a)\n    return 2\n\n\n"
        "def f(a) -> int:\n    a = a + 1\n    return _part(a)\n"
    )


def test_a_moved_await_makes_the_new_function_async() -> None:
    text = "async def f(a):\n    b = await a.x()\n    c = await b.y()\n    return c\n"
    assert extract_lines(text, "b = await", "c = await", head="async def f") == (
        "async def _part(a):\n    b = await a.x()\n    c = await b.y()\n    return c\n\n\n"
        "async def f(a):\n    c = await _part(a)\n    return c\n"
    )


def test_strings_of_several_lines_and_line_ends_stay_what_they_are() -> None:
    text = (
        "class A:\r\n    def f(self):\r\n        if self.a:\r\n            x = '''one\r\n  two'''\r\n"
        "            raise ValueError(\r\n                'three'\r\n                'four', x\r\n            )\r\n"
        "        return 1\r\n"
    )
    assert extract_lines(text, "x = '''", "            )") == (
        "class A:\r\n    def f(self):\r\n        if self.a:\r\n            self._part()\r\n        return 1\r\n\r\n"
        "    def _part(self):\r\n        x = '''one\r\n  two'''\r\n"
        "        raise ValueError(\r\n            'three'\r\n            'four', x\r\n        )\r\n"
    )


def test_a_type_that_was_narrowed_before_is_not_repeated() -> None:
    text = "def f(a: str | None) -> None:\n    if a:\n        b = a.strip()\n        print(b)\n    print('done')\n"
    assert "def _part(a) -> None:\n" in extract_lines(text, "b = a", "print(b)")


def test_a_long_call_is_wrapped() -> None:
    names = [f"a_rather_long_name_{letter}" for letter in "abcdef"]
    text = f"def f(x):\n    {' = '.join(names[:3])} = x\n    {' = '.join(names[3:])} = x\n    if x:\n        print(\n"
    text += "".join(f"            {name},\n" for name in names) + "        )\n    return x\n"
    made = extract_lines(text, "if x", "        )")
    assert "    _part(\n        x,\n        a_rather_long_name_a,\n" in made


def test_a_name_that_a_person_gave_is_kept() -> None:
    text = "def f(a):\n    if a:\n        print(a)\n    return a\n"
    assert "def part(a):" in extract_lines(text, "if a", "print", keep=True)


@pytest.mark.parametrize(
    ("text", "first", "last", "why"),
    [
        ("def f(a):\n    for b in a:\n        if b:\n            break\n    return 1\n", "if b", "break", "`break`"),
        ("def f(a):\n    if a:\n        yield a\n    return 1\n", "if a", "yield", "`yield`"),
        ("def f(a):\n    if a:\n        return 1\n    print(a)\n", "if a", "return", "return on some paths"),
        ("def f(a):\n    if a:\n        b = 1\n    return b\n", "if a", "b = 1", "`b` is not bound on all paths"),
        ("def f(a):\n    return 1\n", "return 1", "", "a single line"),
        ("def f(a):\n    a = 1\n    return a\n", "a = 1", "return a", "the whole function"),
        ("def f(a):\n    global b\n    if a:\n        b = 1\n    return 1\n", "if a", "b = 1", "global"),
        ("def f(a):\n    if a:\n        print(locals())\n    return 1\n", "if a", "print", "`locals`"),
        ("def f(a):\n    g = lambda: b\n    if a:\n        b = 1\n    return g\n", "if a", "b = 1", "shares `b`"),
        (
            "def f(a):\n    if a:\n        b = lambda: a\n        c = 1\n    a = 2\n    return 1\n",
            "b = lambda",
            "c = 1",
            "shares `a`",
        ),
        (
            "def f(a):\n    b = 1\n    try:\n        b = 2\n        a()\n    except E:\n        pass\n    return b\n",
            "b = 2",
            "a()",
            "`b` is needed where an error",
        ),
        (
            "def f(a):\n n = 0\n for b in a:\n  try:\n   n += 1\n   b()\n   g(n)\n  except E:\n   pass\n",
            "n += 1",
            "b()",
            "`n` is needed where an error",
        ),
        ("def f(a):\n    del a\n    print(1)\n    return 1\n", "del a", "print", "delete"),
        ("def f(a):\n    if a: print(1); print(2)\n    return 1\n", "print(1)", "", "single line"),
        (
            "class A:\n    @staticmethod\n    def f(a):\n        if a:\n            print(a)\n        return 1\n",
            "if a",
            "print",
            "nothing",
        ),
    ],
)  # fmt: skip
def test_lines_stay_where_a_function_of_their_own_would_do_something_else(
    text: str, first: str, last: str, why: str
) -> None:
    with pytest.raises(ExtractionError, match=why):
        extract_lines(text, first, last)


def test_lines_in_a_loop_whose_names_each_round_binds_anew_can_move_out_of_a_try() -> None:
    text = (
        "def f(a):\n    for b in a:\n        n = 0\n        print(n)\n        try:\n            n = b.load()\n"
        "            b.check()\n            print(n)\n        except E:\n            pass\n"
    )
    assert "        try:\n            n = _part(b)\n            print(n)\n" in extract_lines(text, "n = b", "b.check")


def test_lines_that_delete_an_item_can_move_and_lines_after_them() -> None:
    text = "def f(a, key):\n    del a[key]\n    n = len(a)\n    print(n)\n    return a\n"
    assert extract_lines(text, "del a", "n = ") == (
        "def _part(a, key):\n    del a[key]\n    n = len(a)\n    return n\n\n\n"
        "def f(a, key):\n    n = _part(a, key)\n    print(n)\n    return a\n"
    )
    assert "def f(a, key):\n    del a[key]\n    _part(a)\n    return a\n" in extract_lines(text, "n = ", "print")


@pytest.mark.parametrize("name", ["print", "f", "class", "a b", "übung"])
def test_a_name_that_cannot_be_taken_is_refused(name: str) -> None:
    text = "def f(a):\n    if a:\n        _print = _f = 1\n    return a\n"
    with pytest.raises(ExtractionError, match="name"):
        extract_lines(text, "if a", "_print", name=name)


def test_a_part_of_a_chain_of_conditions_is_the_whole_chain() -> None:
    text = (
        "def f(a):\n    if a == 1:\n        print(1)\n    elif a == 2:\n        print(2)\n    else:\n        print(3)\n"
        "    return a\n"
    )
    assert extract_lines(text, "elif a", "print(3)").startswith("def _part(a):\n    if a == 1:\n")


def test_listed_parts_are_compound_statements_and_runs_that_share_few_names() -> None:
    text = (
        "def f(items):\n    found = []\n    for item in items:\n        if item:\n            found.append(item)\n\n"
        "    first = found[0]\n    last = found[-1]\n\n    return first, last\n"
    )
    found = [(part.first, part.last) for part in list_movable(make_document(text), 1, 8)]
    assert found == [(3, 5), (4, 5), (7, 10), (2, 5), (7, 8)]
    assert list_movable(make_document("def f(:\n"), 1, 8) == ()


# Each is tried with these arguments, before and after: what it returns, raises and writes has to be the same.
BEHAVING = [
    """
def f(n, out):
    total, last = 0, None
    for i in range(n):
        if i % 2:
            last = i
            continue
        total += i
        out.append(total)
    else:
        out.append("end")
    if last is None:
        raise ValueError(total)
    while total > 3:
        total -= last
        if total == 5:
            break
    return total, last
""",
    """
def f(n, out):
    try:
        value = 10 // n
        out.append(value)
        value = [1, 2, 3][value]
    except ZeroDivisionError as error:
        out.append(str(error))
        value = -1
    except IndexError:
        return "index"
    finally:
        out.append("finally")
    with_squares = {k: v * v for k, v in zip("abc", range(n))}
    if (size := len(with_squares)) > 2:
        out.append(size)
        result = sum(with_squares.values())
    elif size:
        result = size
    else:
        result = None
    return value, result
""",
    """
def f(n, out):
    def inner(k):
        return k + shift
    shift = 1
    values = [inner(k) for k in range(n)]
    shift = n
    values += map(inner, range(2))
    match values:
        case [one]:
            text = f"{one}"
        case [first, *rest] if rest:
            text = f"{first} {len(rest)}"
            out.append(rest)
        case _:
            text = ""
    import math as m
    text += str(m.floor(n / 2))
    for value in values:
        if value == 3:
            return text
        text += "."
    return text + "!"
""",
]  # fmt: skip


def run_function(text: str, n: int) -> tuple[str, list[Any]]:
    space: dict[str, Any] = {}
    exec(compile(text, "tried", "exec"), space)  # noqa: S102 - our own text
    out: list[Any] = []
    try:
        return repr(space["f"](n, out)), out
    except Exception as error:  # noqa: BLE001 - whatever it raises, it has to raise it afterwards too
        return f"{type(error).__name__} {error}", out


@pytest.mark.parametrize("text", BEHAVING)
def test_whatever_lines_move_the_function_does_the_same(text: str) -> None:
    made: set[str] = set()
    count = len(text.splitlines())
    for first in range(3, count + 1):
        for last in range(first, count + 1):
            try:
                made.add(
                    apply_edits(text, extract_function(make_document(text), 2, (first, last), "part", keep_name=False))
                )
            except ExtractionError:
                continue
    assert len(made) >= 5
    for after in made:
        for n in range(6):
            assert run_function(after, n) == run_function(text, n), after
