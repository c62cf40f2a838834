"""A command for tests alone: it hands the edit in its arguments to the gate, as an agent's proposal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agents.edits import Change, CreateFile, DeleteFile, Edit, ProposedEdit, RenameFile, TextChange
from server.lsp.commands.answering.command_records import CommandRecord, ProposalOutcome

if TYPE_CHECKING:
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot


class Step(CommandRecord):
    """One change. For a text, `old` is replaced by `new`; for a new file `new` is its text."""

    kind: Literal["text", "create", "rename", "delete"]
    path: str
    old: str = ""
    new: str = ""
    to: str = ""


class Arguments(CommandRecord):
    """The proposal."""

    steps: list[Step]
    title: str = "Try the gate"
    why: str = "A test wants to know."
    task: str = ""


Result = ProposalOutcome


async def execute(_: Snapshot, services: Services, arguments: Arguments) -> ProposalOutcome:
    """Propose the steps as one edit and return the outcome."""
    changes = tuple([await _build_change(services, step) for step in arguments.steps])
    proposal = ProposedEdit(arguments.title, arguments.why, "tester", changes)
    return ProposalOutcome.of(await services.gate.propose(proposal, task=arguments.task))


async def _build_change(services: Services, step: Step) -> Change:
    """Return the change of a step, made for the current text of its file."""
    path = Path(step.path)
    match step.kind:
        case "create":
            return CreateFile(path, step.new)
        case "rename":
            return RenameFile(path, Path(step.to))
        case _:
            before = await services.gate._workplace.read_text(path.as_uri(), path) or ""
    if step.kind == "delete":
        return DeleteFile(path, before)
    start = before.index(step.old)
    return TextChange(path.as_uri(), path, before, (Edit(start, start + len(step.old), step.new),))
