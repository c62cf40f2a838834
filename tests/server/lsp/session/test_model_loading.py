"""The loading of a large model: in a progress bar of clients that have one, and in `starling.status`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from models.completion import FillRequest
from models.errors import ModelError
from models.local.lazy_model import LazyModel
from models.local.load_times import LoadTime
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from server.assembly.core import Core
from server.assembly.settings import Settings
from server.cli import complete
from tests.models.bundled import entry, never, to_the_end
from tests.server.editor import SILENCE, WAIT_S, ScriptedGenerator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agents.completion.generator import Generator
    from indexing.index import Index
    from models.completion import CompletionModel
    from tests.server.editor import Editor

SHOWS = {"window": {"workDoneProgress": True}}
BUNDLED = entry()
UNTIL_THEN = f"{BUNDLED.name} answers until then"


class Large:
    """A large model whose loading ends once a test sets `allowed`."""

    def __init__(self, editor: Editor, load_time: LoadTime | None = None, problem: str = "") -> None:
        self.allowed = threading.Event()
        self._problem = problem
        self.model = editor.model = LazyModel(ENTRY, self._load, load_time=load_time)
        editor.quick = LazyModel(BUNDLED, lambda: ScriptedModel({"": "quick"}, entry=BUNDLED))

    def _load(self) -> CompletionModel:
        assert self.allowed.wait(WAIT_S)
        if self._problem:
            raise ModelError(self._problem)
        return ScriptedModel({"": "large"})


@pytest.fixture
def large(editor: Editor) -> Iterator[Callable[..., Large]]:
    """Yield a function that gives the editor a large model; let all of them load at the end."""
    made: list[Large] = []

    def make(load_time: LoadTime | None = None, problem: str = "") -> Large:
        made.append(Large(editor, load_time, problem))
        return made[-1]

    yield make
    for one in made:
        one.allowed.set()


def list_bar_values(editor: Editor) -> list[dict[str, Any]]:
    return [message["params"]["value"] for message in editor.sent if message.get("method") == "$/progress"]


async def wait_for_bar(editor: Editor, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Wait for a value of a progress bar that is `wanted`, and return it."""
    message = await editor.message(lambda m: m.get("method") == "$/progress" and wanted(m["params"]["value"]))
    return dict(message["params"]["value"])


async def fetch_model_status(editor: Editor) -> dict[str, Any]:
    answer = await editor.answer(editor.ask("workspace/executeCommand", {"command": "starling.status"}))
    return dict(answer["result"]["model"])


async def test_a_model_that_was_loaded_before_is_shown_with_its_share_until_it_is_ready(
    editor: Editor, large: Callable[..., Large], tmp_path: Path
) -> None:
    LoadTime("scripted", tmp_path).store(4.0)
    loading = large(LoadTime("scripted", tmp_path))
    await editor.begin(SHOWS)
    editor.open("x")
    begin = await wait_for_bar(editor, lambda value: value["kind"] == "begin")
    assert begin["title"] == "Loading scripted"
    assert isinstance(begin["percentage"], int)
    later = await wait_for_bar(editor, lambda value: value.get("percentage", 0) > begin["percentage"])
    assert later["message"] == UNTIL_THEN
    told = await fetch_model_status(editor)
    assert (told["state"], told["meanwhile"]) == ("loading", BUNDLED.name)
    assert later["percentage"] <= told["loading_percent"] <= 99
    loading.allowed.set()
    end = await wait_for_bar(editor, lambda value: value["kind"] == "end")
    assert end["message"] == "ready"
    told = await fetch_model_status(editor)
    assert (told["state"], told["loading_percent"]) == ("ready", None)
    assert [value.get("percentage", 0) < 100 for value in list_bar_values(editor)] == [True] * len(
        list_bar_values(editor)
    )


async def test_the_first_loading_shows_no_percentage(editor: Editor, large: Callable[..., Large]) -> None:
    loading = large()
    await editor.begin(SHOWS)
    editor.open("x")
    report = await wait_for_bar(editor, lambda value: value["kind"] == "report")
    assert report["message"] == f"for the first time here; {UNTIL_THEN}"
    assert (await fetch_model_status(editor))["loading_percent"] is None
    loading.allowed.set()
    await wait_for_bar(editor, lambda value: value["kind"] == "end")
    assert [value.get("percentage") for value in list_bar_values(editor)] == [None] * len(list_bar_values(editor))


