"""Worker processes that run the static layer over many texts, since tree-sitter holds Python's global lock in threads.

`main` is the program of such a process. It reads a text per line of JSON and writes its findings as a line of JSON. A
text that crashes or blocks its process gets no findings, and the process is restarted. Start at `review_many`.
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

LEAST_CHARACTERS = 3_000_000  # characters; for less, starting processes takes longer than it saves
_SENT_AHEAD = 4  # texts sent to a process before its first answer is read
_MOST_PROCESSES = 8
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Task:
    """A text to review, and equivalent codes of rules to skip, because another linter reports them."""

    document: Document
    left_out: tuple[str, ...] = ()


def review_many(
    tasks: Sequence[Task], policy: ReviewPolicy, cancelled: Callable[[], bool]
) -> Iterator[tuple[Document, list[Finding]]]:
    """Yield each text with its static findings, in any order; ends early if `cancelled` returns True meanwhile.

    The findings of the last text are then incomplete. Runs in this process if the texts are too short for several
    processes to save time.
    """
    count = min(os.cpu_count() or 1, _MOST_PROCESSES, len(tasks))
    if count < 2 or sum(len(task.document.text) for task in tasks) < LEAST_CHARACTERS:
        for task in tasks:
            if cancelled():
                return
            yield task.document, review_one(task, policy, cancelled)
        return
    yield from _review_in_processes(tasks, policy, cancelled, count)


def review_one(task: Task, policy: ReviewPolicy, cancelled: Callable[[], bool]) -> list[Finding]:
    """Return the static findings of one text, without rules with a code in `task.left_out`.

    They are incomplete if `cancelled` returns True meanwhile.
    """
    document = task.document
    return static_layer.review(document, Syntax.of(document), policy, cancelled, frozenset(task.left_out).__contains__)


def _review_in_processes(
    tasks: Sequence[Task], policy: ReviewPolicy, cancelled: Callable[[], bool], count: int
) -> Iterator[tuple[Document, list[Finding]]]:
    """Review `tasks` in `count` worker processes, each fed by a thread; yield results as they come.

    Ends early if `cancelled` returns True; texts that are under review then yield nothing.
    """
    # the longest first, so that all processes end at about the same time
    waiting = iter(sorted(tasks, key=lambda task: -len(task.document.text)))
    lock = threading.Lock()
    results: queue.Queue[tuple[Document, list[Finding]] | None] = queue.Queue()
    over = threading.Event()

    def take_task() -> Task | None:
        """Return the next task; None if there is none left or the review is over."""
        with lock:
            return None if over.is_set() else next(waiting, None)

    threads = [
        threading.Thread(target=_feed_process, args=(take_task, policy, results, over), daemon=True)
        for _ in range(count)
    ]
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


def _feed_process(
    take_task: Callable[[], Task | None],
    policy: ReviewPolicy,
    results: queue.Queue[tuple[Document, list[Finding]] | None],
    over: threading.Event,
) -> None:
    """Run one worker process and put its results into `results`, until `take_task` returns None; put None at the end.

    A text that crashes or blocks the process gets no findings; the process is then started again.
    """
    process: subprocess.Popen[bytes] | None = None
    sent: list[Task] = []
    try:
        while not over.is_set():
            while len(sent) < _SENT_AHEAD and (task := take_task()) is not None:
                sent.append(task)
                if process is None:
                    process = _start_process(policy)
                _send_task(process, task)
            if not sent or process is None:
                return
            line = _read_answer(process)
            if line.endswith(b"\n"):
                results.put((sent.pop(0).document, [_decode_finding(each) for each in json.loads(line)]))
                continue
            _kill(process)
            results.put((sent.pop(0).document, []))  # the text that crashed it
            process = _start_process(policy) if sent else None
            for task in sent:
                _send_task(process, task)
    finally:
        if process is not None:
            _kill(process)
        results.put(None)


def _read_answer(process: subprocess.Popen[bytes]) -> bytes:
    """Return the process's next line, b"" if it died; kill it if no line comes within `bounds.TEXT_S` seconds."""
    stuck = threading.Timer(bounds.TEXT_S, process.kill)
    stuck.daemon = True
    stuck.start()
    try:
        return process.stdout.readline() if process.stdout is not None else b""
    finally:
        stuck.cancel()


def _start_process(policy: ReviewPolicy) -> subprocess.Popen[bytes]:
    """Start a worker process and send it the parts of `policy` that the static layer needs."""
    process = spawning.spawn("agents.reviewer.workers", Path(Path.cwd().anchor), bounds.ANALYSIS_MEMORY_BYTES)
    values = {name: getattr(policy, name) for name in _NUMBERS} | {
        name: sorted(getattr(policy, name)) for name in _CODE_SETS
    }
    _write_line(process, values)
    return process


_NUMBERS = ("cognitive", "cyclomatic", "function_lines", "nesting", "parameters", "secrets")
_CODE_SETS = ("rules_off", "rules_on")


def _send_task(process: subprocess.Popen[bytes] | None, task: Task) -> None:
    """Send the text of `task` as one line of JSON; do nothing without a process."""
    document = task.document
    path = document.path.as_posix() if document.path is not None else None
    message = {"language": document.language, "text": document.text, "path": path, "left_out": task.left_out}
    if process is not None:
        _write_line(process, message)


def _write_line(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    """Write `message` as one line of JSON to the process's standard input."""
    with suppress(OSError):  # a dead process is noticed when its answer is read
        if process.stdin is not None:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process, wait for its end, and close its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _decode_finding(values: list[Any]) -> Finding:
    """Return the finding that `_encode_finding` turned into JSON values."""
    code, severity, start, end, message, unnecessary, fix = values
    fix = Fix(fix[0], tuple(Edit(*edit) for edit in fix[2]), fix[1]) if fix else None
    return Finding(code, Severity(severity), Span(start, end), message, fix=fix, unnecessary=unnecessary)


def _encode_finding(finding: Finding) -> list[Any]:
    """Return `finding` as JSON values, in the order that `_decode_finding` reads."""
    fix = finding.fix
    values = (
        [fix.title, fix.safe, [(edit.start, edit.end, edit.text) for edit in fix.edits]] if fix is not None else None
    )
    span = finding.span
    return [finding.code, finding.severity, span.start, span.end, finding.message, finding.unnecessary, values]


def main() -> None:
    """Review texts from standard input until it ends, and write their findings to standard output.

    The first line holds values of the policy; each later line holds one text.
    """
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    values = json.loads(requests.readline() or b"{}")
    policy = ReviewPolicy(**(values | {name: frozenset(values.get(name, ())) for name in _CODE_SETS}))
    for line in requests:
        request = json.loads(line)
        path = Path(request["path"]) if request["path"] is not None else None
        document = Document("", path, request["language"], request["text"])
        found = review_one(Task(document, tuple(request["left_out"])), policy, lambda: False)
        try:
            answers.write(json.dumps([_encode_finding(finding) for finding in found]).encode() + b"\n")
            answers.flush()
        except BrokenPipeError:
            os._exit(0)  # nobody reads the findings any more
