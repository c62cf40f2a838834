"""The model host among real processes: shared by servers, killed under load, and fair to many who type at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from models.chat import ChatRequest, Message, Speaker, never
from models.completion import FillRequest
from models.errors import ModelError
from models.host.connection import ENDED, HostConnection
from models.host.health_check import fetch_health
from models.host.loaded_models import Limits
from models.host.protocol import CLIENT_HEADER
from models.local.loading import load
from models.remote.completion.dialects import HostDialect
from models.remote.completion.remote_completion import RemoteModel
from models.remote.completion.standby import StandbyModel
from models.scripted.scripted_completion import ENTRY
from server.assembly import chats, hosts
from server.assembly.endpoints import ChatSettings
from server.assembly.setting_sections import ModelSettings
from tests.models import bundled
from tests.models.host.serving import Serving, scripted
from tests.models.large import install_large
from tests.wire.conftest import PROGRAM, WAIT_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

CODE = "def area(radius):\n    return 3.14 * radius * radius\n\ndef both(first, second):\n    return area(first) + \n"
MEGABYTES = 400
ROOM = Limits(1 << 40, waiting=64)
ALWAYS = ModelSettings(host="always", device="cpu")
REQUEST = FillRequest("a.py", "def area(radius):\n    return ", "\n")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own, and the end of the host in it."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    for host in _hosts_of(tmp_path / "home"):  # one that hangs, or has no socket, does not say its number
        with contextlib.suppress(psutil.NoSuchProcess):
            host.kill()
            host.wait(WAIT_S)


def _hosts_of(home: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _is_host(process) and _home_of(process) == str(home)]


def _is_host(process: psutil.Process) -> bool:
    try:
        return "models serve" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _home_of(process: psutil.Process) -> str:
    try:
        return process.environ().get("STARLING_HOME", "")
    except psutil.Error:
        return ""


def host() -> dict[str, Any]:
    told = fetch_health(hosts.choose_address())
    assert told
    return dict(told)


def used_bytes(process: psutil.Process) -> int:
    """Memory of a process and its children, shared pages divided among who shares them."""
    family = [process, *(child for child in process.children(recursive=True) if "serve" not in child.cmdline())]
    return sum(one.memory_full_info().pss for one in family)


@pytest.mark.real_start
async def test_two_servers_share_one_copy_of_the_weights(start: Start, home: Path, tmp_path: Path) -> None:
    install_large(home / "config" / "models", tmp_path / "scratch", "large", megabytes=MEGABYTES)
    (home / "config" / "settings.toml").write_text('[model]\nname = "large"\n', encoding="utf-8")
    servers = [await start(command=PROGRAM) for _ in range(2)]
    patient = {"recall": False, "maxTokens": 2, "typingMs": 60_000, "askingMs": 60_000}
    for session in servers:
        await session.initialize(initialization_options={"index": {"enabled": False}, "completion": patient})
        uri = session.open("untitled:Untitled-1", CODE)
        await session.status(lambda status: status["state"] == "ready" and status["model"]["state"] == "ready")
        texts: list[str] = []
        while not texts or (await session.command("starling.status"))["model"]["problem"]:
            await asyncio.sleep(0.2)  # loading so much takes longer on a busy machine than anyone who asks waits
            texts = await session.texts(uri, 4, 25)
    told = host()
    assert [model["name"] for model in told["models"]] == ["large"]
    holding = used_bytes(psutil.Process(told["process"]))
    one, other = (used_bytes(psutil.Process(session.process.pid)) for session in servers)
    assert holding > MEGABYTES * 1_000_000
    assert holding + one + other < 1.2 * (holding + min(one, other))


def test_a_host_killed_under_load_loses_no_request(home: Path) -> None:
    entry = bundled.entry()
    requests = [FillRequest("a.py", f"def area{number}(radius):\n    return ", "\n") for number in range(40)]
    local = load(entry, device="cpu", threads=1)
    expected = [_answer(local, request) for request in requests]
    local.close()
    clients = [hosts.make_host_loader(ALWAYS, entry)() for _ in range(4)]
    killed = host()["process"]
    answered = threading.Semaphore(0)

    def ask(number: int) -> str:
        answer = _answer(clients[number % len(clients)], requests[number])
        answered.release()
        return answer

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask, number) for number in range(len(requests))]
        for _ in range(5):
            answered.acquire()
        os.kill(killed, signal.SIGKILL)
        assert [answer.result(WAIT_S) for answer in answers] == expected
    assert host()["process"] != killed
    for client in clients:
        client.close()


def test_of_a_killed_host_a_person_hears_that_it_ended_and_is_started_again_until_one_answers(home: Path) -> None:
    model = hosts.make_host_loader(ALWAYS, bundled.entry())()
    assert isinstance(model, StandbyModel)
    told: list[str] = []
    model.set_listener(told.append)
    wanted = _answer(model, REQUEST)
    killed = psutil.Process(host()["process"])
    killed.kill()
    _until(lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE)
    _typed(model, 0.05)  # a key that gives up long before another one listens
    assert model.problems == (ENDED,)
    _until(lambda: _typed(model, WAIT_S) == wanted)
    assert (told, model.problems) == ([ENDED], ())
    assert host()["process"] != killed.pid
    model.close()


def test_a_host_that_left_by_itself_is_started_again_without_a_word(home: Path) -> None:
    model = hosts.make_host_loader(ALWAYS, bundled.entry())()
    assert isinstance(model, StandbyModel)
    told: list[str] = []
    model.set_listener(told.append)
    process = psutil.Process(host()["process"])
    process.terminate()
    process.wait(WAIT_S)
    _typed(model, 0.05)
    assert model.problems == ()
    _until(lambda: _typed(model, WAIT_S) != "")
    assert (told, model.problems) == ([], ())
    model.close()


def test_a_chat_model_of_ones_own_converses_through_the_host_and_survives_its_death(home: Path) -> None:
    folder = Path(shutil.copytree(bundled.entry().folder, home / "config" / "models" / "talker"))
    (folder / "catalog.toml").chmod(0o644)
    written = (folder / "catalog.toml").read_text(encoding="utf-8")
    written = written.replace('"starling-mini"', '"talker"').replace('["completion"]', '["chat"]')
    turns = '[chat]\nuser = "# {text}"\nassistant = "{text}"\nopening = ""\nends = ["<|endoftext|>"]\n'
    (folder / "catalog.toml").write_text(written + turns, encoding="utf-8")
    made = chats.build_chats(ChatSettings(model="talker"), None)
    chat = made.chat
    assert chat is not None
    assert made.problems == ()
    question = ChatRequest((Message(Speaker.USER, "add two numbers\ndef add(a, b):\n"),), max_tokens=12)
    pieces: list[str] = []
    reply = chat.chat(question, cancelled=never, on_text=pieces.append)
    assert "".join(pieces) == reply.text != ""
    assert (reply.model, reply.usage.answer_tokens, reply.usage.estimated) == ("talker", 12, False)
    os.kill(host()["process"], signal.SIGKILL)
    assert chat.chat(question, cancelled=never).text == reply.text
    assert [(model["name"], model["kind"]) for model in host()["models"]] == [("talker", "chat")]
    chat.close()


def test_servers_that_start_at_once_get_one_host(home: Path) -> None:
    others = set(psutil.Process().children())
    entry = bundled.entry()
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda _: hosts.make_host_loader(ALWAYS, entry)(), range(4)))
    assert [model["name"] for model in host()["models"]] == [entry.name]
    for model in models:
        assert not getattr(model, "problems", ())
        model.close()
    late = {child for child in psutil.Process().children() if child.pid != host()["process"]} - others
    assert psutil.wait_procs(late, WAIT_S)[1] == []  # a host that finds another one leaves, a moment later when busy
    assert psutil.pid_exists(host()["process"])


def test_the_host_leaves_when_nobody_asks_and_comes_back_when_somebody_does(home: Path) -> None:
    command = [*hosts.make_command(), "--idle", "0.5"]
    process = hosts.make_launcher()
    process._command = command
    process.ensure_running()
    first = psutil.Process(host()["process"])
    first.wait(WAIT_S)
    assert not hosts.choose_address().socket.exists()
    process.ensure_running()
    assert host()["process"] != first.pid


def test_told_to_end_it_leaves_nothing_behind(home: Path) -> None:
    hosts.make_launcher().ensure_running()
    process = psutil.Process(host()["process"])
    process.terminate()
    process.wait(WAIT_S)
    assert not hosts.choose_address().socket.exists()


def test_only_its_owner_can_open_the_socket(home: Path) -> None:
    hosts.make_launcher().ensure_running()
    assert hosts.choose_address().socket.stat().st_mode & 0o077 == 0
    assert hosts.choose_address().folder.stat().st_mode & 0o077 == 0


def test_a_stopped_host_is_stood_in_for_and_answers_again_once_it_goes_on(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = hosts.make_host_loader(ALWAYS, bundled.entry())()
    assert isinstance(model, StandbyModel)
    wanted = _typed(model)
    assert wanted
    stopped = host()["process"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        _until(lambda: _typed(model) == wanted)  # by the one that stands in
        (problem,) = model.problems
        assert "does not answer" in problem
        assert "starling-mini completes, on this machine" in problem
        until = time.monotonic() + 5
        while time.monotonic() < until:
            assert _typed(model, WAIT_S) == wanted
        said = [record.levelname for record in caplog.records if record.name == "models.remote.completion.standby"]
        assert said.count("WARNING") == 1
    finally:
        os.kill(stopped, signal.SIGCONT)
    _until(lambda: _typed(model, WAIT_S) == wanted and not model.problems)
    assert host()["process"] == stopped
    assert _answer(model, REQUEST) == wanted
    model.close()


async def test_who_types_gets_completions_while_the_host_is_stopped_and_from_it_afterwards(
    start: Start, home: Path
) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text('[model]\nhost = "always"\n', encoding="utf-8")
    session = await start(command=PROGRAM)
    patient = {"recall": False, "timeoutMs": 2000}
    await session.initialize(initialization_options={"index": {"enabled": False}, "completion": patient})
    session.open("untitled:Untitled-1", CODE)
    end = CODE.count("\n") - 1
    wanted: list[str] = []
    while not wanted:  # on a busy machine the first ones come too late
        wanted = await session.texts("untitled:Untitled-1", end, 25)
    stopped = host()["process"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        answers = []
        while not answers:
            answers = await session.texts("untitled:Untitled-1", end, 25)
        assert answers == wanted
        assert "does not answer" in (await session.command("starling.status"))["model"]["problem"]
    finally:
        os.kill(stopped, signal.SIGCONT)
    while (await session.command("starling.status"))["model"]["problem"]:
        assert await session.texts("untitled:Untitled-1", end, 25) in (wanted, [])
    assert host()["process"] == stopped


def test_a_server_that_starts_while_the_host_is_stopped_completes_all_the_same(home: Path) -> None:
    hosts.make_launcher().ensure_running()
    stopped = host()["process"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        model = hosts.make_host_loader(ALWAYS, bundled.entry())()
        assert _answer(model, REQUEST)
        assert "does not answer" in model.problems[0]
    finally:
        os.kill(stopped, signal.SIGCONT)
    _until(lambda: _answer(model, REQUEST) and not model.problems)
    model.close()


def test_keys_without_end_while_it_is_stopped_do_not_keep_it_busy_afterwards(home: Path) -> None:
    """Without anybody who stands in: each key is given up, and all of them are still in the host's line."""
    connection = HostConnection(hosts.make_launcher())
    entry = bundled.entry()
    model = RemoteModel(entry, connection, HostDialect(), tokenizer=bundled.tokenizer())
    wanted = _answer(model, REQUEST)
    stopped = host()["process"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            with contextlib.suppress(ModelError):
                _typed(model, 0.05)
    finally:
        os.kill(stopped, signal.SIGCONT)
    begun = time.monotonic()
    answers = []
    while wanted not in answers:
        with contextlib.suppress(ModelError):
            answers.append(_typed(model))
        assert time.monotonic() - begun < WAIT_S
    assert _typed(model) == wanted
    model.close()


@pytest.mark.parametrize("gone", ["socket", "folder"])
def test_a_host_whose_socket_or_folder_was_deleted_is_replaced_and_leaves(home: Path, gone: str) -> None:
    model = hosts.make_host_loader(ALWAYS, bundled.entry())()
    wanted = _answer(model, REQUEST)
    old = psutil.Process(host()["process"])
    address = hosts.choose_address()
    if gone == "socket":
        address.socket.unlink()
    else:
        shutil.rmtree(address.folder)
    _until(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE)
    _until(lambda: _typed(model) == wanted and not model.problems)
    assert host()["process"] != old.pid
    model.close()


def test_what_answers_garbage_in_the_hosts_place_is_stood_in_for(home: Path) -> None:
    address = hosts.choose_address()
    ending = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address.socket))
        listener.listen(8)
        listener.settimeout(0.1)

        def babble() -> None:
            while not ending.is_set():
                with contextlib.suppress(OSError), listener.accept()[0] as connection:
                    connection.sendall(b"\x00garbage\r\n\r\n" * 10)

        babbling = threading.Thread(target=babble)
        babbling.start()
        model = hosts.make_host_loader(ALWAYS, bundled.entry())()
        assert _answer(model, REQUEST)
        assert "does not answer" in model.problems[0]
        ending.set()
        babbling.join()
    address.socket.unlink()
    _until(lambda: _answer(model, REQUEST) and not model.problems)  # a host is started now
    model.close()


