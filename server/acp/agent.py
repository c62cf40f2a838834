"""The agent of the protocol: its methods, each of which finds a session and has it act. Start at `StarlingAgent`.

The package calls the methods by name, with the fields of a request as keywords; its answers go to the client as they
are. A failure is a `RequestError` with a sentence for a person.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acp import PROTOCOL_VERSION, RequestError, schema

from agents.ports.failures import StateError
from agents.ports.sessions import SessionUnavailable
from agents.team.permissions.modes import Mode
from indexing.workspace.origins import parse_file_uri
from server.acp import prompts
from server.acp.session import MODE_OPTION, NO_SERVERS, UNTITLED, Connected, SessionBusy, open_session
from server.acp.tool_calls import clean_text
from server.assembly import core as cores
from server.assembly.gates import open_state
from server.assembly.team import name_workspace
from server.assembly.workspaces import Workspaces, resolve_folders
from server.state.session_store import SessionStore
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agents.ports.sessions import Session
    from server.acp.session import LiveSession
    from server.assembly.core import Builder

logger = logging.getLogger(__name__)

INVALID_REQUEST, INVALID_PARAMS, INTERNAL_ERROR, NOT_FOUND = -32600, -32602, -32603, -32002
MOST_LISTED = 200
LONGEST_NAME = 40


class StarlingAgent:
    """The agent of one connection. On one event loop.

    Args:
        build: builds the core of a workspace.
    """

    def __init__(self, build: Builder = cores.build) -> None:
        self._connection: Any = None
        self._name = "acp"
        self._workspaces = Workspaces(build)
        self._sessions: dict[str, LiveSession] = {}
        self._state = open_state(lambda sentence: logger.warning("%s", sentence))
        self._store = SessionStore(self._state)

    def on_connect(self, conn: Any) -> None:  # noqa: ANN401 (untyped where the package is missing)
        """Store the connection, through which updates and questions are sent."""
        self._connection = conn

    async def initialize(
        self, protocol_version: int, client_info: schema.Implementation | None = None, **_: object
    ) -> schema.InitializeResponse:
        """Store the client's name; return what this agent can do, and the one version of the protocol it speaks."""
        del protocol_version
        if client_info is not None:
            self._name = clean_text(" ".join(client_info.name.split()))[:LONGEST_NAME] or self._name
        sessions = schema.SessionCapabilities(
            list=schema.SessionListCapabilities(),
            resume=schema.SessionResumeCapabilities(),
            close=schema.SessionCloseCapabilities(),
            additional_directories=schema.SessionAdditionalDirectoriesCapabilities(),
        )
        return schema.InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=schema.AgentCapabilities(load_session=True, session_capabilities=sessions),
            agent_info=schema.Implementation(name="starling", title="Starling", version=VERSION),
            auth_methods=[],
        )

    async def new_session(
        self,
        cwd: str,
        additional_directories: list[str] | None = None,
        mcp_servers: Sequence[object] | None = None,
        **_: object,
    ) -> schema.NewSessionResponse:
        """Create and open a session in the workspace of `cwd` and `additional_directories`; `mcp_servers` are not used.

        Raises:
            RequestError: a folder is no absolute path of a folder, or the session cannot be stored.
        """
        with _translate_failures():
            roots = await asyncio.to_thread(resolve_folders, [cwd, *(additional_directories or [])])
            session = await asyncio.to_thread(self._store.create, name_workspace(roots), title=UNTITLED)
            live = await self._open(session, roots, mcp_servers)
        return schema.NewSessionResponse(session_id=live.id, modes=live.modes, config_options=live.options)

    async def load_session(
        self,
        cwd: str,
        session_id: str,
        mcp_servers: Sequence[object] | None = None,
        additional_directories: list[str] | None = None,
        **_: object,
    ) -> schema.LoadSessionResponse:
        """Continue a session, and send its history before the answer; `mcp_servers` are not used.

        Raises:
            RequestError: a folder is no absolute path of a folder, the workspace has no such session, or the session
                cannot be opened or read.
        """
        with _translate_failures():
            live = await self._continue(session_id, [cwd, *(additional_directories or [])], mcp_servers)
            await live.replay()
        return schema.LoadSessionResponse(modes=live.modes, config_options=live.options)

    async def resume_session(
        self,
        session_id: str,
        cwd: str,
        additional_directories: list[str] | None = None,
        mcp_servers: Sequence[object] | None = None,
        **_: object,
    ) -> schema.ResumeSessionResponse:
        """Continue a session whose history the client has already; `mcp_servers` are not used.

        Raises:
            RequestError: as for `load_session`.
        """
        with _translate_failures():
            live = await self._continue(session_id, [cwd, *(additional_directories or [])], mcp_servers)
        return schema.ResumeSessionResponse(modes=live.modes, config_options=live.options)

    async def list_sessions(
        self, cwd: str | None = None, cursor: str | None = None, **_: object
    ) -> schema.ListSessionsResponse:
        """Return the newest sessions of the workspace folder `cwd` in which something was said.

        Without `cwd`, those of the workspaces of this connection, or else of the folder that this process began in. Of
        each folder considers the `MOST_LISTED` newest.

        Raises:
            RequestError: `cwd` is no absolute path of a folder, or the sessions cannot be read.
        """
        del cursor  # everything is on the first page
        with _translate_failures():
            folders = [cwd] if cwd is not None else [str(roots[0]) for roots in self._workspaces.roots]
            roots = await asyncio.to_thread(resolve_folders, folders or [str(Path.cwd())])
            found: list[Session] = []
            for root in roots:
                found += await asyncio.to_thread(self._store.list_newest, name_workspace([root]), MOST_LISTED)
        return schema.ListSessionsResponse(sessions=[_describe(session) for session in found if session.entries])

    async def close_session(self, session_id: str, **_: object) -> schema.CloseSessionResponse:
        """Cancel the session's turn and close it; its history stays stored. Does nothing if it is not open."""
        live = self._sessions.pop(session_id, None)
        if live is not None:
            await live.close()
        return schema.CloseSessionResponse()

    async def set_session_mode(self, session_id: str, mode_id: str, **_: object) -> schema.SetSessionModeResponse:
        """Set what agents may do in an open session, from the next turn on.

        Raises:
            RequestError: the session is not open, or there is no such mode.
        """
        self._find(session_id).set_mode(_parse_mode(mode_id))
        return schema.SetSessionModeResponse()

    async def set_config_option(
        self, config_id: str, session_id: str, value: object, **_: object
    ) -> schema.SetSessionConfigOptionResponse:
        """Set the mode, for clients that show options in place of modes; return all options.

        Raises:
            RequestError: the session is not open, or there is no such option or mode.
        """
        live = self._find(session_id)
        if config_id != MODE_OPTION:
            raise RequestError(INVALID_PARAMS, f"There is no option {config_id!r}; there is: {MODE_OPTION}.")
        live.set_mode(_parse_mode(str(value)))
        return schema.SetSessionConfigOptionResponse(config_options=live.options)

    async def prompt(self, session_id: str, prompt: Sequence[Any], **_: object) -> schema.PromptResponse:
        """Have the team answer a prompt, with updates while it works; return the reason for the end of the turn.

        Raises:
            RequestError: the session is not open, a turn of it runs, the prompt is empty or too long, or the session
                cannot be read or written.
        """
        live = self._find(session_id)
        with _translate_failures():
            workspace = live.workspace
            find_withholding_reason = workspace.core.index.find_withholding_reason
            request = await asyncio.to_thread(prompts.read_prompt, prompt, workspace.roots, find_withholding_reason)
            reason = await live.answer(request)
        return schema.PromptResponse(stop_reason=reason)

    async def cancel(self, session_id: str, **_: object) -> None:
        """Cancel the turn of a session; do nothing if there is none."""
        if (live := self._sessions.get(session_id)) is not None:
            live.cancel()

    async def close(self) -> None:
        """Cancel all turns, then close sessions, workspaces and the database."""
        await asyncio.gather(*(live.close() for live in self._sessions.values()), return_exceptions=True)
        self._sessions.clear()
        await self._workspaces.close()
        self._state.close()

    def _find(self, session: str) -> LiveSession:
        """Return the open session with the id `session`.

        Raises:
            RequestError: it was not begun, loaded or resumed in this connection.
        """
        live = self._sessions.get(session)
        if live is None:
            raise RequestError(NOT_FOUND, f"The session {session} is not open; load it, or begin another one.")
        return live

    async def _continue(self, session: str, folders: Sequence[str], servers: Sequence[object] | None) -> LiveSession:
        """Return the session with the id `session`, opened now unless it is open with the same folders.

        Raises:
            RequestError: there is no such session in the workspace of `folders`.
            ValueError: one of `folders` is no absolute path of a folder.
        """
        roots = await asyncio.to_thread(resolve_folders, folders)
        if (live := self._sessions.get(session)) is not None and live.workspace.roots == roots:
            return live
        stored = await asyncio.to_thread(self._store.get, session)
        if stored is None or stored.workspace != name_workspace(roots):
            raise RequestError(NOT_FOUND, f"There is no session {session} in {roots[0]}; `session/list` lists them.")
        await self.close_session(session)
        return await self._open(stored, roots, servers)

    async def _open(self, session: Session, roots: tuple[Path, ...], servers: Sequence[object] | None) -> LiveSession:
        """Open the workspace of `session`, build its team, and register and return the open session.

        If there are `servers`, its first turn says that these are not used.
        """
        workspace = await self._workspaces.open(roots)
        connected = Connected(self._connection, self._name, self._state)
        live = await open_session(connected, session, workspace, NO_SERVERS if servers else "")
        self._sessions[live.id] = live
        return live


def _parse_mode(name: str) -> Mode:
    """Return the mode with the name that a client gave.

    Raises:
        RequestError: there is no such mode.
    """
    try:
        return Mode(name)
    except ValueError:
        raise RequestError(INVALID_PARAMS, f"There is no mode {name!r}; there are: {', '.join(Mode)}.") from None


def _describe(session: Session) -> schema.SessionInfo:
    """Return a stored session as the protocol lists it."""
    folder = parse_file_uri(session.workspace)
    changed = dt.datetime.fromtimestamp(session.changed, dt.UTC).isoformat()
    return schema.SessionInfo(
        session_id=session.id, cwd=clean_text(str(folder or "")), title=clean_text(session.title), updated_at=changed
    )


@contextlib.contextmanager
def _translate_failures() -> Iterator[None]:
    """Replace errors whose message is written for a person by a `RequestError` with that message."""
    try:
        yield
    except ValueError as error:
        raise RequestError(INVALID_PARAMS, str(error)) from error
    except (SessionBusy, SessionUnavailable) as error:
        raise RequestError(INVALID_REQUEST, str(error)) from error
    except StateError as error:
        raise RequestError(INTERNAL_ERROR, str(error)) from error
