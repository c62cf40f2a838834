"""Next edits: from what a person has just changed in open documents, the next place and its text.

Works by rules on syntax trees, without a model; proposes nothing where a rule is not nearly certain. Never applies an
edit. Callers pass no document that is withheld from models. Start at `NextEditor.propose`.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING

from agents.next_edit.history import LineChange, expand_to_lines, find_line_span
from agents.next_edit.next_edits import Candidate, Kind, NextEdit, NextEditPolicy
from agents.next_edit.rule_search import RuleSearch
from agents.next_edit.statistics import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.findings import Finding
    from agents.next_edit.history import PastEdit
    from agents.next_edit.statistics import NextEditStatistics
    from indexing.syntax.documents import Document
    from indexing.syntax.trees import SyntaxTrees

_GIVEN = 64  # edits that can be reported by id
_REJECTED = 256
# rejections of one change after which it is not proposed any more; one more for each one accepted
_REFUSALS = {Kind.RENAME: 2, Kind.SIGNATURE: 2, Kind.REPEAT: 1, Kind.FIX: 2, Kind.IMPORT: 1}


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
        self._settled: deque[LineChange] = deque(maxlen=_REJECTED)
        self._refusals: Counter[tuple[Kind, tuple[str, str]]] = Counter()
        self._taken: Counter[tuple[Kind, tuple[str, str]]] = Counter()
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
        findings: Sequence[Finding] = (),
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
            findings: findings of the review in the document's current text, if there are any yet.
            cancelled: returns true once the request is superseded.
        """
        started = time.monotonic()
        chosen = None
        if edits and self._policy.is_on(document.language) and len(document.text) <= self._policy.longest_document:
            with self._lock:
                refused, settled = {*self._rejected, *undone}, frozenset(self._settled)
            search = RuleSearch(document, offset, edits, others, self._trees, findings, settled)
            chosen = self._choose(search, refused, cancelled)
        self._recorder.record_answer(chosen, (time.monotonic() - started) * 1000)
        return chosen

    def record_shown(self, edit_id: str) -> None:
        """Count an edit as shown; only the first call for an edit counts."""
        with self._lock:
            given = self._given.get(edit_id)
        if given is not None:
            self._recorder.record_shown(given[0])

    def record_outcome(self, edit_id: str, *, accepted: bool) -> bool:
        """Count an edit as accepted or rejected; return False for an unknown id, which changes nothing.

        A rejected edit is not proposed again.
        """
        with self._lock:
            given = self._given.pop(edit_id, None)
            if given is not None and accepted and given[0].candidate.kind is not Kind.REPEAT:
                self._settled.append(given[1])
            if given is not None:
                counts = self._taken if accepted else self._refusals
                counts[given[0].candidate.kind, given[0].candidate.change] += 1
                while len(counts) > _REJECTED:
                    del counts[next(iter(counts))]
            if given is not None and not accepted:
                self._rejected.append(given[1])
        if given is not None:
            self._recorder.record_outcome(given[0], accepted=accepted)
        return given is not None

    def compute_statistics(self) -> NextEditStatistics:
        """Return the counts since the start, and the latencies of the last 1,000 answers."""
        return self._recorder.compute_statistics()

    def _choose(self, search: RuleSearch, refused: set[LineChange], cancelled: Callable[[], bool]) -> NextEdit | None:
        """Return the first candidate that is not refused, as an edit that can be reported by its id."""
        for candidate in search.list_candidates():
            if cancelled():
                return None
            target = search.texts[candidate.uri]
            change = describe_change(target.text, candidate)
            counted = candidate.kind, candidate.change
            if self._refusals[counted] >= _REFUSALS[candidate.kind] + self._taken[counted]:
                continue
            if change not in refused and target.text[candidate.start : candidate.end] != candidate.text:
                made = NextEdit(uuid.uuid4().hex, target.version, candidate)
                with self._lock:
                    self._given[made.id] = made, change
                    while len(self._given) > _GIVEN:
                        self._given.popitem(last=False)
                return made
        return None


def describe_change(text: str, candidate: Candidate) -> LineChange:
    """Return the lines of `text` before and after `candidate`, to recognise it after a rejection."""
    first, last = find_line_span(text, candidate.start, candidate.end)
    after = text[first : candidate.start] + candidate.text + text[candidate.end : last]
    return LineChange(candidate.uri, expand_to_lines(text, candidate.start, candidate.end), after)
