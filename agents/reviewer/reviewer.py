"""The reviewer: a document in, findings out, from the layers that are asked for and allowed.

Blocking and thread-safe; meant for worker threads. Writes nothing, never fails on broken code. A text that was looked
at is not looked at again, nor is an unchanged function by a model. Start at `Reviewer.review`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from agents.findings import Layer
from agents.reviewer import build_output, static_layer, validity, workers
from agents.reviewer import layers as seam
from agents.reviewer.review_policy import SEVERITIES, ReviewPolicy
from agents.reviewer.ruff.fix_safety import Safety
from agents.reviewer.ruff.import_index import Importers
from agents.reviewer.ruff.ruff import Ruff, RuffFindings
from agents.reviewer.rules import all_rules
from agents.reviewer.suppressions import Switches
from indexing.syntax import texts
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from agents.findings import Finding
    from agents.reviewer.layers import Examiner, Unit
    from agents.reviewer.ruff.ruff_settings import Settings
    from agents.reviewer.validity import Verdict
    from indexing.syntax.documents import Document

_TEXTS_KEPT = 256
_UNITS_KEPT = 4000


def _never() -> bool:
    return False


class Reviewer:
    """Finds what deserves a remark."""

    def __init__(
        self,
        policy: ReviewPolicy | None = None,
        *,
        examiners: Sequence[Examiner] = (),
        withheld: Callable[[Document], str] = lambda _: "",
        ruff: Ruff | None = None,
        roots: Callable[[], Sequence[Path]] = tuple,
    ) -> None:
        """`withheld` says why no model may see a document, "" when one may; `examiners` are the other layers.

        `roots` gives the workspace folders, whose files may import from one another.
        """
        self.policy = policy or ReviewPolicy()
        self.examiners = tuple(examiners)
        self.ruff = ruff or Ruff()
        self.problem = ""  # one sentence why the review gives less than it should
        self._withheld = withheld
        self._safety = Safety(Importers(roots))
        self._texts: OrderedDict[tuple[object, ...], tuple[Finding, ...]] = OrderedDict()
        self._units: OrderedDict[tuple[object, ...], tuple[Finding, ...]] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="ruff")

    def review(  # noqa: PLR0913 (what is looked at, and how; all but the document by name)
        self,
        document: Document,
        *,
        layers: Collection[Layer] = frozenset({Layer.STATIC}),
        cancelled: Callable[[], bool] = _never,
        syntax: Syntax | None = None,
        reported: Collection[int] = (),
        whole: bool = True,
    ) -> tuple[Finding, ...]:
        """The findings of `document`, sorted by place; what was found so far when `cancelled`.

        Args:
            document: the text as it stands.
            layers: which layers look, of those the policy allows.
            cancelled: asked again and again; true ends the work.
            syntax: that of the document, where it is known already.
            reported: lines, from 0, that another linter reports something in; the static layer is silent there.
            whole: false to spare a layer that costs money what has not changed since the document was first seen.
        """
        if self._left_alone(document):
            return ()
        starts = texts.line_starts(document.text)
        switches = Switches.of(document.text, starts)
        if switches.off:
            return ()
        wanted = frozenset(layers) & self.policy.layers
        found: list[Finding] = []
        if Layer.STATIC in wanted:
            lines = frozenset(reported)
            static_findings = self._static(document, syntax, cancelled)
            found += [each for each in static_findings if texts.line_of(starts, each.span.start) not in lines]
        if not self._withheld(document):
            for examiner in self.examiners:
                if examiner.layer in wanted and not cancelled():
                    syntax = syntax or Syntax.of(document)
                    found += self._examined(examiner, document, syntax, cancelled, whole=whole)
        return self._finished(document, found, switches, starts)

    def review_files(
        self, documents: Sequence[Document], *, cancelled: Callable[[], bool] = _never
    ) -> Iterator[tuple[Document, tuple[Finding, ...]]]:
        """The static findings of many files as they stand on disk, in any order; ruff is run over all of them at once.

        Unsaved texts, and other layers, are for `review`.
        """
        looked_at = [document for document in documents if not self._left_alone(document)]
        python = [each for each in looked_at if each.entry.ruff and self.policy.ruff != "never"]
        running = self._pool.submit(self.ruff.check_files, python, self.policy) if python else None
        yield from ((each, ()) for each in documents if self._left_alone(each))
        tasks = [workers.Task(each, self._left_out(self._settings(each))) for each in looked_at]
        found = list(workers.look_at(tasks, self.policy, cancelled))
        by_ruff, self.problem = running.result() if running is not None else ({}, "")
        for document, findings in found:
            starts = texts.line_starts(document.text)
            switches = Switches.of(document.text, starts)
            both = (*findings, *by_ruff.get(document.uri, ()))
            yield document, () if switches.off else self._finished(document, both, switches, starts)

    def judge(self, document: Document, syntax: Syntax) -> Verdict:
        """Say whether `document` parses."""
        ruff = self.ruff if self.policy.ruff != "never" else None
        return validity.judge(document, syntax, ruff, self.policy.ruff_timeout_s)

    def _finished(
        self, document: Document, found: Iterable[Finding], switches: Switches, starts: list[int]
    ) -> tuple[Finding, ...]:
        """What of `found` is shown: nothing twice, nothing switched off, in order of place."""
        least = SEVERITIES.index(self.policy.severity)
        kept: dict[tuple[int, int, str], Finding] = {}
        for finding in found:
            line = texts.line_of(starts, finding.span.start)
            if (
                SEVERITIES.index(finding.severity) >= least
                and not self._off(finding.code)
                and not switches.silence(line, finding.code, all_rules.names_of(finding.code))
            ):
                kept.setdefault((finding.span.start, finding.span.end, finding.code), finding)
        shown = sorted(_once(kept.values(), starts), key=lambda each: (each.span.start, each.span.end, each.code))
        return self._safety.judged(document, shown)

    def close(self) -> None:
        """Let go of what is kept; safe twice."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _left_alone(self, document: Document) -> bool:
        policy = self.policy
        text = document.text
        return (
            not policy.enabled
            or document.language in policy.languages_off
            or len(text) > policy.longest_document
            or "\0" in text[:8192]
            or build_output.is_built(document)
        )

    def _off(self, code: str) -> bool:
        off = self.policy.rules_off
        return bool(off) and (code in off or (code[:1].isupper() and code.rstrip("0123456789") in off))

    def _static(self, document: Document, syntax: Syntax | None, cancelled: Callable[[], bool]) -> tuple[Finding, ...]:
        python = document.entry.ruff and self.policy.ruff != "never"
        settings = self._settings(document)
        key = (document.path if python else None, document.language, seam.digest(document.text), settings, self.policy)
        if (known := self._known(self._texts, key)) is not None:
            return known
        running = self._pool.submit(self.ruff.check, document, self.policy) if python else None
        syntax = syntax or Syntax.of(document)  # while ruff works
        found = static_layer.look(
            document, syntax, self.policy, cancelled, frozenset(self._left_out(settings)).__contains__
        )
        by_ruff = running.result() if running is not None else RuffFindings()
        if python:
            self.problem = by_ruff.problem
        result = (*found, *by_ruff.findings)
        if not cancelled() and not by_ruff.problem:
            self._keep(self._texts, key, result, _TEXTS_KEPT)
        return result

    def _settings(self, document: Document) -> Settings | None:
        """What ruff is asked for a document, None where it is not run."""
        if not document.entry.ruff or self.policy.ruff == "never" or not self.ruff.binary:
            return None
        return self.ruff.settings.of(document.path, everything=self.policy.ruff == "always")

    def _left_out(self, settings: Settings | None) -> tuple[str, ...]:
        return settings.left_out(all_rules.EQUALS) if settings is not None and self.policy.ruff == "auto" else ()

    def _examined(
        self, examiner: Examiner, document: Document, syntax: Syntax, cancelled: Callable[[], bool], *, whole: bool
    ) -> Iterator[Finding]:
        changed: list[Unit] = []
        for unit in seam.units(document, syntax):
            known = self._known(self._units, (examiner.layer, examiner.identity, document.language, unit.digest))
            if known is None:
                changed.append(unit)
            else:
                yield from (seam.moved(finding, unit.span.start) for finding in known)
        if not changed or cancelled():
            return
        for unit, findings in examiner.examine(document, changed, cancelled, whole=whole):
            inside = tuple(
                each for each in findings if unit.span.start <= each.span.start <= each.span.end <= unit.span.end
            )
            kept = tuple(seam.moved(each, -unit.span.start) for each in inside)
            key = (examiner.layer, examiner.identity, document.language, unit.digest)
            self._keep(self._units, key, kept, _UNITS_KEPT)
            yield from inside

    def _known(
        self, kept: OrderedDict[tuple[object, ...], tuple[Finding, ...]], key: tuple[object, ...]
    ) -> tuple[Finding, ...] | None:
        with self._lock:
            if key in kept:
                kept.move_to_end(key)
            return kept.get(key)

    def _keep(
        self,
        kept: OrderedDict[tuple[object, ...], tuple[Finding, ...]],
        key: tuple[object, ...],
        findings: tuple[Finding, ...],
        most: int,
    ) -> None:
        with self._lock:
            kept[key] = findings
            while len(kept) > most:
                kept.popitem(last=False)


def _once(found: Collection[Finding], starts: list[int]) -> Iterator[Finding]:
    """Yield one finding for each fault: of the same characters the gravest, ours not where ruff says the same."""
    by_ruff = {(texts.line_of(starts, each.span.start), each.code) for each in found if each.source == "ruff"}
    sure = {texts.line_of(starts, each.span.start) for each in found if each.layer is Layer.STATIC}
    taken: set[tuple[int, int]] = set()
    for finding in sorted(found, key=_by_weight):
        rule = all_rules.RULES.get(finding.code) if finding.source == "starling" else None
        line, place = texts.line_of(starts, finding.span.start), (finding.span.start, finding.span.end)
        if finding.layer is Layer.LIKELIHOOD and line in sure:
            continue
        if rule is not None and any((line, code) in by_ruff for code in rule.equals):
            continue
        if finding.layer is Layer.STATIC:
            if place in taken:
                continue
            taken.add(place)
        yield finding


def _by_weight(finding: Finding) -> tuple[int, bool, bool, str]:
    """The gravest first, then those with a fix; of ruff's codes `F704` before `PLE1142`."""
    return (-SEVERITIES.index(finding.severity), finding.fix is None, finding.source != "ruff", finding.code)
