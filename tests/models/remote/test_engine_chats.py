"""Chat at llama.cpp, vLLM, TGI and Ollama, in the forms of their own sources (`tests.models.remote.engines`)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from models.chat import AnswerSchema, ChatError, ChatRequest, Fault, Message, Reply, ReplyEnd, Speaker, Usage, never
from models.remote.endpoint import Endpoint
from models.remote.exchange import Patience
from models.remote.http import HttpClient, HttpOptions
from models.remote.providers.remote_chat import RemoteChat
from tests.models.remote.engines import Said, run_engine, say_events, say_json, say_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.remote.providers.registry import DialectName
    from tests.models.remote.engines import Engine

QUESTION = ChatRequest((Message(Speaker.USER, "1 + 1?"),))
QUICK = Patience(first_token_s=10, idle_s=10, total_s=20, attempts=2, first_wait_s=0.05)
PATHS = dict.fromkeys(("llama.cpp", "vllm", "tgi"), "/v1/chat/completions") | {"ollama": "/api/chat"}
ENGINES = tuple(PATHS)
USAGE = {"prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14}


def frame_chunk(choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Return a chunk of OpenAI's form."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
        **more,
    }


def frame_delta(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a choice with a change."""
    return {"index": 0, "delta": delta, "finish_reason": reason, **more}


def say_llama_cpp(reason: str, *, holds: bool = False) -> Said:
    events = [
        frame_chunk([frame_delta({"role": "assistant", "content": None})], system_fingerprint="b1"),
        frame_chunk([frame_delta({"content": "It is"})]),
        frame_chunk([frame_delta({"content": " two"})]),
    ]
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 5}}
    end = [
        frame_chunk([frame_delta({}, reason)]),
        frame_chunk([], usage=usage, timings={"cache_n": 5, "prompt_n": 7, "predicted_n": 2}),
    ]
    return say_events(*events, *([] if holds else end), done=not holds, holds=holds)


def say_vllm(reason: str, *, holds: bool = False) -> Said:
    events = [
        frame_chunk([frame_delta({"role": "assistant", "content": ""}, logprobs=None)]),
        frame_chunk([frame_delta({"content": "It is"}, logprobs=None)]),
        frame_chunk([frame_delta({"content": " two"}, None if holds else reason, logprobs=None, stop_reason=None)]),
    ]
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 5}}
    return say_events(*events, *([] if holds else [frame_chunk([], usage=usage)]), done=not holds, holds=holds)


def say_tgi(reason: str, *, holds: bool = False) -> Said:
    reason = "eos_token" if reason == "stop" else reason
    said = {"role": "assistant", "content": "It is"}
    events = [
        frame_chunk([frame_delta(said, logprobs=None)], id="", system_fingerprint="3.3.6-native", usage=None),
        frame_chunk([frame_delta({**said, "content": " two"}, None if holds else reason, logprobs=None)], usage=None),
    ]
    return say_events(
        *events, *([] if holds else [frame_chunk([], usage=USAGE)]), done=not holds, holds=holds, space=""
    )


def say_ollama(reason: str, *, holds: bool = False) -> Said:
    common = {"model": "m", "created_at": "2026-12-01T00:00:00Z"}
    events: list[dict[str, Any]] = [
        {**common, "message": {"role": "assistant", "content": text}, "done": False} for text in ("It is", " two")
    ]
    end = {**common, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": reason}
    end |= {"total_duration": 9, "load_duration": 1, "prompt_eval_count": 12, "eval_count": 2}
    return say_lines(*events, *([] if holds else [end]), holds=holds)


STREAMS: dict[str, Callable[..., Said]] = {
    "llama.cpp": say_llama_cpp, "vllm": say_vllm, "tgi": say_tgi, "ollama": say_ollama,
}  # fmt: skip


@contextlib.contextmanager
def open_chat(engine: str, *said: Said) -> Iterator[tuple[RemoteChat, Engine]]:
    """Yield the chat model at an engine that answers with `said`, and the engine."""
    dialect: DialectName = "ollama" if engine == "ollama" else "openai"
    with run_engine({PATHS[engine]: list(said)}) as server:
        client = HttpClient(HttpOptions())
        base = server.url if engine == "ollama" else f"{server.url}/v1"
        chat = RemoteChat("m", Endpoint(base, client, patience=QUICK), client, dialect=dialect)
        try:
            yield chat, server
        finally:
            chat.close()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("reason", "end"), [("stop", ReplyEnd.END), ("length", ReplyEnd.LENGTH)])
