"""One search for the next edit: what all rules find in the open documents, the surest rules first.

Start at `RuleSearch.list_candidates`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from agents.next_edit.changed_tokens import count_word, list_changes
from agents.next_edit.fixes import list_fixes
from agents.next_edit.history import describe_edit
from agents.next_edit.imports import list_import_edits
from agents.next_edit.likelihood import LEAST_FIRST, LEAST_IN_PROSE, LEAST_LATER
from agents.next_edit.prose import is_prose
from agents.next_edit.renaming import (
    build_candidates,
    find_renames,
    join_renames,
    list_imported_places,
    list_imported_uses,
    list_uses,
)
from agents.next_edit.repetition import find_repeatable, join_repeatable, list_repetitions
from agents.next_edit.signatures import find_signature_changes, list_calls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agents.findings import Finding
    from agents.next_edit.changed_tokens import TokenChange
    from agents.next_edit.history import LineChange, PastEdit
    from agents.next_edit.next_edits import Candidate
    from agents.next_edit.renaming import Rename
    from agents.next_edit.repetition import Repeatable, Repetition
    from agents.next_edit.signatures import SignatureChange
    from indexing.syntax.documents import Document
    from indexing.syntax.trees import SyntaxTrees

_HEAD = 1000  # characters before an edit in which the list of parameters may begin
_REPEATED = 24  # most changes that are repeated
_SEARCHED_S = 0.01  # processor time after which no further change is searched for
_IMPORTERS = 4  # most other open texts whose imports are read for a missing one


@dataclass(frozen=True)
class RuleSearch:
    """One search.

    Attributes:
        document: the document that the person is in.
        offset: the cursor.
        edits: the person's last edits, newest first.
        others: the other open documents.
        trees: the cache of syntax trees.
        findings: findings of the review in the current text of `document`.
        settled: edits that another rule has proposed, which are not repeated where that rule proposes nothing.
    """

    document: Document
    offset: int
    edits: Sequence[PastEdit]
    others: Sequence[Document]
    trees: SyntaxTrees
    findings: Sequence[Finding] = ()
    settled: frozenset[LineChange] = frozenset()
    _changes: dict[PastEdit, tuple[TokenChange, ...]] = field(default_factory=dict)

    def list_candidates(self) -> Iterator[Candidate]:
        """Yield what the rules find, the surest first; in `document` those after the cursor first."""
        for source in self._sources:
            yield from self._list_renames(source)
        for source in self._sources:
            yield from self._list_calls(source)
        yield from self._list_imports()
        yield from self._list_repetitions()
        newest = self.edits[0]
        if newest.uri == self.document.uri:
            yield from list_fixes(self.findings, newest, self.document)

    @cached_property
    def texts(self) -> dict[str, Document]:
        """All open documents in the language of `document` by URI, that one first."""
        same = (one for one in self.others if one.language == self.document.language)
        return {one.uri: one for one in (self.document, *same)}

    @cached_property
    def _sources(self) -> list[Document]:
        """The documents that were edited, `document` first."""
        edited = dict.fromkeys((self.document.uri, *(edit.uri for edit in self.edits)))
        return [self.texts[uri] for uri in edited if uri in self.texts]

    def _list_changes(self, source: Document) -> Iterator[tuple[TokenChange, ...]]:
        """Yield the changed tokens of each edit of `source`, newest first."""
        for edit in self._list_edits(source):
            if edit not in self._changes:
                self._changes[edit] = list_changes(edit, source.text)
            yield self._changes[edit]

    def _list_renames(self, source: Document) -> Iterator[Candidate]:
        """Yield the uses of names that were renamed in `source`: first there, if it is `document`, then in others."""
        renames = join_renames(one for each in self._list_changes(source) for one in find_renames(each))
        for rename in renames:
            if source.uri == self.document.uri and not _is_being_typed(rename, self.offset):
                uses = list_uses(rename, self.trees.of(source))
                yield from self._order(build_candidates(rename, uses, source.uri, source.text))
        for rename in renames:
            for other in self._list_mentions(rename.old, source):
                uses = list_imported_uses(rename, self.trees.of(source), self.trees.of(other), source)
                yield from build_candidates(rename, uses, other.uri, other.text)

    def _list_calls(self, source: Document) -> Iterator[Candidate]:
        """Yield the calls of functions whose parameters were changed in `source`, those in `document` first."""
        for edit in self._list_edits(source):
            if _may_change_parameters(edit, source):
                for change in find_signature_changes(edit, self.trees.of(source)):
                    yield from self._list_calls_of(change, source)

    def _list_calls_of(self, change: SignatureChange, source: Document) -> Iterator[Candidate]:
        """Yield the calls to adapt to `change`, a function in `source`."""
        own = list_calls(change, self.trees.of(source), source.uri, edited=self._list_edits(source))
        yield from self._order(own) if source.uri == self.document.uri else ()
        for other in self._list_mentions(change.name, source):
            syntax = self.trees.of(other)
            imported = None if change.is_method else list_imported_places(change.name, syntax, source)
            yield from list_calls(change, syntax, other.uri, edited=self._list_edits(other), imported=imported)
        yield from own if source.uri != self.document.uri else ()

    def _list_edits(self, source: Document) -> list[PastEdit]:
        """Return the edits of `source`, newest first."""
        return [edit for edit in self.edits if edit.uri == source.uri]

    def _list_imports(self) -> Iterator[Candidate]:
        """Yield edits of the imports of `document` that the last edit made superfluous or missing."""
        newest = self.edits[0]
        if newest.uri == self.document.uri:
            changes = next(self._list_changes(self.document))
            others = list(self.texts.values())[1 : 1 + _IMPORTERS]
            yield from list_import_edits(changes, newest.before, self.document, self.trees, others)

    def _list_repetitions(self) -> Iterator[Candidate]:
        """Yield the places where the last changes can be repeated, the most likely ones first."""
        found = []
        started = time.thread_time()
        for one in join_repeatable(self._list_repeatable())[:_REPEATED]:
            least = LEAST_FIRST if one.edits == 1 else LEAST_LATER
            for target in self.texts.values():
                if time.thread_time() - started > _SEARCHED_S:
                    break
                found += [(one, target, each) for each in list_repetitions(one, target.uri, target.text, least)]
        found.sort(key=self._rank_repetition)
        for one, target, each in found:
            # words of sentences are seldom changed everywhere
            is_sure = one.edits > 1 or each.log_odds > LEAST_IN_PROSE
            if is_sure or not is_prose(self.trees.of(target), each.candidate.start + _count_spaces(one)):
                yield each.candidate

    def _list_repeatable(self) -> Iterator[list[Repeatable]]:
        """Yield the changes of each edit that can be repeated, the newest edit of `document` first."""
        for source in self._sources:
            for edit, changes in zip(self._list_edits(source), self._list_changes(source), strict=True):
                if describe_edit(edit, source.text) not in self.settled:
                    yield list(find_repeatable(changes, source.uri, source.text))

    def _rank_repetition(self, found: tuple[Repeatable, Document, Repetition]) -> tuple[float, ...]:
        """Return the rank of a repetition, the smallest first: changes of several edits, then by odds and place."""
        one, target, each = found
        place = (target is not self.document, each.candidate.end < self.offset, each.candidate.start)
        return (0.0, -round(each.log_odds), *place) if one.edits > 1 else (1.0, -round(each.log_odds, 1), *place)

    def _list_mentions(self, name: str, source: Document) -> Iterator[Document]:
        """Yield the documents other than `source` that have the word `name`."""
        for other in self.texts.values():
            if other.uri != source.uri and count_word(other.text, name):
                yield other

    def _order(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Return `candidates` in `document`, those after the cursor first, each group in the order of the text."""
        return sorted(candidates, key=lambda one: (one.end < self.offset, one.start))


def _may_change_parameters(edit: PastEdit, source: Document) -> bool:
    """Return whether `edit` is in a list of parameters, judged by the text alone, so that other edits need no parse."""
    text = source.text
    head = text.rfind("def ", max(edit.start - _HEAD, 0), edit.end)
    before = text[head : edit.start] if head >= 0 else ""
    return head >= edit.start or ("(" in before and before.count("(") > before.count(")"))


def _count_spaces(one: Repeatable) -> int:
    """Return the number of spaces before the first token of the old text."""
    return len(one.old_text) - len(one.old_text.lstrip())


def _is_being_typed(rename: Rename, offset: int) -> bool:
    """Return whether the cursor is still at the end of a new name that is only a beginning of the old one."""
    return rename.old.startswith(rename.new) and any(start + len(rename.new) == offset for start in rename.starts)
