"""A real server with accounts over TLS: who is admitted, what each role may do, and whose workspaces are opened."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import ssl
import time
import uuid
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.access.keys import KeyRing
from server.access.login_client import LoginFailed, request_tokens, revoke
from server.access.records import Account, Kind
from server.access.roles import Role, is_allowed
from server.assembly.gates import open_state
from server.lsp.session.visits import NEEDED
from server.state import paths
from server.state.access.account_store import AccountStore
from server.state.access.key_store import KeyStore
from server.state.access.login_files import LoginFiles
from server.state.access.viewers import Viewer
from server.state.session_store import SessionStore
from tests.server.access.certificates import write_certificate
from tests.wire import forking
from tests.wire.conftest import PROGRAM, wait_for
from tests.wire.serving import RawSocket, RawStream, build_initialize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PASSWORD = "a garden of nine hedgehogs"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # its parameters are part of each hash


class Server:
    """A running server with accounts, named like their roles.

    Attributes:
        transport: "tcp" or "ws".
        port: the port for editors.
        logins: the address for logins.
        trusted: trusts the server's certificate.
        accounts: the accounts, in the state that the server uses.
        keys: its keys.
        refresh: a refresh token of each role that has logged in.
    """

    def __init__(self, transport: str, port: int, logins: str, trusted: ssl.SSLContext) -> None:
        self.transport, self.port, self.logins, self.trusted = transport, port, logins, trusted
        state = open_state()
        self.accounts, self.keys = AccountStore(state), KeyRing(KeyStore(state))
        self.refresh: dict[str, str] = {}

    async def log_in(self, name: str, password: str = PASSWORD) -> str:
        """Log in and return an access token."""
        form = {"grant_type": "password", "username": name, "password": password}
        tokens = await asyncio.to_thread(request_tokens, self.logins, form, self.trusted)
        self.refresh[name] = tokens.refresh
        return tokens.access

    async def open(self, token: str | None = None, **options: Any) -> RawSocket | RawStream:
        """Open a connection, with `token` in its HTTP header if given."""
        if self.transport == "tcp":
            return RawStream(*await wait_for(asyncio.open_connection("localhost", self.port, ssl=self.trusted)))
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        url = f"wss://localhost:{self.port}"
        opening = connect(url, ssl=self.trusted, additional_headers=headers, compression=None, **options)
        return RawSocket(await wait_for(opening))

    async def begin(self, token: str, folder: Path | None = None) -> RawSocket | RawStream:
        """Open a connection with `token` in `initialize`; return it once that is answered."""
        raw = await self.open()
        given = {"workspaceFolders": [{"uri": folder.as_uri(), "name": "w"}]} if folder is not None else {}
        await raw.send(build_initialize(token, **given))
        while "result" not in (answer := await raw.receive()):
            assert answer.get("method") == "window/showMessage", answer
        await raw.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
        return raw


@pytest.fixture
async def server(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    """Run a server with an account for each role, and one workspace that they may open."""
    transport = getattr(request, "param", "ws")
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    (tmp_path / "shared" / "project").mkdir(parents=True)
    accounts = AccountStore(open_state())
    for role in Role:
        accounts.add(Account(uuid.uuid4().hex, role.value, Kind.PERSON, role, False, "", CHEAP.hash(PASSWORD), 0.0))
    certificate, key = write_certificate(tmp_path)
    options = ["--login", "127.0.0.1:0", "--tls-cert", str(certificate), "--tls-key", str(key)]
    ours = {"STARLING_MODEL__ENABLED": "false", "STARLING_ACCESS__WORKSPACES": str(tmp_path / "shared")}
    with forking.choose_start(request)():
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, f"--{transport}", "127.0.0.1:0", *options,
            env={**os.environ, **ours}, stderr=asyncio.subprocess.PIPE, cwd=tmp_path,
        )  # fmt: skip
    assert process.stderr is not None
    said = ""
    while "listening on" not in said:
        line = (await wait_for(process.stderr.readline())).decode()
        assert line, said
        said += line
    assert "token" not in said
    logins = re.search(r"log in at (https://127\.0\.0\.1:\d+)\n", said)
    port = re.search(r"listening on (?:wss|tls)://127\.0\.0\.1:(\d+)\n", said)
    assert logins is not None
    assert port is not None
    try:
        yield Server(transport, int(port[1]), logins[1], ssl.create_default_context(cafile=certificate))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        assert await wait_for(process.wait()) == 0


BOTH = pytest.mark.parametrize("server", ["tcp", "ws"], indirect=True)


# Who is admitted


def encode(part: object) -> str:
    """Return JSON as a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def make_claims(server: Server, **changes: Any) -> dict[str, Any]:
    """Return the claims of a valid token of the admin, with `changes`."""
    account, now = server.accounts.find("admin"), int(time.time())
    assert account is not None
    claims = {"iss": "starling", "aud": "starling", "sub": account.id, "iat": now, "nbf": now, "exp": now + 900}
    return claims | changes


