"""The language server's side with real connections: who is answered, and who is not."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from models.host.address import HAS_SOCKETS
from server.pairing import channel, editors, pairing_server
from server.pairing.announcements import find_announcements
from server.pairing.editors import NotConnectedError, PairedEditors
from server.pairing.pairing_server import PairingServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from server.pairing.announcements import Announcement


@dataclass
class ScriptedEditor:
    """An editor with open files; stores which changes it was asked to make."""

    name: str = "Ed 1.0"
    files: dict[str, str] = field(default_factory=dict)
    applied: list[tuple[str, list[str]]] = field(default_factory=list)
    problem: str = ""
    hang: asyncio.Event | None = None

    async def list_open(self) -> list[str]:
        """Return the paths of the open files."""
        return [*self.files]

    async def read_open(self, path: str) -> str | None:
        """Return the text of an open file; refuse a long one."""
        text = self.files.get(path)
        if text == "long":
            raise ValueError("longer than the limit")
        return text

    async def apply(self, request: str, paths: Sequence[str]) -> str:
        """Store the request, and return the scripted problem; wait first if told to hang."""
        self.applied.append((request, list(paths)))
        if self.hang is not None:
            await self.hang.wait()
        return self.problem


@dataclass
class Pair:
    """A language server with a scripted editor, and an agent's side for the same workspace."""

    root: Path
    editor: ScriptedEditor
    server: PairingServer
    agents: PairedEditors

    @property
    def announcement(self) -> Announcement:
        """The server's announcement."""
        (found,) = find_announcements([self.root])
        return found

    def open(self, name: str, text: str) -> Path:
        """Open a file with a text in the editor; return its path."""
        path = self.root / name
        self.editor.files[str(path)] = text
        return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the workspace folder, a real path."""
    return tmp_path.resolve()


@pytest.fixture
async def pair(root: Path) -> AsyncIterator[Pair]:
    """Yield a server and agents for the same folder."""
    editor = ScriptedEditor()
    server = PairingServer(editor)
    await server.start([root])
    yield Pair(root, editor, server, PairedEditors([root]))
    await server.close()


def talk(announcement: Announcement, *lines: bytes) -> list[bytes]:
    """Send `lines` to a language server as any process could, and return all lines that it answers."""
    kind = socket.AF_INET if announcement.port else socket.AF_UNIX
    with closing(socket.socket(kind, socket.SOCK_STREAM)) as connection:
        connection.settimeout(10)
        connection.connect(("127.0.0.1", announcement.port) if announcement.port else str(announcement.socket))
        answers = []
        with connection.makefile("rb") as stream:
            answers.append(stream.readline())
            for line in lines:
                try:
                    connection.sendall(line)
                except OSError:
                    break
            with suppress(OSError):
                answers += stream.readlines()
        return answers


async def test_agents_get_the_text_of_an_open_file_and_nothing_of_others(pair: Pair) -> None:
    path = pair.open("a.py", "unsaved")
    assert await asyncio.to_thread(pair.agents.find_open_text, path.as_uri()) == "unsaved"
    assert await asyncio.to_thread(pair.agents.find_open_text, (pair.root / "b.py").as_uri()) is None
    assert await asyncio.to_thread(pair.agents.find_open_text, "untitled:a") is None
    found = await asyncio.to_thread(pair.agents.find_open_file, path)
    assert found is not None
    assert found.text == "unsaved"
    assert await asyncio.to_thread(pair.agents.list_names) == ("Ed 1.0",)


async def test_a_text_that_cannot_be_given_is_no_empty_text(pair: Pair) -> None:
    path = pair.open("a.py", "long")
    with pytest.raises(OSError, match="longer than the limit"):
        await asyncio.to_thread(pair.agents.find_open_file, path)
    assert await asyncio.to_thread(pair.agents.find_open_text, path.as_uri()) is None


async def test_a_change_is_passed_on_and_its_problem_returned(pair: Pair) -> None:
    path = str(pair.open("a.py", "x"))
    assert await asyncio.to_thread(pair.agents.apply, pair.announcement, "r1", [path]) == ""
    pair.editor.problem = "It did not."
    assert await asyncio.to_thread(pair.agents.apply, pair.announcement, "r2", [path]) == "It did not."
    assert pair.editor.applied == [("r1", [path]), ("r2", [path])]


async def test_a_process_without_the_secret_is_told_nothing(pair: Pair) -> None:
    pair.open("a.py", "unsaved")
    guess = replace(pair.announcement, secret="guessed")
    with pytest.raises(NotConnectedError):
        await asyncio.to_thread(pair.agents.apply, guess, "r1", [])
    for line in (b"", b"\n", b"GET / HTTP/1.1\n", b"5\n", channel.encode({}), channel.encode({"do": "list"})):
        greeting, *more = await asyncio.to_thread(talk, pair.announcement, line, channel.encode({"do": "list"}))
        assert set(json.loads(greeting)) == {"challenge"}
        assert more == []
    assert pair.editor.applied == []


async def test_what_was_recorded_of_a_connection_opens_no_other(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(pair.open("a.py", "x"))
    sent: list[bytes] = []
    encode = channel.encode

    def record(message: dict[str, Any]) -> bytes:
        line = encode(message)
        if "proof" in message or "do" in message:
            sent.append(line)
        return line

    announcement = pair.announcement
    monkeypatch.setattr(channel, "encode", record)
    await asyncio.to_thread(pair.agents.apply, announcement, "r1", [path])
    monkeypatch.undo()
    ours = [line for line in sent if b"editor" not in line]
    assert len(ours) == 2
    _, *answers = await asyncio.to_thread(talk, announcement, *ours)
    assert answers == []
    assert len(pair.editor.applied) == 1


async def test_a_server_that_does_not_know_the_secret_is_not_believed(pair: Pair) -> None:
    impostor = PairingServer(ScriptedEditor("Eve", {str(pair.root / "a.py"): "evil"}))
    await impostor.start([pair.root / "elsewhere"])
    assert impostor._announcement is not None
    real = pair.announcement
    impostor._announcement = replace(impostor._announcement, secret="another")
    where = replace(impostor._announcement, secret=real.secret)
    agents = PairedEditors([pair.root], lambda _: [where])
    assert await asyncio.to_thread(agents.find_open_file, pair.root / "a.py") is None
    assert await asyncio.to_thread(agents.list_names) == ()
    await impostor.close()


@pytest.mark.skipif(not HAS_SOCKETS, reason="users of sockets")
async def test_another_user_is_refused_on_both_sides(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pair.open("a.py", "unsaved")
    monkeypatch.setattr(pairing_server, "describe_foreign_peer", lambda _: "user 1001")
    assert await asyncio.to_thread(talk, pair.announcement) == [b""]
    monkeypatch.undo()
    monkeypatch.setattr(editors, "describe_foreign_peer", lambda _: "user 1001")
    assert await asyncio.to_thread(pair.agents.find_open_file, path) is None


@pytest.mark.skipif(sys.platform == "win32", reason="modes of sockets")
async def test_nobody_else_can_open_the_socket(pair: Pair) -> None:
    assert pair.announcement.socket.stat().st_mode & 0o777 == 0o600


async def test_loopback_with_the_secret_is_used_where_there_are_no_sockets(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairing_server, "HAS_SOCKETS", False)
    server = PairingServer(ScriptedEditor(files={str(root / "a.py"): "unsaved"}))
    await server.start([root])
    (announcement,) = find_announcements([root])
    assert announcement.port > 0
    agents = PairedEditors([root])
    assert await asyncio.to_thread(agents.find_open_text, (root / "a.py").as_uri()) == "unsaved"
    guess = replace(announcement, secret="guessed")
    assert await asyncio.to_thread(PairedEditors([root], lambda _: [guess]).list_names) == ()
    await server.close()


async def test_folders_are_announced_again_and_withdrawn_at_the_end(pair: Pair) -> None:
    other = pair.root / "other"
    await pair.server.announce([pair.root, other])
    assert [one.folders for one in find_announcements([other])] == [(pair.root, other)]
    announcement = pair.announcement
    await pair.server.close()
    assert find_announcements([pair.root]) == []
    assert not announcement.socket.exists()
    with pytest.raises(NotConnectedError):
        await asyncio.to_thread(pair.agents.apply, announcement, "r1", [])


async def test_an_editor_that_breaks_off_is_not_asked_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(pair.open("a.py", "x"))
    monkeypatch.setattr(editors, "APPLY_S", 0.1)
    pair.editor.hang = asyncio.Event()
    problem = await asyncio.to_thread(pair.agents.apply, pair.announcement, "r1", [path])
    pair.editor.hang.set()
    assert "did not say whether it changed a.py" in problem
    assert len(pair.editor.applied) == 1


async def test_a_connection_that_says_nothing_is_closed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing_server, "HANDSHAKE_S", 0.05)
    greeting, *more = await asyncio.to_thread(talk, pair.announcement)
    assert b"challenge" in greeting
    assert more == []


async def test_an_unknown_request_is_answered_with_a_sentence(pair: Pair) -> None:
    answer = await asyncio.to_thread(editors._ask, pair.announcement, {"do": "run", "line": "rm"}, 5.0)
    assert "does not know the request" in answer["problem"]


async def test_of_two_editors_the_one_with_the_file_open_answers(pair: Pair) -> None:
    path = pair.root / "a.py"
    path.write_text("saved")
    other = ScriptedEditor("Other", {str(path): "saved"})
    second = PairingServer(other)
    await second.start([pair.root])
    agents = PairedEditors([pair.root])

    def find() -> str:
        found = agents.find_open_file(path)
        assert found is not None
        return found.text

    assert await asyncio.to_thread(find) == "saved"
    pair.open("a.py", "unsaved")
    assert await asyncio.to_thread(find) == "unsaved"  # the unsaved text counts
    pair.editor.files.clear()
    assert await asyncio.to_thread(find) == "saved"
    await second.close()
