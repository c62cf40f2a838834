"""A check of arguments against a JSON schema that a stranger wrote. Start at `find_problem`.

Knows the keywords that tools use, and ignores all others: the server checks its arguments itself. No pattern of the
schema is run, because it may never end; no address in the schema is fetched; and the number of steps is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

MOST_STEPS = 5_000
DEEPEST = 50
LONGEST_LIST = 12  # names in a message

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "null": (type(None),), "object": (dict,), "array": (list, tuple),
    "number": (int, float), "integer": (int, float),
}  # fmt: skip
_LIMITS: tuple[tuple[str, str, tuple[type, ...], Callable[[Any], float]], ...] = (
    ("minLength", "maxLength", (str,), len),
    ("minItems", "maxItems", (list,), len),
    ("minimum", "maximum", (int, float), float),
)


class _TooMuch(Exception):  # noqa: N818 (never leaves this module)
    """The schema takes too many steps to check."""


def find_problem(value: object, schema: Mapping[str, Any]) -> str:
    """Return the first thing in `value` that does not fit `schema`, a clause with its place; "" if all of it fits.

    Also returns "" where the schema is too complex to be checked.
    """
    try:
        return next(_Check(schema).find(value, schema, "", 0), "")
    except _TooMuch:
        return ""


class _Check:
    """One check; counts its steps.

    Args:
        root: the whole schema, in which references lead.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._steps = 0

    def find(self, value: object, schema: object, place: str, depth: int) -> Iterator[str]:
        """Yield the problems of `value` at `place`, clauses.

        Raises:
            _TooMuch: the schema takes too many steps, or is nested too deeply.
        """
        self._steps += 1
        if self._steps > MOST_STEPS or depth > DEEPEST:
            raise _TooMuch
        if schema is False:
            yield f"{_quote_place(place)} must not be there"
        if not isinstance(schema, Mapping):
            return
        if (target := self._resolve_reference(schema.get("$ref"))) is not None:
            yield from self.find(value, target, place, depth + 1)
        yield from _find_in_value(value, schema, place)
        yield from self._find_in_choices(value, schema, place, depth)
        if isinstance(value, dict):
            yield from self._find_in_object(value, schema, place, depth)
        if isinstance(value, list) and isinstance(schema.get("items"), Mapping) and "prefixItems" not in schema:
            for at, one in enumerate(value):
                yield from self.find(one, schema["items"], f"{place}[{at}]", depth + 1)

    def _resolve_reference(self, reference: object) -> object:
        """Return the part of the schema that a reference names; None for another address, or no such part."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            return None
        found: object = self._root
        for part in reference[1:].split("/")[1:]:
            self._steps += 1
            name = part.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def _find_in_choices(self, value: object, schema: Mapping[str, Any], place: str, depth: int) -> Iterator[str]:
        """Yield the problems with `allOf`, `anyOf` and `oneOf`; for `oneOf`, several forms may fit, too."""
        for one in _get_list(schema.get("allOf")):
            yield from self.find(value, one, place, depth + 1)
        for keyword in ("anyOf", "oneOf"):
            choices = _get_list(schema.get(keyword))
            problems = [next(self.find(value, one, place, depth + 1), "") for one in choices]
            if problems and all(problems):
                yield (
                    problems[0]
                    if len(problems) == 1
                    else f"{_quote_place(place)} fits none of its forms ({problems[0]})"
                )

    def _find_in_object(
        self, value: Mapping[str, Any], schema: Mapping[str, Any], place: str, depth: int
    ) -> Iterator[str]:
        """Yield the problems of the members of an object: missing and unknown ones, and those with a wrong value."""
        known = schema.get("properties")
        known = known if isinstance(known, Mapping) else {}
        for name in _get_list(schema.get("required")):
            if isinstance(name, str) and name not in value:
                yield f"{_quote_place(place, name)} is missing"
        for name, one in value.items():
            if name in known:
                yield from self.find(one, known[name], _join_place(place, name), depth + 1)
            elif schema.get("additionalProperties") is False and "patternProperties" not in schema:
                names = ", ".join(map(str, list(known)[:LONGEST_LIST])) or "none"
                yield f"there is no {_quote_place(place, name)}; there are: {names}"


def _find_in_value(value: object, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    """Yield the problems with the type, the choices and the size of one value."""
    wanted = schema.get("type")
    types = [
        one for one in (wanted if isinstance(wanted, list) else [wanted]) if isinstance(one, str) and one in _TYPES
    ]
    if types and not any(_is_of_type(value, one) for one in types):
        yield f"{_quote_place(place)} must be of the type {' or '.join(types)}"
        return
    if isinstance(choices := schema.get("enum"), list) and value not in choices:
        yield f"{_quote_place(place)} must be one of {', '.join(map(repr, choices[:LONGEST_LIST]))}"
    if "const" in schema and value != schema["const"]:
        yield f"{_quote_place(place)} must be {schema['const']!r}"
    for least, most, kind, measure in _LIMITS:
        if isinstance(value, kind) and not isinstance(value, bool):
            low, high = _read_limit(schema, least, float("-inf")), _read_limit(schema, most, float("inf"))
            if not low <= measure(value) <= high:
                yield f"{_quote_place(place)} is too small or too large"


def _is_of_type(value: object, wanted: str) -> bool:
    """Return whether the value has the JSON type `wanted`, a key of `_TYPES`; 1.0 is an integer, true is no number."""
    if isinstance(value, bool):
        return wanted == "boolean"
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[wanted])


def _read_limit(schema: Mapping[str, Any], name: str, default: float) -> float:
    """Return a limit of the schema, `default` if it has none that is a number."""
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default


def _get_list(value: object) -> list[Any]:
    """Return `value` if it is a list, else []."""
    return value if isinstance(value, list) else []


def _join_place(place: str, name: str) -> str:
    """Return the place of the member `name` of the object at `place`; "" is the whole value."""
    return f"{place}.{name}" if place and name else place or name


def _quote_place(place: str, name: str = "") -> str:
    """Return a place for a message, in backquotes ("`a.b`"); "the whole" for the whole value."""
    return f"`{_join_place(place, name)}`" if place or name else "the whole"
