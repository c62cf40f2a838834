"""`starling complete`: completes code at one place in a file, as in an editor. Start at `complete`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.suggestions import Completion, Trigger
from indexing.syntax import languages
from indexing.syntax.documents import Document
from indexing.syntax.texts import decode, find_line, find_line_starts
from indexing.workspace.files import read_regular
from server.cli import arguments, terminal, workspace
from server.cli.terminal import Failure

if TYPE_CHECKING:
    from server.assembly.core import Core

PATIENCE_MS = 120_000.0
SOON_S = 1.0  # a model that takes longer to load is announced
MAX_FILE_BYTES = 64_000_000  # editors do not open larger files, either


def complete(  # noqa: PLR0913 (each is an option of the command)
    where: Annotated[
        str, typer.Argument(metavar="FILE:LINE:COLUMN", help="The cursor; column 1 is before the first character.")
    ],
    *,
    directory: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the file's repository"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=10, help="Most suggestions.")] = 1,
    automatic: Annotated[
        bool, typer.Option("--automatic", help="Suggest only what would appear while typing.")
    ] = False,
    wait_s: Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="Longest wait for the index.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Complete the code at a place in a file."""
    cursor = arguments.parse_cursor(where)
    document = read_document(Path(cursor.file))
    offset = arguments.find_offset(cursor, document.text)
    root = arguments.resolve_folder(directory) if directory else arguments.find_workspace(Path(cursor.file))
    with workspace.open_core(root) as core:
        if core.settings.index.enabled:
            workspace.bring_up_to_date(core.index, wait_s=wait_s)
        trigger = Trigger.AUTOMATIC if automatic else Trigger.INVOKED
        _wait_for_model(core)
        answer = Completion((), "off")
        if core.generator.is_on(document):
            answer = core.generator.complete(document, offset, trigger=trigger, cancelled=lambda: False, limit=limit)
        state = core.index.read_status()
        left_out = core.index.explain(document.path) if answer.why_empty == "excluded" and document.path else ""
        if core.model is not None and core.model.problem:
            terminal.note(core.model.problem)
    if as_json:
        described = {**_describe(answer, document), "left_out": left_out}
        terminal.emit({"file": str(document.path), "workspace": str(root), "line": cursor.line, "column": cursor.column,
                       **described, "index": {"state": state.state, "files": state.files}})  # fmt: skip
    elif answer.suggestions:
        _show(answer)
    else:
        terminal.note(left_out or f"there is no suggestion here ({answer.why_empty or 'nothing found'}).")


def _wait_for_model(core: Core) -> None:
    """Wait until the model of `core` is loaded, and have the generator use it for up to `PATIENCE_MS` a completion."""
    from server.assembly.policies import build_completion_policy  # noqa: PLC0415 (heavy, like the core)

    if core.model is not None:
        core.model.wait(SOON_S)
        if core.model.state == "loading":
            terminal.note(f"loading {core.model.entry.name}")
            core.model.wait()
    core.generator.set_model(core.model)
    policy = build_completion_policy(core.settings)
    core.generator.set_policy(replace(policy, typing_ms=PATIENCE_MS, asking_ms=PATIENCE_MS))


def read_document(path: Path) -> Document:
    """Return the file at `path` as a document.

    Raises:
        Failure: the file cannot be read, or is larger than `MAX_FILE_BYTES`.
    """
    try:
        data, _ = read_regular(path, MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise Failure(f"{path} does not exist; give FILE:LINE:COLUMN of an existing file.") from None
    except OSError as error:
        if os.path.isdir(path):  # noqa: PTH112 (False for a name that is too long)
            raise Failure(f"{path} is a folder; give FILE:LINE:COLUMN of a file in it.") from None
        raise Failure(f"{path} cannot be read ({error.strerror or error}).") from None
    if len(data) > MAX_FILE_BYTES:
        raise Failure(f"{path} is larger than {MAX_FILE_BYTES // 1_000_000} MB; choose a smaller file.")
    text = decode(data)
    path = path.resolve()
    return Document(path.as_uri(), path, languages.detect(path, text), text)


def _describe(answer: Completion, document: Document) -> dict[str, Any]:
    """Return the suggestions and times of `answer` as JSON, with lines and columns from 1."""
    starts = find_line_starts(document.text)

    def describe_position(offset: int) -> dict[str, int]:
        """Return an offset as a line and a column, both from 1."""
        line = find_line(starts, offset)
        return {"line": line + 1, "column": offset - starts[line] + 1}

    return {
        "suggestions": [
            {
                "text": suggestion.text,
                "start": describe_position(suggestion.start),
                "end": describe_position(suggestion.end),
                "origin": str(suggestion.origin),
                "confidence": round(suggestion.confidence, 4),
                "model": suggestion.model,
            }
            for suggestion in answer.suggestions
        ],
        "why_empty": answer.why_empty,
        "model_ms": round(answer.model_ms, 2),
        "total_ms": round(answer.total_ms, 2),
    }


def _show(answer: Completion) -> None:
    """Write the suggestions to stdout, and the origin and time of each to stderr."""
    console = terminal.get_stdout()
    for number, suggestion in enumerate(answer.suggestions):
        if number:
            console.print()
        console.print(terminal.escape(suggestion.text), markup=False, soft_wrap=True)
        by = f" by {suggestion.model}" if suggestion.model else ""
        terminal.note(f"{suggestion.origin}{by}, confidence {suggestion.confidence:.2f}, {answer.total_ms:.0f} ms")
