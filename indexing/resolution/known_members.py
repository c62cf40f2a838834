"""A check that all members of a value are known. Start at `knows_all_members`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexing.resolution import expressions

if TYPE_CHECKING:
    from indexing.resolution.inference import Inference
    from indexing.resolution.values import Value

# Base classes without members of their own, and decorators that add none that a person would write.
_EMPTY_BASES = frozenset({"object", "Generic", "Protocol", "ABC"})
_PLAIN_DECORATORS = ("dataclass", "dataclasses.dataclass", "final", "attrs.define", "attrs.frozen")
_DYNAMIC = ("__getattr__", "__getattribute__")


def knows_all_members(inference: Inference, value: Value) -> bool:
    """Return whether all members of `value`, a class or an instance, are known, those of its base classes too.

    False for a class of a library or one derived from it: libraries add members in ways that no file shows.
    """
    if value.source is None or value.kind not in {"instance", "class"}:
        return False
    for ancestor in inference.list_ancestors(value.source, value.number):
        if ancestor.source is None and ancestor.name in _EMPTY_BASES:
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
