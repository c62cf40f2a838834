"""200 canaries in files that must not leave: under many schemes, by every command, none reaches a model or a disk.

The real server, with a chat model and a completion model over real HTTP. Every byte that they get is looked at, and
every file that the server writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import sqlite3
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from lsprotocol import types

from indexing.storage.segment import Segment
from models.scripted.scripted_server import ScriptedServer
from models.scripted.scripts import Script
from server.lsp.commands import COMMANDS
from tests.wire.conftest import PROGRAM, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

CANARIES = 200
SECRET_NAMES = re.findall(
    r"\S+",
    ".env .env.production prod.env .envrc id_rsa id_rsa.bak id_ed25519_work server.pem secrets.yaml secrets.prod.yaml"
    " credentials.json .yarnrc.yml .npmrc .pypirc .netrc .bash_history .python_history terraform.tfstate prod.tfvars"
    " kubeconfig .git-credentials acme-firebase-adminsdk-x-0a1b.json service-account.json passwords.txt .htpasswd"
    " .pgpass vault.kdbx .env~ .env.bak .ENV deploy_rsa vault.yml appsettings.Production.json credentials.xml .my.cnf"
    " wp-config.php .dockercfg docker/config.json release.jks client.ovpn .env@abc .env;3 sftp-config.json",
)
IGNORED = ("private/{}.py", "logs/{}.log", "own/{}.py", "excluded/{}.py", "sub/private/{}.ts", "private/{}.ipynb")
DOCUMENT_COMMANDS = {
    "starling.explain": {"question": "explain"},
    "starling.generate": {"task": "generate", "instruction": "rewrite it"},
    "starling.workflow": {"task": "generate", "instruction": "rewrite it"},
    "starling.refine": {},
    "starling.fix": {"code": "F821"},
    "starling.review": {"deep": True},
    "starling.validate": {},
    "starling.analyzePep8": {},
    "starling.calculateComplexity": {},
}
OTHER_COMMANDS: dict[str, dict[str, Any]] = {
    "starling.analyzeTestCoverage": {},
    "starling.approvals": {},
    "starling.ask": {"request": "@ask canary total price"},
    "starling.askAgain": {"request": "none"},
    "starling.audit": {},
    "starling.cancel": {"session": "none"},
    "starling.completion.accepted": {"id": "none"},
    "starling.feedback": {"session": "none", "entry": 1, "thumb": "up"},
    "starling.health": {},
    "starling.memory": {},
    "starling.nextEdit.accepted": {"id": "none"},
    "starling.questions": {},
    "starling.roles": {},
    "starling.undoable": {},
    "starling.search": {"query": "canary total price"},
    "starling.session": {"session": "none"},
    "starling.sessions": {},
    "starling.stats": {},
    "starling.status": {},
    "starling.tasks": {},
    "starling.tools": {},
    "starling.undo": {},
    "starling.workflows": {},
}
KEYS = ("ghp_{}ABCDEFGHIJKLMNOPQRST", "sk-ant-api03-{}-ABCDEFGHIJKLMN", "AIzaSyD{}ABCDEFGHIJKL", "q8Zk{}")

# Secrets in ordinary text, under names that say nothing, and at places only for secrets; each holds a different word.
PLACES = (
    'x = "{}"',
    "colour: {}",
    "# {} was it",
    'curl("-u", "admin:{}")  # curl -u admin:{} https://a.b',
    "# mysql -u root -p{} db",
    "# mysqldump --password={} db",
    "# psql --password {} db",
    'headers = {{"Authorization": "token {}"}}',
    "# machine a.b login bob password {}",
    """page = '<add key="Password" value="{}"/>'""",
    'get(url, auth=("bob", "{}"))',
    'connect("Server=h;Uid=bob;Pwd={};")',
    'connect("postgres://bob:{}@h/db")',
    """execute("CREATE USER bob IDENTIFIED BY '{}'")""",
)
# Random, and each with a piece that can be looked for.
WORDS = ("Zx8{}kQm2Lw9Tn4Rv7Yb5Hd0Jc3Fg6Ps", "k3x{}9q2m7z0vw4n8r1t6yb5hd7jc3fg6p", "vT2x{}Wm4LpQ8zR0nC7yKd5GhJ1sBfAe")


def make_canary(number: int | str) -> str:
    """Return the canary `number`, a word that occurs nowhere else."""
    return f"canary{number}x{hashlib.sha256(str(number).encode()).hexdigest()[:10]}"


def make_code(word: str) -> str:
    """Return a piece of code that contains `word` several times, and ends in an open call."""
    return f"def total_{word}(price):\n    # {word}\n    return undefined_{word} * price\n\n\ntotal_{word}("


def list_uris(path: Path, root: Path) -> Iterator[tuple[str, str]]:
    """Yield all URIs that may name the file, each with the way to open it."""
    absolute, relative = path.as_posix(), path.relative_to(root).as_posix()
    asked = quote(json.dumps({"path": absolute, "ref": "~"}))
    sha = "0123456789abcdef0123456789abcdef01234567"
    yield path.as_uri(), "closed"
    yield path.as_uri(), "text"
    yield f"git:{quote(absolute)}?{asked}", "text"
    yield path.as_uri(), "notebook"
    yield f"fugitive://{root.as_posix()}/.git//{sha}/{relative}", "text"
    yield f"vscode-notebook-cell:{quote(absolute)}#W0sZmlsZQ", "text"
    yield f"diffview://{root.as_posix()}/.git/{sha[:11]}/{relative}", "text"
    yield f"git:{quote(root.as_posix())}/other.py?{asked}", "text"
    yield f"untitled:{quote(absolute)}", "text"
    yield f"gitsigns://{root.as_posix()}/.git//HEAD~1:{relative}", "text"
    yield f"gitlens://7b2272/{absolute.lstrip('/')}?%7B%22ref%22%3A%22a%22%7D", "text"
    yield f"vscode-local-history:{quote(absolute)}?%7B%7D", "text"
    yield f"octo://owner/repo/pull/1/file/RIGHT/{relative}", "text"
    yield f"review:{relative}?{asked}", "text"
    yield f"vscode-remote://ssh-remote%2Bhost{quote(absolute)}", "text"
    yield f"zipfile://{root.as_posix()}/a.zip::{relative}", "text"
    yield f"x-unheard-of:{quote(absolute, safe='')}", "text"
    yield "file://" + quote(absolute).replace(".", "%2E"), "text"
    yield f"file://{quote(root.as_posix())}/sub/../{quote(relative)}", "text"
    yield f"git:{absolute.replace('/', chr(92))}", "text"
    yield f"vscode-notebook-cell-output:{quote(absolute)}?outputId=1#W0", "text"


def configure(monkeypatch: pytest.MonkeyPatch, chat: ScriptedServer, completion: ScriptedServer) -> None:
    settings = {
        "CHAT__URL": f"{chat.url}/v1",
        "CHAT__MODEL": "scripted",
        "CHAT__REQUESTS_PER_HOUR": "10000",
        "MODEL__HOST": completion.url,
        "LOG__LEVEL": "debug",
        "LOG__TEXTS": "true",
        "INDEX__EXCLUDE": '["/excluded/"]',
        "REVIEW__DELAY_MS": "0",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"STARLING_{name}", value)


def plant(session: Session) -> list[tuple[str, Path]]:
    """Write each canary to a file that must not be read, and files that may be; return the canaries and their files."""
    session.write(".gitignore", "private/\n*.log\n")
    session.write(".starlingignore", "/own/\n")
    session.write("shared.py", make_code(make_canary("control")) + "1)\n")
    session.write("sub/here.py", "x = 1\n")
    planted = []
    for number in range(CANARIES):
        secret = number % 2 == 0
        names = SECRET_NAMES if secret else IGNORED
        name = names[number // 2 % len(names)]
        relative = f"d{number}/{name}" if secret else name.format(number)
        text = make_code(make_canary(number))
        planted.append((make_canary(number), session.write(relative, json.dumps([text]) if "ipynb" in name else text)))
    return planted


def open_as(session: Session, uri: str, how: str, text: str, number: int) -> str:
    """Open a text as a document, or as a cell of the notebook `uri`; return the URI for requests."""
    if how == "text":
        session.open(uri, text)
    elif how == "notebook":
        notebook, uri = uri, f"vscode-notebook-cell:/n{number}#W0"
        cells = [types.NotebookCell(types.NotebookCellKind.Code, uri)]
        document = types.NotebookDocument(notebook, "jupyter-notebook", 1, cells)
        opened = types.DidOpenNotebookDocumentParams(document, [types.TextDocumentItem(uri, "python", 1, text)])
        session.client.notebook_document_did_open(opened)
        return uri
    return uri


async def ask_all(session: Session, uri: str, text: str, commands: list[str]) -> None:
    """Send all requests about a document, and wait for their answers."""
    end = types.Position(text.count("\n"), len(text.rpartition("\n")[2]))
    named, client = types.TextDocumentIdentifier(uri), session.client
    whole = types.Range(types.Position(0, 0), end)
    context = types.CodeActionContext([])
    asked: list[Awaitable[Any]] = [
        client.workspace_execute_command_async(
            types.ExecuteCommandParams(name, [{"uri": uri, **DOCUMENT_COMMANDS[name]}])
        )
        for name in commands
    ]
    asked += [
        session.ask(uri, end.line, end.character, invoked=True),
        client.text_document_code_action_async(types.CodeActionParams(named, whole, context)),
    ]
    await wait_for(asyncio.gather(*asked, return_exceptions=True))
    if uri.startswith(("file", "git")):
        document = types.VersionedTextDocumentIdentifier(2, uri)
        change = types.TextDocumentContentChangeWholeDocument(text.replace("price", "prices"))
        client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        client.text_document_did_save(types.DidSaveTextDocumentParams(named))


def unpack_values(path: Path) -> Iterator[bytes]:
    """Yield the compressed values of a database, decompressed."""
    with contextlib.closing(sqlite3.connect(path)) as database, contextlib.suppress(sqlite3.Error):
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 (its own name)
                for value in row:
                    if isinstance(value, bytes):
                        with contextlib.suppress(zlib.error):
                            yield zlib.decompress(value)


def read_segment(path: Path) -> list[str]:
    """Return the texts of all files in a segment, which holds them as tokens."""
    segment = Segment.open(path)
    return [segment.read_text(index) for index in range(len(segment.file_ids))]


def find_words(data: bytes, words: list[str]) -> list[str]:
    """Return those of `words` that are in `data`, in any of three encodings."""
    lower = data.lower()
    forms = ("utf-8", "utf-16-le", "utf-16-be")
    return [word for word in words if any(word.encode(form) in lower for form in forms)]


def find_leaks(home: Path, words: list[str], *, but: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Return each file below `home` with each of `words` that it contains; the folders `but` are left out."""
    out = [home / name for name in but]
    files = [path for path in home.rglob("*") if path.is_file() and not any(map(path.is_relative_to, out))]
    texts = [(path, path.read_bytes()) for path in files]  # before a database is opened, which changes its files
    texts += [
        (path, text) for path, data in texts if data.startswith(b"SQLite format 3") for text in unpack_values(path)
    ]
    texts += [(path, text.encode()) for path in files if path.suffix == ".segment" for text in read_segment(path)]
    return [(path.name, word) for path, text in texts for word in find_words(text, words)]


