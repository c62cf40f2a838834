"""The chat endpoint of a person: who may name it, what its settings take, and the model made from them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from models.chat import ChatRequest, Message, Speaker, never
from models.scripted_server import ScriptedServer
from server import chats, checks, core
from server.chats import ChatSettings
from server.reference import reference
from server.settings import Settings, resolve
from tests.tidy.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-live-0123456789abcdefghij"
CHAT_FIELDS = tuple(ChatSettings.model_fields)
QUESTION = ChatRequest((Message(Speaker.USER, "1 + 1?"),))


def settled(
    tmp_path: Path, *, user: str = "", workspace: str = "", editor: object = None, **environment: str
) -> tuple[Settings, list[str]]:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    (root / ".starling.toml").write_text(workspace)
    (tmp_path / "settings.toml").write_text(user)
    settings, problems = resolve(
        editor=editor, roots=[root], environment=environment, user_file=tmp_path / "settings.toml"
    )
    return settings, [str(problem) for problem in problems]


def some_value(name: str) -> object:
    values: dict[str, object] = {
        "url": "https://evil.example/v1",
        "api": "ollama",
        "key_env": "HOME",
        "proxy": "http://evil.example",
    }
    return values.get(name, 2000 if isinstance(ChatSettings.model_fields[name].default, int) else "evil")


@pytest.mark.parametrize("name", CHAT_FIELDS)
def test_no_workspace_and_no_editor_sets_anything_of_the_endpoint(tmp_path: Path, name: str) -> None:
    value = some_value(name)
    settings, problems = settled(
        tmp_path, workspace=f"[chat]\n{name} = {json.dumps(value)}\n", editor={"chat": {name: value}}
    )
    assert settings.chat == ChatSettings()
    assert len(problems) == 2
    assert all("settings.toml" in problem for problem in problems)


@pytest.mark.parametrize("name", CHAT_FIELDS)
def test_a_person_sets_it_in_the_settings_file_or_the_environment(tmp_path: Path, name: str) -> None:
    value = some_value(name)
    by_file, problems = settled(tmp_path, user=f"[chat]\n{name} = {json.dumps(value)}\n")
    by_environment, more = settled(tmp_path, **{f"STARLING_CHAT__{name}".upper(): str(value)})
    assert getattr(by_file.chat, name) == getattr(by_environment.chat, name) == value
    assert not problems
    assert not more


def test_every_setting_of_the_endpoint_is_kept_from_editors_settings_pages() -> None:
    assert {one.toml for one in reference() if one.personal} >= {f"chat.{name}" for name in CHAT_FIELDS}


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "localhost:11434",
        "http://",
        "http://name:" + KEY + "@host/v1",
        "https://host/v1?key=" + KEY,
        "http://host/\n",
        "http://host:99999/",
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    settings, (problem,) = settled(tmp_path, user=f"[chat]\nurl = {json.dumps(url)}\n")
    assert settings.chat.url == ""
    assert "an http:// or https:// address" in problem
    assert KEY not in problem


@pytest.mark.parametrize("name", ["key_env", "url", "api", "timeout_s"])
def test_a_key_in_the_wrong_place_is_not_repeated(tmp_path: Path, name: str) -> None:
    _, (problem,) = settled(tmp_path, user=f'[chat]\n{name} = "{KEY}"\n')
    assert KEY not in problem


def test_a_key_as_a_setting_of_its_own_is_not_repeated(tmp_path: Path) -> None:
    _, (problem,) = settled(tmp_path, user=f'[chat]\nkey = "{KEY}"\n')
    assert KEY not in problem


def test_half_an_endpoint_is_named(tmp_path: Path) -> None:
    assert chats.made(ChatSettings(), tmp_path) == (None, "")
    assert "names no chat model of yours (m; there are: none)" in chats.made(ChatSettings(model="m"), tmp_path)[1]
    assert "chat.model is not" in chats.made(ChatSettings(url="http://localhost:1/v1"), tmp_path)[1]


def test_a_configured_endpoint_answers_and_is_asked_once(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    with ScriptedServer("===\ntwo", key=KEY) as server:
        settings = ChatSettings(url=f"{server.url}/v1", model="m", key_file=str(tmp_path / "key"))
        chat, problem = chats.made(settings, tmp_path / "cache")
        assert chat is not None
        assert not problem
        try:
            answers = [chat.chat(QUESTION, cancelled=never) for _ in range(2)]
        finally:
            chat.close()
    assert [(reply.text, reply.cached) for reply in answers] == [("two", False), ("two", True)]
    assert len(server.requests) == 1
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert kept
    assert KEY.encode() not in kept


def test_the_core_has_it_and_closes_it_with_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    monkeypatch.setenv("STARLING_CHAT__MODEL", "m")
    with ScriptedServer("===\ntwo") as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        first = core.build([], None, None)
        assert first.chat is not None
        assert core.build([], None, first).chat is first.chat
        assert first.chat.chat(QUESTION, cancelled=never).text == "two"
        monkeypatch.setenv("STARLING_CHAT__URL", "")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "")
        second = core.build([], None, first)
        first.close_but(second)
        assert second.chat is None
        second.close()


def checked(settings: ChatSettings) -> list[checks.Check]:
    return list(checks._chat(Settings(chat=settings)))


def test_the_doctor_says_that_no_endpoint_is_configured() -> None:
    (check,) = checked(ChatSettings())
    assert (check.state, check.message) == ("ok", "No chat model is configured: chat.url is empty.")


def test_the_doctor_asks_the_endpoint() -> None:
    with ScriptedServer("===\nyes") as server:
        (check,) = checked(ChatSettings(url=f"{server.url}/v1", model="m"))
    assert (check.state, check.facts["answered_by"]) == ("ok", "scripted")
    assert server.requests[0]["model"] == "m"


def test_the_doctor_says_in_words_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    with ScriptedServer("===\nyes", key="another") as server:
        (check,) = checked(ChatSettings(url=f"{server.url}/v1", model="m", key_env="SOME_KEY"))
    assert (check.state, check.facts["fault"]) == ("warning", "unauthorized")
    assert "does not accept the key" in check.message
    assert KEY not in repr(check)


def test_the_doctor_warns_of_a_key_that_others_may_read(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o644)
    with ScriptedServer("===\nyes") as server:
        first, second = checked(ChatSettings(url=f"{server.url}/v1", model="m", key_file=str(key)))
        assert f"chmod 600 {key}" in first.remedy
        assert second.state == "ok"
        key.chmod(0o600)
        assert len(checked(ChatSettings(url=f"{server.url}/v1", model="m", key_file=str(key)))) == 1
    assert "https://" in chats.exposed_key(ChatSettings(url="http://example.com/v1", model="m", key_env="SOME_KEY"))


def test_nothing_of_it_is_imported_without_an_endpoint() -> None:
    code = (
        "import sys; from pathlib import Path; from server import core; core.build([], None, None).close();"
        "print([n for n in sys.modules if n.startswith(('httpx2', 'httpcore2', 'diskcache', 'models.providers'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.strip() == "[]"
