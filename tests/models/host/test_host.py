"""The host over a real socket: OpenAI's API as any program uses it, and what it refuses."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from models.chat import Reply, ReplyEnd, ToolCall, Usage
from models.embedding import Embeddings
from models.host.loaded_models import Limits
from models.scripted.scripted_completion import ENTRY
from tests.models.host.serving import make_scripted

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.models.host.serving import Serving

    Serve = Callable[..., Serving]

ASKED = {"model": "scripted", "prompt": "x = ", "max_tokens": 50, "logprobs": 1}


def events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_a_completion_is_answered_as_openai_has_it(serve: Serve) -> None:
    answer = serve(make_scripted("one(two)")).ask("/v1/completions", ASKED).json()
    (choice,) = answer["choices"]
    assert answer["object"] == "text_completion"
    assert (choice["text"], choice["finish_reason"]) == ("one(two)", "stop")
    assert choice["logprobs"]["tokens"] == ["one", "(", "two", ")"]
    assert choice["logprobs"]["text_offset"] == [0, 3, 4, 7]
    assert choice["logprobs"]["token_logprobs"] == [-0.1] * 4
    assert answer["usage"]["completion_tokens"] == 4


def test_a_stream_brings_the_same_in_pieces(serve: Serve) -> None:
    told = events(serve(make_scripted("one(two)")).ask("/v1/completions", ASKED | {"stream": True}).text)
    choices = [choice for event in told for choice in event["choices"]]
    assert [choice["text"] for choice in choices] == ["one", "(", "two", ")", ""]
    assert [choice["finish_reason"] for choice in choices] == [None] * 4 + ["stop"]


def test_stop_texts_and_the_budget_end_an_answer(serve: Serve) -> None:
    serving = serve(make_scripted("one\ntwo\nthree"))
    stopped = serving.ask("/v1/completions", ASKED | {"stop": ["\ntwo"]}).json()["choices"][0]
    spent = serving.ask("/v1/completions", ASKED | {"max_tokens": 1}).json()["choices"][0]
    assert (stopped["text"], stopped["finish_reason"]) == ("one", "stop")
    assert (spent["text"], spent["finish_reason"]) == ("one", "length")


def test_who_hangs_up_ends_the_computing(serve: Serve) -> None:
    model = make_scripted("slow " * 1000, token_s=0.02)
    serving = serve(model)
    with (
        serving.client() as client,
        client.stream("POST", "/v1/completions", json=ASKED | {"stream": True}) as answer,
    ):
        next(answer.iter_lines())
    serving.until(lambda: all(loaded.turns.idle for loaded in serving.loaded_models))
    assert "starling_host_cancelled_total 1" in serving.ask("/metrics").text


def test_a_full_line_is_told_when_to_come_again(serve: Serve) -> None:
    serving = serve(make_scripted("slow " * 1000, token_s=0.05), limits=Limits(1 << 40, waiting=1))
    leave = threading.Event()

    def hold() -> None:
        with serving.client() as client, client.stream("POST", "/v1/completions", json=ASKED | {"stream": True}):
            leave.wait(30)

    holding, waiting = (threading.Thread(target=hold) for _ in range(2))
    holding.start()
    serving.until(lambda: any(not loaded.turns.idle for loaded in serving.loaded_models))
    waiting.start()
    serving.until(lambda: any(loaded.turns.waiting for loaded in serving.loaded_models))
    answer = serving.ask("/v1/completions", ASKED)
    leave.set()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"]["type"] == "busy"
    for loaded in serving.loaded_models:
        loaded.model.close()
    holding.join()
    waiting.join()


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/v1/completions", b"{", 400, "not a JSON object"),
        ("/v1/completions", [1], 400, "not a JSON object"),
        ("/v1/completions", {"model": "scripted"}, 400, "prompt is missing"),
        (
            "/v1/completions",
            {"model": "other", "prompt": ""},
            404,
            "no model 'other' for completion here; there are: s",
        ),
        ("/v1/chat/completions", {"model": "scripted", "messages": [{}]}, 400, "not a chat completion request"),
        ("/v1/chat/completions", {"model": "scripted", "messages": []}, 400, "There must be a message"),
        ("/v1/embeddings", {"model": "scripted", "input": 1}, 400, "input is a text"),
        ("/v1/starling/load", {"model": "other"}, 404, "no model 'other'"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(serve: Serve, path: str, body: object, status: int, said: str) -> None:
    answer = serve().ask(path, body)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]


def test_who_has_a_model_loaded_hears_what_measuring_took_and_nobody_else(serve: Serve) -> None:
    model = make_scripted()
    model.measuring_s = 1.5  # type: ignore[attr-defined]
    serving = serve(model)
    asked = [serving.ask("/v1/starling/load", {"model": "scripted"}).json().get("measuring_s") for _ in range(2)]
    assert asked == [1.5, None]
    client = serving.model()
    client.load()
    assert client.measuring_s is None


def test_another_version_gets_no_answer(serve: Serve) -> None:
    answer = serve().ask("/v1/completions", ASKED, **{"x-starling-protocol": "Starling 9, protocol 9"})
    assert answer.status_code == 409
    assert "not of Starling 9" in answer.json()["error"]["message"]


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}])
def test_behind_tcp_nobody_without_the_token_gets_an_answer(serve: Serve, given: dict[str, str]) -> None:
    serving = serve(token="right")
    assert serving.ask("/health", **given).status_code == 401
    assert serving.ask("/health", authorization="Bearer right").status_code == 200


def test_it_tells_how_it_is_and_what_it_has(serve: Serve) -> None:
    serving = serve()
    serving.ask("/v1/completions", ASKED)
    health = serving.ask("/health").json()
    assert [(model["name"], model["kind"]) for model in health["models"]] == [("scripted", "completion")]
    (listed,) = serving.ask("/v1/models").json()["data"]
    assert (listed["id"], listed["owned_by"], listed["loaded"]) == ("scripted", "starling", True)
    counted = serving.ask("/metrics").text
    assert 'starling_host_requests_total{path="/v1/completions",status="200"} 1' in counted
    assert 'starling_host_tokens_total{model="scripted"} 4' in counted


class Chatting:
    """A chat model that says what it heard, and then asks for a tool."""

    name = "talker"

    def chat(self, request: Any, *, cancelled: Any, on_text: Any) -> Reply:
        assert not cancelled()
        heard = request.messages[-1].text
        on_text("I heard ")
        on_text(heard)
        calls = (ToolCall("call_0", "look", {"at": 1}),) if request.tools else ()
        end = ReplyEnd.TOOLS if calls else ReplyEnd.END
        return Reply(f"I heard {heard}", end, calls, Usage(3, 2), self.name)

    def close(self) -> None:
        pass


def test_a_conversation_is_answered_as_openai_has_it(serve: Serve) -> None:
    serving = serve(talker=(replace(ENTRY, name="talker", roles=("chat",)), Chatting))
    parts = [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]
    asked = {"model": "talker", "messages": [{"role": "user", "content": parts}]}
    whole = serving.ask("/v1/chat/completions", asked).json()
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "I heard hi"}
    assert whole["usage"]["total_tokens"] == 5
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    told = events(serving.ask("/v1/chat/completions", asked | {"stream": True, "tools": tools}).text)
    deltas = [choice["delta"] for event in told for choice in event["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "I heard hi"
    assert deltas[-2]["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at": 1}'}
    assert told[-2]["choices"][0]["finish_reason"] == "tool_calls"


class PlacementSettings:
    """An embedder that places each text at its length."""

    def embed(self, texts: Any) -> Embeddings:
        return Embeddings(tuple((float(len(text)), 1.0) for text in texts), tokens=7)

    def close(self) -> None:
        pass


def test_texts_become_vectors_as_openai_has_it(serve: Serve) -> None:
    serving = serve(placer=(replace(ENTRY, name="placer", roles=("embedding",)), PlacementSettings))
    many = serving.ask("/v1/embeddings", {"model": "placer", "input": ["a", "bcd"]}).json()
    one = serving.ask("/v1/embeddings", {"model": "placer", "input": "ab"}).json()
    assert [(item["index"], item["embedding"]) for item in many["data"]] == [(0, [1.0, 1.0]), (1, [3.0, 1.0])]
    assert one["data"][0]["embedding"] == [2.0, 1.0]
    assert many["usage"]["total_tokens"] == 7


def test_a_model_for_one_thing_is_not_used_for_another(serve: Serve) -> None:
    answer = serve().ask("/v1/chat/completions", {"model": "scripted", "messages": [{"role": "user", "content": "x"}]})
    assert answer.status_code == 404
    assert "no model 'scripted' for chat here" in answer.json()["error"]["message"]
