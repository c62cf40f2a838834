from __future__ import annotations

import pytest

from tests.eval import mutants

SOURCE = """
class Shelf:
    async def take(self, books, wanted, limit=3):
        '''Take some.'''
        found = []
        for book in books:
            if len(found) < limit and book is not None:
                found.append(self.mark(book, wanted))
        if not found == wanted:
            raise ValueError(found)
        await self.note(True)
        return limit + 1
"""
MODULE = mutants.normalise(SOURCE) or ""
EXPECTED = {
    "boundary": "if len(found) <= limit and book is not None:",
    "arithmetic": "return limit - 1",
    "comparison": "if len(found) > limit and book is not None:",
    "dropped not": "if found == wanted:",
    "flipped bool": "await self.note(False)",
    "is and in": "if len(found) < limit and book is None:",
    "swapped arguments": "found.append(self.mark(wanted, book))",
    "variable misuse": "for book in found:",
    "dropped self": "found.append(mark(book, wanted))",
    "dropped await": "self.note(True)",
    "dropped return": "limit + 1",
    "dropped raise": "ValueError(found)",
    "off by one": "return limit + 2",
    "wrong attribute": "await self.mark(True)",
}


def make_all_mutants() -> list[mutants.Mutant]:
    (function,) = mutants.find_functions(MODULE)
    return list(mutants.make_mutants(MODULE, function))


@pytest.mark.parametrize("operator", mutants.OPERATORS)
def test_each_kind_of_slip_is_made(operator: str) -> None:
    made = [one.text.split("\n")[one.line - 1].strip() for one in make_all_mutants() if one.operator == operator]
    assert EXPECTED[operator] in made


def test_a_slip_is_one_line_and_leaves_the_rest_as_it_was() -> None:
    before = MODULE.split("\n")
    for one in make_all_mutants():
        after = one.text.split("\n")
        assert [number for number, pair in enumerate(zip(before, after, strict=True), 1) if pair[0] != pair[1]] == [
            one.line
        ]


def test_what_is_no_python_has_no_normal_form() -> None:
    assert mutants.normalise("def (") is None
