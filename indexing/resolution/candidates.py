"""Definitions that the code at a cursor may use next: those that imported names and typed receivers in scope mean.

Finds candidates only in other files: whoever asks has the document's own text. Start at `collect`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from indexing.resolution import cursor_text
from indexing.resolution.lookup import Reference
from indexing.resolution.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from indexing.resolution.names import DocumentNames

MOST_CANDIDATES = 1_500
MOST_RECEIVERS = 50
SHARE_OF_RECEIVERS, SHARE_OF_IMPORTS = 0.3, 0.45  # of the time to a deadline, after which the search for them ends
RECEIVERS_WITHIN = 20_000  # characters before the cursor
_RECEIVER = re.compile(r"(?<!\w)((?:[^\W\d]\w*\.)+)[^\W\d]\w*")

Way = Literal["import", "module", "own class", "receiver", "class"]


@dataclass(slots=True)
class Candidate:
    """A definition, and how the document can reach it.

    Attributes:
        reference: the definition.
        name: the name by which it is called: the bound name of an import, or a member.
        way: by an imported name, as a member of a module, of the class around the cursor, of a typed receiver, or of
            an imported class itself.
        receiver: the expression before the dot; "" for none.
        siblings: number of members that this receiver has.
        ways: number of receivers and names that mean it.
    """

    reference: Reference
    name: str
    way: Way
    receiver: str = ""
    siblings: int = 1
    ways: int = 1


def collect(names: DocumentNames) -> list[Candidate]:
    """Return the functions and classes that the code at the cursor can mean, each once.

    After a dot these are members of the receiver; after other code in the line, names; on a blank line, all.
    """
    if not names.available:
        return []
    found = _Collector(names)
    head = names.text[names.line_start : names.offset]
    word = cursor_text.find_word(names.text, names.offset)[0]
    before = names.plain[names.line_start : word].rstrip()
    if before.endswith("."):
        receiver = cursor_text.read_expression_before(names.plain, names.line_start + len(before) - 1)
        found.add_receivers([receiver] if receiver else [])
        return found.list_all()
    if not head.strip():
        found.add_receivers(iterate_receivers(names))
    found.add_imports(modules=not head.strip())
    return found.list_all()


def iterate_receivers(names: DocumentNames) -> Iterator[str]:
    """Yield up to `MOST_RECEIVERS` expressions that have members here, likeliest first.

    First those whose members the text before the cursor reads, nearest first, then the variables in scope.
    """
    low = max(0, names.line_start - RECEIVERS_WITHIN)
    read = [match[1][:-1] for match in _RECEIVER.finditer(names.plain, low, names.line_start)]
    seen: set[str] = set()
    for each in (*reversed(read), *_iterate_variables(names)):
        if each not in seen and len(seen) < MOST_RECEIVERS:
            seen.add(each)
            yield each


def _iterate_variables(names: DocumentNames) -> Iterator[str]:
    """Yield the parameters and variables in the scopes around the cursor, and the attributes of the receiver."""
    table, scope = names.source.table, names.scope
    while scope >= 0:
        around = table.definitions[scope]
        if around.kind == "function":
            yield from reversed(table.members.get(scope, {}))
            for parameter in around.parameters:
                yield parameter.name
                if parameter.kind == "receiver":
                    for value in names.inference.read(Reference(names.source, scope, parameter)):
                        for name, reference in names.iterate_members(value):
                            if reference.number >= 0 and reference.definition.kind == "variable":
                                yield f"{parameter.name}.{name}"
        scope = around.scope
    for name, numbers in table.members.get(-1, {}).items():
        if table.definitions[numbers[0]].kind == "variable":
            yield name


class _Collector:
    """Collects the candidates of a document at its cursor."""

    def __init__(self, names: DocumentNames) -> None:
        self._names = names
        self._own = names.source
        self._found: dict[Reference, Candidate] = {}

    def list_all(self) -> list[Candidate]:
        """Return the candidates, in the order in which they were found."""
        return list(self._found.values())

    def add_receivers(self, receivers: Iterable[str]) -> None:
        """Add the members of all types that `receivers` can have."""
        for receiver in receivers:
            if self._names.lookup.is_late(SHARE_OF_RECEIVERS):
                return
            for value in self._names.evaluate(receiver):
                self._add_members(value, receiver)

    def add_imports(self, *, modules: bool) -> None:
        """Add what the names that the document imports mean; with `modules`, also members of modules and classes."""
        lookup = self._names.lookup
        for imported in self._own.table.imports:
            modules = modules and not lookup.is_late(SHARE_OF_IMPORTS)
            if imported.name == "*":
                for module in lookup.locate(self._own, imported)[:1]:
                    self._add_all(lookup.iterate_public(module), "import", "")
                continue
            for reference in lookup.find_in_module(self._own, imported.name.partition(".")[0]):
                if reference.number >= 0:
                    self._add(reference, imported.name, "import", "", 1)
                    if modules and reference.definition.kind == "class":
                        self._add_class(Value("class", reference.source, reference.number), imported.name)
                elif modules:
                    self._add_all(lookup.iterate_public(reference.source), "module", imported.name)

    def _add_class(self, value: Value, receiver: str) -> None:
        """Add the methods of a class that are called on the class itself."""
        members = [
            (name, reference)
            for name, reference in self._names.iterate_members(value)
            if reference.number >= 0 and reference.definition.kind == "function" and not _needs_instance(reference)
        ]
        self._add_all(members, "class", receiver)

    def _add_members(self, value: Value, receiver: str) -> None:
        """Add the members of a value that the document calls `receiver`."""
        if value.kind == "class":
            self._add_class(value, receiver)
            return
        way: Way = "module" if value.kind == "module" else "receiver"
        if value.source is self._own and value.kind in {"instance", "parent"}:
            way = "own class"
        self._add_all(self._names.iterate_members(value), way, receiver)

    def _add_all(self, members: Iterable[tuple[str, Reference]], way: Way, receiver: str) -> None:
        """Add the functions and classes among `members`."""
        known = list(members)
        for name, reference in known:
            self._add(reference, name, way, receiver, len(known))

    def _add(self, reference: Reference, name: str, way: Way, receiver: str, siblings: int) -> None:
        """Add a function or class of another file, or note one more way to a known one."""
        if reference.number < 0 or reference.parameter is not None or reference.source is self._own:
            return
        if reference.definition.name in reference.source.rules.unnamed or reference.definition.kind == "variable":
            return
        if len(self._found) >= MOST_CANDIDATES:
            return
        known = self._found.get(reference)
        if known is None:
            self._found[reference] = Candidate(reference, name, way, receiver, siblings)
        else:
            known.ways += 1


def _needs_instance(reference: Reference) -> bool:
    """Return whether a method is called on an instance."""
    parameters = reference.definition.parameters
    return bool(parameters) and parameters[0].kind == "receiver"
