"""Three servers with accounts and TLS on one PostgreSQL, 200 editors that type, and what stops meanwhile.

    python -m tests.wire.three_servers [--seconds 300] [--clients 200] [--kill 60] [--restart 150] [--power-cut]

starts the servers, lets the clients type without a model, kills a server with SIGKILL every `--kill` seconds, restarts
PostgreSQL every `--restart` seconds, and prints the figures. Some clients also change a file with a person's yes, and
queue tasks that workers take. Afterwards each request must have one answer, each change must be in its file once and in
the records, none may be in the audit that is not in a file, and each accepted task must have been done once, in the
order of the queue. Changes that a file holds and the records call failed are printed by reason. As root on Linux each
server has a host name of its own, like a machine. Start at `measure`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from argon2 import PasswordHasher
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from agents.ports.failures import StateError
from benchmarks import workspaces
from benchmarks.record import compute_percentile
from server.access.login_client import request_tokens
from server.access.records import Account, Kind
from server.access.roles import Role
from server.state.access.account_store import AccountStore
from server.state.task_store import TaskStore
from tests.server.access.certificates import write_certificate
from tests.server.state.databases.restart_under_load import open_state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.workspaces import TypingPlace
    from server.state.database import State
    from tests.postgresql import Server as Database

ROOT = Path(__file__).resolve().parents[2]
SERVERS = 3
WRITERS = 10  # clients that also change files and queue tasks, each with an account of its own
SESSIONS_OF_ACCOUNT = 25  # a server admits 32
KEYS_A_SECOND = 5.0
WRITE_EVERY_S = 8.0
ADD_EVERY_S = 1.0
WORKERS = 2
FILES = 400
START_S = 90.0
AGAIN_S = 3.0  # until a killed server is started again
DOWN_S = 2.0  # until PostgreSQL is started again
LAST_S = 90.0  # for the last answers
RETRY_S = 0.5
PASSWORD = "a garden of nine hedgehogs"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # its parameters are part of each hash
SUPERSEDED = {-32800, -32801, -32802}
CAPABILITIES = {
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}},
    "window": {"showDocument": {"support": False}},
    "general": {"positionEncodings": ["utf-32"]},
    "textDocument": {"inlineCompletion": {}},
}
WITH_COMMAND = (
    "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
    "from server.lsp.commands import COMMANDS\n"
    "from server.lsp.session.visits import NEEDED\n"
    "from server.access.roles import Action\n"
    "COMMANDS['test.propose'], NEEDED['test.propose'] = 'tests.wire.proposing', Action.WORK\n"
    "from server.cli import run; sys.exit(run(sys.argv[1:]))\n"
)


class ServerProcess:
    """One server: a process that can be killed and started again at the same addresses.

    Attributes:
        url: the address for editors.
        logins: the address for logins.
        said: the lines that it printed.
    """

    def __init__(
        self, number: int, folder: Path, database: str, workspace: Path, certificate: tuple[Path, Path]
    ) -> None:
        self.name = f"starling-{number}"
        self._folder, self._database, self._workspace, self._certificate = folder, database, workspace, certificate
        self._ports = [0, 0]
        self.url = self.logins = ""
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.said: list[str] = []

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        home = self._folder / self.name
        home.mkdir(mode=0o700, exist_ok=True)
        ours = {
            "STARLING_HOME": str(home), "STARLING_MODEL__ENABLED": "false", "STARLING_RESIDENT": "off",
            "STARLING_ACCESS__WORKSPACES": str(self._workspace), "STARLING_STATE__DATABASE": self._database,
        }  # fmt: skip
        options = [
            "serve", "--ws", f"127.0.0.1:{self._ports[0]}", "--login", f"127.0.0.1:{self._ports[1]}",
            "--tls-cert", self._certificate[0], "--tls-key", self._certificate[1],
        ]  # fmt: skip
        self._process = await asyncio.create_subprocess_exec(
            *_give_name(self.name), sys.executable, "-c", WITH_COMMAND, str(ROOT), *options,
            env={**os.environ, **ours}, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL, cwd=home,
        )  # fmt: skip
        assert self._process.stderr is not None
        async with asyncio.timeout(START_S):
            while not self._ports[0] or not self.said or "listening on" not in self.said[-1]:
                line = (await self._process.stderr.readline()).decode()
                assert line, "".join(self.said)
                self.said.append(line)
                if "log in at " in line:
                    self.logins = line.split()[-1]
                    self._ports[1] = int(self.logins.rpartition(":")[2])
                if "listening on " in line:
                    self.url = line.split()[-1]
                    self._ports[0] = int(self.url.rpartition(":")[2])
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Keep what it prints."""
        assert self._process is not None
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self.said.append(line.decode())

    def measure_memory(self) -> int:
        """Return the memory of the server and the processes that it has started, MiB; shared pages count once."""
        assert self._process is not None
        first, total = psutil.Process(self._process.pid), 0
        for one in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += int(one.memory_full_info().pss)
        return round(total / 2**20)

    async def kill(self) -> None:
        """End it by SIGKILL, if it was started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._reading is not None:
            await self._reading


def _give_name(name: str) -> list[str]:
    """Return the beginning of a command line that gives a process the host name `name`; [] where that can't be done."""
    command = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]
    if os.getuid() or not shutil.which("unshare") or subprocess.run([*command, "true"], check=False).returncode:
        return []
    return command


