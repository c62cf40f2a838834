"""The model host among real processes: shared by servers, killed under load, and fair to many people who type."""

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
from tests.models.host.serving import Serving, make_scripted
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
    """Yield a new home; kill its model hosts at the end."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    for host in _find_hosts(tmp_path / "home"):  # a host that hangs, or has no socket, does not tell its process id
        with contextlib.suppress(psutil.NoSuchProcess):
            host.kill()
            host.wait(WAIT_S)


def _find_hosts(home: Path) -> list[psutil.Process]:
    """Return the processes of model hosts with the home `home`."""
    return [process for process in psutil.process_iter() if _is_host(process) and _read_home(process) == str(home)]


def _is_host(process: psutil.Process) -> bool:
    try:
        return "models serve" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _read_home(process: psutil.Process) -> str:
    """Return the process's home of Starling, "" if it has none or cannot be asked."""
    try:
        return process.environ().get("STARLING_HOME", "")
    except psutil.Error:
        return ""


def fetch_host() -> dict[str, Any]:
    """Return the health report of the running host, which must answer."""
    told = fetch_health(hosts.choose_host_address())
    assert told
    return dict(told)


def measure_used_bytes(process: psutil.Process) -> int:
    """Return the memory of a process and its children; shared pages are divided among the processes that share them."""
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
        await session.wait_for_status(lambda status: status["state"] == "ready" and status["model"]["state"] == "ready")
        texts: list[str] = []
        while not texts or (await session.execute("starling.status"))["model"]["problem"]:
            await asyncio.sleep(0.2)  # on a busy machine loading takes longer than any request waits
            texts = await session.list_suggestions(uri, 4, 25)
    told = fetch_host()
    assert [model["name"] for model in told["models"]] == ["large"]
    holding = measure_used_bytes(psutil.Process(told["process"]))
    one, other = (measure_used_bytes(psutil.Process(session.process.pid)) for session in servers)
    assert holding > MEGABYTES * 1_000_000
    assert holding + one + other < 1.2 * (holding + min(one, other))


def test_a_host_killed_under_load_loses_no_request(home: Path) -> None:
    entry = bundled.entry()
    requests = [FillRequest("a.py", f"def area{number}(radius):\n    return ", "\n") for number in range(40)]
    local = load(entry, device="cpu", threads=1)
    expected = [_complete(local, request) for request in requests]
    local.close()
    clients = [hosts.make_host_loader(ALWAYS, entry)() for _ in range(4)]
    killed = fetch_host()["process"]
    answered = threading.Semaphore(0)

    def ask(number: int) -> str:
        answer = _complete(clients[number % len(clients)], requests[number])
        answered.release()
        return answer

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(ask, number) for number in range(len(requests))]
        for _ in range(5):
            answered.acquire()
        os.kill(killed, signal.SIGKILL)
        assert [answer.result(WAIT_S) for answer in answers] == expected
    assert fetch_host()["process"] != killed
    for client in clients:
        client.close()


def test_a_killed_host_is_reported_and_restarted_until_one_answers(home: Path) -> None:
    model = hosts.make_host_loader(ALWAYS, bundled.entry())()
    assert isinstance(model, StandbyModel)
    told: list[str] = []
    model.set_listener(told.append)
    wanted = _complete(model, REQUEST)
    killed = psutil.Process(fetch_host()["process"])
    killed.kill()
    _wait_until(lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE)
    _suggest_while_typing(model, 0.05)  # a key that gives up long before another one listens
    assert model.problems == (ENDED,)
    _wait_until(lambda: _suggest_while_typing(model, WAIT_S) == wanted)
    assert (told, model.problems) == ([ENDED], ())
    assert fetch_host()["process"] != killed.pid
    model.close()


def test_a_host_that_ended_by_itself_is_restarted_silently(home: Path) -> None:
    model = hosts.make_host_loader(ALWAYS, bundled.entry())()
    assert isinstance(model, StandbyModel)
    told: list[str] = []
    model.set_listener(told.append)
    process = psutil.Process(fetch_host()["process"])
    process.terminate()
    process.wait(WAIT_S)
    _suggest_while_typing(model, 0.05)
    assert model.problems == ()
    _wait_until(lambda: _suggest_while_typing(model, WAIT_S) != "")
    assert (told, model.problems) == ([], ())
    model.close()


