"""The parameters of all calls of a document, for the review. Start at `open_signatures`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from indexing.resolution import expressions
from indexing.resolution.files import TableCache
from indexing.resolution.names import DocumentNames, find_scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexing.resolution.lookup import Reference
    from indexing.resolution.paths import FileKey, Paths
    from indexing.resolution.records import Parameter
    from indexing.syntax.documents import Document


class NameOpener(Protocol):
    """A function that returns the names of a document as they are seen at an offset; None if they are not resolved."""

    def __call__(self, document: Document, offset: int, *, deadline: float | None = None) -> DocumentNames | None:
        """Return the names; files are no longer parsed after `deadline`, a moment of `time.monotonic`."""


class _NoFiles:
    """The files of no workspace."""

    paths: Mapping[str, Paths] = {}

    def read(self, _: FileKey) -> tuple[str, str, str] | None:
        """Return None: there is no file."""
        return None


def open_alone(document: Document, offset: int, *, deadline: float | None = None) -> DocumentNames | None:
    """Return the names of a document without any other file; None if its language has no resolution."""
    if not document.entry.resolution:
        return None
    relative = document.path.name if document.path is not None else ""
    return DocumentNames(
        document.text, offset, language=document.language, root="", relative=relative, key=None, files=_NoFiles(),
        tables=TableCache(), deadline=deadline,
    )  # fmt: skip


class Signatures:
    """The parameters of the functions and classes that the calls of one document mean. Not thread-safe."""

    def __init__(self, names: DocumentNames) -> None:
        self._names = names

    def find_parameters(self, callee: str, offset: int) -> tuple[tuple[Parameter, ...], ...]:
        """Return the parameters that a call gives, one tuple for each meaning of `callee`, as written, at `offset`.

        () if a meaning is not known, or is no function or class.
        """
        references = self._find_references(callee, offset)
        if any(each.number < 0 or each.parameter is not None for each in references):
            return ()
        if any(each.definition.kind == "variable" for each in references):
            return ()
        return tuple(self._names.list_parameters(each) for each in references)

    def _find_references(self, callee: str, offset: int) -> Sequence[Reference]:
        """Return what `callee` means at `offset`; () for anything but a name or a member."""
        names, expression = self._names, expressions.parse(callee)
        scope = find_scope(names.source.table, offset)
        if expression.kind == "name":
            return names.lookup.find_in_scopes(names.source, scope, expression.name, offset)
        if expression.kind == "member" and expression.base is not None:
            values = names.inference.evaluate(expression.base, names.source, scope, offset)
            found = [names.inference.find_members(value, expression.name) for value in values]
            return [each for references in found for each in references] if all(found) else ()
        return ()


def open_signatures(document: Document, open_names: NameOpener, *, deadline: float | None = None) -> Signatures | None:
    """Return the signatures that the calls of `document` mean; None if its names are not resolved."""
    # the placeholder of the edited line goes into a line of its own
    padded = replace(document, text=f"{document.text}\n")
    names = open_names(padded, len(padded.text), deadline=deadline)
    return Signatures(names) if names is not None and names.available else None