async def test_of_ten_who_type_at_once_the_newest_key_of_each_comes_first() -> None:
    gate, order = threading.Event(), []

    def reply(request: FillRequest) -> str:
        if request.prefix == "hold":
            gate.wait(WAIT_S)
        else:
            order.append(request.prefix)
        return "x"

    serving = Serving({"scripted": (ENTRY, lambda: scripted(reply))}, limits=ROOM)
    with serving.client() as client, ThreadPoolExecutor(64) as pool:

        def ask(prefix: str) -> int:
            headers, body = {CLIENT_HEADER: prefix.partition(" ")[0]}, {"model": "scripted", "prompt": prefix}
            return client.post("/v1/completions", json=body, headers=headers).status_code

        asked = [pool.submit(ask, "hold")]
        serving.until(lambda: any(not loaded.turns.idle for loaded in serving.loaded_models))
        (loaded,) = serving.loaded_models
        for key in range(4):
            for person in range(10):
                asked.append(pool.submit(ask, f"person{person} {key}"))
                serving.until(lambda: loaded.turns.waiting == len(asked) - 1)
        gate.set()
        assert [await asyncio.wrap_future(one) for one in asked] == [200] * 41
    serving.close()
    assert sorted(order[:10]) == [f"person{person} 3" for person in range(10)]


def _typed(model: Any, wait_s: float = 3.0) -> str:
    """What is suggested to somebody who waits so long, as a server's keystrokes do."""
    end = time.monotonic() + wait_s
    given = model.generate(REQUEST, stop=bundled.first_line, cancelled=lambda: time.monotonic() > end)
    return str(given[0].text)


def _until(wanted: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not wanted():
        assert time.monotonic() < end
        time.sleep(0.05)


def _answer(model: Any, request: FillRequest) -> str:
    return str(model.generate(request, stop=bundled.first_line, cancelled=bundled.never)[0].text)
