"""`starling.analyzePep8`: violations of PEP 8 in Python code, independent of the workspace's own linter settings."""

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
    """The violations."""

    checked: bool = Field(description="False if the document is not Python, or ruff does not work.")
    problem: str = Field(description='Why it was not checked, and what to do; "" if it was.')
    score: float | None = Field(description="0 to 100, as in `starling.review`.")
    how: str = Field(description="How the score is computed.")
    violations: tuple[FindingFacts, ...] = Field(description="By place.")


async def execute(snapshot: Snapshot, services: Services, arguments: Target) -> Result:
    """Check the document with ruff and return the violations.

    `checked` is False for languages other than Python, and if ruff does not work.

    Raises:
        JsonRpcInvalidParams: there is no such document, it is excluded, or there is no reviewer.
    """
    core = await targets.wait_for_core(services)
    if core.reviewer is None:
        raise JsonRpcInvalidParams(NO_REVIEWER)
    document = await targets.find_document(snapshot, services, core, arguments)
    if not document.record.entry.ruff:
        problem = f"PEP 8 is about Python, and this is {document.language}; `starling.review` looks at any language."
        return Result(checked=False, problem=problem, score=None, how="", violations=())
    look = partial(_check, core.reviewer, document, snapshot.encoding)
    return await asyncio.get_running_loop().run_in_executor(services.pool, look)


def _check(reviewer: Reviewer, document: OpenText, encoding: str) -> Result:
    """Run ruff on the document; return the violations and the score, or the problem. Blocking."""
    found = style.check_pep8(document.record, reviewer.ruff, reviewer.policy)
    if found.problem:
        return Result(checked=False, problem=found.problem, score=None, how="", violations=())
    whole = reporting.report_on_text(reviewer, document.record, None, layers=())
    part = next(part for part in whole.report.parts if part.name == "pep8")
    facts = targets.describe_findings(found.findings, document, encoding)
    return Result(checked=True, problem="", score=part.score, how=part.how, violations=facts)
