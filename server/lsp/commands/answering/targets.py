"""What a command is about: an open document, a file of the workspace, or a text of its own; and findings in JSON.

A path or URI that a client names is looked up among what is open and in the workspace folders, and nowhere else. Start
at `Target` and `document_of`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator
from pygls.exceptions import JsonRpcInvalidParams

from agents.reviewer import reviewed_files
from agents.reviewer.explanations import explanation_of, source_of
from agents.reviewer.layers import QUICK
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
_LONGEST_SHOWN = 200  # characters of a name that leads nowhere


class Target(CommandRecord):
    """A document: by its URI, or as a text."""

    uri: str | None = Field(default=None, max_length=10_000, description="An open document or a file of the workspace.")
    text: str | None = Field(default=None, max_length=MOST_CHARACTERS, description="Or the text itself.")
    language: str | None = Field(
        default=None, max_length=100, description='Language of `text`, as LSP names it ("python").'
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.uri is None) == (self.text is None):
            raise ValueError("give either `uri` or `text`")
        if self.text is not None and self.language is None:
            raise ValueError("give the `language` of `text`")
        return self


class Position(CommandRecord):
    """As in LSP."""

    line: int = Field(description="From 0.")
    character: int = Field(description="In the client's unit.")


class Range(CommandRecord):
    """As in LSP."""

    start: Position
    end: Position


class FindingFacts(CommandRecord):
    """One finding."""

    code: str = Field(description="The rule.")
    severity: Literal["error", "warning", "information", "hint"]
    range: Range = Field(description="What it is about.")
    message: str = Field(description="What is there, and why it matters.")
    source: str = Field(description='"Starling", or "Starling (ruff)".')
    layer: Literal["static", "likelihood", "model"] = Field(description="What found it.")
    confidence: float = Field(description="Estimated probability that a person agrees.")
    explanation: str = Field(description='Where the rule is explained, a URL; "" for nowhere.')
    fix: str = Field(description='What would mend it, "" where nothing is offered.')


async def core_of(services: Services) -> Core:
    """The core, waited for.

    Raises:
        JsonRpcInvalidParams: it did not come.
    """
    core = await services.cores.ready(START_WAIT_S)
    if core is None:
        raise JsonRpcInvalidParams("Starling is still starting; ask again in a moment")
    return core


async def document_of(snapshot: Snapshot, services: Services, core: Core, target: Target) -> OpenText:
    """The document as it stands: unsaved text before the file.

    Raises:
        JsonRpcInvalidParams: there is none, or it is none of ours to read.
    """
    if target.text is not None:
        return OpenText.of("untitled:text", None, languages.resolve_id(target.language or ""), 0, target.text)
    uri = target.uri or ""
    opened = services.documents.get(uri)
    if opened is not None:
        return opened
    loop = asyncio.get_running_loop()
    return text_of(await loop.run_in_executor(services.pool, _read, snapshot, core, uri))


def found(core: Core, document: OpenText, layers: Collection[Layer] = QUICK) -> tuple[Finding, ...]:
    """What the reviewer finds, for a thread; nothing where it could not be built."""
    if core.reviewer is None or document.oversized:
        return ()
    return core.reviewer.review(document.record, layers=layers)


def text_of(document: Document) -> OpenText:
    """A document that is not open, with its lines."""
    return OpenText.of(document.uri, document.path, document.language, document.version, document.text)


def facts_of(findings: tuple[Finding, ...], document: OpenText, encoding: str) -> tuple[FindingFacts, ...]:
    """Findings in JSON."""
    return tuple(
        FindingFacts(
            code=finding.code,
            severity=finding.severity.value,
            range=range_of(document, finding.span.start, finding.span.end, encoding),
            message=finding.message,
            source=source_of(finding),
            layer=finding.layer.value,
            confidence=round(finding.confidence, 3),
            explanation=explanation_of(finding),
            fix=finding.fix.title if finding.fix is not None else "",
        )
        for finding in findings
    )


def range_of(document: OpenText, start: int, end: int, encoding: str) -> Range:
    """[start, end) as LSP counts."""
    span = outgoing.range_of(document, start, end, encoding)
    return Range(
        start=Position(line=span.start.line, character=span.start.character),
        end=Position(line=span.end.line, character=span.end.character),
    )


def root_of(snapshot: Snapshot, path: Path | None) -> Path | None:
    """The workspace folder that holds a path."""
    return next((root for root in snapshot.roots if path is not None and path.is_relative_to(root)), None)


def documents_of(
    snapshot: Snapshot, core: Core, paths: Iterable[str], cancelled: Callable[[], bool]
) -> tuple[list[Document], list[str]]:
    """Files, and those in folders, as they are saved; absolute paths, or relative to the first workspace folder.

    Returns:
        The documents, and a sentence for each file that was named and is left out.

    Raises:
        JsonRpcInvalidParams: one is not there, or is outside the workspace.
    """
    limits = core.review_limits
    found: dict[Path, Document] = {}
    missed: list[str] = []
    for name in paths:
        path = _named(snapshot, name)
        if path is None:
            shown = name if len(name) < _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
            raise JsonRpcInvalidParams(f"{shown!r} is no file or folder of the workspace")
        if path.is_dir():
            for one, each in reviewed_files.files(path, limits, cancelled=cancelled):
                document = reviewed_files.read(one, limits, each.waived)
                if isinstance(document, Document):
                    found[one] = document
            continue
        if why := core.index.explain(path):
            missed.append(why)
            continue
        document = reviewed_files.read(path, limits, core.index.waived(path))
        if isinstance(document, Document):
            found[path] = document
        else:
            missed.append(left_out.explain(path.name, document, path.name))
    return list(found.values()), missed


def left_out_of(core: Core, document: OpenText) -> str:
    """Return why a document gets no findings and how to change that, "" when it gets them."""
    reason = core.index.withheld(document.record)
    if not reason:
        return ""
    name = document.path.name if document.path is not None else document.uri.rpartition("/")[2]
    explained = core.index.explain(document.path) if document.path is not None else ""
    return explained or left_out.explain(name, reason, name)


def inside(snapshot: Snapshot, path: Path) -> bool:
    """Whether a path lies in a workspace folder, links followed."""
    real = reviewed_files.real(path)
    return any(real.is_relative_to(reviewed_files.real(root)) for root in snapshot.roots)


def _named(snapshot: Snapshot, name: str) -> Path | None:
    """The path that a client means; None where there is nothing, or nothing of the workspace."""
    try:
        path = reviewed_files.real(snapshot.roots[0] / name)
        return path if inside(snapshot, path) and path.exists() else None
    except (OSError, ValueError):  # too long, or holding what is no character of a name
        return None


def _read(snapshot: Snapshot, core: Core, uri: str) -> Document:
    path = origins.path_of(uri)
    if path is None or not inside(snapshot, path):
        raise JsonRpcInvalidParams(f"{uri} is neither open nor a file of a workspace folder; open it first")
    if why := core.index.explain(path):
        raise JsonRpcInvalidParams(why)
    document = reviewed_files.read(path, core.review_limits, core.index.waived(path))
    if isinstance(document, str):
        raise JsonRpcInvalidParams(left_out.explain(path.name, document, path.name))
    return document
