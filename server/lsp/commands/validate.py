"""`starling.validate`: whether code parses, and the findings of the static layer."""

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
    """The verdict on the code."""

    language: str = Field(description='Starling\'s name of the language, "text" for one without a grammar.')
    parses: bool | None = Field(
        description="Whether the code parses; null without a grammar, or if the code may be newer than the grammar."
    )
    broken: tuple[Range, ...] = Field(description="Ranges that do not parse, or may not; at most 100.")
    valid: bool = Field(description="False if the code does not parse or a finding is an error.")
    findings: tuple[FindingFacts, ...] = Field(description="Findings of the static layer, by place.")
    left_out: str = Field(description='Why the file is not reviewed and how to change that, "" if it is.')


async def execute(snapshot: Snapshot, services: Services, arguments: Target) -> Result:
    """Parse the code and return the verdict, with the findings of the static layer.

    Raises:
        JsonRpcInvalidParams: there is no such document, it is excluded, or the server is still starting.
    """
    core = await targets.wait_for_core(services)
    document = await targets.find_document(snapshot, services, core, arguments)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(services.pool, _validate, core, document, snapshot.encoding)


def _validate(core: Core, document: OpenText, encoding: str) -> Result:
    """Parse and review `document`, and return the verdict. Blocking."""
    syntax = Syntax.of(document.record)
    if core.reviewer is not None:
        verdict = core.reviewer.check_syntax(document.record, syntax)
    else:
        verdict = validity.check_syntax(document.record, syntax)
    findings = targets.compute_findings(core, document)
    return Result(
        language=document.language,
        parses=verdict.parses,
        broken=tuple(targets.build_range(document, place.start, place.end, encoding) for place in verdict.places),
        valid=verdict.parses is not False and not any(finding.severity is Severity.ERROR for finding in findings),
        findings=targets.describe_findings(findings, document, encoding),
        left_out=targets.explain_left_out(core, document),
    )
