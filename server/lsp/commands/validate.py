"""`starling.validate`: whether code parses, and what the reviewer finds in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import Field

from agents.findings import Severity
from agents.reviewer import validity
from indexing.syntax.syntax import Syntax
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.targets import FindingFacts, Range, Target

if TYPE_CHECKING:
    from server.assembly.core import Core
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Arguments = Target


class Result(CommandRecord):
    """The verdict."""

    language: str = Field(description='Our name of the language, "text" for one without a grammar.')
    parses: bool | None = Field(
        description="Whether it parses; null without a grammar, or where it may be newer than the grammar."
    )
    broken: tuple[Range, ...] = Field(description="Where it does not, or may not; at most 100 places.")
    valid: bool = Field(description="Whether it parses as far as can be told, and no finding is an error.")
    findings: tuple[FindingFacts, ...] = Field(description="Of the static layer, by place.")
    left_out: str = Field(description='Why the file gets no findings and how to change that, "" where it gets them.')


async def execute(snapshot: Snapshot, services: Services, arguments: Target) -> Result:
    """Look at it."""
    core = await targets.core_of(services)
    document = await targets.document_of(snapshot, services, core, arguments)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(services.pool, _validated, core, document, snapshot.encoding)


def _validated(core: Core, document: OpenText, encoding: str) -> Result:
    syntax = Syntax.of(document.record)
    if core.reviewer is not None:
        verdict = core.reviewer.judge(document.record, syntax)
    else:
        verdict = validity.judge(document.record, syntax)
    findings = targets.found(core, document)
    return Result(
        language=document.language,
        parses=verdict.parses,
        broken=tuple(targets.range_of(document, place.start, place.end, encoding) for place in verdict.places),
        valid=verdict.parses is not False and not any(finding.severity is Severity.ERROR for finding in findings),
        findings=targets.facts_of(findings, document, encoding),
        left_out=targets.left_out_of(core, document),
    )
