"""Classes with their parts and base classes. Bounded in depth; base classes in a circle end.

A part of a class adds members to it from another place (`Definition.part_of`): the methods of a type in Go, an `impl`
block in Rust. Start at `Hierarchy.list_ancestors` and `knows_all_members`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from indexing.resolution import containers, expressions
from indexing.resolution.values import Value

if TYPE_CHECKING:
    from indexing.resolution.expressions import Expression
    from indexing.resolution.lookup import Lookup, Reference, Source

DEEPEST = 24
MOST_BASES = 80  # classes of one hierarchy, and their parts
# Base classes without members of their own, and decorators that add none that a person would write.
_EMPTY_BASES = frozenset({"object", "Generic", "Protocol", "ABC"})
_PLAIN_DECORATORS = ("dataclass", "dataclasses.dataclass", "final", "attrs.define", "attrs.frozen")
_DYNAMIC = ("__getattr__", "__getattribute__")


class Evaluate(Protocol):
    """A function that returns what an expression can be, like `Inference.evaluate`."""

    def __call__(self, expression: Expression, source: Source, scope: int, offset: int) -> tuple[Value, ...]:
        """Return what `expression` can be at a place of a file."""


class Hierarchy:
    """Finds parts and base classes for one question."""

    def __init__(self, lookup: Lookup, evaluate: Evaluate) -> None:
        self._lookup = lookup
        self._evaluate = evaluate
        self._depth = 0
        self._ancestors: dict[tuple[Source, int], tuple[Value, ...]] = {}
        self._wholes: dict[tuple[Source, int], tuple[Source, int]] = {}

    def list_ancestors(self, source: Source, number: int) -> tuple[Value, ...]:
        """Return a class and its known base classes, nearest first, each once; an unknown one has no source."""
        known = self._ancestors.get((source, number))
        if known is not None:
            return known
        if self._depth > DEEPEST:
            return (Value("class", source, number),)
        if (whole := self.find_whole(source, number)) != (source, number):
            return self.list_ancestors(*whole)
        self._ancestors[source, number] = ()  # base classes in a circle end here
        self._depth += 1
        found: list[Value] = [Value("class", source, number), *self._find_parts(source, number)]
        for home, each in [(one.source, one.number) for one in found]:
            if home is not None:
                found += self._list_bases(home, each, (source, number))
        self._depth -= 1
        result = tuple(dict.fromkeys(found))[:MOST_BASES]
        self._ancestors[source, number] = result
        return result

    def _list_bases(self, source: Source, number: int, whole: tuple[Source, int]) -> list[Value]:
        """Return the base classes of a class or of a part, with theirs, without the class `whole` itself."""
        definition, found = source.table.definitions[number], list[Value]()
        for written in definition.bases:
            for base in self._evaluate(expressions.parse(written), source, definition.scope, definition.span.start):
                if base.kind == "class" and (base.source, base.number) != whole:
                    found += self.list_ancestors(base.source, base.number) if base.source is not None else (base,)
        return found

    def find_bare_receiver(self, member: Reference, source: Source, scope: int) -> Value | None:
        """Return the object whose `member` a name in a scope means without a receiver; None if it is no such member.

        None, too, for a member of a class without type parameters.
        """
        if member.number < 0 or member.parameter is not None or member.definition.parent < 0:
            return None
        owner = member.source.table.definitions[member.definition.parent]
        if not owner.has_bare_members or not owner.generics:
            return None
        around = find_class(source, scope)
        while around >= 0:
            ancestors = self.list_ancestors(source, around)
            if any(each.source is member.source and each.number == member.definition.parent for each in ancestors):
                return Value("instance", source, around)
            around = find_class(source, source.table.definitions[around].scope)
        return None

    def find_arguments(
        self, value: Value, source: Source, number: int, seen: frozenset[tuple[Source, int]] = frozenset()
    ) -> tuple[tuple[Value, ...], ...]:
        """Return the types that an object gives for the parameters of a class that it is an instance of; () for none.

        Args:
            value: the object.
            source: file of the class: the object's own, one of its base classes, or a part of one.
            number: number of the class there.
            seen: classes that were looked at already.
        """
        home = value.source
        if home is None or (home, value.number) in seen or len(seen) > DEEPEST:
            return ()
        if self.find_whole(source, number) == (home, value.number):
            return value.arguments
        definition = home.table.definitions[value.number]
        given = dict(zip(definition.generics, value.arguments, strict=False))
        for written in definition.bases:
            for base in self._evaluate(expressions.parse(written), home, definition.scope, definition.span.start):
                if base.kind == "class" and base.source is not None:
                    arguments = tuple(containers.fill(each, given) for each in base.arguments)
                    seen |= {(home, value.number)}
                    if found := self.find_arguments(replace(base, arguments=arguments), source, number, seen):
                        return found
        return ()

    def find_whole(self, source: Source, number: int) -> tuple[Source, int]:
        """Return the class that a part of a class adds members to; a part of an unknown class itself, like a class."""
        definition, found = source.table.definitions[number], (source, number)
        if not definition.part_of:
            return found
        if found in self._wholes:
            return self._wholes[found]
        self._wholes[found] = found
        written = expressions.parse(definition.part_of)
        values = self._evaluate(written, source, definition.scope, definition.span.start)
        whole = next((each for each in values if each.kind == "class" and each.source is not None), None)
        if whole is not None and whole.source is not None:
            self._wholes[found] = (whole.source, whole.number)
        return self._wholes[found]

    def _find_parts(self, source: Source, number: int) -> list[Value]:
        """Return the parts of a class, in its own file and in the other files of its module."""
        definition = source.table.definitions[number]
        if definition.has_bare_members:
            return []
        name = definition.name
        return [
            Value("class", home, each)
            for home in (source, *self._lookup.find_parts(source, name, of_class=True))
            for each in home.table.parts.get(name, ())
            if self.find_whole(home, each) == (source, number)
        ]


def find_class(source: Source, scope: int) -> int:
    """Return the number of the innermost class around a scope; -1 if there is none."""
    definitions = source.table.definitions
    while scope >= 0 and (definitions[scope].kind != "class" or definitions[scope].is_open):
        scope = definitions[scope].scope
    return scope


class Classes(Protocol):
    """Base classes and values of expressions, as `Inference` gives them."""

    def list_ancestors(self, source: Source, number: int) -> tuple[Value, ...]:
        """Return a class and its known base classes, nearest first; an unknown one has no source."""

    def evaluate(self, expression: Expression, source: Source, scope: int, offset: int) -> tuple[Value, ...]:
        """Return what `expression` can be at a place of a file."""


def knows_all_members(inference: Classes, value: Value) -> bool:
    """Return whether all members of `value`, a class or an instance, are known, those of its base classes too.

    False for a class of a library or one derived from it: libraries add members in ways that no file shows.
    """
    if value.source is None or value.kind not in {"instance", "class"}:
        return False
    for ancestor in inference.list_ancestors(value.source, value.number):
        if ancestor.title in _EMPTY_BASES and (ancestor.source is None or ancestor.source.is_library):
            continue
        if ancestor.source is None or ancestor.source.is_library:
            return False
        table = ancestor.source.table
        definition, members = table.definitions[ancestor.number], table.members.get(ancestor.number, {})
        if any(name in members for name in _DYNAMIC):
            return False
        if any(each.partition("(")[0] not in _PLAIN_DECORATORS for each in definition.decorators):
            return False
        for written in definition.bases:
            base = expressions.parse(written)
            found = inference.evaluate(base, ancestor.source, definition.scope, definition.span.start)
            if not any(each.kind == "class" for each in found):
                return False
    return True
