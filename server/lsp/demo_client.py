"""A language client without an editor: starts `starling serve` as a child process and speaks LSP with it over stdio.

Uses the protocol only, no internals of the server. Start at `DemoClient.start`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


# -P and -E ignore the current folder and Python's environment variables, as for a server that an editor starts.
COMMAND = (sys.executable, "-P", "-E", str(Path(__file__).resolve().parents[2] / "starling_lsp.py"), "serve", "--stdio")
ANSWER_S = 60.0
END_S = 10.0
INVOKED = types.InlineCompletionTriggerKind.Invoked
AUTOMATIC = types.InlineCompletionTriggerKind.Automatic


class Place(Protocol):
    """A place in a file at which to ask for a completion."""

    @property
    def path(self) -> Path:
        """Absolute path of the file."""
        ...

    @property
    def relative(self) -> str:
        """Path of the file from the workspace's folder."""
        ...

    @property
    def language(self) -> str:
        """Starling's name of the file's language."""
        ...

    @property
    def text(self) -> str:
        """The file's text without the rest of the cursor's line."""
        ...

    @property
    def line(self) -> int:
        """The cursor's line, from 0."""
        ...

    @property
    def before(self) -> str:
        """The text before the cursor on its line."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's first suggestion at a place.

    Attributes:
        text: the text to insert, "" for no suggestion.
        replaces_from: number of characters before the cursor that the text replaces.
        replaces_to: number of characters after the cursor that the text replaces.
        origin: how the suggestion was made (`agents.suggestions.Origin`).
        confidence: 0 to 1, None if unknown.
        model: the model's name, "" for none.
        took_ms: milliseconds from sending the request to receiving the answer.
    """

    text: str
    replaces_from: int
    replaces_to: int
    origin: str
    confidence: float | None
    model: str
    took_ms: float


