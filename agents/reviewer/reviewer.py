"""The reviewer: returns the findings of a document from the layers that were requested and are allowed.

Blocking and thread-safe; meant for worker threads. Writes nothing and never fails on broken code. Caches findings by
text, and those of models by function. Start at `Reviewer.review`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from agents.findings import Layer
from agents.reviewer import build_output, static_layer, validity, workers
from agents.reviewer.layers import digest_text, find_units, shift_finding
from agents.reviewer.review_policy import SEVERITIES, ReviewPolicy
from agents.reviewer.ruff.fix_safety import FixSafety
from agents.reviewer.ruff.import_index import ImportIndex
from agents.reviewer.ruff.ruff import Ruff, RuffFindings
from agents.reviewer.rules import all_rules
from agents.reviewer.suppressions import Suppressions
from indexing.resolution.signatures import open_alone
from indexing.syntax import texts
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from agents.findings import Finding
    from agents.reviewer.layers import Examiner, Unit
    from agents.reviewer.ruff.ruff_settings import RuffSettings
    from agents.reviewer.validity import Verdict
    from indexing.resolution.signatures import NameOpener
    from indexing.syntax.documents import Document

_MOST_CACHED_TEXTS = 256
_MOST_CACHED_UNITS = 4000


def _is_never_cancelled() -> bool:
    """Return False, the default for a review that nobody cancels."""
    return False


class Reviewer:
    """Reviews documents, and caches the findings of recent ones."""

    def __init__(  # noqa: PLR0913 (all but the policy are passed by name)
        self,
        policy: ReviewPolicy | None = None,
        *,
        examiners: Sequence[Examiner] = (),
        withheld: Callable[[Document], str] = lambda _: "",
        ruff: Ruff | None = None,
        roots: Callable[[], Sequence[Path]] = tuple,
        open_names: NameOpener = open_alone,
    ) -> None:
        """Create a reviewer; it starts no process before the first review.

        Args:
            policy: what is reviewed, and how; by default everything.
            examiners: the layers beside the static one.
            withheld: returns why no model may see a document, "" if one may.
            ruff: runs ruff; by default the binary of ruff's wheel.
            roots: returns the workspace folders, whose files may import from one another.
            open_names: resolves the names of a document that is reviewed by itself; by default only those that it
                defines. Many files at once are always reviewed without other files.
        """
        self.policy = policy or ReviewPolicy()
        self.examiners = tuple(examiners)
        self.ruff = ruff or Ruff()
        self.problem = ""  # one sentence why the review is incomplete, "" if it is complete
        self._withheld = withheld
        self._open_names = open_names
        self._fix_safety = FixSafety(ImportIndex(roots))
        self._texts: OrderedDict[tuple[object, ...], tuple[Finding, ...]] = OrderedDict()
        self._units: OrderedDict[tuple[object, ...], tuple[Finding, ...]] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="ruff")

    def review(  # noqa: PLR0913 (all but the document are passed by name)
        self,
        document: Document,
        *,
        layers: Collection[Layer] = frozenset({Layer.STATIC}),
        cancelled: Callable[[], bool] = _is_never_cancelled,
        syntax: Syntax | None = None,
        reported: Collection[int] = (),
        whole: bool = True,
    ) -> tuple[Finding, ...]:
        """Return the findings of `document`, sorted by place; only those found so far if `cancelled`.

        () for a document that is not reviewed. Findings of unchanged code come from caches. A run of ruff sets
        `problem`.

        Args:
            document: the text in its current state.
            layers: layers to run, if the policy allows them.
            cancelled: called again and again; the review ends as soon as it returns True.
            syntax: the parsed document, if the caller has it.
            reported: lines, from 0, in which another linter reports something; the static layer reports nothing there.
            whole: False to skip, in layers that cost money, functions unchanged since the document was first seen.
        """
        if self._is_exempt(document):
            return ()
        starts = texts.find_line_starts(document.text)
        suppressions = Suppressions.of(document.text, starts)
        if suppressions.off:
            return ()
        enabled = frozenset(layers) & self.policy.layers
        found: list[Finding] = []
        if Layer.STATIC in enabled:
            lines = frozenset(reported)
            static_findings = self._review_statically(document, syntax, cancelled)
            found += [each for each in static_findings if texts.find_line(starts, each.span.start) not in lines]
        if not self._withheld(document):
            for examiner in self.examiners:
                if examiner.layer in enabled and not cancelled():
                    syntax = syntax or Syntax.of(document)
                    found += self._run_examiner(examiner, document, syntax, cancelled, whole=whole)
        return self._select_shown(document, found, suppressions, starts)

    def review_files(
        self, documents: Sequence[Document], *, cancelled: Callable[[], bool] = _is_never_cancelled
    ) -> Iterator[tuple[Document, tuple[Finding, ...]]]:
        """Yield the static findings of many saved files, in any order; () for files that are not reviewed.

        Runs ruff once for each configuration, and sets `problem`. Leaves out files that are not reviewed yet when
        `cancelled` returns True. For unsaved texts and other layers, use `review`.
        """
        reviewed = [document for document in documents if not self._is_exempt(document)]
        python = [each for each in reviewed if each.entry.ruff and self.policy.ruff != "never"]
        pending = self._pool.submit(self.ruff.check_files, python, self.policy) if python else None
        yield from ((each, ()) for each in documents if self._is_exempt(each))
        tasks = [workers.Task(each, self._list_codes_left_to_ruff(self._get_ruff_settings(each))) for each in reviewed]
        found = list(workers.review_many(tasks, self.policy, cancelled))
        by_ruff, self.problem = pending.result() if pending is not None else ({}, "")
        for document, findings in found:
            starts = texts.find_line_starts(document.text)
            suppressions = Suppressions.of(document.text, starts)
            all_findings = (*findings, *by_ruff.get(document.uri, ()))
            yield document, () if suppressions.off else self._select_shown(document, all_findings, suppressions, starts)

    def check_syntax(self, document: Document, syntax: Syntax) -> Verdict:
        """Return the verdict on whether `document` parses; runs ruff for Python if the policy allows it."""
        ruff = self.ruff if self.policy.ruff != "never" else None
        return validity.check_syntax(document, syntax, ruff, self.policy.ruff_timeout_s)

    def _select_shown(
        self, document: Document, found: Iterable[Finding], suppressions: Suppressions, starts: list[int]
    ) -> tuple[Finding, ...]:
        """Return the findings to show, sorted by place, with unsafe fixes marked.

        Drops suppressed and duplicate findings, those of rules that are off, and those below the policy's severity.
        """
        least = SEVERITIES.index(self.policy.severity)
        unique: dict[tuple[int, int, str], Finding] = {}
        for finding in found:
            line = texts.find_line(starts, finding.span.start)
            if (
                SEVERITIES.index(finding.severity) >= least
                and not self._is_rule_off(finding.code)
                and not suppressions.is_suppressed(line, finding.code, all_rules.get_linter_names(finding.code))
            ):
                unique.setdefault((finding.span.start, finding.span.end, finding.code), finding)
        shown = sorted(
            _deduplicate(unique.values(), starts), key=lambda each: (each.span.start, each.span.end, each.code)
        )
        return self._fix_safety.mark_unsafe_fixes(document, shown)

    def close(self) -> None:
        """Release the thread pool; idempotent."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _is_exempt(self, document: Document) -> bool:
        """Return whether the document is not reviewed: by the policy, for its size, or as binary or generated."""
        policy = self.policy
        text = document.text
        return (
            not policy.enabled
            or document.language in policy.languages_off
            or len(text) > policy.longest_document
            or "\0" in text[:8192]
            or build_output.is_build_output(document)
        )

    def _is_rule_off(self, code: str) -> bool:
        """Return whether the policy turns off the rule `code`, or its whole group ("F") for a code of ruff."""
        off = self.policy.rules_off
        return bool(off) and (code in off or (code[:1].isupper() and code.rstrip("0123456789") in off))

    def _review_statically(
        self, document: Document, syntax: Syntax | None, cancelled: Callable[[], bool]
    ) -> tuple[Finding, ...]:
        """Return the findings of the static layer and of ruff, from the cache if the text is unchanged.

        Sets `problem` to that of a new run of ruff.
        """
        python = document.entry.ruff and self.policy.ruff != "never"
        settings = self._get_ruff_settings(document)
        key = (document.path if python else None, document.language, digest_text(document.text), settings, self.policy)
        if (cached := self._get_cached(self._texts, key)) is not None:
            return cached
        pending = self._pool.submit(self.ruff.check, document, self.policy) if python else None
        syntax = syntax or Syntax.of(document)  # while ruff runs
        found = static_layer.review(
            document,
            syntax,
            self.policy,
            cancelled,
            frozenset(self._list_codes_left_to_ruff(settings)).__contains__,
            self._open_names,
        )
        by_ruff = pending.result() if pending is not None else RuffFindings()
        if python:
            self.problem = by_ruff.problem
        result = (*found, *by_ruff.findings)
        if not cancelled() and not by_ruff.problem:
            self._cache(self._texts, key, result, _MOST_CACHED_TEXTS)
        return result

    def _get_ruff_settings(self, document: Document) -> RuffSettings | None:
        """Return ruff's settings for `document`; None if ruff is not run for it."""
        if not document.entry.ruff or self.policy.ruff == "never" or not self.ruff.binary:
            return None
        return self.ruff.settings.resolve(document.path, everything=self.policy.ruff == "always")

    def _list_codes_left_to_ruff(self, settings: RuffSettings | None) -> tuple[str, ...]:
        """Return the codes equivalent to Starling's rules that the workspace's own ruff reports or ignores.

        () unless the policy for ruff is "auto".
        """
        return (
            settings.select_workspace_codes(all_rules.EQUIVALENT_CODES)
            if settings is not None and self.policy.ruff == "auto"
            else ()
        )

    def _run_examiner(
        self, examiner: Examiner, document: Document, syntax: Syntax, cancelled: Callable[[], bool], *, whole: bool
    ) -> Iterator[Finding]:
        """Yield the findings of one layer: cached ones of unchanged functions, and new ones of the others.

        Drops findings that reach beyond their function.
        """
        changed: list[Unit] = []
        for unit in find_units(document, syntax):
            cached = self._get_cached(self._units, (examiner.layer, examiner.identity, document.language, unit.digest))
            if cached is None:
                changed.append(unit)
            else:
                yield from (shift_finding(finding, unit.span.start) for finding in cached)
        if not changed or cancelled():
            return
        for unit, findings in examiner.examine(document, changed, cancelled, whole=whole):
            inside = tuple(
                each for each in findings if unit.span.start <= each.span.start <= each.span.end <= unit.span.end
            )
            shifted = tuple(shift_finding(each, -unit.span.start) for each in inside)
            key = (examiner.layer, examiner.identity, document.language, unit.digest)
            self._cache(self._units, key, shifted, _MOST_CACHED_UNITS)
            yield from inside

    def _get_cached(
        self, cache: OrderedDict[tuple[object, ...], tuple[Finding, ...]], key: tuple[object, ...]
    ) -> tuple[Finding, ...] | None:
        """Return the findings cached under `key` and mark them as recently used; None if there are none."""
        with self._lock:
            if key in cache:
                cache.move_to_end(key)
            return cache.get(key)

    def _cache(
        self,
        cache: OrderedDict[tuple[object, ...], tuple[Finding, ...]],
        key: tuple[object, ...],
        findings: tuple[Finding, ...],
        most: int,
    ) -> None:
        """Cache `findings` under `key`, and evict the least recently used beyond `most` entries."""
        with self._lock:
            cache[key] = findings
            while len(cache) > most:
                cache.popitem(last=False)