def read_requests(server: ScriptedServer) -> bytes:
    """Return all requests that the scripted server received, as bytes."""
    return json.dumps([server.requests, server.headers], ensure_ascii=False).encode()


def check_masking(servers: tuple[ScriptedServer, ...], secrets: list[str]) -> None:
    """Fail unless each server has received ordinary code and marks, and none of `secrets`."""
    for server in servers:
        received = read_requests(server)
        assert b"connect" in received
        assert b"STARLING_MASKED_000" in received
        assert find_words(received, [secret.lower() for secret in secrets]) == []


def test_every_command_is_asked() -> None:
    assert {*DOCUMENT_COMMANDS, *OTHER_COMMANDS} == set(COMMANDS)


@pytest.mark.timeout(200)
async def test_no_canary_reaches_a_model_through_the_teams_tools(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that reads every hidden file, and searches for what is in it, gets nothing of it."""
    with ScriptedServer("===\nIt is code.") as chat, ScriptedServer("===\ncompleted()") as completion:
        configure(monkeypatch, chat, completion)
        session = await start(command=PROGRAM)
        planted = plant(session)
        calls = [("list_files", {}), ("search_files", {"pattern": "def total_|canary"}), ("git_diff", {})]
        calls += [("search_code", {"words": "undefined price total", "kind": "similar"})]
        calls += [("search_code", {"words": f"total_{word}", "kind": "definitions"}) for word, _ in planted[:3]]
        calls += [("read_file", {"path": path.as_posix()}) for _, path in planted[::4]]
        lines = "".join(f"@call {name} {json.dumps(arguments)}\n" for name, arguments in calls)
        chat.script = Script.parse(f"===\n@times 1\n{lines}===\nIt is code.\n")
        await session.initialize()
        await session.wait_for_index(4)
        await session.execute("starling.ask", request="@ask Read everything.")
        sent = json.dumps([one for one in chat.requests[-1]["messages"] if one["role"] == "tool"]).encode()
        assert sent.count(b"is excluded") == CANARIES / 4
        assert find_words(sent, [word for word, _ in planted]) == []
        await session.shut_down()


@pytest.mark.timeout(400)
async def test_no_canary_reaches_a_model_or_a_disk(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer("===\nIt is code.") as chat, ScriptedServer("===\ncompleted()") as completion:
        configure(monkeypatch, chat, completion)
        session = await start(command=PROGRAM)
        planted = plant(session)
        await session.initialize()
        await session.wait_for_index(4)
        commands = list(DOCUMENT_COMMANDS)
        for number, (word, path) in enumerate(planted):
            ways = list(list_uris(path, session.workspace))
            uri, how = ways[number % len(ways)]
            asked = open_as(session, uri, how, make_code(word), number)
            turns = [commands[(number + step) % len(commands)] for step in range(3)]
            await ask_all(session, asked, make_code(word), [*{"starling.explain", *turns}])
        # a file that may be read is completed with all of those open, for its context comes from everywhere
        control = make_canary("control")
        main = (session.workspace / "main.py").as_uri()
        text = (
            f"from shared import total_{control}\n\n\ndef main(price):\n    # canary total\n    return total_{control}("
        )
        session.open(main, text)
        await ask_all(session, main, text, commands)
        for name, arguments in OTHER_COMMANDS.items():
            with contextlib.suppress(Exception):
                await session.execute(name, **arguments)
        hits = await session.execute("starling.search", query=" ".join(word for word, _ in planted[:50]), limit=100)
        assert find_words(json.dumps(hits).encode(), [word for word, _ in planted]) == []
        await session.shut_down()
        words = [word for word, _ in planted]
        assert (find_words(read_requests(chat), [control]), find_words(read_requests(completion), [control])) == (
            [control],
            [control],
        )
        assert find_words(read_requests(chat), words) == []
        assert find_words(read_requests(completion), words) == []
    assert {name for name, _ in find_leaks(session.home, [control])} >= {"starling.log"}
    assert any(name.endswith(".segment") for name, _ in find_leaks(session.home / "cache" / "index", [control]))
    assert find_leaks(session.home, words) == []


@pytest.mark.timeout(120)
async def test_keys_in_ordinary_code_are_masked_before_they_leave(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [make_canary(f"key{number}").replace("canary", "C4nary") for number in range(len(KEYS))]
    values = [form.format(word) for form, word in zip(KEYS, words, strict=True)]
    text = "".join(f'SERVICE_{n}_PASSWORD = "{value}"\n' for n, value in enumerate(values))
    text += "\n\ndef connect(host):\n    return host\n\n\nconnect("
    with ScriptedServer("===\nIt uses STARLING_MASKED_0001.") as chat, ScriptedServer("===\ncompleted()") as completion:
        configure(monkeypatch, chat, completion)
        session = await start(command=PROGRAM)
        session.write("settings.py", text)
        session.write("other.py", text)
        await session.initialize()
        await session.wait_for_index(2)
        uri = session.open((session.workspace / "settings.py").as_uri(), text)
        await ask_all(session, uri, text, list(DOCUMENT_COMMANDS))
        answer = await session.execute("starling.explain", uri=uri, question="What is it?")
        assert "STARLING" in answer["text"]
        await session.shut_down()
        check_masking((chat, completion), words)
    # the index holds the file, and the records of proposals hold the changed text, so that it can be undone
    assert find_leaks(session.home, [word.lower() for word in words], but=("cache/index", "state")) == []


@pytest.mark.timeout(120)
async def test_secrets_without_a_telling_name_are_masked_before_they_leave(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [WORDS[number % len(WORDS)].format(f"{number:02}Xq") for number in range(len(PLACES))]
    lines = "".join(f"{place.format(*[value] * 2)}\n" for place, value in zip(PLACES, values, strict=True))
    text = f"def connect(host):\n    return host\n\n\n{lines}\n\nconnect("
    with ScriptedServer("===\nIt uses STARLING_MASKED_0001.") as chat, ScriptedServer("===\ncompleted()") as completion:
        configure(monkeypatch, chat, completion)
        session = await start(command=PROGRAM)
        session.write("places.py", text)
        session.write("database.yml", f"production:\n  username: bob\n  password: {values[0]}\n")
        await session.initialize()
        await session.wait_for_index(2)
        uri = session.open((session.workspace / "places.py").as_uri(), text)
        await ask_all(session, uri, text, list(DOCUMENT_COMMANDS))
        await session.execute("starling.explain", uri=uri, question="What is it?")
        await session.shut_down()
        check_masking((chat, completion), values)
    assert find_leaks(session.home, [value.lower() for value in values], but=("cache/index", "state")) == []
