"""Next edits: from what a person has just changed in open documents, the next place and its text.

Works by rules on syntax trees, without a model; proposes nothing where a rule is not nearly certain. Never applies an
edit, and never sees a document that is withheld from models. Start at `NextEditor.propose`.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from agents.next_edit.changed_tokens import list_changes
from agents.next_edit.history import LineChange, expand_to_lines, find_line_span
from agents.next_edit.next_edits import Candidate, NextEdit, NextEditPolicy
from agents.next_edit.renaming import build_candidates, find_renames, join_renames, list_imported_uses, list_uses
from agents.next_edit.statistics import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agents.next_edit.history import PastEdit
    from agents.next_edit.renaming import Rename
    from agents.next_edit.statistics import NextEditStatistics
    from indexing.syntax.documents import Document
    from indexing.syntax.trees import SyntaxTrees

_GIVEN = 64  # edits that can be reported by id
_REJECTED = 256


class NextEditor:
    """Proposes next edits. Thread-safe."""

    def __init__(self, trees: SyntaxTrees, policy: NextEditPolicy | None = None) -> None:
        """Set the parse cache and the settings.

        Args:
            trees: the cache of syntax trees, whose owner drops the trees of closed documents.
            policy: the settings; None for the defaults.
        """
        self._trees = trees
        self._policy = policy if policy is not None else NextEditPolicy()
        self._lock = threading.Lock()
        self._given: OrderedDict[str, tuple[NextEdit, LineChange]] = OrderedDict()
        self._rejected: deque[LineChange] = deque(maxlen=_REJECTED)
        self._recorder = Recorder()

    @property
    def policy(self) -> NextEditPolicy:
        """The settings."""
        return self._policy

    def set_policy(self, policy: NextEditPolicy) -> None:
        """Use other settings from the next request on."""
        self._policy = policy

    def prepare(self, document: Document) -> None:
        """Parse a newly opened document, so that its first next edit is fast."""
        if self._policy.is_on(document.language) and len(document.text) <= self._policy.longest_document:
            self._trees.of(document)

    def propose(  # noqa: PLR0913 - the state of the editor
        self,
        document: Document,
        offset: int,
        *,
        edits: Sequence[PastEdit],
        undone: Iterable[LineChange] = (),
        others: Sequence[Document] = (),
        cancelled: Callable[[], bool] = lambda: False,
    ) -> NextEdit | None:
        """Return the next edit after a person's last ones; None if no rule finds one.

        Blocks for some milliseconds, so it must not be called on the event loop.

        Args:
            document: the document that the person is in.
            offset: the cursor's code-point offset.
            edits: the person's last edits, newest first.
            undone: edits that the person has undone, which are not proposed.
            others: the other open documents; none that is withheld from models.
            cancelled: returns true once the request is superseded.
        """
        started = time.monotonic()
        chosen = None
        if self._policy.is_on(document.language) and len(document.text) <= self._policy.longest_document:
            with self._lock:
                refused = {*self._rejected, *undone}
            chosen = self._choose(document, offset, edits, refused, others, cancelled)
        self._recorder.record_answer(chosen, (time.monotonic() - started) * 1000)
        return chosen

    def record_shown(self, edit_id: str) -> None:
        """Count an edit as shown; only the first call for an edit counts."""
        with self._lock:
            given = self._given.get(edit_id)
        if given is not None:
            self._recorder.record_shown(given[0])

    def record_outcome(self, edit_id: str, *, accepted: bool) -> None:
        """Count an edit as accepted or rejected; a rejected one is not proposed again. Ignores an unknown id."""
        with self._lock:
            given = self._given.pop(edit_id, None)
            if given is not None and not accepted:
                self._rejected.append(given[1])
        if given is not None:
            self._recorder.record_outcome(given[0], accepted=accepted)

    def compute_statistics(self) -> NextEditStatistics:
        """Return the counts since the start, and the latencies of the last 1,000 answers."""
        return self._recorder.compute_statistics()

    def _choose(  # noqa: PLR0913, PLR0917 - as `propose`
        self,
        document: Document,
        offset: int,
        edits: Sequence[PastEdit],
        refused: set[LineChange],
        others: Sequence[Document],
        cancelled: Callable[[], bool],
    ) -> NextEdit | None:
        """Return the first candidate that is not refused, as an edit that can be reported by its id."""
        texts = {one.uri: one for one in (document, *others)}
        for candidate in self._list_candidates(document, offset, edits, texts):
            if cancelled():
                return None
            target = texts[candidate.uri]
            change = describe_change(target.text, candidate)
            if change not in refused and target.text[candidate.start : candidate.end] != candidate.text:
                made = NextEdit(uuid.uuid4().hex, target.version, candidate)
                with self._lock:
                    self._given[made.id] = made, change
                    while len(self._given) > _GIVEN:
                        self._given.popitem(last=False)
                return made
        return None

    def _list_candidates(
        self, document: Document, offset: int, edits: Sequence[PastEdit], texts: dict[str, Document]
    ) -> Iterator[Candidate]:
        """Yield what the rules find, the likeliest first."""
        for source in dict.fromkeys((document.uri, *(edit.uri for edit in edits))):
            own = [edit for edit in edits if edit.uri == source]
            if own and source in texts:
                yield from self._list_all_renames(texts[source], own, document, offset, texts.values())

    def _list_all_renames(
        self, source: Document, edits: Sequence[PastEdit], document: Document, offset: int, texts: Iterable[Document]
    ) -> Iterator[Candidate]:
        """Yield the uses of identifiers renamed in `source`: its own if it is `document`, then those of the others."""
        renames = join_renames(one for edit in edits for one in find_renames(list_changes(edit, source.text)))
        if not renames:
            return
        if source.uri == document.uri:
            yield from self._list_renames(document, offset, renames)
        for other in texts:
            if other.uri != source.uri and other.language == source.language:
                yield from self._list_imported_renames(source, other, renames)

    def _list_renames(self, document: Document, offset: int, renames: Sequence[Rename]) -> Iterator[Candidate]:
        """Yield the uses of renamed identifiers in `document`, those after the cursor first."""
        syntax = self._trees.of(document)
        for rename in renames:
            if not _is_being_typed(rename, offset):
                found = build_candidates(rename, list_uses(rename, syntax), document.uri, document.text)
                yield from order_from(offset, found)

    def _list_imported_renames(
        self, source: Document, other: Document, renames: Sequence[Rename]
    ) -> Iterator[Candidate]:
        """Yield the uses in `other` of names that it imports from `source` and that were renamed there."""
        for rename in renames:
            if re.search(rf"\b{re.escape(rename.old)}\b", other.text) is not None:
                uses = list_imported_uses(rename, self._trees.of(source), self._trees.of(other), source)
                yield from build_candidates(rename, uses, other.uri, other.text)


def describe_change(text: str, candidate: Candidate) -> LineChange:
    """Return the lines of `text` before and after `candidate`, by which it is recognised when it was refused."""
    first, last = find_line_span(text, candidate.start, candidate.end)
    after = text[first : candidate.start] + candidate.text + text[candidate.end : last]
    return LineChange(candidate.uri, expand_to_lines(text, candidate.start, candidate.end), after)


def order_from(offset: int, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return `candidates`, those after `offset` first, each group in the order of the text."""
    return sorted(candidates, key=lambda one: (one.end < offset, one.start))


def _is_being_typed(rename: Rename, offset: int) -> bool:
    """Return whether the cursor is still at the end of a new name that is only a beginning of the old one."""
    return rename.old.startswith(rename.new) and any(start + len(rename.new) == offset for start in rename.starts)
