"""The `starling.*` commands of `workspace/executeCommand`: each takes one JSON object and returns one.

One module for each command, imported at its first call, because its records need pydantic, which loads slowly. To add a
command: a module with `Arguments`, `Result` and `execute`, and a line in `COMMANDS`. `server.lsp.commands.schema`
publishes the JSON schemas. Start at `run`.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any, Protocol, cast

from pygls.exceptions import JsonRpcInvalidParams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

COMMANDS = {
    "starling.analyzePep8": "server.lsp.commands.analyze_pep8",
    "starling.analyzeTestCoverage": "server.lsp.commands.analyze_test_coverage",
    "starling.calculateComplexity": "server.lsp.commands.calculate_complexity",
    "starling.approvals": "server.lsp.commands.approvals",
    "starling.ask": "server.lsp.commands.ask",
    "starling.askAgain": "server.lsp.commands.ask_again",
    "starling.audit": "server.lsp.commands.audit",
    "starling.cancel": "server.lsp.commands.cancel",
    "starling.completion.accepted": "server.lsp.commands.completion_accepted",
    "starling.explain": "server.lsp.commands.explain",
    "starling.feedback": "server.lsp.commands.feedback",
    "starling.fix": "server.lsp.commands.fix",
    "starling.generate": "server.lsp.commands.generate",
    "starling.health": "server.lsp.commands.health",
    "starling.memory": "server.lsp.commands.memory",
    "starling.nextEdit.accepted": "server.lsp.commands.next_edit_accepted",
    "starling.questions": "server.lsp.commands.questions",
    "starling.refine": "server.lsp.commands.refine",
    "starling.review": "server.lsp.commands.review",
    "starling.roles": "server.lsp.commands.roles",
    "starling.search": "server.lsp.commands.search",
    "starling.session": "server.lsp.commands.session",
    "starling.sessions": "server.lsp.commands.sessions",
    "starling.stats": "server.lsp.commands.stats",
    "starling.status": "server.lsp.commands.status",
    "starling.tasks": "server.lsp.commands.tasks",
    "starling.tools": "server.lsp.commands.tools",
    "starling.undo": "server.lsp.commands.undo",
    "starling.undoable": "server.lsp.commands.undoable",
    "starling.validate": "server.lsp.commands.validate",
    "starling.workflow": "server.lsp.commands.workflow",
    "starling.workflows": "server.lsp.commands.workflows",
}


class CommandModule(Protocol):
    """The interface of a command's module."""

    Arguments: type[BaseModel]
    Result: type[BaseModel]

    async def execute(
        self,
        snapshot: Snapshot,
        services: Services,
        arguments: Any,  # noqa: ANN401 (its own `Arguments`)
    ) -> BaseModel:
        """Execute the command with `arguments`, an instance of `Arguments`, and return an instance of `Result`."""
        ...


def load(name: str) -> CommandModule:
    """Import and return the module of the command `name`, which is in `COMMANDS`."""
    return cast("CommandModule", importlib.import_module(COMMANDS[name]))


async def run(name: str, arguments: Sequence[object], snapshot: Snapshot, services: Services) -> dict[str, Any]:
    """Execute the command `name` and return its result as JSON.

    Raises:
        JsonRpcInvalidParams: there is no such command, or `arguments` do not fit its schema.
        JsonRpcException: the command failed.
    """
    if name not in COMMANDS:
        raise JsonRpcInvalidParams(f"there is no command {name}; there are {', '.join(COMMANDS)}")
    if len(arguments) > 1:
        raise JsonRpcInvalidParams(f"{name} takes one object, not {len(arguments)} arguments")
    command = await asyncio.get_running_loop().run_in_executor(services.pool, load, name)
    given = arguments[0] if arguments and arguments[0] is not None else {}
    result = await command.execute(snapshot, services, _validate(name, command.Arguments, given))
    return result.model_dump(mode="json")


def _validate(name: str, model: type[BaseModel], given: object) -> BaseModel:
    """Return the JSON `given` as a record of the class `model`. Raises JsonRpcInvalidParams."""
    from pydantic import ValidationError  # noqa: PLC0415 (the command's module has loaded it by now)

    try:
        return model.model_validate(given, strict=True)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
        raise JsonRpcInvalidParams(f"{name} does not take that: {wrong}") from None
