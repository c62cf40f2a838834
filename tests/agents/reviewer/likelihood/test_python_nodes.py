"""Questions about nodes of a Python syntax tree: binding, use, calls and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.reviewer.likelihood import python_nodes
from indexing.syntax.syntax import Syntax
from tests.agents.doubles import make_document

if TYPE_CHECKING:
    import tree_sitter

CODE = """
async def load(path, *rest, limit=one, **options):
    two = open(path, mode=three)
    for four in two.five:
        if six and not seven:
            eight()
    del ten, (eleven, [twelve]), thirteen[fourteen].fifteen
    del sixteen
    return await nine()
    thirty = (forty  # a comment
        if fifty else sixty)
"""


def find_node(name: str) -> tree_sitter.Node:
    """Return the first identifier `name` in the code."""
    parsed = Syntax.of(make_document(CODE)).parsed
    assert parsed is not None
    at = CODE.index(name)
    node = parsed.tree.root_node.descendant_for_byte_range(at, at + len(name))
    assert node is not None
    return node


@pytest.mark.parametrize("name", ["path", "rest", "limit", "options", "two", "four"])
def test_parameters_and_targets_are_bound_and_not_used(name: str) -> None:
    assert python_nodes.is_bound(find_node(name))
    assert not python_nodes.is_used(find_node(name))


@pytest.mark.parametrize("name", ["one", "three", "six", "eight"])
def test_values_are_used_and_not_bound(name: str) -> None:
    assert python_nodes.is_used(find_node(name))
    assert not python_nodes.is_bound(find_node(name))


@pytest.mark.parametrize("name", ["load", "mode", "five"])
def test_names_of_definitions_keywords_and_attributes_are_not_used(name: str) -> None:
    assert not python_nodes.is_used(find_node(name))


@pytest.mark.parametrize("name", ["ten", "eleven", "twelve", "sixteen"])
def test_deleted_names_are_not_used(name: str) -> None:
    assert not python_nodes.is_used(find_node(name))


@pytest.mark.parametrize("name", ["thirteen", "fourteen"])
def test_names_in_a_deleted_item_or_attribute_are_used(name: str) -> None:
    assert python_nodes.is_used(find_node(name))


def test_a_called_name_is_told_from_others() -> None:
    assert python_nodes.is_called(find_node("eight"))
    assert not python_nodes.is_called(find_node("six"))


def test_operands_of_a_condition_are_conditions() -> None:
    assert python_nodes.is_condition(find_node("six"))
    assert not python_nodes.is_condition(find_node("four"))


def test_of_a_ternary_only_the_middle_is_a_condition_whatever_comments_it_has() -> None:
    assert [name for name in ("forty", "fifty", "sixty") if python_nodes.is_condition(find_node(name))] == ["fifty"]


def test_a_call_in_a_coroutine_may_lack_an_await_unless_it_has_one() -> None:
    plain, awaited = (find_node(name).parent for name in ("eight", "nine"))
    assert plain is not None
    assert awaited is not None
    assert python_nodes.may_lack_await(plain)
    assert not python_nodes.may_lack_await(awaited)


def test_the_statement_and_the_function_around_a_node_are_found() -> None:
    node = find_node("six")
    function = python_nodes.find_function(node)
    assert function is not None
    assert function.type == "function_definition"
    assert python_nodes.find_statement(node).type == "if_statement"
