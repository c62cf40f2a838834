"""Definitions that the next line may call: those that imported names and typed receivers in scope mean, with features.

Finds candidates only in other files: the document's own text is known to whoever asks. Start at `Candidates.collect`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexing.resolution.lookup import Reference
from indexing.resolution.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from indexing.resolution.lookup import Source
    from indexing.resolution.names import DocumentNames

MOST_CANDIDATES = 1_500
MOST_RECEIVERS = 80
_WORD = re.compile(r"[^\W\d]\w*")
_RECEIVER = re.compile(r"((?:[^\W\d]\w*\.)+)[^\W\d]\w*")


@dataclass(slots=True)
class RawCandidate:
    """A definition, and how the document can reach it.

    Attributes:
        reference: the definition.
        name: the name by which it is called: the bound name of an import, or a member.
        way: "import", "module", "own class", "receiver", "class".
        receiver: the expression before the dot; "" for none.
        siblings: number of candidates that the same receiver has.
    """

    reference: Reference
    name: str
    way: str
    receiver: str = ""
    siblings: int = 1
    others: list[str] = field(default_factory=list)


class Candidates:
    """Collects the candidates of a document at its cursor."""

    def __init__(self, names: DocumentNames) -> None:
        self._names = names
        self._own = names.source
        self._found: dict[Reference, RawCandidate] = {}

    def collect(self) -> list[RawCandidate]:
        """Return the candidates, each definition once, in the order in which they were found."""
        for receiver in self.iterate_receivers():
            for value in self._names.evaluate(receiver):
                self._add_members(value, receiver)
        self._add_imports()
        return list(self._found.values())

    def iterate_receivers(self) -> Iterator[str]:
        """Yield expressions that have members here: what the text near reads members of, then variables in scope."""
        text, start = self._names.text, self._names.line_start
        seen: set[str] = set()
        low = max(0, start - 20_000)
        found = [match[1][:-1] for match in _RECEIVER.finditer(text, low, start)]
        ordered = [*reversed(found), *self._iterate_variables()]
        for each in ordered:
            if each not in seen and len(seen) < MOST_RECEIVERS:
                seen.add(each)
                yield each

    def _iterate_variables(self) -> Iterator[str]:
        """Yield the parameters and variables in the scopes around the cursor, and the attributes of `self`."""
        table, scope = self._own.table, self._names.scope
        while scope >= 0:
            around = table.definitions[scope]
            if around.kind == "function":
                yield from reversed(table.members.get(scope, {}))
                for parameter in around.parameters:
                    yield parameter.name
                    if parameter.kind == "receiver":
                        for value in self._names.inference.read(Reference(self._own, scope, parameter)):
                            for name, reference in self._names.inference.iterate_members(value):
                                if reference.number >= 0 and reference.definition.kind == "variable":
                                    yield f"{parameter.name}.{name}"
            scope = around.scope
        for name, numbers in table.members.get(-1, {}).items():
            if table.definitions[numbers[0]].kind == "variable":
                yield name

    def _add_imports(self) -> None:
        """Add what the names that the document imports mean, and the public names of modules that it imports."""
        lookup = self._names.lookup
        for imported in self._own.table.imports:
            if imported.name == "*":
                for module in lookup.locate(self._own, imported)[:1]:
                    self._add_all(list(lookup.iterate_public(module)), "import", "")
                continue
            for reference in lookup.find_in_module(self._own, imported.name.partition(".")[0]):
                if reference.number < 0:
                    members = list(lookup.iterate_public(reference.source))
                    self._add_all(members, "module", imported.name)
                else:
                    self._add(reference, imported.name, "import", "", 1)
                    if reference.definition.kind == "class":
                        self._add_class(Value("class", reference.source, reference.number), imported.name)

    def _add_class(self, value: Value, receiver: str) -> None:
        """Add the methods that are called on a class itself."""
        members = [
            (name, reference)
            for name, reference in self._names.inference.iterate_members(value)
            if reference.number >= 0
            and any(each.rpartition(".")[2] in {"classmethod", "staticmethod"} for each in reference.definition.decorators)
        ]
        self._add_all(members, "class", receiver)

    def _add_members(self, value: Value, receiver: str) -> None:
        """Add the members of a value that the document names `receiver`."""
        if value.kind == "class":
            self._add_class(value, receiver)
            return
        way = "module" if value.kind == "module" else "receiver"
        if value.source is self._own and value.kind in {"instance", "parent"}:
            way = "own class"
        self._add_all(list(self._names.inference.iterate_members(value)), way, receiver)

    def _add_all(self, members: list[tuple[str, Reference]], way: str, receiver: str) -> None:
        """Add the functions and classes among `members`."""
        for name, reference in members:
            self._add(reference, name, way, receiver, len(members))

    def _add(self, reference: Reference, name: str, way: str, receiver: str, siblings: int) -> None:
        """Add a definition of another file, unless it is known."""
        if reference.number < 0 or reference.parameter is not None or reference.source is self._own:
            return
        if reference.definition.kind == "variable" or len(self._found) >= MOST_CANDIDATES:
            return
        known = self._found.get(reference)
        if known is None:
            self._found[reference] = RawCandidate(reference, name, way, receiver, siblings)
        else:
            known.others.append(receiver)