def _deduplicate(found: Collection[Finding], starts: list[int]) -> Iterator[Finding]:
    """Yield one finding for each fault.

    Of static findings on the same characters only the most severe is kept. A finding of Starling's is dropped if ruff
    reports the same fault in its line, a finding of the likelihood layer if its line has a static finding.
    """
    by_ruff = {(texts.find_line(starts, each.span.start), each.code) for each in found if each.source == "ruff"}
    static_lines = {texts.find_line(starts, each.span.start) for each in found if each.layer is Layer.STATIC}
    taken: set[tuple[int, int]] = set()
    for finding in sorted(found, key=_get_sort_key):
        rule = all_rules.RULES.get(finding.code) if finding.source == "starling" else None
        line, place = texts.find_line(starts, finding.span.start), (finding.span.start, finding.span.end)
        if finding.layer is Layer.LIKELIHOOD and line in static_lines:
            continue
        if rule is not None and any((line, code) in by_ruff for code in rule.equivalents):
            continue
        if finding.layer is Layer.STATIC:
            if place in taken:
                continue
            taken.add(place)
        yield finding


def _get_sort_key(finding: Finding) -> tuple[int, bool, bool, str]:
    """Return a key that sorts severe findings first, then those with a fix, then those of ruff, then by code."""
    return (-SEVERITIES.index(finding.severity), finding.fix is None, finding.source != "ruff", finding.code)
