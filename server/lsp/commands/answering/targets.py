"""The documents that commands are about: open documents, files of the workspace, or texts in the arguments.

A path or URI that a client names is looked up among open documents and in the workspace folders only. Also holds the
record of a finding in JSON. Start at `Target` and `find_document`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator
from pygls.exceptions import JsonRpcInvalidParams

from agents.findings import QUICK
from agents.reviewer import reviewed_files
from agents.reviewer.explanations import find_explanation_url, format_source
from indexing.syntax import languages
from indexing.syntax.documents import Document
from indexing.workspace import left_out, origins
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.conversion import outgoing
from server.lsp.session.open_documents import OpenText

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from agents.findings import Finding, Layer
    from server.assembly.core import Core
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

MOST_CHARACTERS = 2_000_000
START_WAIT_S = 60.0
_LONGEST_SHOWN = 200  # most characters of a wrong name in an error message


class Target(CommandRecord):
    """A document, given by its URI or as a text."""

    uri: str | None = Field(default=None, max_length=10_000, description="An open document or a file of the workspace.")
    text: str | None = Field(default=None, max_length=MOST_CHARACTERS, description="Or the text itself.")
    language: str | None = Field(
        default=None, max_length=100, description='Language of `text`, as LSP names it ("python").'
    )

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        """Raise ValueError unless there is either a URI or a text with its language."""
        if (self.uri is None) == (self.text is None):
            raise ValueError("give either `uri` or `text`")
        if self.text is not None and self.language is None:
            raise ValueError("give the `language` of `text`")
        return self


class Position(CommandRecord):
    """A position, as in LSP."""

    line: int = Field(description="From 0.")
    character: int = Field(description="In the client's unit.")


class Range(CommandRecord):
    """A range, as in LSP."""

    start: Position
    end: Position


class FindingFacts(CommandRecord):
    """One finding."""

    code: str = Field(description="The rule.")
    severity: Literal["error", "warning", "information", "hint"]
    range: Range = Field(description="The range that it is about.")
    message: str = Field(description="The problem, and why it matters.")
    source: str = Field(description='"Starling", or "Starling (ruff)".')
    layer: Literal["static", "likelihood", "model"] = Field(description="The layer of the review that found it.")
    confidence: float = Field(description="Estimated probability that a person agrees.")
    explanation: str = Field(description='URL of the rule\'s explanation, "" for none.')
    fix: str = Field(description='Title of the fix, "" for none.')


async def wait_for_core(services: Services) -> Core:
    """Wait for the core and return it.

    Raises:
        JsonRpcInvalidParams: the core was not loaded within `START_WAIT_S`.
    """
    core = await services.cores.wait(START_WAIT_S)
    if core is None:
        raise JsonRpcInvalidParams("Starling is still starting; ask again in a moment")
    return core


async def find_document(snapshot: Snapshot, services: Services, core: Core, target: Target) -> OpenText:
    """Return the document that `target` names: its own text, the open document, or the saved file of the workspace.

    Raises:
        JsonRpcInvalidParams: there is no such document, or it is not open and left out of reviews.
    """
    if target.text is not None:
        return OpenText.of("untitled:text", None, languages.resolve_id(target.language or ""), 0, target.text)
    uri = target.uri or ""
    opened = services.documents.get(uri)
    if opened is not None:
        return opened
    loop = asyncio.get_running_loop()
    return make_open_text(await loop.run_in_executor(services.pool, _read_file, snapshot, core, uri))


def compute_findings(core: Core, document: OpenText, layers: Collection[Layer] = QUICK) -> tuple[Finding, ...]:
    """Return the findings of `layers` in `document`; none without a reviewer or for an oversized text. Blocking."""
    if core.reviewer is None or document.oversized:
        return ()
    return core.reviewer.review(document.record, layers=layers)


def make_open_text(document: Document) -> OpenText:
    """Return an `OpenText` with the values of `document`, which is not open in the editor."""
    return OpenText.of(document.uri, document.path, document.language, document.version, document.text)


def describe_findings(findings: tuple[Finding, ...], document: OpenText, encoding: str) -> tuple[FindingFacts, ...]:
    """Return findings as records for JSON."""
    return tuple(
        FindingFacts(
            code=finding.code,
            severity=finding.severity.value,
            range=build_range(document, finding.span.start, finding.span.end, encoding),
            message=finding.message,
            source=format_source(finding),
            layer=finding.layer.value,
            confidence=round(finding.confidence, 3),
            explanation=find_explanation_url(finding),
            fix=finding.fix.title if finding.fix is not None else "",
        )
        for finding in findings
    )


def build_range(document: OpenText, start: int, end: int, encoding: str) -> Range:
    """Return the range of the code-point offsets [start, end), with characters in units of `encoding`."""
    span = outgoing.compute_range(document, start, end, encoding)
    return Range(
        start=Position(line=span.start.line, character=span.start.character),
        end=Position(line=span.end.line, character=span.end.character),
    )


def find_root(snapshot: Snapshot, path: Path | None) -> Path | None:
    """Return the workspace folder that contains `path`, None if there is none."""
    return next((root for root in snapshot.roots if path is not None and path.is_relative_to(root)), None)


def read_documents(
    snapshot: Snapshot, core: Core, paths: Iterable[str], cancelled: Callable[[], bool]
) -> tuple[list[Document], list[str]]:
    """Read files, and the reviewable files in folders, as they are saved.

    Args:
        snapshot: the state at the request.
        core: the core.
        paths: absolute paths, or relative to the first workspace folder.
        cancelled: returns whether to stop; files of folders that are not listed by then are left out.

    Returns:
        The documents, and a sentence for each named file that is left out; none for files left out in folders.

    Raises:
        JsonRpcInvalidParams: a path does not exist or is outside the workspace.
    """
    limits = core.review_limits
    found: dict[Path, Document] = {}
    missed: list[str] = []
    for name in paths:
        path = _resolve_name(snapshot, name)
        if path is None:
            shown = name if len(name) < _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
            raise JsonRpcInvalidParams(f"{shown!r} is no file or folder of the workspace")
        if path.is_dir():
            for one, each in reviewed_files.list_files(path, limits, cancelled=cancelled):
                document = reviewed_files.read_document(one, limits, each.waived)
                if isinstance(document, Document):
                    found[one] = document
            continue
        if why := core.index.explain(path):
            missed.append(why)
            continue
        document = reviewed_files.read_document(path, limits, core.index.find_waived_reasons(path))
        if isinstance(document, Document):
            found[path] = document
        else:
            missed.append(left_out.explain(path.name, document, path.name))
    return list(found.values()), missed


def explain_left_out(core: Core, document: OpenText) -> str:
    """Return why `document` is not reviewed and how to change that, "" if it is."""
    reason = core.index.find_withholding_reason(document.record)
    if not reason:
        return ""
    name = document.path.name if document.path is not None else document.uri.rpartition("/")[2]
    explained = core.index.explain(document.path) if document.path is not None else ""
    return explained or left_out.explain(name, reason, name)


def is_in_workspace(snapshot: Snapshot, path: Path) -> bool:
    """Return whether `path` is in a workspace folder after following links."""
    real = reviewed_files.resolve_path(path)
    return any(real.is_relative_to(reviewed_files.resolve_path(root)) for root in snapshot.roots)


def _resolve_name(snapshot: Snapshot, name: str) -> Path | None:
    """Return the path `name`, absolute or relative to the first folder; None if missing or outside the workspace."""
    try:
        path = reviewed_files.resolve_path(snapshot.roots[0] / name)
        return path if is_in_workspace(snapshot, path) and path.exists() else None
    except (OSError, ValueError):  # too long, or with characters that no name can have
        return None


def _read_file(snapshot: Snapshot, core: Core, uri: str) -> Document:
    """Return the saved file `uri` of the workspace as a document.

    Raises:
        JsonRpcInvalidParams: the file is outside of the workspace, or is left out of reviews.
    """
    path = origins.parse_file_uri(uri)
    if path is None or not is_in_workspace(snapshot, path):
        raise JsonRpcInvalidParams(f"{uri} is neither open nor a file of a workspace folder; open it first")
    if why := core.index.explain(path):
        raise JsonRpcInvalidParams(why)
    document = reviewed_files.read_document(path, core.review_limits, core.index.find_waived_reasons(path))
    if isinstance(document, str):
        raise JsonRpcInvalidParams(left_out.explain(path.name, document, path.name))
    return document
