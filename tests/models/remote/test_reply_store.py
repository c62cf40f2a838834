"""The file of answers: nothing in it is run, whoever wrote it; it is private, bounded, and made anew when damaged."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.chat import ChatRequest, Message, Reply, ReplyEnd, Speaker, ToolCall, Usage, never
from models.remote import replies, reply_store
from models.remote.replies import CachedChat
from models.remote.reply_store import DamagedError, ReplyStore, read_reply
from models.scripted.scripted_chat import ScriptedChat

ROOT = Path(__file__).parents[3]
posix = pytest.mark.skipif(os.name != "posix", reason="links and modes are POSIX's")
REPLY = Reply("two", ReplyEnd.TOOLS, (ToolCall("1", "add", {"first": 1}),), Usage(3, 4), "m")
QUESTION = ChatRequest((Message(Speaker.USER, "1 + 1?"),))
HOUR_S = 3600.0
UPDATES = {
    "key": "UPDATE replies SET key = ?",
    "at": "UPDATE replies SET at = ?",
    "until": "UPDATE replies SET until = ?",
    "bytes": "UPDATE replies SET bytes = ?",
    "reply": "UPDATE replies SET reply = ?",
}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Trap:
    """Runs something when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self._proof = str(proof)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self._proof,)


def file_of(folder: Path) -> Path:
    return folder / reply_store.FOLDER / reply_store.FILE


def plant_row(file: Path, statement: str, *values: object) -> None:
    """Change the file as somebody else would."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement, values)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_reply_comes_back_as_it_was_kept_but_free_of_charge(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    store.put("a", REPLY, HOUR_S)
    assert store.get("a") == Reply("two", ReplyEnd.TOOLS, REPLY.calls, Usage(), "m", cached=True)
    assert store.get("b") is None


@given(st.text(), st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_any_text_comes_back(text: str, arguments: dict[str, object]) -> None:
    written = json.dumps(reply_store._serialize(Reply(text, calls=(ToolCall(text, text, arguments),), model=text)))
    found = read_reply(written)
    assert (found.text, found.model, found.calls) == (text, text, (ToolCall(text, text, arguments),))


def test_a_pickle_in_the_older_store_is_never_loaded(tmp_path: Path) -> None:
    """The older store's rows have a mode; in mode 4 the value is a pickle, in the database or in a file beside it."""
    proof, older = tmp_path / "it-ran", tmp_path / "replies-1"
    older.mkdir()
    chat = CachedChat(ScriptedChat("===\nasked"), tmp_path)
    key = zlib.compress(json.dumps(replies._make_key(chat.identity, QUESTION)).encode(), 1)
    with closing(sqlite3.connect(older / "cache.db")) as connection, connection:
        connection.execute(
            "CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, store_time REAL, expire_time REAL, "
            "access_time REAL, access_count INTEGER, tag BLOB, size INTEGER, mode INTEGER, filename TEXT, value BLOB)"
        )
        row = (key, 1, time.time(), None, 0.0, 0, None, 0, 4, None, pickle.dumps(Trap(proof)))
        connection.execute("INSERT INTO Cache VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    assert chat.chat(QUESTION, cancelled=never).text == "asked"
    assert not proof.exists()
    assert not older.exists()


@pytest.mark.parametrize("form", ["bytes", "text", "in the key's place"])
def test_a_pickle_in_the_store_is_never_loaded(tmp_path: Path, form: str) -> None:
    proof, store = tmp_path / "it-ran", ReplyStore(tmp_path)
    store.put("a", REPLY, HOUR_S)
    trap: bytes | str = pickle.dumps(Trap(proof), 0)
    trap = trap.decode() if form == "text" and isinstance(trap, bytes) else trap
    column = "key" if form == "in the key's place" else "reply"
    plant_row(file_of(tmp_path), UPDATES[column], trap)
    assert store.get("a") is None
    store.put("a", REPLY, HOUR_S)
    assert store.get("a") is not None
    assert not proof.exists()


@pytest.mark.parametrize(
    "told",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"text": "x", "end": "end", "calls": []}',
        '{"text": "x", "end": "end", "calls": [], "model": "m", "more": 1}',
        '{"text": 1, "end": "end", "calls": [], "model": "m"}',
        '{"text": "x", "end": "length", "calls": [], "model": "m"}',
        '{"text": "x", "end": "no", "calls": [], "model": "m"}',
        '{"text": "x", "end": {}, "calls": [], "model": "m"}',
        '{"text": "x", "end": "end", "calls": [], "model": null}',
        '{"text": "x", "end": "end", "calls": null, "model": "m"}',
        '{"text": "x", "end": "end", "calls": [1], "model": "m"}',
        '{"text": "x", "end": "end", "calls": [{"id": "1", "name": "n", "arguments": []}], "model": "m"}',
        '{"text": "x", "end": "end", "calls": [{"id": 1, "name": "n", "arguments": {}}], "model": "m"}',
        "[" * 100_000,
        b"\x80\x04.",
        7,
        None,
    ],
)
def test_what_is_no_reply_of_ours_is_none(told: object) -> None:
    with pytest.raises(DamagedError):
        read_reply(told)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE replies",
        "ALTER TABLE replies ADD COLUMN more TEXT",
        "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER more BEFORE DELETE ON replies BEGIN SELECT 1; END",
        "CREATE TABLE more (x)",
        "UPDATE replies SET reply = 'no JSON'",
        "UPDATE replies SET reply = x'ff'",
        "UPDATE replies SET reply = CAST(x'ff' AS TEXT)",
        "UPDATE replies SET reply = zeroblob(16000000)",
    ],
)
def test_a_file_that_holds_something_else_is_made_anew(tmp_path: Path, statement: str) -> None:
    store = ReplyStore(tmp_path)
    store.put("a", REPLY, HOUR_S)
    plant_row(file_of(tmp_path), statement)
    assert store.get("a") is None
    store.put("b", REPLY, HOUR_S)
    assert store.get("b") is not None


