"""The fallback chain over real HTTP: each dialect and each fault, who answers in the end, and what a person is told."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from models.chat import ChatError, ChatRequest, Fault, Message, Reply, ReplyEnd, Speaker, never
from models.remote.circuit import Circuit
from models.remote.endpoint import Endpoint
from models.remote.exchange import Patience
from models.remote.fallback import RENOTIFY_S, FallbackChain, Link
from models.remote.http import HttpClient, HttpOptions
from models.remote.keys import KeySource
from models.remote.providers.registry import DIALECT_NAMES, load_dialect
from models.remote.providers.remote_chat import RemoteChat
from models.scripted.scripted_chat import ScriptedChat
from models.scripted.scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "sk-test-0123456789abcdefghij"
BASES = {"openai": "/v1", "anthropic": "", "ollama": ""}
# Short enough for tests; what is waited for never depends on how fast the machine is.
PATIENCE = Patience(first_token_s=20, idle_s=20, total_s=30, attempts=2, first_wait_s=0.01, longest_wait_s=0.02)
QUICK = Patience(first_token_s=0.2, idle_s=20, total_s=30, attempts=2, first_wait_s=0.01)
QUESTION = ChatRequest((Message(Speaker.USER, "What is 1 + 1?"),))

FAULTS: dict[str, tuple[str, Patience, Fault, int]] = {
    # what the first one does: how it is waited for, the word for it, how often it is asked
    "too many requests": ("===\n@status 429", PATIENCE, Fault.RATE_LIMITED, 2),
    "too many requests for an hour": ("===\n@status 429 retry-after=3600", PATIENCE, Fault.RATE_LIMITED, 1),
    "no money": ("===\n@status 402", PATIENCE, Fault.UNPAID, 1),
    "a wrong key": ("===\n@status 401", PATIENCE, Fault.UNAUTHORIZED, 1),
    "no such model": ("===\n@status 404", PATIENCE, Fault.NOT_FOUND, 1),
    "a refusal": ("===\n@status 400\nNo.", PATIENCE, Fault.REFUSED, 1),
    "too long": ("===\n@status 413", PATIENCE, Fault.TOO_LONG, 1),
    "an error of its own": ("===\n@status 500", PATIENCE, Fault.OVERLOADED, 2),
    "no JSON": ("===\n@malformed", PATIENCE, Fault.MALFORMED, 2),
    "other JSON": ("===\n@wrong-form", PATIENCE, Fault.MALFORMED, 2),
    "a stream that breaks": ("===\n@break-after 2\nOne and one", PATIENCE, Fault.UNREACHABLE, 2),
    "silence": ("===\n@hang", QUICK, Fault.TIMEOUT, 1),
    "a slow first token": ("===\n@slow-first-token 30\nlate", QUICK, Fault.TIMEOUT, 1),
}


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=DIALECT_NAMES)
def dialect(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def remote(
    closing: ExitStack, dialect: str, script: str, patience: Patience = PATIENCE, name: str = "first"
) -> tuple[ScriptedServer, RemoteChat]:
    server = closing.enter_context(ScriptedServer(script))
    client = HttpClient(HttpOptions())
    base = load_dialect(dialect).strip_url(server.url + BASES[dialect])
    endpoint = Endpoint(base, client, key=KeySource("SOME_KEY"), patience=patience, circuit=Circuit(failures=1))
    chat = RemoteChat(name, endpoint, client, dialect=dialect)
    closing.callback(chat.close)
    return server, chat


def make_chain(*chats: RemoteChat | ScriptedChat, clock: Callable[[], float] = lambda: 0.0) -> FallbackChain:
    return FallbackChain([Link(chat, f"place {number}") for number, chat in enumerate(chats, 1)], clock=clock)


def ask(chain: FallbackChain, request: ChatRequest = QUESTION) -> Reply:
    return chain.chat(request, cancelled=never)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_each_dialect_is_answered_by_the_next_without_a_key_in_any_log(
    closing: ExitStack, dialect: str, fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    script, patience, word, times = FAULTS[fault]
    first, broken = remote(closing, dialect, script, patience)
    _, sound = remote(closing, "openai", "===\ntwo", name="second")
    chain, told = make_chain(broken, sound), list[str]()
    chain.set_listener(told.append)
    reply = ask(chain)
    assert (reply.text, len(first.requests), reply.usage.requests) == ("two", times, times + 1)
    with pytest.raises(ChatError) as caught:
        ask(make_chain(broken, broken))  # it alone, when it is asked again
    assert caught.value.fault in {word, Fault.RESTING}
    assert len(told) == 1
    texts = [*told, str(caught.value), *(f"{record.getMessage()} {vars(record)}" for record in caplog.records)]
    assert [text for text in texts if KEY in text] == []


def test_a_server_that_is_not_there_is_passed_over_and_then_left_alone(closing: ExitStack, dialect: str) -> None:
    server, gone = remote(closing, dialect, "===\nyes")
    server.close()
    _, sound = remote(closing, "openai", "===\ntwo")
    gone._endpoint._key = sound._endpoint._key = KeySource()
    chain = make_chain(gone, sound)
    assert [ask(chain).usage.requests for _ in range(2)] == [3, 1]
    assert "not asked" in chain.list_statuses()[0].problem


def test_once_text_was_shown_nobody_else_begins_anew(closing: ExitStack, dialect: str) -> None:
    _, broken = remote(closing, dialect, "===\n@break-after 3\nOne and one are two.")
    broken._endpoint._key = KeySource()
    second, pieces = ScriptedChat("===\nSomething else."), list[str]()
    with pytest.raises(ChatError) as caught:
        make_chain(broken, second).chat(QUESTION, cancelled=never, on_text=pieces.append)
    assert ("".join(pieces), caught.value.partial) == ("One and one", "One and one")
    assert second.requests == []


def test_who_gives_up_meanwhile_gets_nobody_elses_answer() -> None:
    given_up: list[bool] = []

    class Failing(ScriptedChat):
        def chat(self, *_: object, **__: object) -> Reply:
            given_up.append(True)
            raise ChatError("No.", Fault.OVERLOADED)

    second = ScriptedChat("===\ntwo")
    reply = make_chain(Failing("===\n"), second).chat(QUESTION, cancelled=lambda: bool(given_up))
    assert (reply.end, reply.text, second.requests) == (ReplyEnd.CANCELLED, "", [])


def test_where_none_answers_each_is_named_and_the_first_ones_fault_counts() -> None:
    chain = make_chain(ScriptedChat("===\n@status 401"), ScriptedChat("===\n@status 429 retry-after=7"))
    with pytest.raises(ChatError) as caught:
        ask(chain)
    assert (caught.value.fault, caught.value.retry_s) == (Fault.UNAUTHORIZED, 7.0)
    assert str(caught.value).startswith("None of the 2 chat models answered. The script does not accept the key")
    assert "try again in 7 s" in str(caught.value)


def test_one_alone_says_what_it_says() -> None:
    with pytest.raises(ChatError, match=r"^The script does not accept the key"):
        ask(make_chain(ScriptedChat("===\n@status 401")))


def test_a_closed_chain_asks_nobody() -> None:
    second = ScriptedChat("===\ntwo")
    chain = make_chain(ScriptedChat("===\n@hang"), second)
    chain.close()
    with pytest.raises(ChatError) as caught:
        ask(chain)
    assert (caught.value.fault, second.requests) == (Fault.CLOSED, [])


def test_a_model_whose_window_is_too_small_is_passed_over() -> None:
    small, large = ScriptedChat("===\nsmall", context_tokens=1024), ScriptedChat("===\nlarge", context_tokens=4096)
    long = ChatRequest((Message(Speaker.USER, "word " * 2000),), max_tokens=100)
    chain = make_chain(ScriptedChat("===\n@status 500"), small, large)
    assert ask(chain, long).text == "large"
    assert "too long for scripted at place 2" in chain.list_statuses()[1].problem
    assert chain.context_tokens == 4096


def test_a_person_is_told_of_a_change_once_in_a_while_and_not_of_the_return() -> None:
    now, told = [1000.0], list[str]()
    first = ScriptedChat("===\n@times 2\n@status 500\n===\n@times 1\nback\n===\n@status 500")
    chain = make_chain(first, ScriptedChat("===\ntwo"), clock=lambda: now[0])
    chain.set_listener(told.append)
    texts = [ask(chain).text for _ in range(3)]
    assert texts == ["two", "two", "back"]
    assert len(told) == 1
    assert ask(chain).text == "two"
    assert len(told) == 1
    now[0] += RENOTIFY_S
    assert [one.answered for one in chain.list_statuses()] == [1, 3]
    assert chain.list_statuses()[1].last
