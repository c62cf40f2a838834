"""An editor that speaks the Agent Client Protocol, with the package's own client side, and the real `starling acp`.

Start at `Editor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import acp
from acp import schema, text_block

from tests.wire.conftest import ROOT, WAIT_S, wait_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

PROGRAM = [sys.executable, str(ROOT / "starling_lsp.py"), "acp"]


async def allow_once(editor: Editor) -> str:
    """Choose "Apply" or "Run"."""
    del editor
    return "approve"


async def reject(editor: Editor) -> str:
    """Choose "Reject"."""
    del editor
    return "reject"


class Editor:
    """The client's side: stores what comes, and answers permission requests.

    Attributes:
        agent: the connection to the agent; its methods are the protocol's.
        process: the agent's process.
        workspace: the folder of its sessions.
        updates: all updates, with the session of each.
        questions: all permission requests.
        choose: returns the id of the option to answer with, "" to cancel.
    """

    def __init__(self, workspace: Path) -> None:
        self.agent: Any = None
        self.process: asyncio.subprocess.Process = None  # type: ignore[assignment]
        self.workspace = workspace
        self.updates: list[tuple[str, Any]] = []
        self.questions: list[tuple[schema.ToolCallUpdate, list[schema.PermissionOption]]] = []
        self.choose: Callable[[Editor], Awaitable[str]] = allow_once
        self.changed = asyncio.Event()

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        """Store an update."""
        self.updates.append((session_id, update))
        self.changed.set()

    async def request_permission(
        self, session_id: str, tool_call: schema.ToolCallUpdate, options: list[schema.PermissionOption], **_: Any
    ) -> schema.RequestPermissionResponse:
        """Answer as `choose` says."""
        del session_id
        self.questions.append((tool_call, options))
        self.changed.set()
        option = await self.choose(self)
        if not option:
            return schema.RequestPermissionResponse(outcome=schema.DeniedOutcome(outcome="cancelled"))
        return schema.RequestPermissionResponse(outcome=schema.AllowedOutcome(outcome="selected", option_id=option))

    async def begin(self) -> str:
        """Initialize the connection and begin a session; return its id."""
        await wait_for(self.agent.initialize(1, client_info=schema.Implementation(name="a test", version="1")))
        return str((await wait_for(self.agent.new_session(str(self.workspace), mcp_servers=[]))).session_id)

    async def ask(self, session: str, request: str) -> str:
        """Send a prompt; return the reason for the end of the turn."""
        return str((await wait_for(self.agent.prompt(session, [text_block(request)]))).stop_reason)

    def list_updates(self, kind: str, session: str = "") -> list[Any]:
        """Return the updates of one kind, of one session if one is given."""
        return [one for of, one in self.updates if one.session_update == kind and session in {"", of}]

    def read_text(self, kind: str = "agent_message_chunk", session: str = "") -> str:
        """Return the text of all updates of one kind."""
        return "".join(one.content.text for one in self.list_updates(kind, session))

    async def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds, which is looked at whenever something comes."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def start_editor(workspace: Path, home: Path) -> AsyncIterator[Editor]:
    """Yield an editor that has started `starling acp`; end the process afterwards."""
    editor = Editor(workspace)
    environment = {**os.environ, "STARLING_HOME": str(home)}
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
        cwd=workspace,
        limit=1 << 27,
    )
    editor.process = process
    client: Any = editor  # has the methods of the protocol's client that an agent calls here
    editor.agent = acp.connect_to_agent(client, process.stdin, process.stdout, use_unstable_protocol=True)
    try:
        yield editor
    finally:
        await editor.agent.close()
        with contextlib.suppress(ProcessLookupError):
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), WAIT_S)
            finally:
                if process.returncode is None:
                    process.kill()
