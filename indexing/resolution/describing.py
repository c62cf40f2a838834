"""Records of what names mean, made from references: place, qualified name and parameters. Start at `describe`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from indexing.resolution import expressions
from indexing.resolution.lookup import Reference
from indexing.resolution.records import FoundDefinition, Parameter
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from indexing.resolution.inference import Inference
    from indexing.resolution.lookup import Source
    from indexing.resolution.records import NameTable

LONGEST_SIGNATURE = 60  # parameters


def describe(reference: Reference, inference: Inference) -> FoundDefinition:
    """Return the record of what a name means."""
    source = reference.source
    found = FoundDefinition(source.relative, source.key, "", "", "module", Span(0, 0), 0, is_library=source.is_library)
    if reference.number < 0:
        name = source.table.package or source.relative.rpartition("/")[2].partition(".")[0]
        return replace(found, name=name, qualified=name)
    definition = reference.definition
    qualified = _qualify(source, reference.number)
    found = replace(found, kind="variable", span=definition.span, line=definition.line)
    if reference.parameter is not None:
        name = reference.parameter.name
        return replace(found, name=name, qualified=f"{qualified}.{name}")
    parameters = list_parameters(reference, inference)
    return replace(found, name=definition.name, qualified=qualified, kind=definition.kind, parameters=parameters)


def list_parameters(reference: Reference, inference: Inference) -> tuple[Parameter, ...]:
    """Return the parameters of a function without its receiver, or those of creating an instance of a class."""
    definition = reference.definition
    if definition.kind == "function":
        return _list_given(reference, inference)
    if definition.kind != "class":
        return ()
    source = reference.source
    fields: dict[str, Parameter] = {}
    for ancestor in inference.list_ancestors(source, reference.number):
        if ancestor.source is None:
            continue
        table = ancestor.source.table
        made = table.members.get(ancestor.number, {})
        own = table.definitions[ancestor.number]
        numbers = made.get(source.rules.constructor, ())
        if numbers and not (fields and ancestor.source.is_library):  # a library's class that makes the constructor
            return _list_given(Reference(ancestor.source, numbers[0]), inference)
        if source.rules.takes_fields(own.decorators, own.bases):
            fields = {each.name: each for each in _iterate_fields(table, made.values())} | fields
    return tuple(fields.values())


def _qualify(source: Source, number: int) -> str:
    """Return the name of a definition with those around it, separated by dots."""
    names = []
    while number >= 0:
        definition = source.table.definitions[number]
        names.append(definition.name)
        number = definition.parent
    return ".".join(reversed(names))


def _list_given(function: Reference, inference: Inference) -> tuple[Parameter, ...]:
    """Return the parameters of a function that a call gives, with those that the type of its last one lists."""
    given: list[Parameter] = []
    for each in function.definition.parameters[:LONGEST_SIGNATURE]:
        if each.kind == "rest_keywords":
            given += _iterate_unpacked(each, function, inference)
        if each.kind not in {"receiver", "class_receiver"}:
            given.append(each)
    return tuple(given)


def _iterate_unpacked(rest: Parameter, function: Reference, inference: Inference) -> Iterator[Parameter]:
    """Yield the keywords that the parameter `rest` takes, if its type lists them (`**a: Unpack[B]`)."""
    written, source = expressions.parse(rest.annotation), function.source
    if written.kind != "index" or written.base is None or written.base.name not in source.rules.types.unpacked:
        return
    for value in inference.evaluate_type(written.parts[0], source, function.definition.scope) if written.parts else ():
        for ancestor in inference.list_ancestors(value.source, value.number) if value.source is not None else ():
            if ancestor.source is not None:
                table = ancestor.source.table
                for each in _iterate_fields(table, table.members.get(ancestor.number, {}).values()):
                    yield Parameter(each.name, "keyword", each.annotation, "...")


def _iterate_fields(table: NameTable, members: Iterable[tuple[int, ...]]) -> Iterator[Parameter]:
    """Yield the annotated attributes of a class as parameters."""
    for numbers in members:
        each = table.definitions[numbers[0]]
        if each.kind == "variable" and each.annotation and not each.of_self and "ClassVar" not in each.annotation:
            yield Parameter(each.name, "any", each.annotation, each.value)
