"""Runs ruff on Python: one process with a fixed command line, the text on standard input, findings as JSON.

Runs the binary of ruff's wheel, never one of the workspace, and changes no file. If ruff is missing, hangs or fails,
there are no findings and one sentence says why. Start at `Ruff.check`.
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
from agents.reviewer.ruff.ruff_settings import NEWEST, RuffSettings, RuffSettingsCache
from indexing import bounds
from indexing.process import children
from indexing.process.children import Bounds
from indexing.syntax import texts
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from agents.reviewer.review_policy import ReviewPolicy
    from indexing.syntax.documents import Document

    GetSettings = Callable[[Path | None], RuffSettings]

_FIXED = ("check", "--no-cache", "--no-fix", "--no-respect-gitignore", "--quiet", "--exit-zero")
_AS_JSON = ("--output-format", "json")
_ARGUMENTS_BYTES = 15_000 if os.name == "nt" else 80_000
_ENCODING_DECLARATION = re.compile(
    r"(?:[ \t\f]*(?:#.*)?\r?\n)?[ \t\f]*#.*?coding[:=][ \t]*[-\w.]"
)  # declared encoding (PEP 263)
_SYNTAX = "invalid-syntax"
_MOST_SYNTAX_ERRORS = 100  # places


@dataclass(frozen=True, slots=True)
class RuffFindings:
    """Ruff's findings in one text; `problem` is one sentence why they are incomplete, "" if they are complete."""

    findings: tuple[Finding, ...] = ()
    problem: str = ""


