"""Rule 5, imports: remove one whose last use the edit has removed, and add one that a new name needs.

Python only. An import that may be there for others (in `__init__.py` or `conftest.py`, in `__all__`, with a comment) is
left alone. Start at `list_import_edits`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.next_edit.changed_tokens import count_word
from agents.next_edit.name_places import BUILT_IN, Role, find_places
from agents.next_edit.next_edits import Candidate, Kind
from agents.tasks.rewriting.importing import build_import_edits, build_well_known_import

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.edits import Edit
    from agents.next_edit.changed_tokens import TokenChange
    from indexing.syntax.documents import Document, Import
    from indexing.syntax.syntax import Syntax
    from indexing.syntax.trees import SyntaxTrees

_PLAIN = re.compile(r"(?P<head>from\s+[\w.]+\s+import\s+(?=\S)|import\s+(?=\S))(?P<names>[\w., ]+)")
_NEW_NAMES = 20  # most new names of an edit that are checked


def list_import_edits(
    changes: Sequence[TokenChange], before: str, document: Document, trees: SyntaxTrees, others: Sequence[Document]
) -> Iterator[Candidate]:
    """Yield the removals of imports that `changes` left without a use, then the imports that new names lack.

    Args:
        changes: what the person's last edit has changed in the text.
        before: the text before this edit.
        document: the text now.
        trees: the cache of syntax trees.
        others: other open texts, whose imports say where a name comes from.
    """
    if not document.entry.python_parser:
        return
    gone = dict.fromkeys(token.text for change in changes for token in change.old)
    come = dict.fromkeys(token.text for change in changes for token in change.new)
    for name in gone:
        if name not in come and name.isidentifier() and count_word(document.text, name) == 1:
            yield from _list_unused(name, document, trees.of(document))
    for name in list(come)[:_NEW_NAMES]:
        if name not in gone and name.isidentifier() and name not in BUILT_IN and not count_word(before, name):
            known = [trees.of(one) for one in others if count_word(one.text, name)]
            yield from _list_missing(name, document, trees.of(document), known)


def _list_unused(name: str, document: Document, syntax: Syntax) -> Iterator[Candidate]:
    """Yield the removal of the import of `name`, which occurs once in the text, if the import is a plain line."""
    text = document.text
    if document.path is not None and document.path.stem in {"__init__", "conftest"}:
        return
    importing = [one for one in syntax.imports if name in one.names and one.span is not None]
    if len(importing) != 1:
        return
    span = importing[0].span
    assert span is not None  # noqa: S101 (chosen for it)
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    line = text[start : end if end >= 0 else len(text)].removesuffix("\r")
    written = _PLAIN.fullmatch(line)
    if written is None or end < 0:  # indented, in brackets, with an alias or a comment
        return
    names = [one.strip() for one in written["names"].split(",")]
    if name not in {one.split(".")[0] for one in names}:
        return
    kept = [one for one in names if one.split(".")[0] != name]
    reason = f"`{name}` is not used any more."
    if kept:
        yield Candidate(
            document.uri, start, start + len(line), written["head"] + ", ".join(kept), Kind.IMPORT, reason, (name, "")
        )
    else:
        yield Candidate(document.uri, start, end + 1, "", Kind.IMPORT, reason, (name, ""))


def _list_missing(name: str, document: Document, syntax: Syntax, others: Sequence[Syntax]) -> Iterator[Candidate]:
    """Yield the import of `name`, if nothing in the text binds it and what to import is known."""
    places = find_places(syntax, name)
    if not places or any(one.role is not Role.USE for one in places if one.role not in {Role.MEMBER, Role.KEY}):
        return
    used = [one for one in places if one.role is Role.USE]
    if not used or any("*" in document.text[one.span.start : one.span.end] for one in syntax.imports if one.span):
        return
    called = any(document.text[one.end : one.end + 1] == "." for one in used)
    reason = f"`{name}` is not imported yet."
    edits = _find_import(name, document, syntax, others, is_module=called)
    if len(edits) == 1:
        yield Candidate(document.uri, edits[0].start, edits[0].end, edits[0].text, Kind.IMPORT, reason, ("", name))


def _find_import(
    name: str, document: Document, syntax: Syntax, others: Sequence[Syntax], *, is_module: bool
) -> tuple[Edit, ...]:
    """Return the edits that import `name`, as other open texts do, else as is usual; () if that is not clear.

    A module is imported only where the name is used as one.
    """
    known = {
        (one.module, _is_from(other, one)): other for other in others for one in other.imports if name in one.names
    }
    if len(known) > 1:
        return ()
    for other in known.values():
        return build_import_edits(other, syntax, {name}, language=document.language)
    edits = build_well_known_import(name, syntax)
    return () if edits and edits[0].text.lstrip().startswith("import ") and not is_module else edits


def _is_from(syntax: Syntax, one: Import) -> bool:
    """Return whether the statement of `one` imports names from a module."""
    return one.span is not None and syntax.text.startswith("from", one.span.start)