def test_an_own_chat_model_answers_through_the_host_and_survives_its_death(home: Path) -> None:
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
    os.kill(fetch_host()["process"], signal.SIGKILL)
    assert chat.chat(question, cancelled=never).text == reply.text
    assert [(model["name"], model["kind"]) for model in fetch_host()["models"]] == [("talker", "chat")]
    chat.close()


def test_servers_that_start_at_once_get_one_host(home: Path) -> None:
    others = set(psutil.Process().children())
    entry = bundled.entry()
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda _: hosts.make_host_loader(ALWAYS, entry)(), range(4)))
    assert [model["name"] for model in fetch_host()["models"]] == [entry.name]
    for model in models:
        assert not getattr(model, "problems", ())
        model.close()
    late = {child for child in psutil.Process().children() if child.pid != fetch_host()["process"]} - others
    assert psutil.wait_procs(late, WAIT_S)[1] == []  # a host that finds another one leaves, a moment later when busy
    assert psutil.pid_exists(fetch_host()["process"])


def test_the_host_ends_without_requests_and_is_restarted_by_the_next(home: Path) -> None:
    command = [*hosts.make_host_command(), "--idle", "0.5"]
    process = hosts.make_host_launcher()
    process._command = command
    process.ensure_running()
    first = psutil.Process(fetch_host()["process"])
    first.wait(WAIT_S)
    assert not hosts.choose_host_address().socket.exists()
    process.ensure_running()
    assert fetch_host()["process"] != first.pid


def test_a_host_told_to_end_leaves_nothing_behind(home: Path) -> None:
    hosts.make_host_launcher().ensure_running()
    process = psutil.Process(fetch_host()["process"])
    process.terminate()
    process.wait(WAIT_S)
    assert not hosts.choose_host_address().socket.exists()


def test_only_its_owner_can_open_the_socket(home: Path) -> None:
    hosts.make_host_launcher().ensure_running()
    assert hosts.choose_host_address().socket.stat().st_mode & 0o077 == 0
    assert hosts.choose_host_address().folder.stat().st_mode & 0o077 == 0


