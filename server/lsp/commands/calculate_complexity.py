"""`starling.calculateComplexity`: the complexity of each function of a document, most complex first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import Field

from agents.reviewer.scanning import metrics
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.targets import Range, Target

if TYPE_CHECKING:
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Arguments = Target


class FunctionFacts(CommandRecord):
    """The figures of one function."""

    name: str = Field(description='The name, "" for an anonymous function.')
    range: Range = Field(description="The whole function.")
    lines: int = Field(description="Lines of code, without blank ones and comments.")
    cyclomatic: int = Field(description="McCabe's cyclomatic complexity: 1 plus 1 for each decision.")
    cognitive: int = Field(
        description="SonarSource's cognitive complexity: decisions weigh more the deeper they are nested."
    )
    nesting: int = Field(description="Levels of nested statements.")
    parameters: int = Field(description="Parameters that must be given by position.")
    documented: bool = Field(description="Whether it has a docstring, or a comment right above.")


class Result(CommandRecord):
    """The figures of the document and its functions."""

    language: str = Field(description='Starling\'s name of the language, "text" for one without a grammar.')
    measured: bool = Field(description="False if Starling cannot find functions of this language.")
    lines: int = Field(description="All lines.")
    code_lines: int = Field(description="Lines that hold code.")
    comment_lines: int = Field(description="Lines with comments only, docstrings included.")
    functions: tuple[FunctionFacts, ...] = Field(description="Most complex first.")


async def execute(snapshot: Snapshot, services: Services, arguments: Target) -> Result:
    """Return the document's numbers of lines, and the size and complexity of each function, most complex first.

    Raises:
        JsonRpcInvalidParams: there is no such document, it is excluded, or the server is still starting.
    """
    core = await targets.wait_for_core(services)
    document = await targets.find_document(snapshot, services, core, arguments)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(services.pool, _measure, document, snapshot.encoding)


def _measure(document: OpenText, encoding: str) -> Result:
    """Count the document's lines and measure its functions, most complex first. Blocking.

    If Starling cannot find functions of its language, `measured` is False, `lines` still right, and the rest 0 or
    empty.
    """
    found = metrics.measure_document(document.record)
    functions = sorted(found.functions if found else (), key=lambda one: (-one.cognitive, -one.cyclomatic))
    return Result(
        language=document.language,
        measured=found is not None,
        lines=found.lines if found else document.text.count("\n") + 1,
        code_lines=found.code_lines if found else 0,
        comment_lines=found.comment_lines if found else 0,
        functions=tuple(
            FunctionFacts(
                name=one.name,
                range=targets.build_range(document, one.span.start, one.span.end, encoding),
                lines=one.lines,
                cyclomatic=one.cyclomatic,
                cognitive=one.cognitive,
                nesting=one.nesting,
                parameters=one.parameters,
                documented=one.documented,
            )
            for one in functions
        ),
    )
