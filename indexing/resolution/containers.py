"""Values of containers whose class is in no known file, values that callbacks get, and lists of values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from indexing.resolution import expressions
from indexing.resolution.lookup import Reference
from indexing.resolution.values import Value, make_container

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from indexing.resolution.expressions import Expression
    from indexing.resolution.lookup import Source
    from indexing.resolution.records import Definition
    from indexing.resolution.rules import TypeNames

Values = tuple[Value, ...]

MOST_VALUES = 6  # of one expression
_DEEPEST = 6  # containers in containers whose type parameters are filled in


def call_foreign(value: Value, types: TypeNames) -> Iterable[Value]:
    """Return what a method of a container gives, by the language's table."""
    container = value.name
    if container in types.pairs:
        return (make_container("list", (make_container("tuple", *value.arguments[:2]),)),)
    if container in types.numbered:
        return (make_container("list", (make_container("tuple", (make_container("int"),), value.arguments[0]),)),)
    result = types.results.get(container)
    if isinstance(result, tuple):
        name, number = result
        return (make_container(name, value.arguments[number]),) if number < len(value.arguments) else ()
    return value.arguments[result] if result is not None and result < len(value.arguments) else ()


def choose_overloads(values: Values, given: int) -> Values:
    """Return those of several methods of a class that take the number `given` of arguments; all if none does.

    Where classes have overloads; other values are returned as they are.
    """
    if len(values) < 2 or not all(_is_overload(each) for each in values):
        return values
    return tuple(each for each in values if _takes(each, given)) or values


def _is_overload(value: Value) -> bool:
    """Return whether a value is a method of a class that can have others with the same name."""
    if value.kind != "function" or value.source is None:
        return False
    definitions = value.source.table.definitions
    parent = definitions[value.number].parent
    return parent >= 0 and definitions[parent].has_bare_members


def _takes(value: Value, given: int) -> bool:
    """Return whether a function takes `given` arguments; an expression may hold only the first `MOST_PARTS`."""
    assert value.source is not None  # noqa: S101 - a function of a file
    taken = [each for each in value.source.table.definitions[value.number].parameters if each.kind != "receiver"]
    if any(each.kind == "rest" for each in taken):
        return given >= len(taken) - 1
    return given == len(taken) or given == expressions.MOST_PARTS < len(taken)


def take_tried(value: Value, types: TypeNames) -> Values:
    """Return what the mark `?` takes out of a container; () if `value` is none of which it takes anything."""
    if value.source is not None or value.name not in types.tried or not value.arguments:
        return ()
    return value.arguments[0]


def fill(values: Iterable[Value], given: dict[str, Values], depth: int = 0) -> Values:
    """Return `values` with the types `given` in place of the type parameters of these names, also inside containers."""
    found: list[Value] = []
    for value in values:
        if value.source is None and not value.arguments and value.name in given and value.kind == "instance":
            found += given[value.name]
        elif value.arguments and depth < _DEEPEST:
            arguments = tuple(fill(each, given, depth + 1) for each in value.arguments)
            found.append(replace(value, arguments=arguments))
        else:
            found.append(value)
    return limit(found)


def take_component(value: Value, number: int) -> Values:
    """Return component `number` of a tuple, or the elements of another sequence."""
    if value.source is not None or not value.arguments:
        return ()
    if value.name == "tuple":
        return value.arguments[number] if number < len(value.arguments) else ()
    return value.arguments[0] if value.name in {"list", "List", "Sequence"} else ()


def to_class(value: Value) -> Value:
    """Return the class of an instance."""
    return Value("class", value.source, value.number, value.name)


def flatten(arguments: Sequence[Values]) -> Values:
    """Return the alternatives of all arguments."""
    return tuple(value for each in arguments for value in each)


def mentions(expression: Expression, names: Collection[str]) -> bool:
    """Return whether an annotation is one of `names`."""
    if expression.kind == "literal" and expression.name == "str" and expression.parts:
        return expression.parts[0].name in names
    return expression.kind == "name" and expression.name in names


def limit(values: Iterable[Value]) -> Values:
    """Return up to `MOST_VALUES` different values."""
    found = dict.fromkeys(values)
    return tuple(found)[:MOST_VALUES]


class TypeEvaluator(Protocol):
    """Types of annotations and members."""

    def evaluate_type(self, expression: Expression, source: Source, scope: int) -> Values:
        """Return the values of a variable with an annotation in a scope of a file."""

    def find_members(self, value: Value, name: str) -> Sequence[Reference]:
        """Return what the member `name` of a value means; () if no known class or module has it."""


def list_given(inference: TypeEvaluator, callees: Values, types: TypeNames, written: str) -> Values:
    """Return what one parameter of a callback gets from a function that calls it.

    Args:
        inference: the inference of this question.
        callees: what the function that calls it can be.
        types: names of types of the document's language.
        written: name of the function that stands for the question (`TypeNames.giving`).
    """
    argument, parameter = map(int, written.removeprefix(types.giving).split("_"))
    found: list[Value] = []
    for callee in callees:
        if callee.source is None and callee.kind == "function":
            numbers = types.given.get(callee.name, ())
            if parameter < len(numbers) and numbers[parameter] < len(callee.arguments):
                found += callee.arguments[numbers[parameter]]
            continue
        for each in _list_taken(inference, callee, argument):
            if each.source is None and each.name in types.callables and parameter < len(each.arguments) - 1:
                found += each.arguments[parameter]
    return limit(found)


def _list_taken(inference: TypeEvaluator, callee: Value, argument: int) -> Iterable[Value]:
    """Return what a function, or creating an instance of a class, takes as its argument number `argument`."""
    source = callee.source
    if source is None:
        return callee.arguments[argument] if argument < len(callee.arguments) - 1 else ()
    if callee.kind == "class":
        made = Reference(source, callee.number)
        found = inference.find_members(callee, source.rules.constructor)
        return [each for one in found for each in _read_parameter(inference, one, argument)] if found != [made] else ()
    return _read_parameter(inference, Reference(source, callee.number), argument) if callee.kind == "function" else ()


def _read_parameter(inference: TypeEvaluator, function: Reference, argument: int) -> Values:
    """Return what the annotation of a function's parameter number `argument` says, without its receiver."""
    definition: Definition = function.definition
    taken = [each for each in definition.parameters if each.kind not in {"receiver", "class_receiver"}]
    if argument >= len(taken) or not taken[argument].annotation:
        return ()
    return inference.evaluate_type(expressions.parse(taken[argument].annotation), function.source, definition.scope)
