"""Arguments of a call against the tool's JSON schema: repairs of certain mistakes, and a list of the problems.

Knows the part of JSON Schema that tools use (types, required and unknown properties, enums, lengths, bounds, lists,
alternatives, references). Keywords beyond that are not checked. Start at `repair_arguments` and `find_problems`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from models.local.calls.call_format import resolve_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MOST_PROBLEMS = 5
DEEPEST = 20
"""Levels of a value that are checked; a deeper one is a problem."""

_PLAIN = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?|true|false")

_TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
_BOUNDS: tuple[tuple[str, Callable[[Any], Any], Callable[[Any, Any], bool], str], ...] = (
    ("minLength", len, lambda size, bound: size >= bound, "has fewer than {} characters"),
    ("maxLength", len, lambda size, bound: size <= bound, "has more than {} characters"),
    ("minItems", len, lambda size, bound: size >= bound, "has fewer than {} items"),
    ("maxItems", len, lambda size, bound: size <= bound, "has more than {} items"),
    ("minimum", lambda value: value, lambda value, bound: value >= bound, "is less than {}"),
    ("maximum", lambda value: value, lambda value, bound: value <= bound, "is more than {}"),
    ("exclusiveMinimum", lambda value: value, lambda value, bound: value > bound, "is not more than {}"),
    ("exclusiveMaximum", lambda value: value, lambda value, bound: value < bound, "is not less than {}"),
)
_BOUNDED = {"minLength": str, "maxLength": str, "minItems": list, "maxItems": list}


def repair_arguments(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return `arguments` with certain mistakes repaired; nested values, and all else that is wrong, stay as they are.

    Null for an optional argument is left out, and so are unknown arguments if the schema's `additionalProperties` is
    false. Where the schema's type asks for it, a number or boolean loses its quotes, a number becomes a string, and a
    single item becomes a list.
    """
    properties, required = schema.get("properties") or {}, schema.get("required") or ()
    closed = schema.get("additionalProperties") is False
    repaired: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in properties:
            if not closed:
                repaired[name] = value
            continue
        wanted = resolve_reference(schema, properties[name])
        if value is None and name not in required and not _is_type(wanted, value):
            continue
        repaired[name] = _repair_value(wanted, value)
    return repaired


def find_problems(schema: Mapping[str, Any], value: object) -> tuple[str, ...]:
    """Return at most `MOST_PROBLEMS` reasons why `value` violates `schema`; () if it is valid."""
    found: list[str] = []
    for problem in _check(schema, schema, value, "", 0):
        found.append(problem)
        if len(found) == MOST_PROBLEMS:
            break
    return tuple(found)


def _repair_value(wanted: Mapping[str, Any], value: object) -> object:
    """Return `value` as the type that `wanted` asks for, if its meaning is certain; else `value` unchanged."""
    if _is_type(wanted, value):
        return value
    repaired: object = value
    match wanted.get("type"):
        case "array":
            repaired = [value]
        case "integer" | "number" | "boolean" if isinstance(value, str) and _PLAIN.fullmatch(value.strip().lower()):
            repaired = json.loads(value.strip().lower())
        case "integer" if isinstance(value, float) and value.is_integer():
            repaired = int(value)
        case "string" if isinstance(value, (int, float)) and not isinstance(value, bool):
            repaired = str(value)
    return repaired


def _check(whole: Mapping[str, Any], part: Mapping[str, Any], value: object, at: str, depth: int) -> Iterator[str]:
    """Yield the problems of `value`, which is at `at` in the arguments, with the schema `part` of `whole`."""
    part = resolve_reference(whole, part)
    name = at or "the arguments"
    if depth > DEEPEST:
        yield f"{name} is nested too deeply"
        return
    alternatives = part.get("anyOf") or part.get("oneOf")
    if alternatives and all(any(_check(whole, one, value, at, depth + 1)) for one in alternatives):
        yield f"{name} fits none of its forms"
    if not _is_type(part, value):
        yield f"{name} has to be of the type {_name_type(part)}"
        return
    if "enum" in part and value not in part["enum"]:
        yield f"{name} has to be one of {', '.join(json.dumps(one) for one in part['enum'])}"
    if "const" in part and value != part["const"]:
        yield f"{name} has to be {json.dumps(part['const'])}"
    yield from _check_bounds(part, value, name)
    if isinstance(value, dict):
        yield from _check_object(whole, part, value, at, depth)
    elif isinstance(value, list) and isinstance(part.get("items"), dict):
        for place, item in enumerate(value):
            yield from _check(whole, part["items"], item, f"{at}[{place}]", depth + 1)


def _check_bounds(part: Mapping[str, Any], value: object, name: str) -> Iterator[str]:
    """Yield a problem for each bound of `value`, or of its length, that it violates."""
    for keyword, measure, holds, message in _BOUNDS:
        bound = part.get(keyword)
        fits = isinstance(value, _BOUNDED[keyword]) if keyword in _BOUNDED else _TYPES["number"](value)
        if bound is not None and fits and not holds(measure(value), bound):
            yield f"{name} {message.format(bound)}"


def _check_object(
    whole: Mapping[str, Any], part: Mapping[str, Any], value: Mapping[str, Any], at: str, depth: int
) -> Iterator[str]:
    """Yield missing and unknown properties of an object, and the problems of those that it has."""
    properties = part.get("properties") or {}
    before = f"{at}." if at else ""
    yield from (f"{before}{name} is missing" for name in part.get("required") or () if name not in value)
    extra = part.get("additionalProperties", True)
    for name, item in value.items():
        if name in properties:
            yield from _check(whole, properties[name], item, f"{before}{name}", depth + 1)
        elif extra is False:
            yield f"{before}{name} is not known"
        elif isinstance(extra, dict):
            yield from _check(whole, extra, item, f"{before}{name}", depth + 1)


def _is_type(part: Mapping[str, Any], value: object) -> bool:
    """Return whether `value` has a type that `part` names; True if it names none."""
    kinds = part.get("type")
    if kinds is None:
        return True
    return any(_TYPES[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind in _TYPES)


def _name_type(part: Mapping[str, Any]) -> str:
    """Return the types that `part` names, for a message."""
    kinds = part["type"]
    return kinds if isinstance(kinds, str) else " or ".join(kinds)