def sign(server: Server, **changes: Any) -> str:
    """Return a token with these claims, signed by the server's key."""
    name, key = server.keys.get_signing_key()
    return jwt.encode(make_claims(server, **changes), key, algorithm="RS256", headers={"kid": name})


def sign_foreign(server: Server) -> str:
    """Return a token signed by another key."""
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(make_claims(server), foreign, "RS256", headers={"kid": server.keys.get_signing_key()[0]})


def sign_nothing(server: Server) -> str:
    """Return a token whose algorithm is none."""
    return f"{encode({'alg': 'none', 'kid': server.keys.get_signing_key()[0]})}.{encode(make_claims(server))}."


def confuse(server: Server) -> str:
    """Return a token signed with HS256 and the server's public key as the secret."""
    name, key = server.keys.get_signing_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    secret = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    text = f"{encode({'alg': 'HS256', 'kid': name})}.{encode(make_claims(server))}"
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


REFUSED: dict[str, Callable[[Server], str]] = {
    "no token": lambda _: "",
    "expired": lambda one: sign(one, exp=int(time.time()) - 100),
    "other issuer": lambda one: sign(one, iss="https://elsewhere.test"),
    "other audience": lambda one: sign(one, aud="elsewhere"),
    "alg none": sign_nothing,
    "key confusion": confuse,
    "foreign key": sign_foreign,
    "nobody's": lambda one: sign(one, sub="nobody"),
    "refresh token": lambda one: one.refresh["viewer"],
}


@BOTH
async def test_only_valid_access_tokens_are_admitted(server: Server) -> None:
    valid = await server.log_in("viewer")
    for name, make in REFUSED.items():
        token = make(server)
        raw = await server.open()
        await raw.send(build_initialize(token or None))
        (answer,) = await raw.receive_all()
        assert "access token" in answer["error"]["message"], name
        assert not token or token not in str(answer)
        await raw.close()
        if server.transport == "ws" and token:
            with pytest.raises(InvalidStatus) as refused:
                await server.open(token)
            assert refused.value.response.status_code == 401, name
    await (await server.begin(valid)).close()
    await (await server.begin(sign(server))).close()  # so that the others differ from a valid one in one way


async def test_a_web_page_of_another_origin_is_refused(server: Server) -> None:
    token = await server.log_in("viewer")
    for origin in ("https://elsewhere.test", f"https://localhost:{server.port}", "null"):
        with pytest.raises(InvalidStatus) as refused:
            await server.open(token, origin=origin)
        assert refused.value.response.status_code == 403
    raw = await server.open(token, subprotocols=["mqtt", "lsp"])
    assert isinstance(raw, RawSocket)
    assert raw.socket.subprotocol == "lsp"
    await raw.send(build_initialize())
    assert "result" in await raw.receive()
    await raw.close()


