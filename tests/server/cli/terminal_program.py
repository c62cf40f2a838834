"""A program that asks one question on the command line; for tests on a pseudo-terminal.

Takes the workspace, the question ("edit", "run", "plan" and others) and what may be done without a question.
Writes the verdict and the reason, or a person's answer, on stdout.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, TextChange
from agents.ports.permissions import ToolCall
from agents.ports.person import PlanQuestion, ProposedStep
from agents.team.planning.plan_confirmation import confirm_plan
from agents.tools import EXECUTE_COMMAND
from indexing.limits import IndexLimits
from server.assembly.gates import make_disk_gate
from server.cli.terminal_asker import Kind, TerminalAsker
from server.cli.terminal_person import TerminalPerson

STEPS = (ProposedStep("Design it", "architect"), ProposedStep("Write it", "coder"), ProposedStep("Test it", "tester"))
PLAN = PlanQuestion("A log\x1b[2J", STEPS, ("orchestrator", "architect", "coder", "tester"))


async def main(root: Path, wanted: str, allowed: list[str]) -> None:
    asker = TerminalAsker([Kind(one) for one in allowed])
    gate = make_disk_gate([root], asker, IndexLimits())
    path = root / "a.py"
    text = path.read_bytes().decode()
    changes = {
        "edit": (TextChange(path.as_uri(), path, text, (Edit(0, 1, "y"),)),),
        "both": (TextChange(path.as_uri(), path, text, (Edit(0, 1, "y"),)), CreateFile(root / "b.py", "b = 1\n")),
        "delete": (DeleteFile(path, text),),
        "parts": (
            TextChange(path.as_uri(), path, text, (Edit(0, len(text), text.upper()),)),
            CreateFile(root / "b.py", "b\n"),
        ),
        "escape": (TextChange(path.as_uri(), path, text, (Edit(0, 1, "y\x1b]0;owned\x07"),)),),
    }
    if wanted == "run":
        answer = await gate.permit(ToolCall(EXECUTE_COMMAND, "pytest -q", "Run the tests", "To see.", "tester"))
        ended: list[Any] = [answer.outcome, answer.reason]
    elif wanted == "plan":
        given = await confirm_plan(TerminalPerson(asker, (root / "cancelled").exists), PLAN)
        steps = None if given is None or given.steps is None else [[one.role, one.title] for one in given.steps]
        ended = [steps, given and given.remark]
    else:
        proposal = ProposedEdit("Rename x", "It is clearer.", "tester", changes[wanted])
        outcome = await gate.propose(proposal, task="this")
        ended = [outcome.verdict, outcome.reason]
    sys.stdout.write(json.dumps(ended))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
