from __future__ import annotations

import pytest

from agents.reviewer.likelihood.alternatives import find_sites
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax
from tests import marked
from tests.agents.doubles import make_document


def list_alternatives(fixture: str, kind: str, language: str = "python") -> list[tuple[str, tuple[str, ...]]]:
    """Return the text and the alternatives at all places of a kind; only from `$0` on if there is one."""
    case = marked.parse(fixture)
    text = case.files["main.py"]
    start = case.cursor[1] if case.cursor else 0
    found = find_sites(Syntax.of(make_document(text, language)), Span(start, len(text)))
    assert all(text[site.span.start : site.span.end] == site.written for site in found)
    assert all(site.about.start < site.about.end for site in found)
    return [(site.written, site.alternatives) for site in found if site.kind == kind]


def test_a_local_may_be_another_local_the_one_bound_last_first() -> None:
    code = """
        def area(width, height):
            depth = 1
            return $0width * 2
        """
    assert list_alternatives(code, "unlikely-name") == [("width", ("depth", "height"))]


def test_what_is_bound_later_or_elsewhere_is_no_alternative() -> None:
    code = """
        def other(stranger): pass
        def area(width):
            print($0width)
            later = 1
        """
    assert list_alternatives(code, "unlikely-name") == []


def test_outer_names_keywords_and_callees_have_no_alternatives() -> None:
    code = """
        import math
        def area(width, height):
            return $0math.floor(width=2)
        """
    assert list_alternatives(code, "unlikely-name") == []


def test_a_bare_name_may_lack_its_self() -> None:
    code = """
        class Box:
            def __init__(self, size):
                self.size = size
                self.grow()
            def twice(self):
                $0grow()
                return size
        """
    assert list_alternatives(code, "missing-self") == [("grow", ("self.grow",)), ("size", ("self.size",))]


def test_what_the_file_defines_or_imports_lacks_no_self() -> None:
    code = """
        import size
        class Box:
            def __init__(self):
                self.size = self.grow = self.id = 1
            def twice(self):
                $0return size, grow, id
        def grow(): pass
        """
    assert list_alternatives(code, "missing-self") == []


def test_an_attribute_may_be_another_of_the_same_object_the_most_alike_first() -> None:
    code = """
        def span(node):
            print(node.text, node.start_line, node.find())
            return $0node.end_line
        """
    assert list_alternatives(code, "unlikely-attribute") == [("end_line", ("start_line", "text"))]


def test_neighbouring_arguments_may_be_swapped_unless_they_are_the_same() -> None:
    code = "def f(a, b):\n    g(a, b)\n    g(a, a)\n    g(a, *b)\n"
    assert list_alternatives(code, "swapped-arguments") == [("a, b", ("b, a",))]


@pytest.mark.parametrize(
    ("expression", "kind", "written", "others"),
    [
        ("a < b", "unlikely-comparison", "<", ("<=", ">")),
        ("a is not b", "unlikely-comparison", "is not", ("is",)),
        ("a not in b", "unlikely-comparison", "not in", ("in",)),
        ("a + b", "unlikely-operator", "+", ("-",)),
        ("a and b", "unlikely-operator", "and", ("or",)),
        ("True", "unlikely-constant", "True", ("False",)),
        ("0", "unlikely-constant", "0", ("1",)),
        ("7", "unlikely-constant", "7", ("8", "6")),
        ("not a", "unlikely-not", "not a", ("a",)),
    ],
)
def test_operators_and_constants_have_their_likeliest_slips_as_alternatives(
    expression: str, kind: str, written: str, others: tuple[str, ...]
) -> None:
    assert list_alternatives(f"def f(a, b):\n    return {expression}\n", kind) == [(written, others)]


def test_a_condition_may_lack_its_not() -> None:
    assert list_alternatives("def f(a):\n    if a:\n        return a\n", "missing-not") == [("", ("not ",))]
    assert list_alternatives("def f(a):\n    if not a:\n        return a\n", "missing-not") == []


def test_a_call_in_a_coroutine_may_lack_its_await() -> None:
    assert list_alternatives("async def f(a):\n    b = a()\n", "missing-await") == [("", ("await ",))]
    assert list_alternatives("async def f(a):\n    b = await a()\n", "missing-await") == []
    assert list_alternatives("def f(a):\n    b = a()\n", "missing-await") == []


def test_a_value_that_is_dropped_may_lack_its_return_and_an_exception_its_raise() -> None:
    assert list_alternatives("def f(a):\n    g(a)\n    a + 1\n", "missing-return") == [("", ("return ",))]
    assert list_alternatives("def f(a):\n    ValueError(a)\n    g(a)\n", "missing-raise") == [("", ("raise ",))]


def test_places_are_counted_in_characters() -> None:
    assert list_alternatives("# \N{SNOWMAN}\ndef f(a, b):\n    return a < b\n", "unlikely-comparison") == [
        ("<", ("<=", ">"))
    ]


@pytest.mark.parametrize("code", ["", "def f(:\n  a < (", "\x00", "def f(a):\n\treturn a <"])
def test_broken_code_gives_the_sites_of_its_unbroken_parts(code: str) -> None:
    list_alternatives(code, "unlikely-name")


def test_an_unknown_language_gives_nothing() -> None:
    assert list_alternatives("a < b", "unlikely-comparison", "javascript") == []


def test_an_alternative_that_is_bound_and_never_used_comes_first_and_is_marked() -> None:
    code = "def area(width, height):\n    depth = width\n    return width * depth\n"
    found = find_sites(Syntax.of(make_document(code)), Span(0, len(code)))
    assert [(site.written, site.alternatives, site.unused) for site in found if site.kind == "unlikely-name"] == [
        ("width", ("height",), {"height"}),
        ("width", ("height", "depth"), {"height"}),
        ("depth", ("height", "width"), {"height"}),
    ]
