"""Led turns in a workspace with doubles: scripted models, an index in memory, and commands that end as a test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.findings import Finding, Severity
from agents.ports.commands import CommandRequest, CommandResult, Isolation
from agents.team.events import CallStarted
from agents.team.led.pipeline import run_led_turn
from agents.team.limits import Spending, TurnLimits
from agents.team.turn.conversation import Conversation
from indexing.records import Hit
from indexing.syntax.documents import Span
from models.chat import Message, Speaker
from tests.agents.doubles import MemoryIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.ports.permissions import Cancelled
    from agents.team.events import TurnEnded
    from indexing.syntax.documents import Document
    from tests.agents.team.bench import TeamBench

AREA = "#- area.py\ndef area(r):\n    return 3 * r\n\n\ndef other():\n    return 1\n"


def find_bad(document: Document) -> tuple[Finding, ...]:
    """Return a finding for each BAD in a document."""
    places = [at for at in range(len(document.text)) if document.text.startswith("BAD", at)]
    return tuple(Finding("bad", Severity.WARNING, Span(at, at + 3), f"BAD {at} is bad.") for at in places)


@dataclass
class FakeRunner:
    """Runs no command; returns these results in turn."""

    results: list[CommandResult] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def find_isolation(self, _: CommandRequest) -> Isolation:
        """Return that nothing is confined."""
        return Isolation()

    async def run(self, request: CommandRequest, *, cancelled: Cancelled | None = None) -> CommandResult:
        """Return the next result."""
        del cancelled
        self.lines.append(request.line)
        return self.results.pop(0)


async def run_turn(
    bench: TeamBench, script: str, request: str = "Square r in area().", *, files: str = AREA, **limits: int
) -> TurnEnded:
    """Run one led turn in a workspace with `files`; store the conversation.

    Unless the bench has an index, it knows the definition `area` in the first lines of `area.py`.
    """
    bench.write(files)
    hit = Hit(bench.root / "area.py", "area.py", 0, 2, "def area(r):\n    return 3 * r", 1.0, "area")
    bench.options.setdefault("index", MemoryIndex(defined=(hit,)))
    bench.options.setdefault("review", find_bad)
    agent = bench.make_agent(script)
    bench.conversation = Conversation(agent.chat.count_tokens, 16_384, [Message(Speaker.USER, request)])
    return await run_led_turn(agent, bench.conversation, bench.workbench, Spending(TurnLimits(**limits)))


def list_calls(bench: TeamBench) -> Sequence[str]:
    """Return the names of the tools that were called."""
    return [one.tool for one in bench.events if isinstance(one, CallStarted)]