async def test_the_bar_of_a_model_that_cannot_be_loaded_ends_and_a_message_says_why(
    editor: Editor, large: Callable[..., Large]
) -> None:
    loading = large(problem="The weights are cut short.")
    await editor.begin(SHOWS)
    editor.open("x")
    await wait_for_bar(editor, lambda value: value["kind"] == "begin")
    loading.allowed.set()
    assert (await wait_for_bar(editor, lambda value: value["kind"] == "end"))["message"] == "not loaded"
    said = await editor.message(lambda message: message.get("method") == "window/showMessage")
    assert said["params"]["message"] == "Starling: The weights are cut short."


def has_loaded(editor: Editor) -> bool:
    """Return whether nothing runs in the background but the look for changes by other processes, which never ends."""
    session = editor.server.session
    return session.guard._running <= {session._following}


async def test_a_model_that_loads_fast_gets_no_bar(editor: Editor, large: Callable[..., Large]) -> None:
    loading = large()
    loading.allowed.set()
    await editor.begin(SHOWS)
    editor.open("x")
    await editor.until(lambda: loading.model.state == "ready")
    await editor.until(lambda: has_loaded(editor))
    assert list_bar_values(editor) == []


@pytest.mark.parametrize("alone", [False, True])
async def test_without_client_support_or_a_fallback_model_there_is_no_bar(
    editor: Editor, large: Callable[..., Large], monkeypatch: pytest.MonkeyPatch, *, alone: bool
) -> None:
    monkeypatch.setattr("server.lsp.session.model_loading.SOON_S", 0.0)
    loading = large()
    if alone:
        editor.quick = None
    await editor.begin(SHOWS if alone else None)
    editor.open("x")
    await editor.until(lambda: loading.model.state == "loading")
    assert (await fetch_model_status(editor))["state"] == "loading"
    loading.allowed.set()
    await editor.until(lambda: has_loaded(editor))
    assert {message.get("method") for message in editor.sent} & {
        "$/progress",
        "window/workDoneProgress/create",
    } == set()


async def test_a_client_that_never_creates_the_bar_is_told_of_a_failure_anyway(
    editor: Editor, large: Callable[..., Large]
) -> None:
    editor.answers["window/workDoneProgress/create"] = SILENCE
    loading = large(problem="The weights are cut short.")
    await editor.begin(SHOWS)
    editor.open("x")
    await editor.message(lambda message: message.get("method") == "window/workDoneProgress/create")
    loading.allowed.set()
    await editor.message(lambda message: message.get("method") == "window/showMessage")
    assert list_bar_values(editor) == []


async def test_a_model_that_a_key_began_to_load_is_shown_and_its_failure_told(
    editor: Editor, large: Callable[..., Large]
) -> None:
    loading = large(problem="The weights are cut short.")
    loading.model.warm()
    await editor.begin(SHOWS)
    editor.open("x")
    await wait_for_bar(editor, lambda value: value["kind"] == "begin")
    loading.allowed.set()
    await editor.message(lambda message: message.get("method") == "window/showMessage")


async def test_a_session_that_ends_while_a_model_loads_waits_for_nothing(
    editor: Editor, large: Callable[..., Large]
) -> None:
    loading = large()
    await editor.begin(SHOWS)
    editor.open("x")
    await wait_for_bar(editor, lambda value: value["kind"] == "begin")
    await editor.end()
    with pytest.raises(ModelError, match="unloaded"):
        loading.model.generate(FillRequest("a.py", "x", ""), stop=to_the_end, cancelled=never)


def test_at_a_terminal_one_line_says_that_a_model_is_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed, said = threading.Event(), list[str]()

    def note(sentence: str) -> None:
        said.append(sentence)
        allowed.set()

    monkeypatch.setattr(complete, "SOON_S", 0.05)
    monkeypatch.setattr(complete.terminal, "note", note)

    def load() -> CompletionModel:
        assert allowed.wait(WAIT_S)
        return ScriptedModel({"": "large"})

    core = Core(Settings(), cast("Index", None), cast("Generator", ScriptedGenerator()), LazyModel(ENTRY, load))
    for _ in range(2):  # once, and never of one that is there
        complete._wait_for_model(core)
        assert said == ["loading scripted"]
