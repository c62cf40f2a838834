"""Real servers with accounts over TLS that share a home, and `starling connect` in front of them, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
import uuid
from typing import TYPE_CHECKING, Any

from argon2 import PasswordHasher

from server.access.login_client import request_tokens
from server.access.records import Account, Kind
from server.access.roles import Role
from server.assembly.gates import open_state
from server.state.access.account_store import AccountStore
from server.state.access.login_files import LoginFiles
from tests.server.access.certificates import write_certificate
from tests.wire.conftest import PROGRAM, wait_for
from tests.wire.serving import RawStream, build_initialize

if TYPE_CHECKING:
    from pathlib import Path

    from tests.wire.serving import Starts

PASSWORD = "a garden of nine hedgehogs"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # its parameters are part of each hash


class RemoteServers:
    """Servers that share the state in one home, so that a login at one is one at all.

    Attributes:
        folder: holds `shared`, which accounts may open, and the certificate.
        port: the port for editors, once a server runs.
        logins: the address for logins.
        process: the server that was started last.
    """

    def __init__(self, folder: Path, starts: Starts = contextlib.nullcontext) -> None:
        """Prepare certificate and state; `starts` are entered while a process is started (`tests.wire.forking`)."""
        self.folder = folder
        self._starts = starts
        (folder / "shared").mkdir()
        self.accounts = AccountStore(open_state())
        self.certificate, self._key = write_certificate(folder)
        self.port = self.logins_port = 0
        self.process: asyncio.subprocess.Process | None = None
        self._editors: list[BridgedEditor] = []

    @property
    def logins(self) -> str:
        """The address for logins."""
        return f"https://localhost:{self.logins_port}"

    def add_account(self, name: str, role: Role = Role.DEVELOPER) -> None:
        """Add an account with the test's password."""
        proof = CHEAP.hash(PASSWORD)
        self.accounts.add(Account(uuid.uuid4().hex, name, Kind.PERSON, role, False, "", proof, 0.0))

    async def start(self) -> None:
        """Start a server, at the same ports as the one before, and wait until it listens."""
        options = ["--login", f"127.0.0.1:{self.logins_port}", "--tls-cert", str(self.certificate), "--tls-key"]
        ours = {"STARLING_MODEL__ENABLED": "false", "STARLING_ACCESS__WORKSPACES": str(self.folder / "shared")}
        with self._starts():
            process = await asyncio.create_subprocess_exec(
                *PROGRAM, "--ws", f"127.0.0.1:{self.port}", *options, str(self._key),
                env={**os.environ, **ours}, stderr=asyncio.subprocess.PIPE, cwd=self.folder,
            )  # fmt: skip
        self.process = process
        assert process.stderr is not None
        said = ""
        while "listening on" not in said:
            line = (await wait_for(process.stderr.readline())).decode()
            assert line, said
            said += line
        found = re.search(
            r"log in at https://127\.0\.0\.1:(\d+)\n(?:.*\n)*.*listening on wss://127\.0\.0\.1:(\d+)", said
        )
        assert found is not None, said
        self.logins_port, self.port = int(found[1]), int(found[2])

    async def stop(self, *, killed: bool = False) -> None:
        """End the server that was started last, with SIGKILL if `killed`."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            (self.process.kill if killed else self.process.terminate)()
        await wait_for(self.process.wait())

    async def log_in(self, name: str) -> str:
        """Log in as `starling login` does, which stores the tokens; return the refresh token."""
        form = {"grant_type": "password", "username": name, "password": PASSWORD}
        trusted = ssl.create_default_context(cafile=self.certificate)
        tokens = await asyncio.to_thread(request_tokens, self.logins, form, trusted)
        stored = {"access": tokens.access, "expires": tokens.expires, "refresh": tokens.refresh}
        await asyncio.to_thread(LoginFiles(self.logins).write, stored)
        return tokens.refresh

    async def connect(self, *options: str) -> BridgedEditor:
        """Start `starling connect` for the server."""
        process = await asyncio.create_subprocess_exec(
            PROGRAM[0], PROGRAM[1], "connect", f"wss://localhost:{self.port}", "--login", self.logins,
            "--ca", str(self.certificate), *options,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._editors.append(BridgedEditor(process))
        return self._editors[-1]

    async def close(self) -> None:
        """End the server and all programs that were started."""
        for editor in self._editors:
            with contextlib.suppress(ProcessLookupError):
                editor.process.kill()
            await wait_for(editor.process.communicate())
        await self.stop()


class BridgedEditor:
    """An editor that speaks with `starling connect`.

    Attributes:
        process: the program.
        raw: its messages.
        shown: messages to the person.
        answers: answers by the request's id; a test fails if one is answered twice.
        published: diagnostics by URI.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stdin is not None
        self.raw = RawStream(process.stdout, process.stdin)
        self.shown: list[str] = []
        self.answers: dict[object, dict[str, Any]] = {}
        self.received: list[dict[str, Any]] = []
        self._ids = iter(range(2, 10_000))

    async def begin(self, folder_uri: str, **params: object) -> dict[str, Any]:
        """Begin a session; return the answer to `initialize`."""
        given = {
            "processId": os.getpid(), "workspaceFolders": [{"uri": folder_uri, "name": "w"}],
            "capabilities": {"textDocument": {"diagnostic": {}}}, **params,
        }  # fmt: skip
        await self.raw.send(build_initialize(**given))
        answer = await self.wait_for_answer(1)
        if "result" in answer:
            await self.notify("initialized", {})
        return answer

    async def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        await self.raw.send({"jsonrpc": "2.0", "method": method, "params": params})

    async def send(self, method: str, params: object = None) -> int:
        """Send a request; return its id."""
        identity = next(self._ids)
        await self.raw.send({"jsonrpc": "2.0", "id": identity, "method": method, "params": params})
        return identity

    async def ask(self, method: str, params: object = None) -> dict[str, Any]:
        """Send a request; return its answer."""
        return await self.wait_for_answer(await self.send(method, params))

    async def run(self, command: str, **arguments: object) -> dict[str, Any]:
        """Run a command of the server; return the answer."""
        return await self.ask("workspace/executeCommand", {"command": command, "arguments": [arguments]})

    async def open(self, uri: str, text: str) -> None:
        """Open a document."""
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        await self.notify("textDocument/didOpen", {"textDocument": document})

    async def list_findings(self, uri: str) -> list[str]:
        """Return the messages of all findings in an open document."""
        return read_findings(await self.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}}))

    async def wait_for_answer(self, identity: object) -> dict[str, Any]:
        """Return the answer to a request."""
        while identity not in self.answers:
            await self.take()
        return self.answers[identity]

    async def wait_for_message(self, text: str) -> str:
        """Return the first message to the person with `text` in it."""
        while True:
            for one in self.shown:
                if text in one:
                    return one
            await self.take()

    async def take(self) -> None:
        """Take the next message of the program, and answer requests as an editor without such a feature."""
        message = await self.raw.receive()
        self.received.append(message)
        if "method" not in message:
            assert message["id"] not in self.answers, message
            self.answers[message["id"]] = message
        elif message["method"] == "window/showMessage":
            self.shown.append(message["params"]["message"])
        elif "id" in message:
            await self.raw.send({"jsonrpc": "2.0", "id": message["id"], "result": None})

    async def end(self) -> int:
        """End the session as an editor does; return the program's exit status."""
        await self.ask("shutdown")
        await self.notify("exit", None)
        return await wait_for(self.process.wait())

    async def read_errors(self) -> str:
        """Return what the program wrote to standard error until its end."""
        assert self.process.stderr is not None
        said = (await wait_for(self.process.stderr.read())).decode()
        await wait_for(self.process.wait())
        return said


def read_findings(answer: dict[str, Any]) -> list[str]:
    """Return the messages of the findings in an answer to `textDocument/diagnostic`."""
    return [one["message"] for one in answer["result"]["items"]]
