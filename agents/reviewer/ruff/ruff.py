"""ruff for Python: one process with a fixed command line, text by standard input, findings as JSON.

Runs the binary of ruff's own wheel, never one of the workspace's; changes no file. Where it is missing, hangs or fails
there are no findings and one sentence why. Start at `Ruff.check`.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.edits import Edit
from agents.findings import Finding, Fix
from agents.reviewer.ruff import ruff_rules, uncertain_findings
from agents.reviewer.ruff.ruff_settings import NEWEST, Settings, SettingsCache
from indexing import bounds
from indexing.process import children
from indexing.process.children import Bounds
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from agents.reviewer.review_policy import ReviewPolicy
    from indexing.syntax.documents import Document

    SettingsOf = Callable[[Path | None], Settings]

_FIXED = ("check", "--no-cache", "--no-fix", "--no-respect-gitignore", "--quiet", "--exit-zero")
_AS_JSON = ("--output-format", "json")
_ARGUMENTS_BYTES = 15_000 if os.name == "nt" else 80_000
_ENCODED = re.compile(r"(?:[ \t\f]*(?:#.*)?\r?\n)?[ \t\f]*#.*?coding[:=][ \t]*[-\w.]")  # as Python finds it (PEP 263)
_SYNTAX = "invalid-syntax"
_MOST_BROKEN = 100  # places


@dataclass(frozen=True, slots=True)
class RuffFindings:
    """What ruff found in one text; `problem` is a sentence for a person, "" when all is well."""

    findings: tuple[Finding, ...] = ()
    problem: str = ""


class Ruff:
    """Runs ruff. Thread-safe."""

    def __init__(self, binary: str | None = None) -> None:
        """`binary` stands in for that of the wheel."""
        self._given = binary
        self.settings = SettingsCache(self._shown_settings)

    @cached_property
    def binary(self) -> str:
        """The program, "" where there is none."""
        if self._given is not None:
            return self._given
        try:
            from ruff import find_ruff_bin  # noqa: PLC0415  # needed by few sessions

            return str(find_ruff_bin())
        except (ImportError, OSError):
            return ""

    def check(self, document: Document, policy: ReviewPolicy, settings: Settings | None = None) -> RuffFindings:
        """Check one text as it stands in the editor; by `settings`, or by what its workspace says."""
        if not self.binary:
            return RuffFindings(problem=_MISSING)
        settings = settings or self.settings.of(document.path, everything=policy.ruff == "always")
        found, settings, problem = self._checked_text(document, policy, settings)
        return RuffFindings(findings_of(found, document, settings, policy), problem)

    def broken(self, document: Document, timeout_s: float) -> tuple[Span, ...] | None:
        """Return where the newest Python would not parse `document`; None where ruff does not answer."""
        if not self.binary:
            return None
        newest = Settings(None, ("E902",), target=NEWEST)
        command = [*self._command(newest), "--stdin-filename", "untitled.py", "-"]
        ran = self._run(command, None, _within(timeout_s), texts.encode(document.text))
        starts = texts.line_starts(document.text)
        found = [each for each in _parsed(ran.output) if each.get("code") in {None, _SYNTAX}]
        spans = (_span(each, document.text, starts) for each in found[:_MOST_BROKEN])
        return None if ran.problem else tuple(span for span in spans if span is not None)

    def check_files(
        self, documents: Sequence[Document], policy: ReviewPolicy, settings_of: SettingsOf | None = None
    ) -> tuple[dict[str, tuple[Finding, ...]], str]:
        """Check files as they stand on disk, in as few processes as there are configurations: by URI, and a problem."""
        if not self.binary:
            return {}, _MISSING
        results: dict[str, tuple[Finding, ...]] = {}
        problem = ""
        for settings, group in self._groups(documents, policy, settings_of).items():
            for part in _parts(group):
                by_path, in_force, wrong = self._checked_files(part, policy, settings)
                problem = problem or wrong
                for path, document in part.items():
                    if _misread(by_path.get(path, ()), document):
                        results[document.uri] = self.check(document, policy, in_force).findings
                    else:
                        results[document.uri] = findings_of(by_path.get(path, ()), document, in_force, policy)
        return results, problem

    def _checked_text(
        self, document: Document, policy: ReviewPolicy, settings: Settings
    ) -> tuple[list[dict[str, Any]], Settings, str]:
        """Return what ruff found in a text, by which settings, and a problem."""
        path = document.path or Path("untitled.py")
        text = texts.encode(document.text)
        for last in (False, True):
            command = [*self._command(settings), "--stdin-filename", str(path), "-"]
            ran = self._run(command, path.parent, _within(policy.ruff_timeout_s), text)
            if ran.beyond != "memory" or settings.file is None or last:
                break
            settings = self.settings.refuse(settings, _TOO_MUCH)
        return _parsed(ran.output), settings, settings.problem or ran.problem

    def _checked_files(
        self, part: dict[str, Document], policy: ReviewPolicy, settings: Settings
    ) -> tuple[dict[str, list[dict[str, Any]]], Settings, str]:
        """Return what ruff found by path, by which settings, and a problem; too many files at once go in halves."""
        ran = self._run([*self._command(settings), "--", *part], None, _within(policy.batch_timeout_s))
        if ran.beyond in {"size", "output"} and len(part) > 1:
            found: dict[str, list[dict[str, Any]]] = {}
            problem = ""
            for half in _halves(part):
                more, settings, wrong = self._checked_files(half, policy, settings)
                found |= more
                problem = problem or wrong
            return found, settings, problem
        if ran.beyond == "memory" and settings.file is not None:
            return self._checked_files(part, policy, self.settings.refuse(settings, _TOO_MUCH))
        by_path: dict[str, list[dict[str, Any]]] = {}
        for each in _parsed(ran.output):
            by_path.setdefault(str(each.get("filename")), []).append(each)
        return by_path, settings, settings.problem or ran.problem

    def _groups(
        self, documents: Sequence[Document], policy: ReviewPolicy, settings_of: SettingsOf | None
    ) -> Mapping[Settings, dict[str, Document]]:
        groups: dict[Settings, dict[str, Document]] = {}
        folders: dict[Path, Settings] = {}
        for document in documents:
            if document.path is None:
                continue
            folder = document.path.parent
            if folder not in folders:
                everything = policy.ruff == "always"
                path = document.path
                folders[folder] = settings_of(path) if settings_of else self.settings.of(path, everything=everything)
            groups.setdefault(folders[folder], {})[str(document.path)] = document
        return groups

    def _command(self, settings: Settings) -> list[str]:
        return [self.binary, *_FIXED, *_AS_JSON, *settings.arguments()]

    def _shown_settings(self, file: Path) -> str:
        """What ruff says of a configuration; it is given as the file too, as some file has to be named that exists."""
        command = [self.binary, "check", "--no-cache", "--show-settings", "--config", str(file), str(file)]
        return self._run(command, file.parent, bounds.RUFF_SETTINGS).output if self.binary else ""

    def _run(self, command: list[str], folder: Path | None, within: Bounds, text: bytes = b"") -> _Ran:
        where = folder if folder is not None and folder.is_dir() else None
        try:
            ended = children.run(command, within, text=text, folder=where)
        except OSError as error:
            problem = f"ruff could not be started ({error.strerror}); its findings are left out."
            return _Ran("", problem, "size" if error.errno == errno.E2BIG else "")
        if ended.beyond:
            limit = _BEYOND[ended.beyond].format(within=within, megabytes=within.memory_bytes // 1_000_000)
            return _Ran("", f"ruff {limit}; its findings are left out.", ended.beyond)
        if ended.status:
            said = " ".join(ended.said.split())[:200]
            memory = ended.status < 0 or "out of memory" in said or "memory allocation" in said
            return _Ran("", f"ruff failed ({said}); its findings are left out.", "memory" if memory else "")
        return _Ran(ended.output.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class _Ran:
    """A run of ruff: what it printed, a problem for a person, and the bound that it met."""

    output: str
    problem: str = ""
    beyond: str = ""


_TOO_MUCH = "ruff takes too much memory with it"
_BEYOND = {
    "time": "did not answer within {within.seconds:g} seconds",
    "memory": "took more than {megabytes} MB of memory",
    "output": "found more than anybody reads",
}
_MISSING = "ruff is not installed here, so Python is reviewed without it; reinstalling Starling brings it back."


def findings_of(
    found: Iterable[dict[str, Any]], document: Document, settings: Settings, policy: ReviewPolicy
) -> tuple[Finding, ...]:
    """What ruff found in our words; where the text does not parse, only the first place where it does not."""
    found = list(found)
    broken = [each for each in found if each.get("code") in {None, _SYNTAX}]
    if broken:
        found = broken[:1]
    hidden = settings.enabled if policy.ruff == "auto" else frozenset()
    starts = texts.line_starts(document.text) if found else []
    said = [
        finding
        for each in found
        if each.get("code") not in hidden and (finding := _finding(each, document.text, starts)) is not None
    ]
    return uncertain_findings.without_doubtful(said, document)


def _misread(found: Iterable[dict[str, Any]], document: Document) -> bool:
    """Whether ruff, which reads files as UTF-8 alone, failed at one that says in which other encoding it is."""
    return any(each.get("code") == "E902" for each in found) and _ENCODED.match(document.text) is not None


def _finding(found: dict[str, Any], text: str, starts: list[int]) -> Finding | None:
    code = found.get("code") or _SYNTAX
    span = _span(found, text, starts)
    if span is None:
        return None
    fix = found.get("fix")
    return Finding(
        code=code,
        severity=ruff_rules.severity(code),
        span=span,
        message=str(found.get("message", "")).rstrip(".") + ".",
        source="ruff",
        fix=_fix(fix, text, starts) if isinstance(fix, dict) else None,
        unnecessary=code in ruff_rules.UNNECESSARY,
        url=str(found.get("url") or ""),
    )


def _fix(fix: dict[str, Any], text: str, starts: list[int]) -> Fix | None:
    edits = []
    for each in fix.get("edits", ()):
        start, end = _offset(each.get("location"), text, starts), _offset(each.get("end_location"), text, starts)
        if start is None or end is None or start > end:
            return None
        edits.append(Edit(start, end, str(each.get("content", ""))))
    edits.sort(key=lambda edit: (edit.start, edit.end))
    if not edits or any(one.end > other.start for one, other in itertools.pairwise(edits)):
        return None
    title = str(fix.get("message") or "Mend it as ruff says")
    return Fix(title, tuple(edits), safe=fix.get("applicability") == "safe")


def _span(found: dict[str, Any], text: str, starts: list[int]) -> Span | None:
    start, end = _offset(found.get("location"), text, starts), _offset(found.get("end_location"), text, starts)
    if start is None or end is None:
        return None
    if end <= start:  # an editor shows nothing for an empty range
        line = bisect_right(starts, start) - 1
        start, end = (start, start + 1) if start < len(text) and text[start] not in "\r\n" else (starts[line], start)
        if end <= start:
            start, end = max(0, start - 1), max(start, min(1, len(text)))
    return Span(start, min(end, len(text)))


def _offset(place: object, text: str, starts: list[int]) -> int | None:
    """Code-point offset of ruff's row and column, both from 1; columns count code points."""
    if not isinstance(place, dict):
        return None
    row, column = place.get("row"), place.get("column")
    if not isinstance(row, int) or not isinstance(column, int) or not 1 <= row <= len(starts) + 1:
        return None
    return min(starts[row - 1] + column - 1, len(text)) if row <= len(starts) else len(text)


def _parsed(shown: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(shown) if shown else []
    except ValueError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _parts(group: dict[str, Document]) -> Iterable[dict[str, Document]]:
    """`group` in parts that fit on a command line."""
    part: dict[str, Document] = {}
    size = 0
    for path, document in group.items():
        length = len(os.fsencode(path)) + 9  # its end, and where it stands
        size += length
        if size > _ARGUMENTS_BYTES and part:
            yield part
            part, size = {}, length
        part[path] = document
    if part:
        yield part


def _halves(part: dict[str, Document]) -> Iterable[dict[str, Document]]:
    paths = list(part)
    for some in (paths[: len(paths) // 2], paths[len(paths) // 2 :]):
        yield {path: part[path] for path in some}


def _within(seconds: float) -> Bounds:
    return Bounds(seconds, bounds.RUFF_MEMORY_BYTES, bounds.RUFF_OUTPUT_BYTES)
