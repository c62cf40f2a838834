"""`starling.analyzePep8`: where Python departs from PEP 8, whatever the workspace has chosen for its own linter."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field
from pygls.exceptions import JsonRpcInvalidParams

from agents.reviewer import reporting
from agents.reviewer.ruff import style
from server.lsp.commands.answering import targets
from server.lsp.commands.answering.command_records import CommandRecord
from server.lsp.commands.answering.targets import FindingFacts, Target
from server.lsp.commands.review import NO_REVIEWER

if TYPE_CHECKING:
    from agents.reviewer.reviewer import Reviewer
    from server.lsp.session.open_documents import OpenText
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

Arguments = Target


class Result(CommandRecord):
    """What departs from it."""

    checked: bool = Field(description="False where it is no Python, or ruff does not work.")
    problem: str = Field(description='Why not, and what to do; "" when it was.')
    score: float | None = Field(description="0 to 100, as in `starling.review`.")
    how: str = Field(description="How the score follows.")
    violations: tuple[FindingFacts, ...] = Field(description="By place.")


async def execute(snapshot: Snapshot, services: Services, arguments: Target) -> Result:
    """Look at it."""
    core = await targets.core_of(services)
    if core.reviewer is None:
        raise JsonRpcInvalidParams(NO_REVIEWER)
    document = await targets.document_of(snapshot, services, core, arguments)
    if not document.record.entry.ruff:
        problem = f"PEP 8 is about Python, and this is {document.language}; `starling.review` looks at any language."
        return Result(checked=False, problem=problem, score=None, how="", violations=())
    look = partial(_looked, core.reviewer, document, snapshot.encoding)
    return await asyncio.get_running_loop().run_in_executor(services.pool, look)


def _looked(reviewer: Reviewer, document: OpenText, encoding: str) -> Result:
    found = style.pep8(document.record, reviewer.ruff, reviewer.policy)
    if found.problem:
        return Result(checked=False, problem=found.problem, score=None, how="", violations=())
    whole = reporting.on_text(reviewer, document.record, None, layers=())
    part = next(part for part in whole.report.parts if part.name == "pep8")
    facts = targets.facts_of(found.findings, document, encoding)
    return Result(checked=True, problem="", score=part.score, how=part.how, violations=facts)