class Ruff:
    """Runs ruff, with settings by workspace. Thread-safe."""

    def __init__(self, binary: str | None = None) -> None:
        """Create a runner; `binary` replaces the binary of ruff's wheel, "" means that there is none."""
        self._given_binary = binary
        self.settings = RuffSettingsCache(self._show_settings)

    @cached_property
    def binary(self) -> str:
        """Path of ruff's binary, "" if it is not installed."""
        if self._given_binary is not None:
            return self._given_binary
        try:
            from ruff import find_ruff_bin  # noqa: PLC0415  # few sessions need it

            return str(find_ruff_bin())
        except (ImportError, OSError):
            return ""

    def check(self, document: Document, policy: ReviewPolicy, settings: RuffSettings | None = None) -> RuffFindings:
        """Run ruff on one text as it is now; return its findings without the doubtful ones (see `build_findings`).

        Uses `settings`, by default those of the text's workspace.
        """
        if not self.binary:
            return RuffFindings(problem=_MISSING)
        settings = settings or self.settings.resolve(document.path, everything=policy.ruff == "always")
        found, settings, problem = self._check_text(document, policy, settings)
        return RuffFindings(build_findings(found, document, settings, policy), problem)

    def find_syntax_errors(self, document: Document, timeout_s: float) -> tuple[Span, ...] | None:
        """Return up to 100 places that the newest Python cannot parse.

        None if ruff is missing, fails or takes longer than `timeout_s` seconds.
        """
        if not self.binary:
            return None
        newest = RuffSettings(None, ("E902",), target=NEWEST)
        command = [*self._build_command(newest), "--stdin-filename", "untitled.py", "-"]
        ran = self._run(command, None, _make_bounds(timeout_s), texts.encode(document.text))
        starts = texts.find_line_starts(document.text)
        found = [each for each in _parse_output(ran.output) if each.get("code") in {None, _SYNTAX}]
        spans = (_locate_span(each, document.text, starts) for each in found[:_MOST_SYNTAX_ERRORS])
        return None if ran.problem else tuple(span for span in spans if span is not None)

    def check_files(
        self, documents: Sequence[Document], policy: ReviewPolicy, get_settings: GetSettings | None = None
    ) -> tuple[dict[str, tuple[Finding, ...]], str]:
        """Check saved files, each configuration in its own processes; return the findings by URI, and a problem.

        `get_settings` returns the settings for a path; by default those of its workspace. The problem is one sentence,
        "" if there is none.
        """
        if not self.binary:
            return {}, _MISSING
        results: dict[str, tuple[Finding, ...]] = {}
        problem = ""
        for settings, group in self._group_by_settings(documents, policy, get_settings).items():
            for part in _split_group(group):
                by_path, in_force, part_problem = self._check_part(part, policy, settings)
                problem = problem or part_problem
                for path, document in part.items():
                    if _is_wrong_encoding(by_path.get(path, ()), document):
                        results[document.uri] = self.check(document, policy, in_force).findings
                    else:
                        results[document.uri] = build_findings(by_path.get(path, ()), document, in_force, policy)
        return results, problem

    def _check_text(
        self, document: Document, policy: ReviewPolicy, settings: RuffSettings
    ) -> tuple[list[dict[str, Any]], RuffSettings, str]:
        """Return ruff's raw findings in a text, the settings that were used, and a problem.

        Refuses the workspace's configuration, and runs ruff again, if ruff takes too much memory with it.
        """
        path = document.path or Path("untitled.py")
        text = texts.encode(document.text)
        for last in (False, True):
            command = [*self._build_command(settings), "--stdin-filename", str(path), "-"]
            ran = self._run(command, path.parent, _make_bounds(policy.ruff_timeout_s), text)
            if ran.beyond != "memory" or settings.file is None or last:
                break
            settings = self.settings.refuse(settings, _TOO_MUCH_MEMORY)
        return _parse_output(ran.output), settings, settings.problem or ran.problem

    def _check_part(
        self, part: dict[str, Document], policy: ReviewPolicy, settings: RuffSettings
    ) -> tuple[dict[str, list[dict[str, Any]]], RuffSettings, str]:
        """Return ruff's raw findings by path, the settings that were used, and a problem.

        Splits the files in halves if the command line or the output is too long. Refuses the workspace's configuration,
        and runs ruff again, if ruff takes too much memory with it.
        """
        ran = self._run([*self._build_command(settings), "--", *part], None, _make_bounds(policy.batch_timeout_s))
        if ran.beyond in {"size", "output"} and len(part) > 1:
            found: dict[str, list[dict[str, Any]]] = {}
            problem = ""
            for half in _halve(part):
                more, settings, part_problem = self._check_part(half, policy, settings)
                found |= more
                problem = problem or part_problem
            return found, settings, problem
        if ran.beyond == "memory" and settings.file is not None:
            return self._check_part(part, policy, self.settings.refuse(settings, _TOO_MUCH_MEMORY))
        by_path: dict[str, list[dict[str, Any]]] = {}
        for each in _parse_output(ran.output):
            by_path.setdefault(str(each.get("filename")), []).append(each)
        return by_path, settings, settings.problem or ran.problem

    def _group_by_settings(
        self, documents: Sequence[Document], policy: ReviewPolicy, get_settings: GetSettings | None
    ) -> Mapping[RuffSettings, dict[str, Document]]:
        """Return the documents that have a path, by path, grouped by the settings of their folder."""
        groups: dict[RuffSettings, dict[str, Document]] = {}
        folders: dict[Path, RuffSettings] = {}
        for document in documents:
            if document.path is None:
                continue
            folder = document.path.parent
            if folder not in folders:
                everything = policy.ruff == "always"
                path = document.path
                folders[folder] = (
                    get_settings(path) if get_settings else self.settings.resolve(path, everything=everything)
                )
            groups.setdefault(folders[folder], {})[str(document.path)] = document
        return groups

    def _build_command(self, settings: RuffSettings) -> list[str]:
        """Return the command line up to the files."""
        return [self.binary, *_FIXED, *_AS_JSON, *settings.build_arguments()]

    def _show_settings(self, file: Path) -> str:
        """Run `ruff check --show-settings` for a configuration file; return its output, "" if that fails."""
        # ruff needs the name of an existing file to check, so the configuration is named twice
        command = [self.binary, "check", "--no-cache", "--show-settings", "--config", str(file), str(file)]
        return self._run(command, file.parent, bounds.RUFF_SETTINGS).output if self.binary else ""

    def _run(self, command: list[str], folder: Path | None, limits: Bounds, text: bytes = b"") -> _RuffRun:
        """Run ruff in `folder` with `text` as standard input; a failure is a problem of the result, never an error."""
        where = folder if folder is not None and folder.is_dir() else None
        try:
            ended = children.run(command, limits, text=text, folder=where)
        except OSError as error:
            problem = f"ruff could not be started ({error.strerror}), so its findings are missing."
            return _RuffRun("", problem, "size" if error.errno == errno.E2BIG else "")
        if ended.beyond:
            limit = _LIMIT_PROBLEMS[ended.beyond].format(limits=limits, megabytes=limits.memory_bytes // 1_000_000)
            return _RuffRun("", f"ruff {limit}, so its findings are missing.", ended.beyond)
        if ended.status:
            stderr = " ".join(ended.said.split())[:200]
            memory = ended.status < 0 or "out of memory" in stderr or "memory allocation" in stderr
            return _RuffRun("", f"ruff failed ({stderr}), so its findings are missing.", "memory" if memory else "")
        return _RuffRun(ended.output.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class _RuffRun:
    """A run of ruff: its output, a problem in one sentence, and the limit that it exceeded ("" for none)."""

    output: str
    problem: str = ""
    beyond: str = ""


_TOO_MUCH_MEMORY = "ruff takes too much memory with it"
_LIMIT_PROBLEMS = {
    "time": "did not answer within {limits.seconds:g} seconds",
    "memory": "took more than {megabytes} MB of memory",
    "output": "found too many problems",
}
_MISSING = "ruff is not installed, so Python is reviewed without it. Reinstall Starling."


def build_findings(
    found: Iterable[dict[str, Any]], document: Document, settings: RuffSettings, policy: ReviewPolicy
) -> tuple[Finding, ...]:
    """Return ruff's raw findings as findings, without doubtful ones.

    With the policy "auto", leaves out rules that the workspace's own ruff reports. If the text does not parse, returns
    only the first syntax error.
    """
    found = list(found)
    broken = [each for each in found if each.get("code") in {None, _SYNTAX}]
    if broken:
        found = broken[:1]
    hidden = settings.enabled if policy.ruff == "auto" else frozenset()
    starts = texts.find_line_starts(document.text) if found else []
    findings = [
        finding
        for each in found
        if each.get("code") not in hidden and (finding := _build_finding(each, document.text, starts)) is not None
    ]
    return uncertain_findings.drop_uncertain(findings, document)


def _is_wrong_encoding(found: Iterable[dict[str, Any]], document: Document) -> bool:
    """Return whether ruff, which reads only UTF-8, failed on a file that declares another encoding."""
    return any(each.get("code") == "E902" for each in found) and _ENCODING_DECLARATION.match(document.text) is not None


def _build_finding(found: dict[str, Any], text: str, starts: list[int]) -> Finding | None:
    """Return a raw finding of ruff as a finding; None if its place is malformed."""
    code = found.get("code") or _SYNTAX
    span = _locate_span(found, text, starts)
    if span is None:
        return None
    fix = found.get("fix")
    return Finding(
        code=code,
        severity=ruff_rules.choose_severity(code),
        span=span,
        message=str(found.get("message", "")).rstrip(".") + ".",
        source="ruff",
        fix=_build_fix(fix, text, starts) if isinstance(fix, dict) else None,
        unnecessary=code in ruff_rules.UNNECESSARY,
        url=str(found.get("url") or ""),
    )


def _build_fix(fix: dict[str, Any], text: str, starts: list[int]) -> Fix | None:
    """Return ruff's fix; None if its edits are malformed, empty or overlap."""
    edits = []
    for each in fix.get("edits", ()):
        start, end = (
            _compute_offset(each.get("location"), text, starts),
            _compute_offset(each.get("end_location"), text, starts),
        )
        if start is None or end is None or start > end:
            return None
        edits.append(Edit(start, end, str(each.get("content", ""))))
    edits.sort(key=lambda edit: (edit.start, edit.end))
    if not edits or any(one.end > other.start for one, other in itertools.pairwise(edits)):
        return None
    title = str(fix.get("message") or "Apply ruff's fix")
    return Fix(title, tuple(edits), safe=fix.get("applicability") == "safe")


def _locate_span(found: dict[str, Any], text: str, starts: list[int]) -> Span | None:
    """Return the span of a raw finding, widened if it is empty; None if it is malformed."""
    start, end = (
        _compute_offset(found.get("location"), text, starts),
        _compute_offset(found.get("end_location"), text, starts),
    )
    if start is None or end is None:
        return None
    if end <= start:  # editors do not show an empty range
        line = bisect_right(starts, start) - 1
        start, end = (start, start + 1) if start < len(text) and text[start] not in "\r\n" else (starts[line], start)
        if end <= start:
            start, end = max(0, start - 1), max(start, min(1, len(text)))
    return Span(start, min(end, len(text)))


def _compute_offset(place: object, text: str, starts: list[int]) -> int | None:
    """Return the code-point offset of ruff's row and column, both from 1; None if they are malformed."""
    if not isinstance(place, dict):
        return None
    row, column = place.get("row"), place.get("column")
    if not isinstance(row, int) or not isinstance(column, int) or not 1 <= row <= len(starts) + 1:
        return None
    return min(starts[row - 1] + column - 1, len(text)) if row <= len(starts) else len(text)


def _parse_output(shown: str) -> list[dict[str, Any]]:
    """Return the raw findings in ruff's JSON output, [] if it is malformed."""
    try:
        found = json.loads(shown) if shown else []
    except ValueError:
        return []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _split_group(group: dict[str, Document]) -> Iterable[dict[str, Document]]:
    """Yield `group` in parts that fit on a command line."""
    part: dict[str, Document] = {}
    size = 0
    for path, document in group.items():
        length = len(os.fsencode(path)) + 9  # the terminator, and a pointer to it
        size += length
        if size > _ARGUMENTS_BYTES and part:
            yield part
            part, size = {}, length
        part[path] = document
    if part:
        yield part


def _halve(part: dict[str, Document]) -> Iterable[dict[str, Document]]:
    """Yield the first and the second half of `part`."""
    paths = list(part)
    for some in (paths[: len(paths) // 2], paths[len(paths) // 2 :]):
        yield {path: part[path] for path in some}


def _make_bounds(seconds: float) -> Bounds:
    """Return the limits of a run of ruff that may take `seconds`."""
    return Bounds(seconds, bounds.RUFF_MEMORY_BYTES, bounds.RUFF_OUTPUT_BYTES)