def test_a_fallback_answers_for_a_suspended_host_until_it_continues(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = hosts.make_host_loader(ALWAYS, bundled.entry())()
    assert isinstance(model, StandbyModel)
    wanted = _suggest_while_typing(model)
    assert wanted
    stopped = fetch_host()["process"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        _wait_until(lambda: _suggest_while_typing(model) == wanted)  # by the fallback
        (problem,) = model.problems
        assert "does not answer" in problem
        assert "starling-mini completes, on this machine" in problem
        until = time.monotonic() + 5
        while time.monotonic() < until:
            assert _suggest_while_typing(model, WAIT_S) == wanted
        said = [record.levelname for record in caplog.records if record.name == "models.remote.completion.standby"]
        assert said.count("WARNING") == 1
    finally:
        os.kill(stopped, signal.SIGCONT)
    _wait_until(lambda: _suggest_while_typing(model, WAIT_S) == wanted and not model.problems)
    assert fetch_host()["process"] == stopped
    assert _complete(model, REQUEST) == wanted
    model.close()


async def test_completions_come_while_the_host_is_suspended_and_from_it_afterwards(start: Start, home: Path) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.toml").write_text('[model]\nhost = "always"\n', encoding="utf-8")
    session = await start(command=PROGRAM)
    patient = {"recall": False, "timeoutMs": 2000}
    await session.initialize(initialization_options={"index": {"enabled": False}, "completion": patient})
    session.open("untitled:Untitled-1", CODE)
    end = CODE.count("\n") - 1
    wanted: list[str] = []
    while not wanted:  # on a busy machine the first ones come too late
        wanted = await session.list_suggestions("untitled:Untitled-1", end, 25)
    stopped = fetch_host()["process"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        answers = []
        while not answers:
            answers = await session.list_suggestions("untitled:Untitled-1", end, 25)
        assert answers == wanted
        assert "does not answer" in (await session.execute("starling.status"))["model"]["problem"]
    finally:
        os.kill(stopped, signal.SIGCONT)
    while (await session.execute("starling.status"))["model"]["problem"]:
        assert await session.list_suggestions("untitled:Untitled-1", end, 25) in (wanted, [])
    assert fetch_host()["process"] == stopped


def test_a_server_that_starts_while_the_host_is_suspended_completes_anyway(home: Path) -> None:
    hosts.make_host_launcher().ensure_running()
    stopped = fetch_host()["process"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        model = hosts.make_host_loader(ALWAYS, bundled.entry())()
        assert _complete(model, REQUEST)
        assert "does not answer" in model.problems[0]
    finally:
        os.kill(stopped, signal.SIGCONT)
    _wait_until(lambda: _complete(model, REQUEST) and not model.problems)
    model.close()


def test_many_keys_during_a_suspension_do_not_keep_the_host_busy_afterwards(home: Path) -> None:
    """Without anybody who stands in: each key is given up, and all of them are still in the host's line."""
    connection = HostConnection(hosts.make_host_launcher())
    entry = bundled.entry()
    model = RemoteModel(entry, connection, HostDialect(), tokenizer=bundled.tokenizer())
    wanted = _complete(model, REQUEST)
    stopped = fetch_host()["process"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            with contextlib.suppress(ModelError):
                _suggest_while_typing(model, 0.05)
    finally:
        os.kill(stopped, signal.SIGCONT)
    begun = time.monotonic()
    answers = []
    while wanted not in answers:
        with contextlib.suppress(ModelError):
            answers.append(_suggest_while_typing(model))
        assert time.monotonic() - begun < WAIT_S
    assert _suggest_while_typing(model) == wanted
    model.close()


@pytest.mark.parametrize("gone", ["socket", "folder"])
def test_a_host_whose_socket_or_folder_was_deleted_is_replaced_and_ends(home: Path, gone: str) -> None:
    model = hosts.make_host_loader(ALWAYS, bundled.entry())()
    wanted = _complete(model, REQUEST)
    old = psutil.Process(fetch_host()["process"])
    address = hosts.choose_host_address()
    if gone == "socket":
        address.socket.unlink()
    else:
        shutil.rmtree(address.folder)
    _wait_until(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE)
    _wait_until(lambda: _suggest_while_typing(model) == wanted and not model.problems)
    assert fetch_host()["process"] != old.pid
    model.close()


def test_a_fallback_answers_for_a_host_that_answers_garbage(home: Path) -> None:
    address = hosts.choose_host_address()
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
        assert _complete(model, REQUEST)
        assert "does not answer" in model.problems[0]
        ending.set()
        babbling.join()
    address.socket.unlink()
    _wait_until(lambda: _complete(model, REQUEST) and not model.problems)  # a host is started now
    model.close()


async def test_the_newest_key_of_each_of_ten_typists_comes_first() -> None:
    gate, order = threading.Event(), []

    def reply(request: FillRequest) -> str:
        if request.prefix == "hold":
            gate.wait(WAIT_S)
        else:
            order.append(request.prefix)
        return "x"

    serving = Serving({"scripted": (ENTRY, lambda: make_scripted(reply))}, limits=ROOM)
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


def _suggest_while_typing(model: Any, wait_s: float = 3.0) -> str:
    """Return the suggestion of `model`, which is cancelled after `wait_s` seconds, as by the next keystroke."""
    end = time.monotonic() + wait_s
    given = model.generate(REQUEST, stop=bundled.first_line, cancelled=lambda: time.monotonic() > end)
    return str(given[0].text)


def _wait_until(wanted: Callable[[], object]) -> None:
    """Wait until `wanted` returns something true; fail after `WAIT_S`."""
    end = time.monotonic() + WAIT_S
    while not wanted():
        assert time.monotonic() < end
        time.sleep(0.05)


def _complete(model: Any, request: FillRequest) -> str:
    """Return the model's completion of `request`, however long it takes."""
    return str(model.generate(request, stop=bundled.first_line, cancelled=bundled.never)[0].text)
