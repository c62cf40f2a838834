"""The names that can be used at a place of a document, and the attributes there. Start at `list_scope_names`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexing.resolution.names import DocumentNames
    from indexing.resolution.records import Definition


def list_scope_names(names: DocumentNames) -> dict[str, str]:
    """Return the annotation of each parameter and variable that can be used at the place of `names`, "" for none.

    The nearest scope comes first. Leaves out names that bodies of classes bind, unless they are used without a
    receiver, and local names that are assigned after it.
    """
    found: dict[str, str] = {}
    for name, annotation in _iterate_names(names):
        found.setdefault(name, annotation)
    return found


def _iterate_names(names: DocumentNames) -> Iterator[tuple[str, str]]:
    """Yield the parameters and variables with their annotations, nearest scope first."""
    if not names.available:
        return
    table, scope = names.source.table, names.scope
    while True:
        around = table.definitions[scope] if scope >= 0 else None
        if around is None or around.kind == "function" or around.has_bare_members:
            for name, numbers in table.members.get(scope, {}).items():
                each = table.definitions[numbers[0]]
                if each.kind == "variable" and not each.of_self and _reaches(each, around, names.place):
                    yield name, each.annotation
        if around is None:
            return
        for parameter in around.parameters:
            if parameter.kind not in {"receiver", "class_receiver"}:
                yield parameter.name, parameter.annotation
        scope = around.scope


def _reaches(variable: Definition, around: Definition | None, place: int) -> bool:
    """Return whether a variable of the module (None), function or class `around` can be used at `place`."""
    if around is None or around.kind == "class":
        return True
    return variable.span.end <= place and (variable.until < 0 or place <= variable.until)


def list_own_attributes(names: DocumentNames) -> list[str]:
    """Return the attributes of the object whose method the place is in, each as it is written there (`self.name`)."""
    if not names.available or names.scope < 0:
        return []
    for parameter in names.source.table.definitions[names.scope].parameters[:1]:
        if parameter.kind == "receiver":
            return [
                f"{parameter.name}.{name}"
                for value in names.evaluate(parameter.name)
                for name, reference in names.iterate_members(value)
                if reference.number >= 0 and reference.definition.kind == "variable"
            ]
    return []
