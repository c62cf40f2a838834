"""Each dialect against the scripted server over real HTTP on loopback: answers, tools, bills, and every fault."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest

from models.chat import (
    AnswerSchema,
    ChatError,
    ChatRequest,
    Fault,
    Message,
    ReplyEnd,
    Speaker,
    ToolCall,
    ToolSpec,
    never,
)
from models.remote.endpoint import Endpoint
from models.remote.exchange import Patience
from models.remote.http import HttpClient, HttpOptions
from models.remote.keys import KeySource
from models.remote.providers.dialect import Announcer
from models.remote.providers.registry import DIALECT_NAMES, load_dialect
from models.remote.providers.remote_chat import RemoteChat
from models.scripted import server_dialects
from models.scripted.scripted_server import ScriptedServer
from models.scripted.scripts import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "sk-test-0123456789abcdefghij"
BASES = {"openai": "/v1", "anthropic": "", "ollama": ""}
# Short enough for tests; what is waited for never depends on how fast the machine is.
PATIENCE = Patience(first_token_s=20, idle_s=20, total_s=30, first_wait_s=0.01, longest_wait_s=0.02)

QUESTION = ChatRequest((Message(Speaker.SYSTEM, "Be brief."), Message(Speaker.USER, "What is 1 + 1?")))
WEATHER = ToolSpec("weather", "The weather of a city.", {"type": "object", "properties": {"city": {"type": "string"}}})


class World:
    """A server with a script and a model that asks it."""

    def __init__(self, script: str, dialect: str, patience: Patience, key: KeySource | None, required: str) -> None:
        self.server = ScriptedServer(script, key=required).start()
        client = HttpClient(HttpOptions())
        base = load_dialect(dialect).strip_url(self.server.url + BASES[dialect])
        self.endpoint = Endpoint(base, client, key=key, patience=patience)
        self.chat = RemoteChat("scripted", self.endpoint, client, dialect=dialect)

    def close(self) -> None:
        self.chat.close()
        self.server.close()


@pytest.fixture(params=DIALECT_NAMES)
def dialect(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def world(dialect: str) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(script: str, patience: Patience = PATIENCE, key: KeySource | None = None, required: str = "") -> World:
        made.append(World(script, dialect, patience, key, required))
        return made[-1]

    yield make
    for one in made:
        one.close()


def failing(world: World, request: ChatRequest = QUESTION) -> ChatError:
    with pytest.raises(ChatError) as caught:
        world.chat.chat(request, cancelled=never)
    return caught.value


def test_an_answer_comes_in_pieces_and_with_its_bill(world: Callable[..., World]) -> None:
    pieces: list[str] = []
    reply = world("===\nOne and one\nare two.").chat.chat(QUESTION, cancelled=never, on_text=pieces.append)
    assert reply.text == "One and one\nare two." == "".join(pieces)
    assert len(pieces) > 3
    assert (reply.end, reply.model, reply.cached) == (ReplyEnd.END, "scripted", False)
    assert (reply.usage.prompt_tokens, reply.usage.answer_tokens, reply.usage.requests) == (7, 5, 1)
    assert not reply.usage.estimated


def test_the_conversation_is_sent_in_the_words_of_the_dialect(world: Callable[..., World], dialect: str) -> None:
    one = world("===\nyes")
    call = ToolCall("call_9", "weather", {"city": "Paris"})
    messages = (
        *QUESTION.messages,
        Message(Speaker.ASSISTANT, "", (call,)),
        Message(Speaker.TOOL, "rain", call_id="call_9"),
    )
    one.chat.chat(ChatRequest(messages, tools=(WEATHER,), max_tokens=5, temperature=0.5), cancelled=never)
    sent = one.server.requests[0]
    assert sent["stream"] is True
    if dialect == "openai":
        assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "tool"]
        assert sent["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"city": "Paris"}'
        assert (sent["max_tokens"], sent["temperature"]) == (5, 0.5)
    elif dialect == "anthropic":
        assert sent["system"] == "Be brief."
        assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "user"]
        assert sent["messages"][1]["content"] == [
            {"type": "tool_use", "id": "call_9", "name": "weather", "input": {"city": "Paris"}}
        ]
        assert sent["messages"][2]["content"][0]["tool_use_id"] == "call_9"
        assert one.server.headers[0]["anthropic-version"]
    else:
        assert sent["options"] == {"num_predict": 5, "temperature": 0.5, "num_ctx": 4096}
        assert sent["messages"][3] == {"role": "tool", "content": "rain", "tool_name": "weather"}


def test_tool_calls_come_with_their_arguments(world: Callable[..., World]) -> None:
    one = world('===\n@call weather {"city": "Paris"}\n@call weather {"city": "Rome"}\nI shall look.')
    reply = one.chat.chat(ChatRequest(QUESTION.messages, tools=(WEATHER,)), cancelled=never)
    assert reply.end is ReplyEnd.TOOLS
    assert [(call.name, call.arguments) for call in reply.calls] == [
        ("weather", {"city": "Paris"}),
        ("weather", {"city": "Rome"}),
    ]
    assert len({call.id for call in reply.calls}) == 2
    assert reply.text == "I shall look."


def test_an_answer_cut_off_by_its_budget_says_so(world: Callable[..., World]) -> None:
    assert world("===\n@end length\nOne and").chat.chat(QUESTION, cancelled=never).end is ReplyEnd.LENGTH


def test_a_schema_is_sent(world: Callable[..., World], dialect: str) -> None:
    form = AnswerSchema("sum", {"type": "object", "properties": {"sum": {"type": "integer"}}})
    script = '===\n@call answer {"sum": 2}' if dialect == "anthropic" else '===\n{"sum": 2}'
    one = world(script)
    reply = one.chat.chat(ChatRequest(QUESTION.messages, schema=form), cancelled=never)
    assert reply.text == '{"sum": 2}'
    assert reply.end is ReplyEnd.END
    assert '"sum"' in str(one.server.requests[0]).replace("'", '"')


def test_a_connection_is_used_again(world: Callable[..., World]) -> None:
    one = world("===\nyes")
    for _ in range(3):
        one.chat.chat(QUESTION, cancelled=never)
    assert len(one.server.requests) == 3
    assert one.server.connections == 1


def test_an_answer_that_is_not_streamed_is_read_too(dialect: str) -> None:
    server_dialect = server_dialects.choose_dialect(
        {"openai": "/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}[dialect]
    )
    assert server_dialect is not None
    call = ToolCall("call_1", "weather", {"city": "Paris"})
    reader = load_dialect(dialect).make_reader(Announcer(lambda _: None))
    reader.feed(server_dialect.make_whole(Turn("", "I shall look.", (call,), ReplyEnd.TOOLS)))
    assert reader.ended
    reply = reader.make_reply(1)
    assert (reply.text, reply.end, reply.usage.prompt_tokens) == ("I shall look.", ReplyEnd.TOOLS, 7)
    assert [(one.name, one.arguments) for one in reply.calls] == [("weather", {"city": "Paris"})]


def test_what_an_endpoint_does_not_take_is_left_out_from_then_on(world: Callable[..., World], dialect: str) -> None:
    name = load_dialect(dialect).optional[0]
    one = world(f"===\n@times 1\n@status 400\nUnsupported parameter: {name}\n===\nyes")
    form = AnswerSchema("sum", {"type": "object"})
    request = ChatRequest(QUESTION.messages, schema=form)
    assert one.chat.chat(request, cancelled=never).text == "yes"
    one.chat.chat(request, cancelled=never)
    assert [name in sent for sent in one.server.requests] == [True, False, False]


# faults


def test_too_many_requests_are_tried_again_when_the_endpoint_says(world: Callable[..., World]) -> None:
    one = world("===\n@times 1\n@status 429 retry-after=0.2\n===\ntwo")
    begun = time.monotonic()
    reply = one.chat.chat(QUESTION, cancelled=never)
    assert reply.text == "two"
    assert reply.usage.requests == 2
    assert time.monotonic() - begun >= 0.2


def test_too_many_requests_for_longer_than_the_call_may_take_fail_at_once(world: Callable[..., World]) -> None:
    one = world("===\n@status 429 retry-after=3600")
    error = failing(one)
    assert (error.fault, error.retry_s, error.usage.requests) == (Fault.RATE_LIMITED, 3600.0, 1)
    assert "try again in 3600 s" in str(error)


def test_an_account_without_money_is_not_asked_again(world: Callable[..., World]) -> None:
    one = world("===\n@status 429\nYou exceeded your current quota.")
    assert failing(one).fault is Fault.UNPAID
    assert len(one.server.requests) == 1


@pytest.mark.parametrize("status", [500, 503, 529])
def test_a_failing_server_is_tried_again(world: Callable[..., World], status: int) -> None:
    one = world(f"===\n@times 2\n@status {status}\n===\ntwo")
    assert one.chat.chat(QUESTION, cancelled=never).text == "two"
    assert len(one.server.requests) == 3


def test_a_server_that_always_fails_is_given_up(world: Callable[..., World]) -> None:
    one = world("===\n@status 500\nThe GPU fell off.")
    error = failing(one)
    assert (error.fault, len(one.server.requests)) == (Fault.OVERLOADED, 3)
    assert "The GPU fell off." in str(error)


def test_a_broken_stream_is_tried_again_and_nothing_is_told_twice(world: Callable[..., World]) -> None:
    one = world("===\n@times 1\n@break-after 3\nOne and one are two.\n===\nOne and one are two.")
    pieces: list[str] = []
    reply = one.chat.chat(QUESTION, cancelled=never, on_text=pieces.append)
    assert reply.text == "One and one are two." == "".join(pieces)
    assert reply.usage.requests == 2


def test_a_stream_that_always_breaks_hands_over_what_had_come(world: Callable[..., World]) -> None:
    error = failing(world("===\n@break-after 3\nOne and one are two."))
    assert (error.fault, error.partial) == (Fault.UNREACHABLE, "One and one")


@pytest.mark.parametrize("trouble", ["malformed", "wrong-form"])
def test_what_is_no_answer_is_tried_again_and_then_named(world: Callable[..., World], trouble: str) -> None:
    one = world(f"===\n@times 1\n@{trouble}\n===\ntwo")
    assert one.chat.chat(QUESTION, cancelled=never).text == "two"
    error = failing(world(f"===\n@{trouble}"))
    assert error.fault is Fault.MALFORMED
    assert "chat.api" in str(error)


def test_a_slow_first_token_is_waited_for(world: Callable[..., World]) -> None:
    assert world("===\n@slow-first-token 0.3\ntwo").chat.chat(QUESTION, cancelled=never).text == "two"


def test_a_server_that_says_nothing_is_left_when_its_time_is_up(world: Callable[..., World]) -> None:
    one = world("===\n@hang", Patience(first_token_s=0.2, total_s=20))
    error = failing(one)
    assert error.fault is Fault.TIMEOUT
    assert "nothing came for 0.2 s" in str(error)
    assert len(one.server.requests) == 1


def test_a_stream_that_stops_is_left_when_its_time_is_up(world: Callable[..., World]) -> None:
    one = world("===\n@token-time 30\nOne and", Patience(first_token_s=20, idle_s=0.2, total_s=20))
    error = failing(one)
    assert (error.fault, error.partial) == (Fault.TIMEOUT, "One")


def test_all_of_it_has_a_limit(world: Callable[..., World]) -> None:
    error = failing(world("===\n@token-time 0.05\n" + "and " * 500, Patience(total_s=0.4)))
    assert error.fault is Fault.TIMEOUT
    assert "no whole answer within 0.4 s" in str(error)


def test_a_server_that_is_not_there_is_named(world: Callable[..., World]) -> None:
    one = world("===\nyes")
    one.server.close()
    error = failing(one)
    assert error.fault is Fault.UNREACHABLE
    assert "chat.url" in str(error)


def test_giving_up_closes_the_connection(world: Callable[..., World]) -> None:
    one = world("===\n@token-time 0.02\n" + "and " * 10_000)
    told = threading.Event()
    reply = one.chat.chat(QUESTION, cancelled=told.is_set, on_text=lambda _: told.set())
    assert reply.end is ReplyEnd.CANCELLED
    assert reply.text.startswith("and")
    end = time.monotonic() + 10
    while not one.server.hung_up and time.monotonic() < end:
        time.sleep(0.01)
    assert one.server.hung_up == 1


def test_giving_up_a_server_that_hangs_closes_the_connection(world: Callable[..., World]) -> None:
    one = world("===\n@hang")
    reply = one.chat.chat(QUESTION, cancelled=lambda: bool(one.server.requests))
    assert (reply.end, reply.text) == (ReplyEnd.CANCELLED, "")
    end = time.monotonic() + 10
    while not one.server.hung_up and time.monotonic() < end:
        time.sleep(0.01)
    assert one.server.hung_up == 1


def test_switching_off_ends_what_runs(world: Callable[..., World]) -> None:
    one = world("===\n@hang")
    threading.Timer(0.1, one.chat.close).start()
    assert failing(one).fault is Fault.CLOSED
    assert failing(one).fault is Fault.CLOSED


def test_an_endpoint_that_keeps_failing_is_left_alone(world: Callable[..., World]) -> None:
    one = world("===\n@status 500", Patience(attempts=1))
    for _ in range(3):
        failing(one)
    error = failing(one)
    assert error.fault is Fault.RESTING
    assert error.retry_s is not None
    assert len(one.server.requests) == 3


def test_requests_of_an_hour_are_limited(world: Callable[..., World]) -> None:
    one = world("===\nyes", Patience(requests_per_hour=1))
    one.chat.chat(QUESTION, cancelled=never)
    error = failing(one)
    assert error.fault is Fault.RATE_LIMITED
    assert "chat.requestsPerHour" in str(error)
    assert len(one.server.requests) == 1


@pytest.mark.parametrize(
    ("status", "fault"),
    [(401, Fault.UNAUTHORIZED), (403, Fault.UNAUTHORIZED), (404, Fault.NOT_FOUND), (400, Fault.REFUSED)],
)
def test_a_refusal_is_not_tried_again(world: Callable[..., World], status: int, fault: Fault) -> None:
    one = world(f"===\n@status {status}\nNo.")
    assert failing(one).fault is fault
    assert len(one.server.requests) == 1


def test_a_conversation_too_long_is_named(world: Callable[..., World]) -> None:
    error = failing(world("===\n@status 400\nThis model's maximum context length is 4096 tokens."))
    assert error.fault is Fault.TOO_LONG
    assert "chat.contextTokens" in str(error)


def test_a_redirection_is_not_followed(world: Callable[..., World]) -> None:
    error = failing(world("===\n@status 307"))
    assert error.fault is Fault.REFUSED
    assert "set chat.url to the address itself" in str(error)


# keys


def test_the_key_of_the_environment_is_sent(world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    one = world("===\nyes", key=KeySource("SOME_KEY"), required=KEY)
    assert one.chat.chat(QUESTION, cancelled=never).text == "yes"


def test_no_key_is_in_a_log_or_an_error(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    said = []
    for script, required in [
        ("===\nyes", "another"),  # the server repeats the key in its refusal
        ("===\nyes", KEY),
        ("===\n@status 500\nYour key " + KEY + " broke it.", KEY),
        ("===\n@malformed", KEY),
        ("===\n@break-after 1\none two", KEY),
    ]:
        one = world(script, key=KeySource("SOME_KEY"), required=required)
        try:
            said.append(repr(one.chat.chat(QUESTION, cancelled=never)))
        except ChatError as error:
            said += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        said += [repr(one.endpoint), repr(one.chat), repr(KeySource("SOME_KEY"))]
    said += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert len(caplog.records) >= 5
    assert [text for text in said if KEY in text or "0123456789abcdefghij" in text] == []


def test_a_key_that_is_missing_is_named_by_its_place(world: Callable[..., World]) -> None:
    error = failing(world("===\nyes", key=KeySource("NO_SUCH_VARIABLE_AT_ALL")))
    assert error.fault is Fault.UNAUTHORIZED
    assert "NO_SUCH_VARIABLE_AT_ALL" in str(error)


def test_a_read_that_was_given_up_and_is_told_of_its_data_is_no_complaint(caplog: pytest.LogCaptureFixture) -> None:
    client = HttpClient(HttpOptions())
    loop = client._start_loop()
    for error in (asyncio.InvalidStateError(), RuntimeError("something else")):
        loop.call_soon_threadsafe(_raise, error)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(20)
    client.close()
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError]


def _raise(error: Exception) -> None:
    raise error
