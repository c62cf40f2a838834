"""Processes that look at many texts by syntax at once; tree-sitter holds Python's global lock, so threads do not help.

The program of such a process is `main`: texts come as lines of JSON, findings go back so. A text that kills its process
is left out, and the process started again. Writes nothing. Start at `look_at`.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.edits import Edit
from agents.findings import Finding, Fix, Severity
from agents.reviewer import static_layer
from agents.reviewer.review_policy import ReviewPolicy
from indexing import bounds
from indexing.process import spawning
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Sequence

WORTH_IT = 3_000_000  # characters; below this a process takes longer to start than it saves
_AHEAD = 4  # texts sent before the first answer is read
_MOST_PROCESSES = 8
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Task:
    """A text to look at, and the codes of other linters that report for themselves."""

    document: Document
    left_out: tuple[str, ...] = ()


def look_at(
    tasks: Sequence[Task], policy: ReviewPolicy, cancelled: Callable[[], bool]
) -> Iterator[tuple[Document, list[Finding]]]:
    """The static findings of each text, in any order; in this process when there is little to do."""
    count = min(os.cpu_count() or 1, _MOST_PROCESSES, len(tasks))
    if count < 2 or sum(len(task.document.text) for task in tasks) < WORTH_IT:
        for task in tasks:
            if cancelled():
                return
            yield task.document, look(task, policy, cancelled)
        return
    yield from _spread(tasks, policy, cancelled, count)


def look(task: Task, policy: ReviewPolicy, cancelled: Callable[[], bool]) -> list[Finding]:
    """The static findings of one text."""
    document = task.document
    return static_layer.look(document, Syntax.of(document), policy, cancelled, frozenset(task.left_out).__contains__)


def _spread(
    tasks: Sequence[Task], policy: ReviewPolicy, cancelled: Callable[[], bool], count: int
) -> Iterator[tuple[Document, list[Finding]]]:
    waiting = iter(
        sorted(tasks, key=lambda task: -len(task.document.text))
    )  # the longest first, so that all end together
    lock = threading.Lock()
    results: queue.Queue[tuple[Document, list[Finding]] | None] = queue.Queue()
    over = threading.Event()

    def take() -> Task | None:
        with lock:
            return None if over.is_set() else next(waiting, None)

    threads = [threading.Thread(target=_serve, args=(take, policy, results, over), daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    working = count
    try:
        while working and not cancelled():
            with suppress(queue.Empty):
                result = results.get(timeout=_POLL_S)
                if result is None:
                    working -= 1
                else:
                    yield result
    finally:
        over.set()


def _serve(
    take: Callable[[], Task | None],
    policy: ReviewPolicy,
    results: queue.Queue[tuple[Document, list[Finding]] | None],
    over: threading.Event,
) -> None:
    """Feed one process and read its answers, until there is nothing left to take."""
    process: subprocess.Popen[bytes] | None = None
    sent: list[Task] = []
    try:
        while not over.is_set():
            while len(sent) < _AHEAD and (task := take()) is not None:
                sent.append(task)
                if process is None:
                    process = _started(policy)
                _send(process, task)
            if not sent or process is None:
                return
            line = _answer(process)
            if line.endswith(b"\n"):
                results.put((sent.pop(0).document, [_finding(each) for each in json.loads(line)]))
                continue
            _end(process)
            results.put((sent.pop(0).document, []))  # what it died of
            process = _started(policy) if sent else None
            for task in sent:
                _send(process, task)
    finally:
        if process is not None:
            _end(process)
        results.put(None)


def _answer(process: subprocess.Popen[bytes]) -> bytes:
    """Return the next line of the process; a text that it is stuck in costs the process its life."""
    stuck = threading.Timer(bounds.TEXT_S, process.kill)
    stuck.daemon = True
    stuck.start()
    try:
        return process.stdout.readline() if process.stdout is not None else b""
    finally:
        stuck.cancel()


def _started(policy: ReviewPolicy) -> subprocess.Popen[bytes]:
    process = spawning.spawn("agents.reviewer.workers", Path(Path.cwd().anchor), bounds.ANALYSIS_MEMORY_BYTES)
    figures = {name: getattr(policy, name) for name in _FIGURES} | {
        name: sorted(getattr(policy, name)) for name in _SETS
    }
    _write(process, figures)
    return process


_FIGURES = ("cognitive", "cyclomatic", "function_lines", "nesting", "parameters", "secrets")
_SETS = ("rules_off", "rules_on")


def _send(process: subprocess.Popen[bytes] | None, task: Task) -> None:
    document = task.document
    path = document.path.as_posix() if document.path is not None else None
    message = {"language": document.language, "text": document.text, "path": path, "left_out": task.left_out}
    if process is not None:
        _write(process, message)


def _write(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    with suppress(OSError):  # a dead process shows when its answer is read
        if process.stdin is not None:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _finding(said: list[Any]) -> Finding:
    code, severity, start, end, message, unnecessary, fix = said
    mended = Fix(fix[0], tuple(Edit(*edit) for edit in fix[2]), fix[1]) if fix else None
    return Finding(code, Severity(severity), Span(start, end), message, fix=mended, unnecessary=unnecessary)


def _said(finding: Finding) -> list[Any]:
    fix = finding.fix
    said = [fix.title, fix.safe, [(edit.start, edit.end, edit.text) for edit in fix.edits]] if fix is not None else None
    span = finding.span
    return [finding.code, finding.severity, span.start, span.end, finding.message, finding.unnecessary, said]


def main() -> None:
    """Answer texts from standard input until it ends; the first line gives the figures of the policy."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    figures = json.loads(requests.readline() or b"{}")
    policy = ReviewPolicy(**(figures | {name: frozenset(figures.get(name, ())) for name in _SETS}))
    for line in requests:
        asked = json.loads(line)
        path = Path(asked["path"]) if asked["path"] is not None else None
        document = Document("", path, asked["language"], asked["text"])
        found = look(Task(document, tuple(asked["left_out"])), policy, lambda: False)
        try:
            answers.write(json.dumps([_said(finding) for finding in found]).encode() + b"\n")
            answers.flush()
        except BrokenPipeError:
            os._exit(0)  # nothing is left to be told to anyone
