"""Values of containers whose class is in no known file, by the language's table of their methods; lists of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.resolution.values import Value, make_container

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from indexing.resolution.expressions import Expression
    from indexing.resolution.rules import TypeNames

Values = tuple[Value, ...]

MOST_VALUES = 6  # of one expression


def call_foreign(value: Value, types: TypeNames) -> Iterable[Value]:
    """Return what a method of a container gives, by the language's table."""
    container = value.name
    if container in types.pairs:
        return (make_container("list", (make_container("tuple", *value.arguments[:2]),)),)
    result = types.results.get(container)
    if isinstance(result, tuple):
        name, number = result
        return (make_container(name, value.arguments[number]),) if number < len(value.arguments) else ()
    return value.arguments[result] if result is not None and result < len(value.arguments) else ()


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
