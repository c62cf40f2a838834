"""`starling users` and `starling login`: accounts on this machine, and a login at a server that is really served."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from server.access.http_server import HttpServer
from server.assembly.access.access_settings import AccessSettings
from server.assembly.access.accounts import build_access
from server.assembly.settings import resolve
from server.cli import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSWORD = "a garden of nine hedgehogs"


@pytest.fixture
def starling(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command line with a text on its input; it returns status and both outputs."""

    def call(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        """Run the command line."""
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        status = run([*arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return call


Starling = "Callable[..., tuple[int, str, str]]"


def test_accounts_are_added_changed_and_listed(starling: Starling) -> None:  # type: ignore[valid-type]
    assert "There are no accounts" in starling("users")[2]
    assert starling("users", "add", "Ada", "viewer", typed=f"{PASSWORD}\n")[0] == 0
    assert starling("users", "add", "eve", "--subject", "0x17")[0] == 0
    status, secret, _ = starling("users", "add", "ci", "--client")
    assert (status, len(secret.strip())) == (0, 43)
    assert starling("users", "role", "ada", "approver")[0] == 0
    assert starling("users", "disable", "ci")[0] == 0
    users = json.loads(starling("users", "list", "--json")[1])["users"]
    assert [(one["name"], one["role"], one["kind"], one["disabled"], one["subject"]) for one in users] == [
        ("ada", "approver", "person", False, ""),
        ("ci", "developer", "client", True, ""),
        ("eve", "developer", "person", False, "0x17"),
    ]
    assert "argon2" not in str(users)
    table = starling("users")[1]
    assert [line.split()[0] for line in table.splitlines()[1:]] == ["ada", "ci", "eve"]
    assert starling("users", "enable", "ci")[0] == 0
    assert starling("users", "new-key")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        ("users add", "", "NAME"),
        ("users add a/b", PASSWORD, "A login name has"),
        ("users add ada king", PASSWORD, "king"),
        ("users add ada", "short", "fewer than 12 characters"),
        ("users add ada", "", "fewer than 12 characters"),
        ("users add ada --client --subject x", "", "exclude each other"),
        ("users role bob admin", "", "no account bob"),
        ("users disable bob", "", "no account bob"),
        ("users password bob", "", "no account bob"),
        ("login http://server.example.test:1 --user ada", PASSWORD, "no https address"),
        ("login https://127.0.0.1:1 --token", "", "not logged in"),
        ("login https://127.0.0.1:1 --remove", "", "not logged in"),
        ("login https://127.0.0.1:1 --user ada", PASSWORD, "cannot be reached"),
        ("login https://127.0.0.1:1", f"\n{PASSWORD}", "needs a name"),
    ],
)
def test_what_cannot_be_done_is_said(starling: Starling, arguments: str, typed: str, said: str) -> None:  # type: ignore[valid-type]
    status, out, err = starling(*arguments.split(), typed=typed)
    assert status in (1, 2)
    assert said in err
    assert out == ""


@contextmanager
def serve_logins() -> Iterator[str]:
    """Serve the endpoints for logins on the state of this test; yield their address."""
    access = build_access(AccessSettings())
    assert access.endpoints is not None
    started, loop = threading.Event(), asyncio.new_event_loop()
    ports: list[int] = []

    async def serve() -> None:
        """Serve until the loop is stopped."""
        assert access.endpoints is not None
        server = HttpServer(access.endpoints.answer, behind_proxy=False)
        listener = await asyncio.start_server(server.handle_connection, "127.0.0.1", 0)
        ports.append(listener.sockets[0].getsockname()[1])
        started.set()
        async with listener:
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(20)
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def test_a_login_gives_tokens_until_logout(starling: Starling) -> None:  # type: ignore[valid-type]
    starling("users", "add", "ada", typed=PASSWORD)
    secret = starling("users", "add", "ci", "--client")[1].strip()
    with serve_logins() as url:
        assert "refuses" in starling("login", url, "--user", "ada", typed="wrong password!")[2]
        status, _, err = starling("login", f"{url}/", "--user", "ada", typed=PASSWORD)
        assert (status, "logged in" in err) == (0, True)
        first = starling("login", url, "--token")[1].strip()
        assert first.count(".") == 2
        assert starling("login", url, "--token")[1].strip() == first
        assert starling("login", url, "--client", "--user", "ci", typed=secret)[1].count(".") == 2
        starling("users", "password", "ada", typed=f"{PASSWORD} and one more")
        assert starling("login", url, "--remove")[0] == 0
        assert "not logged in" in starling("login", url, "--token")[2]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('issuer = "http://id.example.test"', "issuer"),
        ('issuer = "nonsense"', "issuer"),
        ('workspaces = ["relative"]', "workspaces"),
        ('audience = ""', "audience"),
    ],
)
def test_wrong_settings_for_accounts_are_named(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f"[access]\n{text}\n")
    settings, problems = resolve(environment={}, user_file=file)
    assert settings.access == AccessSettings()
    assert [problem in str(one) for one in problems] == [True]


def test_no_editor_and_no_workspace_sets_who_may_connect(tmp_path: Path) -> None:
    (tmp_path / ".starling.toml").write_text('[access]\nissuer = "https://evil.example.test"\nworkspaces = ["/"]\n')
    sent = {"access": {"issuer": "https://evil.example.test", "workspaces": ["/"], "audience": "x"}}
    settings, problems = resolve(editor=sent, roots=[tmp_path], environment={}, user_file=tmp_path / "none.toml")
    assert settings.access == AccessSettings()
    assert len(problems) == 5