class DemoClient(LanguageClient):
    """A language client that starts a server process of its own and is its only client.

    Attributes:
        root: the workspace's folder.
        initialize_ms: milliseconds from starting the server to its answer to `initialize`.
        problems: warnings and errors of the server: its messages, error answers and standard error.
    """

    def __init__(self, root: Path, on_progress: Callable[[int], None]) -> None:
        super().__init__("starling demo", VERSION)
        self.root = root
        self.initialize_ms = 0.0
        self._versions = 0
        self._drain: asyncio.Task[None] | None = None
        self.problems: list[str] = []

        def report_percentage(params: types.ProgressParams) -> None:
            """Call `on_progress` with the percentage of a progress notification, if it has one."""
            percentage = to_plain_json(params.value).get("percentage")
            if percentage is not None:
                on_progress(int(percentage))

        answers: dict[str, Callable[[Any], object]] = {
            types.WINDOW_WORK_DONE_PROGRESS_CREATE: lambda _: None,
            types.PROGRESS: report_percentage,
            types.WORKSPACE_CONFIGURATION: lambda params: [None for _ in params.items],
            types.CLIENT_REGISTER_CAPABILITY: lambda _: None,
            types.WINDOW_SHOW_MESSAGE: lambda params: self.problems.append(params.message),
            types.WINDOW_LOG_MESSAGE: lambda _: None,
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS: lambda _: None,
        }
        for method, answer in answers.items():
            self.feature(method)(answer)

    @classmethod
    async def start(cls, root: Path, on_progress: Callable[[int], None]) -> Self:
        """Start `starling serve` on the workspace `root`, initialize it and return its client.

        `on_progress` is called with the percentages of the server's progress bars.

        Raises:
            RuntimeError: the server ended before it answered.
            TimeoutError: the server did not answer in time.
        """
        client = cls(root, on_progress)
        await client.launch(COMMAND)
        return client

    async def launch(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start the server process with `command` and initialize it; raises as `start`.

        The process gets `environment`, or this process's own without one.
        """
        begun = time.perf_counter()
        await self.start_io(*command, cwd=self.root, env=environment)
        self._drain = asyncio.create_task(self._read_errors())
        capabilities = types.ClientCapabilities(
            general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf32]),
            window=types.WindowClientCapabilities(work_done_progress=True),
            workspace=types.WorkspaceClientCapabilities(configuration=True, workspace_folders=True),
            text_document=types.TextDocumentClientCapabilities(
                inline_completion=types.InlineCompletionClientCapabilities()
            ),
        )
        folder = types.WorkspaceFolder(self.root.as_uri(), self.root.name)
        request = types.InitializeParams(
            capabilities, process_id=os.getpid(), root_uri=self.root.as_uri(), workspace_folders=[folder],
            client_info=types.ClientInfo("starling demo", VERSION),
        )  # fmt: skip
        await asyncio.wait_for(self.initialize_async(request), ANSWER_S)
        self.initialize_ms = (time.perf_counter() - begun) * 1000
        self.initialized(types.InitializedParams())

    @property
    def process_id(self) -> int:
        """The server's process id, 0 before it is started."""
        return 0 if self._server is None else self._server.pid

    async def run_command(self, name: str) -> dict[str, Any]:
        """Run the server's command `name` without arguments; return its result as plain JSON.

        Raises:
            TimeoutError: the server did not answer within `ANSWER_S`.
            JsonRpcException: the command failed.
        """
        params = types.ExecuteCommandParams(name, [])
        answer: dict[str, Any] = to_plain_json(
            await asyncio.wait_for(self.workspace_execute_command_async(params), ANSWER_S)
        )
        return answer

    async def complete(self, place: Place, trigger: types.InlineCompletionTriggerKind) -> Answer:
        """Open the file of `place` with the place's text, request a completion at the cursor, and close the file.

        Return the first suggestion. An error answer counts as no suggestion and is added to `problems`; TimeoutError is
        raised if no answer comes within `ANSWER_S`.
        """
        uri = place.path.as_uri()
        self._versions += 1
        item = types.TextDocumentItem(uri, place.language, self._versions, place.text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))
        begun = time.perf_counter()
        try:
            return await self._request_completion(uri, place, trigger)
        except JsonRpcException as error:
            self.problems.append(f"{place.relative}:{place.line + 1}: {error}")
            return Answer("", 0, 0, "", None, "", (time.perf_counter() - begun) * 1000)
        finally:
            self.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    async def _request_completion(self, uri: str, place: Place, trigger: types.InlineCompletionTriggerKind) -> Answer:
        """Request a completion at the cursor of `place`; return its first suggestion, with the text "" for none."""
        position = types.Position(place.line, len(place.before))  # in UTF-32 a unit is a character
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(trigger), types.TextDocumentIdentifier(uri), position
        )
        begun = time.perf_counter()
        result = await asyncio.wait_for(self.text_document_inline_completion_async(params), ANSWER_S)
        took_ms = (time.perf_counter() - begun) * 1000
        items = result.items if isinstance(result, types.InlineCompletionList) else list(result or ())
        if not items:
            return Answer("", 0, 0, "", None, "", took_ms)
        item = items[0]
        text = item.insert_text if isinstance(item.insert_text, str) else item.insert_text.value
        span = item.range or types.Range(position, position)
        facts = _read_facts(item)
        return Answer(
            text,
            _count_replaced(position, span),
            max(0, span.end.character - position.character),
            str(facts.get("origin", "")),
            facts.get("confidence"),
            str(facts.get("model", "")),
            took_ms,
        )

    async def finish(self) -> None:
        """Shut the server down as an editor does; kill it if that fails or it does not end in time."""
        try:
            await asyncio.wait_for(self.shutdown_async(None), END_S)
            self.exit(None)
            await asyncio.wait_for(self.stop(), END_S)  # type: ignore[no-untyped-call]
        except (TimeoutError, RuntimeError, OSError):
            if self._server is not None and self._server.returncode is None:
                self._server.kill()
        finally:
            if self._drain is not None:
                self._drain.cancel()

    async def _read_errors(self) -> None:
        """Read the server's standard error into `problems`, so that the server never blocks on it.

        After each line only the 21 newest problems are kept.
        """
        if self._server is None or self._server.stderr is None:
            return
        while line := await self._server.stderr.readline():
            self.problems = [*self.problems[-20:], line.decode(errors="replace").rstrip()]


def _count_replaced(position: types.Position, span: types.Range) -> int:
    """Return the number of characters between the start of `span` and the cursor, 0 if they are on different lines."""
    return max(0, position.character - span.start.character) if span.start.line == position.line else 0


def to_plain_json(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """Return `value`, in which pygls has turned JSON objects into named tuples, as plain JSON."""
    if hasattr(value, "_asdict"):
        return {name: to_plain_json(inner) for name, inner in value._asdict().items()}
    if isinstance(value, dict):
        return {name: to_plain_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain_json(inner) for inner in value]
    return value


def _read_facts(item: types.InlineCompletionItem) -> dict[str, Any]:
    """Return the suggestion's origin, confidence and model from its command's arguments; {} if it has none."""
    arguments = item.command.arguments if item.command is not None else None
    facts = to_plain_json(arguments[0]) if arguments else {}
    return facts if isinstance(facts, dict) else {}