def test_an_answer_has_text_end_and_counts(engine: str, reason: str, end: ReplyEnd) -> None:
    told: list[str] = []
    with open_chat(engine, STREAMS[engine](reason)) as (chat, _):
        reply = chat.chat(QUESTION, cancelled=never, on_text=told.append)
    cached = 5 if engine in {"llama.cpp", "vllm"} else 0
    assert reply == Reply("It is two", end, usage=Usage(12, 2, cached, requests=1), model="m")
    assert told == ["It is", " two"]


@pytest.mark.parametrize("engine", ENGINES)
def test_giving_up_closes_the_connection(engine: str) -> None:
    told: list[str] = []
    with open_chat(engine, STREAMS[engine]("stop", holds=True)) as (chat, server):
        reply = chat.chat(QUESTION, cancelled=lambda: len(told) == 2, on_text=told.append)
        assert server.hung_up.wait(5)
    assert (reply.text, reply.end) == ("It is two", ReplyEnd.CANCELLED)


ERRORS: dict[tuple[str, Fault], Said] = {
    ("llama.cpp", Fault.OVERLOADED): say_json(
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503),
    ("llama.cpp", Fault.TOO_LONG): say_json(
        {"error": {"code": 400, "message": "request (30000 tokens) exceeds the available context size (2048 tokens), "
         "try increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 30000, "n_ctx": 2048}}, 400),
    ("vllm", Fault.TOO_LONG): say_json(
        {"error": {"message": "This model's maximum context length is 4096 tokens. However, you requested 8192 output "
         "tokens", "type": "BadRequestError", "param": "input_tokens", "code": 400}}, 400),
    ("vllm", Fault.NOT_FOUND): say_json(
        {"error": {"message": "The model `m` does not exist.", "type": "NotFoundError", "param": "model",
         "code": 404}}, 404),
    ("tgi", Fault.RATE_LIMITED): say_json({"error": "Model is overloaded", "error_type": "overloaded"}, 429),
    ("tgi", Fault.OVERLOADED): say_json(
        {"error": "Request failed during generation: oom", "error_type": "generation"}, 424),
    ("tgi", Fault.TOO_LONG): say_json(
        {"error": "Input validation error: `inputs` must have less than 1024 tokens. Given: 5000",
         "error_type": "validation"}, 422),
    ("ollama", Fault.OVERLOADED): say_json(
        {"error": "server busy, please try again.  maximum pending requests exceeded"}, 503),
    ("ollama", Fault.NOT_FOUND): say_json({"error": 'model "m" not found, try pulling it first'}, 404),
    ("ollama", Fault.TOO_LONG): say_json({"error": "the input length exceeds the context length"}, 400),
}  # fmt: skip


@pytest.mark.parametrize(("engine", "fault"), list(ERRORS))
def test_an_error_is_understood_and_quoted(engine: str, fault: Fault) -> None:
    with open_chat(engine, ERRORS[engine, fault]) as (chat, server), pytest.raises(ChatError) as caught:
        chat.chat(QUESTION, cancelled=never)
    assert caught.value.fault is fault
    assert caught.value.said
    passing = fault in {Fault.OVERLOADED, Fault.RATE_LIMITED}
    assert len(server.asked) == (2 if passing else 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_has_loaded_its_model_meanwhile_answers(engine: str) -> None:
    with open_chat(engine, say_json({"error": "Loading model"}, 503), STREAMS[engine]("stop")) as (chat, _):
        assert chat.chat(QUESTION, cancelled=never).text == "It is two"


def test_an_error_in_the_stream_of_tgi_is_an_error() -> None:
    event = {"error": {"message": "Request failed during generation: CUDA out of memory", "http_status_code": 422}}
    with open_chat("tgi", say_events(event, done=False, space="")) as (chat, _), pytest.raises(ChatError) as caught:
        chat.chat(QUESTION, cancelled=never)
    assert "CUDA out of memory" in str(caught.value)


def test_tgi_that_does_not_read_the_schema_is_asked_without_it() -> None:
    said = "Failed to deserialize the JSON body into the target type: response_format: missing field `value` at line 1"
    refusal = Said((said.encode(),), 422, "text/plain; charset=utf-8")
    request = ChatRequest(QUESTION.messages, schema=AnswerSchema("answer", {"type": "object"}))
    with open_chat("tgi", refusal, say_tgi("stop")) as (chat, server):
        assert chat.chat(request, cancelled=never).text == "It is two"
        assert ["response_format" in body for _, body in server.asked] == [True, False]