async def test_a_replayed_refresh_token_ends_the_login(server: Server) -> None:
    await server.log_in("developer")

    async def refresh(token: str) -> str:
        """Return the next refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return (await asyncio.to_thread(request_tokens, server.logins, form, server.trusted)).refresh

    first = server.refresh["developer"]
    second = await refresh(first)
    for token in (first, second):
        with pytest.raises(LoginFailed, match="log in again"):
            await refresh(token)
    await server.log_in("developer")
    await asyncio.to_thread(revoke, server.logins, server.refresh["developer"], server.trusted)
    with pytest.raises(LoginFailed, match="log in again"):
        await refresh(server.refresh["developer"])
    with pytest.raises(LoginFailed, match="name or password is wrong"):
        await server.log_in("developer", "wrong password!")


# What each role may do


async def run_command(raw: RawSocket | RawStream, number: int, command: str) -> dict[str, Any]:
    """Run a command with an argument that no command takes; return the error."""
    params = {"command": command, "arguments": [{"no such argument": 1}]}
    await raw.send({"jsonrpc": "2.0", "id": number, "method": "workspace/executeCommand", "params": params})
    while (answer := await raw.receive()).get("id") != number or "method" in answer:
        if "method" in answer and "id" in answer:
            await raw.send({"jsonrpc": "2.0", "id": answer["id"], "result": None})
    return dict(answer["error"])


@BOTH
async def test_each_role_runs_the_commands_that_it_allows_and_no_other(server: Server) -> None:
    for role in Role:
        raw = await server.begin(await server.log_in(role.value))
        forbidden = set()
        for number, command in enumerate(NEEDED, 10):
            error = await run_command(raw, number, command)
            if (error.get("data") or {}).get("code") == "forbidden":
                forbidden.add(command)
            else:
                assert error["code"] == -32602, (command, error)  # its argument is wrong, which is seen afterwards
        assert forbidden == {command for command, action in NEEDED.items() if not is_allowed(role, action)}
        await raw.close()


async def test_a_new_role_holds_for_open_sessions_and_a_disabled_account_ends_them(server: Server) -> None:
    raw = await server.begin(await server.log_in("viewer"))
    other = await server.begin(await server.log_in("developer"))
    assert (await run_command(raw, 10, "starling.audit"))["data"]["code"] == "forbidden"
    server.accounts.change("viewer", role=Role.ADMIN)
    number = 11
    while (await run_command(raw, number, "starling.audit"))["code"] != -32602:
        await asyncio.sleep(0.2)
        number += 1
        assert number < 200
    token = await server.log_in("viewer")
    server.accounts.change("viewer", disabled=True)
    assert isinstance(raw, RawSocket)
    answers = await raw.receive_all()
    assert any("disabled" in str(answer) for answer in answers)
    with pytest.raises(ConnectionClosed):
        await raw.socket.send("{}")
    with pytest.raises(InvalidStatus):
        await server.open(token)
    assert (await run_command(other, 10, "starling.status"))["code"] == -32602
    await other.close()


async def ask(raw: RawSocket | RawStream, command: str, **arguments: object) -> dict[str, Any]:
    """Run a command and return the whole answer."""
    params = {"command": command, "arguments": [arguments]}
    await raw.send({"jsonrpc": "2.0", "id": 98, "method": "workspace/executeCommand", "params": params})
    while (answer := await raw.receive()).get("id") != 98 or "method" in answer:
        if "method" in answer and "id" in answer:
            await raw.send({"jsonrpc": "2.0", "id": answer["id"], "result": None})
    return answer


async def test_a_person_sees_their_own_sessions_alone(server: Server, tmp_path: Path) -> None:
    folder, state = tmp_path / "shared", open_state()
    made = {}
    for account in server.accounts.list_all():
        store = SessionStore(state, Viewer(account.id, account.name))
        made[account.name] = store.create(folder.as_uri(), title=account.name).id
    for name in ("developer", "approver", "admin"):
        raw = await server.begin(await server.log_in(name), folder)
        listed = (await ask(raw, "starling.sessions"))["result"]["sessions"]
        assert [one["id"] for one in listed] == [made[name]]
        for other, session in made.items():
            for action in ("show", "export", "rename", "delete"):
                answer = await ask(raw, "starling.session", session=session, action=action, title="taken")
                assert ("result" in answer) is (other == name), (name, other, action)
            answer = await ask(raw, "starling.feedback", session=session, entry=1, thumb="up")
            assert "result" not in answer
            answer = await ask(raw, "starling.ask", session=session, request="go on")
            assert answer["error"]["data"]["code"] == "session-unavailable"
        await raw.close()
    assert [one.title for one in SessionStore(state).list_newest(folder.as_uri(), 9)] == ["viewer"]


async def list_roots(raw: RawSocket | RawStream) -> list[str]:
    """Return the workspace folders of a session."""
    params = {"command": "starling.status", "arguments": []}
    await raw.send({"jsonrpc": "2.0", "id": 99, "method": "workspace/executeCommand", "params": params})
    while (answer := await raw.receive()).get("id") != 99 or "method" in answer:
        if "method" in answer and "id" in answer:
            await raw.send({"jsonrpc": "2.0", "id": answer["id"], "result": None})
    return list(answer["result"]["roots"])


async def test_accounts_open_the_workspaces_of_the_server_and_an_admin_any_folder(
    server: Server, tmp_path: Path
) -> None:
    shared, private = tmp_path / "shared", tmp_path / "private"
    private.mkdir()
    (shared / "link").symlink_to(private)
    developer, admin = await server.log_in("developer"), await server.log_in("admin")
    tries = [
        (developer, shared, True), (developer, shared / "project", True), (developer, private, False),
        (developer, tmp_path, False), (developer, shared / "link", False),
        (developer, shared / ".." / "private", False), (admin, private, True),
    ]  # fmt: skip
    for token, folder, opened in tries:
        raw = await server.begin(token, folder)
        assert bool(await list_roots(raw)) is opened, folder
        await raw.close()
    raw = await server.begin(developer, shared)
    change = {"event": {"added": [{"uri": private.as_uri(), "name": "p"}], "removed": []}}
    await raw.send({"jsonrpc": "2.0", "method": "workspace/didChangeWorkspaceFolders", "params": change})
    assert await list_roots(raw) == [str(shared)]
    await raw.close()


# An editor that starts a program


async def start_bridge(server: Server, folder: Path, *options: str) -> asyncio.subprocess.Process:
    """Start `starling connect` for the server; `folder` has its certificate."""
    arguments = [f"wss://localhost:{server.port}", "--login", server.logins, "--ca", str(folder / "certificate.pem")]
    return await asyncio.create_subprocess_exec(
        PROGRAM[0], PROGRAM[1], "connect", *(options or arguments),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_an_editor_reaches_the_server_through_a_program(server: Server, tmp_path: Path) -> None:
    form = {"grant_type": "password", "username": "developer", "password": PASSWORD}
    tokens = await asyncio.to_thread(request_tokens, server.logins, form, server.trusted)
    stored = {"access": "expired", "expires": 0, "refresh": tokens.refresh}
    await asyncio.to_thread(LoginFiles(server.logins).write, stored)
    process = await start_bridge(server, tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    raw = RawStream(process.stdout, process.stdin)
    shared = tmp_path / "shared"
    await raw.send(
        build_initialize(processId=os.getpid(), workspaceFolders=[{"uri": shared.as_uri(), "name": "w"}]),
    )
    assert (await raw.receive())["result"]["serverInfo"]["name"] == "starling"
    await raw.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
    assert await list_roots(raw) == [str(shared)]
    await raw.send({"jsonrpc": "2.0", "id": 5, "method": "shutdown"})
    while (await raw.receive()).get("id") != 5:
        pass
    await raw.send({"jsonrpc": "2.0", "method": "exit"})
    assert await wait_for(process.wait()) == 0
    process = await start_bridge(server, tmp_path)  # with the tokens that were refreshed
    assert process.stdin is not None
    assert process.stderr is not None
    assert process.stdout is not None
    raw = RawStream(process.stdout, process.stdin)
    await raw.send(build_initialize())
    assert "result" in await raw.receive()
    server.accounts.change("developer", disabled=True)
    said = (await wait_for(process.stderr.read())).decode()
    assert await wait_for(process.wait()) in (0, 1)
    assert "Traceback" not in said


async def test_without_a_login_the_program_says_so(server: Server, tmp_path: Path) -> None:
    for options, said in (
        ((), "You are not logged in"),
        (("ws://server.example.test:1", "--login", "https://server.example.test:2"), "no wss address"),
    ):
        process = await start_bridge(server, tmp_path, *options)
        out, err = await wait_for(process.communicate())
        assert (process.returncode in (1, 2), out) == (True, b"")
        assert said in err.decode()
