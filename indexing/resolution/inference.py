"""Types of expressions: from annotations, constructors, assignments, results, receivers and attributes.

Guesses nothing: an expression has no value where no rule gives one. Bounded in steps and depth. Start at
`Inference.evaluate`.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from indexing.resolution import containers, expressions
from indexing.resolution.hierarchy import Hierarchy, find_class
from indexing.resolution.lookup import MOST_REFERENCES, Reference
from indexing.resolution.records import ImportedName
from indexing.resolution.values import Value, make_container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from indexing.resolution.expressions import Expression
    from indexing.resolution.lookup import Lookup, Source
    from indexing.resolution.records import Definition, Parameter
    from indexing.resolution.rules import TypeNames

Values = tuple[Value, ...]

MOST_STEPS = 4_000  # for one question
DEEPEST = 24
_CALLED = "__call__"
_INDEXED = "__getitem__"
_ENTERED = ("__enter__", "__aenter__")
_NEXT = ("__next__", "__anext__")
_ITERATED = ("__iter__", "__aiter__")
_MOST_DIGITS = 4  # of the number of a component
_SAME = "__same"  # no name of a program: a method that returns its receiver


class Inference:
    """Finds the values of expressions for one question, with the names of types of the document's language."""

    def __init__(self, lookup: Lookup, types: TypeNames) -> None:
        self.lookup = lookup
        self._types = types
        self._steps = 0
        self._depth = 0
        self._busy: set[Reference] = set()
        self._known: dict[Reference, Values] = {}
        self._hierarchy = Hierarchy(lookup, self.evaluate)
        lookup.find_bare_members = lambda source, number, name: self.find_members(Value("class", source, number), name)

    # Expressions

    def evaluate(self, expression: Expression, source: Source, scope: int, offset: int) -> Values:
        """Return what `expression` can be at a place of a file, which is given as in `Lookup.find_in_scopes`."""
        self._steps += 1
        if self._steps > MOST_STEPS or self._depth > DEEPEST:
            return ()
        self._depth += 1
        try:
            return containers.limit(self._evaluate(expression, source, scope, offset))
        finally:
            self._depth -= 1

    def _evaluate(self, expression: Expression, source: Source, scope: int, offset: int) -> Iterable[Value]:  # noqa: PLR0911 - one for each kind
        """Return what `expression` can be; arguments as in `evaluate`."""
        kind, base = expression.kind, expression.base
        if kind == "name":
            return self._evaluate_name(expression.name, source, scope, offset)
        if kind == "choice":
            return [value for part in expression.parts for value in self.evaluate(part, source, scope, offset)]
        if kind == "literal":
            parts = tuple(self.evaluate(part, source, scope, offset) for part in expression.parts)
            if expression.name in {"list", "set"}:
                parts = (tuple(value for part in parts for value in part),)
            return [make_container(expression.name, *parts if expression.name != "str" else ())]
        if base is None:
            return ()
        if kind == "call":
            return self._evaluate_call(expression, base, source, scope, offset)
        values = self.evaluate(base, source, scope, offset)
        if kind == "member":
            return [each for value in values for each in self.read_member(value, expression.name)]
        if kind == "index":
            return [each for value in values for each in self._index(value, expression, source, scope)]
        if kind == "try":
            return [each for value in values for each in containers.take_tried(value, self._types)]
        return [each for value in values for each in self._await(value)]

    def _evaluate_name(self, name: str, source: Source, scope: int, offset: int) -> Iterable[Value]:
        """Return what `name` can be; arguments as in `evaluate`."""
        if name in self._types.parents:
            return self._make_parent(source, scope)
        if name in self._types.own_class:
            return [containers.to_class(value) for value in self._make_own(source, scope)]
        references = self.lookup.find_in_scopes(source, scope, name, offset)
        found = [
            value
            for reference in references
            for value in self.read(reference, self._hierarchy.find_bare_receiver(reference, source, scope))
        ]
        return found or ([Value("class", name=name)] if not references else [])

    def _evaluate_call(  # noqa: PLR0911 - one for each kind
        self, expression: Expression, base: Expression, source: Source, scope: int, offset: int
    ) -> Iterable[Value]:
        """Return what a call can give; arguments as in `evaluate`, `base` is what is called."""
        types = self._types
        if base.kind == "name" and base.name in types.parents:
            return self._make_parent(source, scope)
        if base.kind in {"name", "member"} and expression.parts:
            first = expression.parts[0]
            if base.name in types.casting:
                return self.evaluate_type(first, source, scope)
            if types.giving and base.name.startswith(types.giving):
                return containers.list_given(self, self.evaluate(first, source, scope, offset), types, base.name)
            if base.kind == "name" and base.name in types.passing | types.picking | types.counting:
                if self.lookup.find_in_scopes(source, scope, base.name, offset):
                    return self._call_all(base, source, scope, offset, len(expression.parts))
                elements = self.list_elements(self.evaluate(first, source, scope, offset))
                if base.name in types.picking:
                    return elements
                if base.name in types.counting:
                    elements = (make_container("tuple", (make_container("int"),), elements),)
                return [make_container("list", elements)]
        return self._call_all(base, source, scope, offset, len(expression.parts))

    def _make_parent(self, source: Source, scope: int) -> list[Value]:
        """Return the object of the class around a scope, seen as its base classes; [] outside of a class."""
        return [Value("parent", each.source, each.number) for each in self._make_own(source, scope)]

    def _make_own(self, source: Source, scope: int) -> list[Value]:
        """Return an instance of the class around a scope; [] outside of a class."""
        around = find_class(source, scope)
        return [Value("instance", *self._hierarchy.find_whole(source, around))] if around >= 0 else []

    def _call_all(self, base: Expression, source: Source, scope: int, offset: int, given: int) -> list[Value]:
        """Return what calling any value of `base` with the number `given` of arguments can give."""
        called = containers.choose_overloads(self.evaluate(base, source, scope, offset), given)
        return [each for value in called for each in self.call(value)]

    def _index(self, value: Value, expression: Expression, source: Source, scope: int) -> Iterable[Value]:
        """Return what an index of `value` can give; a class with types in brackets is that class."""
        if value.kind == "class":
            arguments = tuple(self.evaluate_type(part, source, scope) for part in expression.parts)
            return [Value("class", value.source, value.number, value.name, arguments)]
        if value.kind == "function" and value.source is not None:  # with types in brackets
            return (value,)
        value = self._find_container(value)
        if value.source is None:
            number = self._types.indexed.get(value.name)
            first = expression.parts[0] if expression.parts else None
            if value.name == "tuple" and len(value.arguments) > 1:
                return (
                    value.arguments[0]
                    if first is None or first.kind != "literal"
                    else containers.flatten(value.arguments)
                )
            return value.arguments[number] if number is not None and number < len(value.arguments) else ()
        return self._call_members(value, (_INDEXED,))

    def _await(self, value: Value) -> Iterable[Value]:
        """Return what awaiting `value` can give."""
        if value.source is None and value.name in self._types.awaited:
            return value.arguments[-1] if value.arguments else ()
        return (value,)

    # Types

    def evaluate_type(self, expression: Expression, source: Source, scope: int) -> Values:
        """Return the values of a variable with the annotation `expression` in a scope of a file."""
        self._steps += 1
        if self._steps > MOST_STEPS or self._depth > DEEPEST:
            return ()
        self._depth += 1
        try:
            return containers.limit(self._evaluate_type(expression, source, scope))
        finally:
            self._depth -= 1

    def _evaluate_type(self, expression: Expression, source: Source, scope: int) -> Iterable[Value]:  # noqa: PLR0911 - one for each kind
        """Return the values of a variable with the annotation `expression`; arguments as in `evaluate_type`."""
        types, kind = self._types, expression.kind
        if kind == "choice" or (kind == "literal" and expression.name in {"tuple", "list"}):
            return [value for part in expression.parts for value in self.evaluate_type(part, source, scope)]
        if kind == "literal":
            inner = expression.parts[0].name if expression.name == "str" and expression.parts else ""
            return self.evaluate_type(expressions.parse(inner), source, scope) if inner else ()
        base = expression.base
        if kind == "index" and base is not None:
            name, parts = base.name, expression.parts
            if name in types.transparent:
                return self.evaluate_type(parts[0], source, scope) if parts else ()
            if name in types.alternatives:
                return [value for part in parts for value in self.evaluate_type(part, source, scope)]
            arguments = tuple(self.evaluate_type(part, source, scope) for part in parts)
            if name in types.classes:
                return [containers.to_class(value) for each in arguments for value in each]
            found = self.evaluate_type(base, source, scope)
            return [Value("instance", each.source, each.number, each.name, arguments) for each in found]
        if kind not in {"name", "member"} or expression.name in {"None", "Any"}:
            return ()
        if expression.name in types.own:
            return self._make_own(source, scope)
        values = self._read_type_name(expression, source, scope)
        return values or [Value("instance", name=expression.name)]

    def _read_type_name(self, expression: Expression, source: Source, scope: int) -> list[Value]:
        """Return instances of the classes that a name or member in an annotation means; [] if they are not known."""
        if expression.kind == "name":
            references: Sequence[Reference] = self.lookup.find_in_scopes(source, scope, expression.name, 1 << 60)
        else:
            bases = self.evaluate(expression.base, source, scope, 1 << 60) if expression.base is not None else ()
            references = [each for value in bases for each in self.find_members(value, expression.name)]
        values: list[Value] = []
        for reference in references:
            if reference.number < 0 or reference.parameter is not None:
                continue
            definition = reference.definition
            if definition.kind == "class":
                values.append(Value("instance", reference.source, reference.number))
            elif definition.kind == "variable" and definition.value and reference not in self._busy:
                self._busy.add(reference)
                values += self.evaluate_type(expressions.parse(definition.value), reference.source, definition.scope)
                self._busy.discard(reference)
        return values

    # References

    def read(self, reference: Reference, receiver: Value | None = None) -> Values:  # noqa: PLR0911 - one for each kind
        """Return the values of what a name means; `receiver` is what an attribute was read from."""
        source, number = reference.source, reference.number
        if number < 0:
            return (Value("module", source),)
        definition = reference.definition
        if reference.parameter is None and definition.kind == "class":
            return (Value("class", source, number),)
        if reference.parameter is None and definition.kind == "function":
            value = Value("function", source, number, receiver=receiver)
            if receiver is not None and source.rules.is_property(definition.decorators):
                return tuple(self.call(value))
            return (value,)
        if reference in self._known:
            return self._fill(self._known[reference], source, definition, receiver)
        if reference in self._busy:
            return ()
        self._busy.add(reference)
        if reference.parameter is not None:
            values = self._read_parameter(source, definition, reference.parameter)
        else:
            values = self._read_variable(source, definition)
        self._busy.discard(reference)
        self._known[reference] = values
        return self._fill(values, source, definition, receiver)

    def _fill(self, values: Values, source: Source, member: Definition, receiver: Value | None) -> Values:
        """Return `values` of a member with the types that its receiver gives for the parameters of its class."""
        names = source.table.definitions[member.parent].generics if member.parent >= 0 else ()
        if receiver is None or not names:
            return values
        given = self._hierarchy.find_arguments(receiver, source, member.parent) or receiver.arguments
        return containers.fill(values, dict(zip(names, given, strict=False))) if given else values

    def _read_variable(self, source: Source, definition: Definition) -> Values:
        """Return the values of a variable or an attribute."""
        if definition.annotation:
            values = self.evaluate_type(expressions.parse(definition.annotation), source, definition.scope)
        elif definition.value:
            at = definition.span.start
            values = self.evaluate(expressions.parse(definition.value), source, definition.scope, at)
        else:
            return ()
        if definition.how == "element" and not definition.annotation:
            values = self.list_elements(values)
        elif definition.how == "entered" and not definition.annotation:
            values = self._enter(values)
        if definition.component >= 0:
            return containers.limit(
                each for value in values for each in containers.take_component(value, definition.component)
            )
        return values

    def _read_parameter(self, source: Source, function: Definition, parameter: Parameter) -> Values:
        """Return the values of a parameter inside its function."""
        if parameter.kind in {"receiver", "class_receiver"}:
            owner = self._hierarchy.find_whole(source, function.parent)
            return (Value("instance" if parameter.kind == "receiver" else "class", *owner),)
        if parameter.annotation:
            values = self.evaluate_type(expressions.parse(parameter.annotation), source, function.scope)
            if parameter.kind == "rest":
                return (make_container("tuple", values),)
            return (make_container("dict", (), values),) if parameter.kind == "rest_keywords" else values
        if not parameter.default:
            return ()
        return self.evaluate(expressions.parse(parameter.default), source, function.scope, function.span.start)

    # Members

    def list_ancestors(self, source: Source, number: int) -> tuple[Value, ...]:
        """Return a class and its known base classes, as `Hierarchy.list_ancestors` does."""
        return self._hierarchy.list_ancestors(source, number)

    def _find_container(self, value: Value) -> Value:
        """Return the container of no known file that an instance is one of by its base classes; else the instance."""
        if value.kind != "instance" or value.source is None:
            return value
        for ancestor in self.list_ancestors(value.source, value.number):
            if ancestor.source is None and ancestor.arguments:
                return Value("instance", name=ancestor.name, arguments=ancestor.arguments)
        return value

    def find_members(self, value: Value, name: str) -> Sequence[Reference]:
        """Return what the member `name` of a value means; () if no known class or module has it."""
        if value.source is None:
            return ()
        if value.kind == "module":
            return self.lookup.find_in_module(value.source, name) or self.lookup.find_submodule(value.source, name)
        if value.kind == "function":
            return ()
        found: list[Reference] = []  # several parts of a class may have it
        for ancestor in self.list_ancestors(value.source, value.number)[1 if value.kind == "parent" else 0 :]:
            if ancestor.source is None:
                continue
            table = ancestor.source.table
            if found and not table.definitions[ancestor.number].part_of:
                break
            found += [Reference(ancestor.source, each) for each in table.members.get(ancestor.number, {}).get(name, ())]
        return found[:MOST_REFERENCES]

    def read_member(self, value: Value, name: str) -> Values:
        """Return the values of the member `name` of a value."""
        if value.source is None:
            return self._read_foreign_member(value, name)
        receiver: Value | None = None if value.kind == "module" else value
        if value.kind == "parent":
            receiver = Value("instance", value.source, value.number)
        references = self.find_members(value, name)
        if not references and value.kind == "instance":
            return self._read_foreign_member(self._find_container(value), name)
        return containers.limit(each for reference in references for each in self.read(reference, receiver))

    def _read_foreign_member(self, value: Value, name: str) -> Values:
        """Return a method of a container: a function whose result is known by name, or that returns its receiver."""
        method = f"{value.name}.{name}"
        if name in self._types.same and value.kind == "instance" and method not in self._types.results:
            return (Value("function", name=_SAME, receiver=value),)
        if value.source is not None or not value.arguments:
            return ()
        if value.name == "tuple" and name.isdecimal():
            return containers.take_component(value, int(name)) if len(name) < _MOST_DIGITS else ()
        return (Value("function", name=method, arguments=value.arguments),)

    def iterate_members(
        self, value: Value, can_use: Callable[[Reference], bool] = lambda _: True
    ) -> Iterator[tuple[str, Reference]]:
        """Yield the members of a value by name, those of its own class first, each name once.

        Of several members of a class with the same name, the first one for which `can_use` is true; none if it is for
        none of them, even where a base class has another one.
        """
        if value.source is None or value.kind == "function":
            return
        if value.kind == "module":
            yield from ((name, each) for name, each in self.lookup.iterate_public(value.source) if can_use(each))
            return
        seen: set[str] = set()
        for ancestor in self.list_ancestors(value.source, value.number)[1 if value.kind == "parent" else 0 :]:
            if ancestor.source is None:
                continue
            for name, numbers in ancestor.source.table.members.get(ancestor.number, {}).items():
                if name not in seen:
                    seen.add(name)
                    usable = (each for number in numbers if can_use(each := Reference(ancestor.source, number)))
                    yield from ((name, each) for each in islice(usable, 1))

    # Calls

    def call(self, value: Value) -> Iterable[Value]:
        """Return what calling `value` can give."""
        if value.kind == "class":
            return (Value("instance", value.source, value.number, value.name, value.arguments),)
        if value.kind == "instance":
            value = self._find_container(value)
            if value.source is not None:
                return self._call_members(value, (_CALLED,))
            return value.arguments[-1] if value.name in self._types.callables and value.arguments else ()
        if value.kind != "function":
            return ()
        if value.source is None:
            same = value.receiver if value.name == _SAME else None
            return (same,) if same is not None else containers.call_foreign(value, self._types)
        return self._call_function(value, value.source)

    def _call_function(self, value: Value, source: Source) -> Iterable[Value]:
        """Return the results of the function `value` in the file `source`."""
        definition, reference = source.table.definitions[value.number], Reference(source, value.number)
        if reference in self._busy:
            return ()
        self._busy.add(reference)
        try:
            if definition.annotation:
                values = self._evaluate_result(value, definition, source)
            else:
                values = containers.limit(
                    each
                    for written in definition.returns
                    for each in self.evaluate(expressions.parse(written), source, value.number, definition.span.end)
                )
            if definition.documented and source.is_library and not any(each.source for each in values):
                values = self._read_documented(definition, source) or values
        finally:
            self._busy.discard(reference)
        values = self._fill(values, source, definition, value.receiver)
        return self.list_elements(values) if source.rules.is_entered_as_element(definition.decorators) else values

    def _read_documented(self, function: Definition, source: Source) -> Values:
        """Return instances of the class that the documentation of a function names; () if it is in no known file.

        The name counts in the function's file, or with its module in front of it anywhere.
        """
        found = self.evaluate_type(expressions.parse(function.documented), source, function.scope)
        if known := tuple(each for each in found if each.source is not None):
            return known
        module, _, name = function.documented.rpartition(".")
        references = self.lookup.follow(source, ImportedName(name, module, member=name)) if module else []
        classes = [each for each in references if each.number >= 0 and each.definition.kind == "class"]
        return tuple(Value("instance", each.source, each.number) for each in classes)

    def _evaluate_result(self, value: Value, definition: Definition, source: Source) -> Values:
        """Return the values of an annotated result; `Self` and its like mean the class of the receiver."""
        written = expressions.parse(definition.annotation)
        receiver = value.receiver
        if receiver is not None and containers.mentions(written, self._types.own):
            return (Value("instance", receiver.source, receiver.number, receiver.name, receiver.arguments),)
        return self.evaluate_type(written, source, definition.scope)

    def _call_members(self, value: Value, names: Sequence[str]) -> Values:
        """Return what calling the first of the methods `names` that `value` has can give."""
        for name in names:
            if found := self.find_members(value, name):
                functions = [each for reference in found for each in self.read(reference, value)]
                return containers.limit(each for function in functions for each in self.call(function))
        return ()

    def list_elements(self, values: Values, *, nested: bool = False) -> Values:
        """Return what a loop over any of `values` can give; `nested` if they are the iterators of such values."""
        found: list[Value] = []
        for value in map(self._find_container, values):
            if value.source is None:
                number = self._types.elements.get(value.name)
                if value.name == "tuple":
                    found += containers.flatten(value.arguments)
                elif value.name in self._types.paired and len(value.arguments) > 1:
                    found.append(make_container("tuple", *value.arguments[:2]))
                elif number is not None and number < len(value.arguments):
                    found += value.arguments[number]
            elif value.kind == "instance" and not (named := self._call_members(value, _NEXT)):
                iterators = tuple(each for each in self._call_members(value, _ITERATED) if each != value)
                found += self.list_elements(iterators, nested=True) if not nested else ()
            elif value.kind == "instance":
                found += named
        return containers.limit(found)

    def _enter(self, values: Values) -> Values:
        """Return what entering any of `values` as a context can give."""
        found: list[Value] = []
        for value in values:
            methods = any(self.find_members(value, name) for name in _ENTERED) if value.kind == "instance" else False
            found += self._call_members(value, _ENTERED) or (value,) if methods else (value,)
        return containers.limit(found)
