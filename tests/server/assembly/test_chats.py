"""The chat endpoint of a person: who may name it, what its settings take, and the model made from them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from models.catalog.catalog import DEFAULT_MODEL, Catalog
from models.chat import ChatError, ChatRequest, Message, Reply, Speaker, Usage, never
from models.scripted.scripted_server import ScriptedServer
from server.assembly import chats, checks, core, endpoints
from server.assembly.endpoints import ChatSettings, EndpointSettings
from server.assembly.settings import Settings, resolve
from server.assembly.settings_reference import list_settings
from server.state.cost_ledger import Costs
from tests.states import make_state
from tests.tidy.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from server.state.cost_ledger import CostRecord

KEY = "sk-live-0123456789abcdefghij"
CHAT_FIELDS = tuple(ChatSettings.model_fields)
QUESTION = ChatRequest((Message(Speaker.USER, "1 + 1?"),))


def resolve_settings(
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
        "temperature": 1.5,
        "input_price": 3.5,
        "output_price": 3.5,
        "cached_price": 3.5,
        "fallback": [{"url": "https://evil.example/v1", "model": "m"}],
        "currency": "EUR",
        "replicas": ["https://evil.example/v1"],
        "review": [{"url": "https://evil.example/v1", "model": "m"}],
    }
    return values.get(name, 2000 if isinstance(ChatSettings.model_fields[name].default, int) else "evil")


def format_toml(value: object) -> str:
    """Return `value` as TOML."""
    if isinstance(value, list) and isinstance(value[0], dict):
        tables = (", ".join(f"{name} = {json.dumps(said)}" for name, said in table.items()) for table in value)
        return "[" + ", ".join(f"{{{table}}}" for table in tables) + "]"
    return json.dumps(value)


@pytest.mark.parametrize("name", CHAT_FIELDS)
def test_no_workspace_and_no_editor_sets_anything_of_the_endpoint(tmp_path: Path, name: str) -> None:
    value = some_value(name)
    settings, problems = resolve_settings(
        tmp_path, workspace=f"[chat]\n{name} = {format_toml(value)}\n", editor={"chat": {name: value}}
    )
    assert settings.chat == ChatSettings()
    assert len(problems) == 2
    assert all("settings.toml" in problem for problem in problems)


@pytest.mark.parametrize("name", CHAT_FIELDS)
def test_a_person_sets_it_in_the_settings_file_or_the_environment(tmp_path: Path, name: str) -> None:
    value = some_value(name)
    by_file, problems = resolve_settings(tmp_path, user=f"[chat]\n{name} = {format_toml(value)}\n")
    written = json.dumps(value) if isinstance(value, list) else str(value)
    by_environment, more = resolve_settings(tmp_path, **{f"STARLING_CHAT__{name}".upper(): written})
    expected = value
    if isinstance(value, list):
        expected = tuple(EndpointSettings(**one) if isinstance(one, dict) else one for one in value)
    assert getattr(by_file.chat, name) == getattr(by_environment.chat, name) == expected
    assert not problems
    assert not more


def test_every_setting_of_the_endpoint_is_kept_from_editors_settings_pages() -> None:
    assert {one.toml for one in list_settings() if one.personal} >= {f"chat.{name}" for name in CHAT_FIELDS}


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
    settings, (problem,) = resolve_settings(tmp_path, user=f"[chat]\nurl = {json.dumps(url)}\n")
    assert settings.chat.url == ""
    assert "an http:// or https:// address" in problem
    assert KEY not in problem


@pytest.mark.parametrize("name", ["key_env", "url", "api", "timeout_s"])
def test_a_key_in_the_wrong_place_is_not_repeated(tmp_path: Path, name: str) -> None:
    _, (problem,) = resolve_settings(tmp_path, user=f'[chat]\n{name} = "{KEY}"\n')
    assert KEY not in problem


def test_a_key_as_a_setting_of_its_own_is_not_repeated(tmp_path: Path) -> None:
    _, (problem,) = resolve_settings(tmp_path, user=f'[chat]\nkey = "{KEY}"\n')
    assert KEY not in problem


@pytest.mark.parametrize(
    ("settings", "small"),
    [
        (ChatSettings(url="http://localhost:1/v1", model="qwen2.5-coder:1.5b"), True),
        (ChatSettings(url="http://localhost:1/v1", model="big:70b"), False),
        (ChatSettings(model="mine"), True),
        (ChatSettings(model="unknown-1b"), True),
    ],
)
def test_a_small_model_is_known_by_its_weights_whatever_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: ChatSettings, *, small: bool
) -> None:
    mini = Catalog.load(tmp_path).entries[DEFAULT_MODEL]
    own = replace(mini, name="mine", parameters=1_543_714_304)
    monkeypatch.setattr(Catalog, "get", lambda _, name: own if name == "mine" else None)
    assert chats.build_chats(settings, None).small_reviewer is small


def test_half_an_endpoint_is_named(tmp_path: Path) -> None:
    assert chats.build_chats(ChatSettings(), tmp_path) == chats.Chats()
    (problem,) = chats.build_chats(ChatSettings(model="m"), tmp_path).problems
    assert "names no chat model of yours (m; there are: none)" in problem
    (problem,) = chats.build_chats(ChatSettings(url="http://localhost:1/v1"), tmp_path).problems
    assert "chat.model is not" in problem


def test_a_configured_endpoint_answers_and_is_asked_once(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    with ScriptedServer("===\ntwo", key=KEY) as server:
        settings = ChatSettings(url=f"{server.url}/v1", model="m", key_file=str(tmp_path / "key"))
        made = chats.build_chats(settings, tmp_path / "cache")
        chat = made.chat
        assert chat is not None
        assert not made.problems
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
        first.close_unshared(second)
        assert second.chat is None
        second.close()


def run_check(settings: ChatSettings) -> list[checks.Check]:
    return list(checks._check_chat(Settings(chat=settings)))


def test_the_doctor_says_that_no_endpoint_is_configured() -> None:
    (check,) = run_check(ChatSettings())
    assert (check.state, check.message) == ("ok", "No chat model is configured (chat.url is empty); agents need one.")


def test_the_doctor_asks_the_endpoint() -> None:
    with ScriptedServer("===\nyes") as server:
        (check,) = run_check(ChatSettings(url=f"{server.url}/v1", model="m"))
    assert (check.state, check.facts["answered_by"]) == ("ok", "scripted")
    assert server.requests[0]["model"] == "m"


def test_the_doctor_says_in_words_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    with ScriptedServer("===\nyes", key="another") as server:
        (check,) = run_check(ChatSettings(url=f"{server.url}/v1", model="m", key_env="SOME_KEY"))
    assert (check.state, check.facts["fault"]) == ("warning", "unauthorized")
    assert "does not accept the key" in check.message
    assert KEY not in repr(check)


def test_the_doctor_warns_of_a_key_that_others_may_read(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o644)
    with ScriptedServer("===\nyes") as server:
        first, second = run_check(ChatSettings(url=f"{server.url}/v1", model="m", key_file=str(key)))
        assert f"chmod 600 {key}" in first.remedy
        assert second.state == "ok"
        key.chmod(0o600)
        assert len(run_check(ChatSettings(url=f"{server.url}/v1", model="m", key_file=str(key)))) == 1
    exposed = ChatSettings(url="http://example.com/v1", model="m", key_env="SOME_KEY")
    assert "use an https:// address instead of http://example.com/v1" in endpoints.find_key_exposure(exposed)


def test_nothing_of_it_is_imported_without_an_endpoint() -> None:
    code = (
        "import sys; from pathlib import Path; from server.assembly import core; core.build([], None, None).close();"
        "parts = ('httpx2', 'httpcore2', 'models.remote.reply_store', 'models.remote.providers.dialect');"
        "print([n for n in sys.modules if n.startswith(parts)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.strip() == "[]"


# fallback, roles, costs


def format_tables(section: str, *urls: str, **more: str) -> str:
    """Return a TOML table `[[chat.SECTION]]` for each of `urls`."""
    extra = "".join(f"{name} = {value}\n" for name, value in more.items())
    return "".join(f'[[chat.{section}]]\nurl = "{url}/v1"\nmodel = "m"\n{extra}' for url in urls)


def test_a_chain_is_asked_in_the_order_of_the_settings_and_a_person_hears_of_it_once(tmp_path: Path) -> None:
    with ScriptedServer("===\n@status 401") as first, ScriptedServer("===\ntwo") as second:
        user = f'[chat]\nurl = "{first.url}/v1"\nmodel = "best"\n' + format_tables("fallback", second.url)
        settings, problems = resolve_settings(tmp_path, user=user)
        made = chats.build_chats(settings.chat, None)
        told: list[str] = []
        made.set_listener(told.append)
        assert made.chat is not None
        assert problems == []
        replies = [made.chat.chat(QUESTION, cancelled=never) for _ in range(2)]
        made.close()
    assert [reply.text for reply in replies] == ["two", "two"]
    assert [reply.usage.requests for reply in replies] == [2, 2]
    (sentence,) = told
    assert sentence.startswith(f"m at {second.url}/v1 answers instead of best.")
    assert "does not accept the key" in sentence
    standings = made.chat.list_statuses()
    assert [(one.model, one.answered, one.last) for one in standings] == [("best", 0, False), ("m", 2, True)]
    assert "does not accept the key" in standings[0].problem


def test_a_model_at_several_addresses_is_answered_by_one_that_can(tmp_path: Path) -> None:
    with ScriptedServer("===\n@status 503\nLoading model") as first, ScriptedServer("===\ntwo") as second:
        user = f'[chat]\nurl = "{first.url}/v1"\nmodel = "m"\nreplicas = ["{second.url}/v1"]\ncache_s = 0\n'
        settings, problems = resolve_settings(tmp_path, user=user)
        assert problems == []
        made = chats.build_chats(settings.chat, None)
        assert made.chat is not None
        replies = [
            made.chat.chat(ChatRequest((Message(Speaker.USER, str(number)),)), cancelled=never) for number in range(6)
        ]
        (standing,) = made.chat.list_statuses()
        found = [check for check in checks._check_chat(settings) if check.state == "warning"]
        made.close()
    assert {reply.text for reply in replies} == {"two"}
    assert [host.url for host in standing.hosts] == [f"{first.url}/v1", f"{second.url}/v1"]
    assert [host.answered for host in standing.hosts] == [0, 6]
    (warning,) = found
    assert warning.facts["url"] == f"{first.url}/v1"
    assert "Loading model" in warning.message


@pytest.mark.parametrize("wrong", ["ftp://x", "http://me:pass@x/v1", "", "x"])
def test_an_address_of_a_replica_is_checked_like_every_address(tmp_path: Path, wrong: str) -> None:
    user = (
        f'[chat]\nurl = "http://localhost:1/v1"\nmodel = "m"\nreplicas = ["{wrong}"]\n[model]\nreplicas = ["{wrong}"]'
    )
    settings, problems = resolve_settings(tmp_path, user=user)
    assert len(problems) == 2
    assert (settings.chat.replicas, settings.model.replicas) == ((), ())


def test_a_key_is_said_to_be_exposed_at_any_address() -> None:
    wanted = EndpointSettings(url="https://a.example", replicas=("http://b.example",), model="m", key_env="KEY")
    assert "http://b.example" in endpoints.find_key_exposure(wanted)


def test_further_addresses_without_a_first_one_are_a_problem() -> None:
    wanted = ChatSettings(model="m", replicas=("http://b.example",))
    assert "chat.url is not" in chats.build_chats(wanted, None).problems[0]


def test_review_has_a_chain_of_its_own_where_one_is_named(tmp_path: Path) -> None:
    with ScriptedServer("===\nchat") as first, ScriptedServer("===\nreview") as second:
        user = f'[chat]\nurl = "{first.url}/v1"\nmodel = "best"\n'
        settings, _ = resolve_settings(tmp_path, user=user + format_tables("review", second.url))
        made = chats.build_chats(settings.chat, None)
        assert made.chat is not None
        assert made.review is not None
        assert made.chat.chat(QUESTION, cancelled=never).text == "chat"
        assert made.review.chat(QUESTION, cancelled=never).text == "review"
        made.close()
        same = chats.build_chats(resolve_settings(tmp_path, user=user)[0].chat, None)
        assert same.review is same.chat
        assert list(same.by_role) == ["chat"]
        same.close()


def test_two_roles_with_the_same_endpoint_share_its_limit_of_requests(tmp_path: Path) -> None:
    one = {"url": "https://models.example/v1", "model": "m", "requests_per_hour": 1}
    settings = ChatSettings.model_validate({"fallback": [one], "review": [one]})
    made = chats.build_chats(settings, None)
    assert made.chat is not None
    assert made.review is not None
    tuned = [chain.links[0].chat.inner for chain in (made.chat, made.review)]  # type: ignore[attr-defined]
    assert tuned[0].inner is tuned[1].inner
    made.close()


@pytest.mark.parametrize("section", ["fallback", "review"])
def test_a_wrong_table_is_named_by_its_number_and_its_setting_and_not_repeated(tmp_path: Path, section: str) -> None:
    user = format_tables(section, "http://localhost:1") + format_tables(
        section, "http://localhost:2", key_env=f'"{KEY}"'
    )
    settings, (problem,) = resolve_settings(tmp_path, user=user)
    assert settings.chat == ChatSettings()
    assert "`keyEnv` in its table 2" in problem
    assert KEY not in problem


def test_names_in_tables_may_be_written_in_either_way(tmp_path: Path) -> None:
    settings, problems = resolve_settings(
        tmp_path, user=format_tables("fallback", "http://localhost:1", keyEnv='"SOME_KEY"')
    )
    assert (settings.chat.fallback[0].key_env, problems) == ("SOME_KEY", [])


def test_temperature_and_budget_of_a_role_are_asked_for(tmp_path: Path) -> None:
    with ScriptedServer("===\ntwo") as server:
        user = format_tables("review", server.url, temperature="0.4", answer_tokens="300")
        made = chats.build_chats(resolve_settings(tmp_path, user=user)[0].chat, tmp_path / "cache")
        assert made.review is not None
        assert [made.review.chat(QUESTION, cancelled=never).cached for _ in range(2)] == [False, True]
        made.close()
    (sent,) = server.requests
    assert (sent["temperature"], sent["max_tokens"]) == (0.4, 300)


def test_a_further_table_does_not_wait_for_one_that_names_a_long_time(tmp_path: Path) -> None:
    with ScriptedServer("===\n@status 429 retry-after=60") as first, ScriptedServer("===\ntwo") as second:
        user = format_tables("fallback", first.url, second.url)
        made = chats.build_chats(resolve_settings(tmp_path, user=user)[0].chat, None)
        assert made.chat is not None
        assert made.chat.chat(QUESTION, cancelled=never).text == "two"
        made.close()
    assert len(first.requests) == 1


def list_bookings(tmp_path: Path, prices: dict[str, str]) -> tuple[CostRecord, ...]:
    costs = Costs(make_state(tmp_path / "state.sqlite3"))
    with ScriptedServer("===\n@times 1\n@status 400\nNo.\n===\none two") as server:
        user = format_tables("review", server.url, **prices)
        made = chats.build_chats(resolve_settings(tmp_path, user=user)[0].chat, tmp_path / "cache", costs)
        assert made.review is not None
        with pytest.raises(ChatError):
            made.review.chat(QUESTION, cancelled=never)
        for _ in range(2):  # the second is a cached answer, and free
            made.review.chat(QUESTION, cancelled=never)
        made.close()
    records = costs.list_days(1)
    costs.close()
    return records


def test_what_was_asked_is_booked_by_day_endpoint_model_and_role(tmp_path: Path) -> None:
    (record,) = list_bookings(tmp_path, {"input_price": "3.0", "output_price": "15.0", "cached_price": "0.3"})
    assert (record.model, record.role, record.answers, record.failures, record.requests) == ("m", "review", 1, 1, 2)
    assert (record.prompt_tokens, record.answer_tokens, record.cached_tokens) == (7, 2, 3)
    assert record.cost == pytest.approx((4 * 3.0 + 3 * 0.3 + 2 * 15.0) / 1e6)
    assert record.unpriced == 0


def test_a_server_on_this_machine_costs_nothing(tmp_path: Path) -> None:
    (record,) = list_bookings(tmp_path, {})
    assert (record.cost, record.unpriced) == (0.0, 0)


def test_the_doctor_asks_each_endpoint_by_itself(tmp_path: Path) -> None:
    with ScriptedServer("===\n@status 401") as first, ScriptedServer("===\ntwo") as second:
        user = f'[chat]\nurl = "{first.url}/v1"\nmodel = "best"\n' + format_tables("fallback", second.url)
        user += format_tables("review", second.url, api='"ollama"')
        found = run_check(resolve_settings(tmp_path, user=user)[0].chat)
    assert [check.state for check in found] == ["warning", "ok", "ok"]
    assert "does not accept the key" in found[0].message
    assert second.url in found[1].message


def test_a_problem_of_the_model_is_named_as_long_as_it_lasts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_HOME", str(tmp_path))
    monkeypatch.setenv("STARLING_MODEL__NAME", "no-such-model")
    first = core.build([], None, None)
    second = core.build([], {"completion": {"multiline": "never"}}, first)
    first.close_unshared(second)
    second.close()
    assert len(second.problems) == 1
    assert first.problems == second.problems


def test_a_reply_costs_what_its_model_costs_and_a_cached_one_nothing() -> None:
    settings = ChatSettings(url="https://a.example/v1", model="big", input_price=2.0, output_price=10.0)
    built = chats.build_chats(settings, None)
    usage = Usage(prompt_tokens=1_000_000, answer_tokens=100_000)
    assert built.compute_cost(Reply("x", usage=usage, model="big")) == 3.0
    assert built.compute_cost(Reply("x", usage=usage, model="big-2026-11")) == 3.0
    assert built.compute_cost(Reply("x", usage=usage, model="big", cached=True)) == 0.0
    built.close()
    unpriced = chats.build_chats(ChatSettings(url="https://a.example/v1", model="big"), None)
    assert unpriced.compute_cost(Reply("x", usage=usage)) == 0.0
    unpriced.close()