@dataclass
class Figures:
    """The figures of all clients.

    Attributes:
        keys: keys typed.
        sent: requests for a completion.
        again: requests that were sent again to another server after a connection was lost.
        answers: answers by kind: "answered", "superseded", or the error.
        ms: milliseconds from each key to its answer, without the requests that were sent again.
        ms_again: milliseconds of those.
        reconnects: how often a client connected again, and the seconds that this took.
        late_ms: milliseconds by which the clients themselves were late.
        suggestions: answers with a suggestion.
        refusals: reasons why a server did not take a connection.
        writes: outcomes of proposed changes.
        sentences: what servers said where something did not succeed.
        tasks: titles of the tasks that were accepted, in that order.
        faults: messages that must not come, such as a second answer.
    """

    keys: int = 0
    sent: int = 0
    again: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    ms: list[float] = field(default_factory=list)
    ms_again: list[float] = field(default_factory=list)
    reconnects: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    suggestions: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    sentences: Counter[str] = field(default_factory=Counter)
    tasks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class LostConnection(Exception):  # noqa: N818 (not a fault)
    """The connection ended before the answer came."""


class Editor:
    """An editor that connects again to another server when its connection is lost, and opens its document again."""

    def __init__(self, number: int, token: str, world: World) -> None:
        self.number, self._token, self._world = number, token, world
        self._socket: ClientConnection | None = None
        self._receiving: asyncio.Task[None] | None = None
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._turn = number
        self.connected = asyncio.Event()
        self.documents: dict[str, tuple[int, str, str]] = {}  # version, text and language by URI
        self.on_request: Callable[[str, dict[str, Any]], Any] = lambda *_: None
        self._keeping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Connect, and stay connected until `end`."""
        self._keeping = asyncio.create_task(self._keep_connected())
        first = asyncio.create_task(self.connected.wait())
        await asyncio.wait((self._keeping, first), return_when=asyncio.FIRST_COMPLETED)
        if self._keeping.done():
            first.cancel()
            await self._keeping  # raises its error

    async def end(self) -> None:
        """End the session."""
        assert self._keeping is not None
        self._keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeping
        if self._socket is not None:
            await self._socket.close()

    async def _keep_connected(self) -> None:
        """Connect to a server, and to another one whenever the connection has ended."""
        lost = None
        while True:
            server = self._world.servers[self._turn % SERVERS]
            try:
                receiving = await self._connect(server)
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, LostConnection) as error:
                self._world.figures.refusals[f"{type(error).__name__}: {str(error)[:120]}"] += 1
                self._turn += 1
                await asyncio.sleep(RETRY_S * random.uniform(0.5, 1.5))  # noqa: S311 (spread)
                continue
            if lost is not None:
                self._world.figures.reconnects.append(time.monotonic() - lost)
            await receiving
            lost = time.monotonic()
            self._turn += 1

    async def _connect(self, server: ServerProcess) -> asyncio.Task[None]:
        """Connect, initialize and open the documents; return the task that receives messages."""
        self._socket = await connect(
            server.url, ssl=self._world.trusted, compression=None, max_size=None, open_timeout=20, ping_interval=None,
            additional_headers={"Authorization": f"Bearer {self._token}"}, subprotocols=["lsp"],  # type: ignore[list-item]
        )  # fmt: skip
        receiving = asyncio.create_task(self._receive(self._socket))
        try:
            folder = {"uri": self._world.workspace.as_uri(), "name": "load"}
            given = {"processId": None, "rootUri": None, "capabilities": CAPABILITIES, "workspaceFolders": [folder]}
            async with asyncio.timeout(30):
                await self.ask("initialize", {**given, "clientInfo": {"name": f"editor {self.number}"}})
                self.notify("initialized", {})
                for uri, (version, text, language) in self.documents.items():
                    item = {"uri": uri, "languageId": language, "version": version, "text": text}
                    self.notify("textDocument/didOpen", {"textDocument": item})
        except BaseException:
            if self._socket is not None:
                await self._socket.close()
            await receiving
            raise
        self.connected.set()
        return receiving

    def send(self, message: dict[str, Any]) -> None:
        """Send a message in the order of the calls; it is lost with the connection. Raises LostConnection."""
        if self._socket is None:
            raise LostConnection
        text = json.dumps({"jsonrpc": "2.0", **message})
        self._world.hold(asyncio.ensure_future(_send(self._socket, text)))

    def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        self.send({"method": method, "params": params})

    async def ask(self, method: str, params: object) -> dict[str, Any]:
        """Send a request and return its answer. Raises LostConnection."""
        number = next(self._ids)
        self._pending[number] = asyncio.get_running_loop().create_future()
        try:
            self.send({"id": number, "method": method, "params": params})
            return await self._pending[number]
        finally:
            self._pending.pop(number, None)

    async def run(self, command: str, **arguments: object) -> dict[str, Any]:
        """Run a command and return its answer. Raises LostConnection."""
        return await self.ask("workspace/executeCommand", {"command": command, "arguments": [arguments]})

    async def _receive(self, socket: ClientConnection) -> None:
        """Hand out messages until the connection ends."""
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                message = json.loads(text)
                if "method" not in message:
                    waiting = self._pending.get(message["id"])
                    if waiting is None or waiting.done():
                        self._world.figures.faults.append(f"an answer that nobody waits for: {text[:200]!r}")
                    else:
                        waiting.set_result(message)
                elif "id" in message:
                    result = self.on_request(message["method"], message.get("params") or {})
                    with contextlib.suppress(LostConnection):
                        self.send({"id": message["id"], "result": result})
        self._socket = None
        self.connected.clear()
        for waiting in list(self._pending.values()):
            if not waiting.done():
                waiting.set_exception(LostConnection())


async def _send(socket: ClientConnection, text: str) -> None:
    """Send a message; do nothing if the connection has ended."""
    with contextlib.suppress(ConnectionClosed):
        await socket.send(text)


class World:
    """The state that all clients share.

    Attributes:
        servers: the servers.
        workspace: the folder that they open.
        trusted: trusts the certificate.
        figures: what the clients saw.
        until: when they stop, by the monotonic clock.
    """

    def __init__(self, servers: Sequence[ServerProcess], workspace: Path, trusted: ssl.SSLContext) -> None:
        self.servers, self.workspace, self.trusted = servers, workspace, trusted
        self.figures = Figures()
        self.until = 0.0
        self._held: set[asyncio.Future[None]] = set()

    def hold(self, task: asyncio.Future[None]) -> None:
        """Keep a task until it is done."""
        self._held.add(task)
        task.add_done_callback(self._held.discard)

    @property
    def is_over(self) -> bool:
        """Whether the clients stop."""
        return time.monotonic() >= self.until


class Typist:
    """Types a line of a file again and again, and asks for a completion after each key."""

    def __init__(self, editor: Editor, place: TypingPlace, world: World) -> None:
        self.editor = editor
        self._world, self._figures = world, world.figures
        self._uri, self._line = place.path.as_uri(), place.line
        text = place.path.read_bytes().decode("utf-8").replace("\r\n", "\n")
        self._before, self._behind = text[: place.start], text[place.start + len(place.line) :]
        self._row, self._column = self._before.count("\n"), place.start - self._before.rfind("\n") - 1
        self._at, self._version = 0, 1
        editor.documents[self._uri] = (1, self._before + self._behind, "python")
        self._asking: set[asyncio.Task[None]] = set()

    async def type(self) -> None:
        """Type until the end, then wait for the last answers."""
        pace = random.Random(self._uri)  # noqa: S311 (times that repeat)
        due = time.monotonic() + pace.uniform(0, 1 / KEYS_A_SECOND)
        while not self._world.is_over:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._figures.late_ms.append(1e3 * (time.monotonic() - due))
            due += pace.uniform(0.5, 1.5) / KEYS_A_SECOND
            self._press()
        async with asyncio.timeout(LAST_S):
            await asyncio.gather(*self._asking)

    def _press(self) -> None:
        """Press the next key; at the end of the line delete it first."""
        start = {"line": self._row, "character": self._column}
        changes = []
        if self._at >= len(self._line):
            changes.append({"range": {"start": start, "end": self._find_cursor()}, "text": ""})
            self._at = 0
        here = self._find_cursor()
        changes.append({"range": {"start": here, "end": here}, "text": self._line[self._at]})
        self._at += 1
        self._version += 1
        self._figures.keys += 1
        text = self._before + self._line[: self._at] + self._behind
        self.editor.documents[self._uri] = (self._version, text, "python")
        if self.editor.connected.is_set():
            item = {"uri": self._uri, "version": self._version}
            self.editor.notify("textDocument/didChange", {"textDocument": item, "contentChanges": changes})
        task = asyncio.create_task(self._ask())
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _find_cursor(self) -> dict[str, int]:
        """Return the position of the cursor."""
        return {"line": self._row, "character": self._column + self._at}

    async def _ask(self) -> None:
        """Ask for a completion, again at another server if the connection is lost, and note the answer."""
        begun, position, attempts = time.monotonic(), self._find_cursor(), 0
        self._figures.sent += 1
        while True:
            attempts += 1
            await self.editor.connected.wait()
            params = {"textDocument": {"uri": self._uri}, "position": position, "context": {"triggerKind": 2}}
            try:
                answer = await self.editor.ask("textDocument/inlineCompletion", params)
                break
            except LostConnection:
                self._figures.again += attempts == 1
        took = 1e3 * (time.monotonic() - begun)
        if (error := answer.get("error")) is not None:
            kind = "superseded" if error["code"] in SUPERSEDED else f"{error['code']} {error['message'][:80]}"
        else:
            kind = "answered"
            self._figures.suggestions += bool((answer["result"] or {}).get("items"))
        self._figures.answers[kind] += 1
        (self._figures.ms if attempts == 1 else self._figures.ms_again).append(took)


class Writer:
    """Changes a file step by step, each step with a person's yes, and queues tasks.

    Attributes:
        applied: the steps that the editor has made.
    """

    def __init__(self, editor: Editor, world: World) -> None:
        self.editor = editor
        self._world, self._figures = world, world.figures
        self.name = f"writer{editor.number}"
        self.path = world.workspace / f"{self.name}.py"
        self.path.write_text("step = 0\n", encoding="utf-8")
        self._uri = self.path.as_uri()
        self.applied: list[int] = []
        editor.documents[self._uri] = (1, "step = 0\n", "python")
        editor.on_request = self._answer

    def _answer(self, method: str, params: dict[str, Any]) -> object:
        """Answer a request of the server as a person does who agrees to every change."""
        if method == "window/showMessageRequest":
            return next((one for one in params["actions"] if one["title"] == "Apply"), None)
        if method == "workspace/applyEdit":
            for change in params["edit"]["documentChanges"]:
                for edit in change["edits"]:
                    self._apply(edit)
            return {"applied": True}
        return [None] * len(params.get("items", ())) if method == "workspace/configuration" else None

    def _apply(self, edit: dict[str, Any]) -> None:
        """Make an edit of the one line, and save the file."""
        version, text, language = self.editor.documents[self._uri]
        start, end = edit["range"]["start"]["character"], edit["range"]["end"]["character"]
        text = text[:start] + edit["newText"] + text[end:]
        self.applied.append(int(text.split("=")[1]))
        self.editor.documents[self._uri] = (version + 1, text, language)
        self.path.write_text(text, encoding="utf-8")
        changes = [{"range": edit["range"], "text": edit["newText"]}]
        item = {"uri": self._uri, "version": version + 1}
        self.editor.notify("textDocument/didChange", {"textDocument": item, "contentChanges": changes})
        self.editor.notify("textDocument/didSave", {"textDocument": {"uri": self._uri}})

    @property
    def step(self) -> int:
        """The step that the text has."""
        return int(self.editor.documents[self._uri][1].split("=")[1])

    async def write(self) -> None:
        """Change the file until the end."""
        while not self._world.is_over:
            await self._take_step()
            await asyncio.sleep(WRITE_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 (spread)

    async def _take_step(self) -> None:
        """Propose the next step and approve it; one whose connection is lost is proposed again, if it was not made."""
        here = self.step
        title = f"{self.name} {here + 1}"
        step = {"kind": "text", "path": str(self.path), "old": f"step = {here}", "new": f"step = {here + 1}"}
        await self.editor.connected.wait()
        try:
            answer = await self.editor.run("test.propose", steps=[step], title=title)
        except LostConnection:
            self._figures.writes["connection lost"] += 1
            return
        outcome = answer.get("result", {}).get("outcome") or "error"
        self._figures.writes[outcome] += 1
        if outcome != "applied":
            said = answer.get("error", {}).get("message") or answer["result"]["reason"]
            self._figures.sentences[str(said)[:160]] += 1

    async def queue_tasks(self) -> None:
        """Queue numbered tasks until the end; each is added until it is accepted."""
        for number in itertools.count(1):
            if self._world.is_over:
                return
            key = f"{self.name} {number:05}"
            while True:
                await self.editor.connected.wait()
                try:
                    answer = await self.editor.run("starling.tasks", action="add", title=key, key=key)
                except LostConnection:
                    continue
                if "result" in answer:
                    break
                self._figures.sentences[str(answer["error"]["message"])[:160]] += 1
                await asyncio.sleep(RETRY_S)
            self._figures.tasks.append(key)
            await asyncio.sleep(ADD_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 (spread)


def do_tasks(state: State, place: str, name: str, over: threading.Event, done: list[str]) -> None:
    """Take tasks and finish them until there are none after `over`; blocking."""
    queue = TaskStore(state)
    while True:
        try:
            claimed = queue.claim(place, name)
        except StateError:
            if over.is_set():
                raise
            time.sleep(RETRY_S)
            continue
        if claimed is None:
            if over.is_set():
                return
            time.sleep(0.1)
            continue
        while True:
            try:
                queue.finish(claimed, name)
                break
            except StateError:
                time.sleep(RETRY_S)
        done.append(claimed.task.title)


async def disturb(world: World, database: Database, load: Load) -> Counter[str]:
    """Kill servers and restart PostgreSQL, as `load` says, until the end; return how often each was done."""
    begun, done = time.monotonic(), Counter[str]()
    whole = world.until - begun
    times = [(at, "servers killed") for at in _list_times(load.kill_s, whole)]
    times += [(at, "restarts of PostgreSQL") for at in _list_times(load.restart_s, whole)]
    turns = itertools.cycle(world.servers)
    for at, what in sorted(times):
        await asyncio.sleep(max(0.0, begun + at - time.monotonic()))
        if what == "servers killed":
            server = next(turns)
            await server.kill()
            await asyncio.sleep(AGAIN_S)
            await server.start()
        else:
            await asyncio.to_thread(database.stop, kill=load.power_cut)
            await asyncio.sleep(DOWN_S)
            await asyncio.to_thread(database.start)
        done[what] += 1
    return done


def _list_times(every_s: float, whole_s: float) -> list[float]:
    """Return the multiples of `every_s` up to `whole_s`; none for 0."""
    return [every_s * number for number in range(1, int(whole_s / every_s) + 1)] if every_s else []


@dataclass(frozen=True, slots=True)
class Load:
    """The options of a run.

    Attributes:
        clients: number of editors.
        seconds: how long they type.
        kill_s: seconds between two kills of a server; 0 for none.
        restart_s: seconds between two restarts of PostgreSQL; 0 for none.
        power_cut: whether PostgreSQL ends as after a power cut.
    """

    clients: int
    seconds: float
    kill_s: float
    restart_s: float
    power_cut: bool


async def measure(database: Database, folder: Path, load: Load) -> dict[str, Any]:
    """Run the servers and the clients, stop what is to be stopped, check what came of it, and return the figures.

    Raises:
        AssertionError: something was lost or doubled, done out of order, or answered with an error.
    """
    url = database.make_url("load")
    workspace = workspaces.make_workspace(folder / "code", FILES)
    certificate = write_certificate(folder)
    servers = [ServerProcess(number, folder, url, workspace, certificate) for number in range(SERVERS)]
    world = World(servers, workspace, ssl.create_default_context(cafile=certificate[0]))
    names = add_accounts(open_state(url), load.clients)
    try:
        for server in servers:
            await server.start()
        tokens = {name: await log_in(world, name) for name in names}
        return await run_clients(world, database, url, load, tokens)
    finally:
        for server in servers:
            await server.kill()


def add_accounts(state: State, clients: int) -> list[str]:
    """Add the accounts of the writers, of the typists and of an admin; return their names."""
    roles = {f"writer{number}": Role.APPROVER for number in range(WRITERS)}
    roles |= {f"typist{number}": Role.DEVELOPER for number in range(-(-clients // SESSIONS_OF_ACCOUNT))}
    accounts = AccountStore(state)
    for name, role in {**roles, "admin": Role.ADMIN}.items():
        accounts.add(Account(uuid.uuid4().hex, name, Kind.PERSON, role, False, "", CHEAP.hash(PASSWORD), 0.0))
    return [*roles, "admin"]


async def log_in(world: World, name: str) -> str:
    """Return an access token for the account `name`."""
    form = {"grant_type": "password", "username": name, "password": PASSWORD}
    return (await asyncio.to_thread(request_tokens, world.servers[0].logins, form, world.trusted)).access


async def run_clients(world: World, database: Database, url: str, load: Load, tokens: dict[str, str]) -> dict[str, Any]:
    """Connect all clients, let them work while servers and PostgreSQL stop, check the end, and return the figures."""
    places = workspaces.choose_typing_places(world.workspace, load.clients - WRITERS)
    assert len(places) == load.clients - WRITERS, f"{len(places)} places to type"
    writers = [Writer(Editor(number, tokens[f"writer{number}"], world), world) for number in range(WRITERS)]
    typists = [
        Typist(Editor(number, tokens[f"typist{number // SESSIONS_OF_ACCOUNT}"], world), place, world)
        for number, place in enumerate(places)
    ]
    editors = [one.editor for one in (*writers, *typists)]
    for number in range(0, len(editors), 20):
        await asyncio.gather(*(one.begin() for one in editors[number : number + 20]))
    await ask_each_server(world, tokens["admin"], "starling.status", until_indexed=True)
    world.until = time.monotonic() + load.seconds
    done: list[list[str]] = [[] for _ in range(WORKERS)]
    over = threading.Event()
    working = asyncio.gather(
        *(
            asyncio.to_thread(do_tasks, open_state(url), world.workspace.as_uri(), f"worker {number}", over, titles)
            for number, titles in enumerate(done)
        )
    )
    try:
        stopped, *_ = await asyncio.gather(
            disturb(world, database, load),
            *(one.type() for one in typists),
            *(one.write() for one in writers),
            *(one.queue_tasks() for one in writers),
        )
    finally:
        over.set()
    await working
    for number in range(WRITERS):  # each person closes what killed servers left open of theirs
        await ask_each_server(world, tokens[f"writer{number}"], "starling.approvals")
    memory = [server.measure_memory() for server in world.servers]
    for one in editors:
        await one.end()
    checked = check(open_state(url), world, writers, done)
    figures = world.figures
    return {
        "clients": load.clients,
        "seconds": load.seconds,
        **stopped,
        "each with a host name": bool(_give_name("one")),
        "keys": figures.keys,
        "keys a second": round(figures.keys / load.seconds, 1),
        "answers": dict(figures.answers),
        "with a suggestion": figures.suggestions,
        "ms p50, p95, p99": [round(compute_percentile(figures.ms, share), 1) for share in (50, 95, 99)],
        "sent again": figures.again,
        "ms of those, p50, p95, longest": _summarize(figures.ms_again),
        "reconnects": len(figures.reconnects),
        "seconds to reconnect, p50, p95, longest": _summarize(figures.reconnects),
        "clients late by ms, p50, p95": [round(compute_percentile(figures.late_ms, share), 1) for share in (50, 95)],
        "connections not taken": dict(figures.refusals.most_common(10)),
        "writes": dict(figures.writes),
        "tasks": len(figures.tasks),
        "sentences": dict(figures.sentences.most_common(20)),
        "MiB of each server": memory,
        **checked,
    }


def _summarize(values: Sequence[float]) -> list[float]:
    """Return median, 95th percentile and greatest of values; [] for none."""
    if not values:
        return []
    return [round(compute_percentile(values, 50), 2), round(compute_percentile(values, 95), 2), round(max(values), 2)]


async def ask_each_server(world: World, token: str, command: str, *, until_indexed: bool = False) -> None:
    """Run a command on each server; with `until_indexed`, until its status says that the index is ready."""
    for number in range(SERVERS):
        editor = Editor(number, token, world)
        await editor.begin()
        async with asyncio.timeout(START_S):
            while True:
                try:
                    answer = await editor.run(command)
                except LostConnection:  # the editor connects again
                    await editor.connected.wait()
                    continue
                result = answer["result"]
                assert not result.get("problem"), result
                if not until_indexed or (result["index"] or {}).get("state") == "ready":
                    break
                await asyncio.sleep(RETRY_S)
        await editor.end()


def check(state: State, world: World, writers: Sequence[Writer], done: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Compare answers, files and tables; return further figures. Raises AssertionError."""
    figures = world.figures
    assert not figures.faults, figures.faults[:5]
    assert sum(figures.answers.values()) == figures.sent == figures.keys, "requests without an answer"
    errors = {kind: number for kind, number in figures.answers.items() if kind not in {"answered", "superseded"}}
    assert not errors, errors
    with state.use_connection() as connection:
        requests = connection.execute("SELECT title, status, verdict, reason FROM requests").fetchall()
        audit = Counter(row[0] for row in connection.execute("SELECT title FROM audit WHERE written <> 0"))
        tasks = connection.execute("SELECT title, attempts, status FROM queued_tasks ORDER BY created, id").fetchall()
    unclosed = [row for row in requests if row[1] == "pending" or not row[2]]
    assert not unclosed, unclosed[:5]
    applied = Counter(row[0] for row in requests if row[2] == "applied")
    made = [f"{one.name} {step}" for one in writers for step in one.applied]
    for one in writers:
        assert one.applied == [*range(1, len(one.applied) + 1)], f"{one.name}: {one.applied}"
        assert one.path.read_text(encoding="utf-8") == f"step = {len(one.applied)}\n"
    assert not applied - Counter(made), f"recorded as made, and not made, or twice: {applied - Counter(made)}"
    assert audit == applied, f"audit: {(audit - applied, applied - audit)}"
    otherwise = {*made} - {*applied}
    assert otherwise <= {row[0] for row in requests}, "made and not recorded at all"
    assert sorted(row[0] for row in tasks) == sorted(figures.tasks), "tasks lost or doubled"
    assert all(row[2] == "done" for row in tasks), "tasks not done"
    order = {row[0]: number for number, row in enumerate(tasks)}
    for titles in done:
        assert [order[one] for one in titles] == sorted(order[one] for one in titles), "tasks out of order"
    return {
        "changes made": len(made),
        "made, and recorded otherwise": dict(Counter(f"{row[2]}: {row[3]}" for row in requests if row[0] in otherwise)),
        "requests by verdict": dict(Counter(row[2] for row in requests)),
        "tasks done": len(tasks),
        "tasks begun twice": sum(row[1] > 1 for row in tasks),
    }


def main() -> None:
    """Run the measurement and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--kill", type=float, default=60.0, help="seconds between two kills of a server; 0 for none")
    parser.add_argument("--restart", type=float, default=150.0, help="seconds between two restarts of PostgreSQL")
    parser.add_argument("--power-cut", action="store_true", help="end PostgreSQL as after a power cut")
    chosen = parser.parse_args()
    from tests.postgresql import Server as Database  # noqa: PLC0415 (for the measurement alone)

    database = Database()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            load = Load(chosen.clients, chosen.seconds, chosen.kill, chosen.restart, chosen.power_cut)
            figures = asyncio.run(measure(database, Path(folder), load))
    finally:
        database.remove()
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