@pytest.mark.parametrize(("column", "value"), [("bytes", "much"), ("bytes", 1e300), ("at", "soon"), ("until", "late")])
def test_rows_of_other_kinds_cost_only_the_memory(tmp_path: Path, column: str, value: object) -> None:
    store = ReplyStore(tmp_path)
    store.put("a", REPLY, HOUR_S)
    plant_row(file_of(tmp_path), UPDATES[column], value)
    for _ in range(2):
        store.get("a")
        store.put("b", REPLY, HOUR_S)
    assert store.get("b") is not None


def test_a_view_without_end_in_the_tables_place_holds_nobody_up(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    store.put("a", REPLY, HOUR_S)
    plant_row(file_of(tmp_path), "DROP TABLE replies")
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS key FROM n"
    plant_row(file_of(tmp_path), f"CREATE VIEW replies AS {endless}")
    begun = time.monotonic()
    assert store.get("a") is None
    assert time.monotonic() - begun < 10


def test_a_folder_or_a_huge_file_in_its_place_is_taken_away(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    file_of(tmp_path).mkdir(parents=True)
    store.put("a", REPLY, HOUR_S)
    assert store.get("a") is not None
    with file_of(tmp_path).open("r+b") as stream:
        stream.truncate(reply_store.LARGEST_FILE_BYTES + 1)
    assert store.get("a") is None
    store.put("a", REPLY, HOUR_S)
    assert store.get("a") is not None


def test_answers_and_the_folder_deleted_while_it_runs_come_back(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    store.put("a", REPLY, HOUR_S)
    file_of(tmp_path).unlink()
    file_of(tmp_path).parent.rmdir()
    assert store.get("a") is None
    store.put("a", REPLY, HOUR_S)
    assert store.get("a") is not None


@posix
def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    theirs, store = tmp_path / "theirs", ReplyStore(tmp_path / "cache")
    theirs.write_bytes(b"")
    store.put("a", REPLY, HOUR_S)
    file_of(tmp_path / "cache").unlink()
    file_of(tmp_path / "cache").symlink_to(theirs)
    store.put("a", REPLY, HOUR_S)
    assert theirs.read_bytes() == b""
    assert store.get("a") is not None


@posix
def test_a_link_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / reply_store.FOLDER).symlink_to(tmp_path / "theirs")
    store = ReplyStore(tmp_path)
    store.put("a", REPLY, HOUR_S)
    assert store.get("a") is None
    assert list((tmp_path / "theirs").iterdir()) == []


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_it_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "not" / "there"
    before = os.umask(umask)
    try:
        ReplyStore(folder).put("a", REPLY, HOUR_S)
    finally:
        os.umask(before)
    folders = [tmp_path / "not", folder, file_of(folder).parent]
    assert [mode_of(path) for path in folders] == [0o700] * 3
    assert {mode_of(path) for path in file_of(folder).parent.iterdir()} == {0o600}


@posix
def test_what_was_open_to_others_is_closed(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    store.put("a", REPLY, HOUR_S)
    file_of(tmp_path).chmod(0o666)
    file_of(tmp_path).parent.chmod(0o777)
    store.get("a")
    assert (mode_of(file_of(tmp_path)), mode_of(file_of(tmp_path).parent)) == (0o600, 0o700)


def test_an_answer_lasts_its_time_and_none_comes_from_the_future(tmp_path: Path) -> None:
    clock = Clock()
    store = ReplyStore(tmp_path, clock=clock)
    store.put("a", REPLY, HOUR_S)
    clock.now += HOUR_S - 1
    assert store.get("a") is not None
    clock.now += 1
    assert store.get("a") is None
    store.put("b", REPLY, HOUR_S)
    clock.now -= 1
    assert store.get("b") is None


def test_it_is_bounded_in_bytes_and_rows_and_the_oldest_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    store = ReplyStore(tmp_path, clock=clock)
    monkeypatch.setattr(reply_store, "LARGEST_BYTES", 100_000)
    monkeypatch.setattr(reply_store, "LARGEST_REPLY_BYTES", 50_000)
    monkeypatch.setattr(reply_store, "MOST_ROWS", 7)
    store.put("huge", Reply("x" * 60_000), HOUR_S)
    assert store.get("huge") is None
    for number in range(12):
        clock.now += 1
        store.put(str(number), Reply("x" * 20_000), HOUR_S)
    assert [number for number in range(12) if store.get(str(number))] == [8, 9, 10, 11]
    assert file_of(tmp_path).stat().st_size < 200_000
    for number in range(20, 40):
        clock.now += 1
        store.put(str(number), Reply("x"), HOUR_S)
    assert len([number for number in range(40) if store.get(str(number))]) == 7


def test_a_damaged_page_in_the_middle_heals(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    for number in range(50):
        store.put(str(number), Reply(f"{number} " * 400), HOUR_S)
    size = file_of(tmp_path).stat().st_size
    with file_of(tmp_path).open("r+b") as stream:
        for page in range(1, size // reply_store.PAGE_BYTES):
            stream.seek(page * reply_store.PAGE_BYTES)
            stream.write(b"\xa5" * 512)
    for number in range(50):
        found = store.get(str(number))
        assert found is None or found.text == f"{number} " * 400
    store.put("a", REPLY, HOUR_S)
    assert store.get("a") is not None


def test_threads_and_stores_side_by_side_lose_nothing(tmp_path: Path) -> None:
    stores = [ReplyStore(tmp_path) for _ in range(4)]

    def put(number: int) -> None:
        stores[number % 4].put(str(number), Reply(str(number)), HOUR_S)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(60)))
    found = [stores[0].get(str(number)) for number in range(60)]
    assert [reply.text for reply in found if reply is not None] == [str(number) for number in range(60)]


def test_processes_side_by_side_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from models.remote.reply_store import ReplyStore; from models.chat import Reply\n"
        "from models.remote import reply_store; reply_store.BUSY_S = 60.0  # the machine may be busy\n"
        "store = ReplyStore(Path(sys.argv[1]))\n"
        "for n in range(20): store.put(f'{sys.argv[2]} {n}', Reply(f'{sys.argv[2]} {n}'), 3600.0)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    running = [subprocess.Popen([*command, name], cwd=ROOT) for name in "abc"]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    store = ReplyStore(tmp_path)
    missing = [f"{name} {n}" for name in "abc" for n in range(20) if store.get(f"{name} {n}") is None]
    assert missing == []


def test_a_locked_file_costs_only_the_memory_for_a_moment(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    store.put("a", REPLY, HOUR_S)
    locked, free = threading.Event(), threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(file_of(tmp_path), isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            locked.set()
            free.wait(60)

    holding = threading.Thread(target=hold)
    holding.start()
    locked.wait(60)
    assert store.get("a") is None
    free.set()
    holding.join()
    assert store.get("a") is not None
