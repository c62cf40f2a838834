"""Requests that do not fit a local server's window are not sent; each kind of server is asked in its own way."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from models.chat import ChatError, ChatRequest, Fault, Message, Speaker, never
from models.remote.endpoint import Endpoint
from models.remote.exchange import Patience
from models.remote.http import HttpClient, HttpOptions
from models.remote.providers.registry import load_dialect
from models.remote.providers.remote_chat import RemoteChat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUICK = Patience(first_token_s=20, idle_s=20, total_s=30, attempts=1)
ANSWERS = {
    "/v1/chat/completions": {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]},
    "/api/chat": {"message": {"content": "yes"}, "done": True},
}
OPENAI, OLLAMA = "/v1/chat/completions", "/api/chat"
Told = dict[str, Any]


class Local:
    """A server that says of itself what `told` has for a path, and all that was asked of it."""

    def __init__(self, told: Told) -> None:
        self.asked: list[tuple[str, Told]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def _answer(self, body: Told) -> None:
                asked.append((self.path, body))
                answer = {**ANSWERS, **told}.get(self.path)
                answer = answer(body) if callable(answer) else answer
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(404 if answer is None else 200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def list_sent(self, path: str) -> list[Told]:
        return [body for asked, body in self.asked if asked == path]


@contextmanager
def model(told: Told, dialect: str, *, most: int = 16_384) -> Iterator[tuple[Local, RemoteChat]]:
    local = Local(told)
    client = HttpClient(HttpOptions())
    base = load_dialect(dialect).strip_url(
        f"http://127.0.0.1:{local.server.server_address[1]}" + "/v1" * (dialect == "openai")
    )
    chat = RemoteChat("m", Endpoint(base, client, patience=QUICK), client, dialect=dialect, context_tokens=most)
    try:
        yield local, chat
    finally:
        chat.close()
        local.server.shutdown()
        local.server.server_close()


def request(words: int, *, answer: int = 100) -> ChatRequest:
    """Return a request of about `words` tokens."""
    return ChatRequest((Message(Speaker.USER, "abc" * words),), max_tokens=answer)


def ask_too_much(chat: RemoteChat, asked: ChatRequest) -> str:
    with pytest.raises(ChatError) as caught:
        chat.chat(asked, cancelled=never)
    assert caught.value.fault is Fault.TOO_LONG
    return str(caught.value)


def make_counter(key: str) -> Callable[[Told], Told]:
    """Return a server's token counter, with ten characters a token."""
    return lambda body: {"count": len(body[key]) // 10, "tokens": [0] * (len(body[key]) // 10)}


LLAMA_CPP = {"/props": {"default_generation_settings": {"n_ctx": 4096}}}
LM_STUDIO = {"/api/v0/models": {"data": [{"id": "n"}, {"id": "m", "loaded_context_length": 4096}]}}
VLLM = {"/v1/models": {"data": [{"id": "m", "max_model_len": 4096}]}}
OLLAMA_AS_OPENAI = {
    "/v1/models": {"data": [{"id": "m", "owned_by": "library"}]},
    "/api/generate": {"done": True},
    "/api/ps": {"models": [{"name": "m", "context_length": 4096}]},
}


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        (LLAMA_CPP, "--ctx-size"),
        (LM_STUDIO, "load the model there with a larger window"),
        (VLLM, "--max-model-len"),
        (OLLAMA_AS_OPENAI, 'chat.api to "ollama"'),
    ],
    ids=["llama.cpp", "LM Studio", "vLLM", "Ollama behind OpenAI's paths"],
)
def test_what_is_longer_than_the_window_a_model_was_loaded_with_is_refused_and_not_sent(
    told: Told, advice: str
) -> None:
    with model(told, "openai") as (local, chat):
        assert chat.chat(request(3000), cancelled=never).text == "yes"
        assert chat.context_tokens == 4096
        said = ask_too_much(chat, request(5000))
        assert "4096" in said
        assert advice in said
        assert len(local.list_sent(OPENAI)) == 1


@pytest.mark.parametrize(
    "told",
    [{**LLAMA_CPP, "/tokenize": make_counter("content")}, {**VLLM, "/tokenize": make_counter("prompt")}],
    ids=["llama.cpp", "vLLM"],
)
def test_the_servers_own_tokenizer_has_the_last_word(told: Told) -> None:
    with model(told, "openai") as (local, chat):
        assert chat.chat(request(5000), cancelled=never).text == "yes"  # 15,000 characters: 1,500 tokens
        ask_too_much(chat, request(15_000))
        assert len(local.list_sent(OPENAI)) == 1


def test_ollama_is_asked_for_a_window_that_grows_in_steps_and_never_shrinks() -> None:
    with model({}, "ollama") as (local, chat):
        for words in (10, 3000, 5000, 10):
            chat.chat(request(words), cancelled=never)
        assert [sent["options"]["num_ctx"] for sent in local.list_sent(OLLAMA)] == [4096, 4096, 8192, 8192]
        assert "raise chat.contextTokens" in ask_too_much(chat, request(20_000))


def test_ollama_is_not_asked_for_more_than_a_model_was_trained_for() -> None:
    shown = {"/api/show": {"model_info": {"general.architecture": "llama", "llama.context_length": 4096}}}
    with model(shown, "ollama") as (local, chat):
        assert "choose another model" in ask_too_much(chat, request(5000))
        assert local.list_sent(OLLAMA) == []


def test_an_answer_is_no_longer_than_there_is_room_for() -> None:
    with model(LLAMA_CPP, "openai") as (local, chat):
        chat.chat(request(3000, answer=3000), cancelled=never)
        (sent,) = local.list_sent(OPENAI)
        assert 256 <= sent["max_tokens"] <= 4096 - 3000


def test_short_requests_are_sent_without_a_question() -> None:
    with model(LLAMA_CPP, "openai") as (local, chat):
        chat.chat(request(1000), cancelled=never)
        assert [path for path, _ in local.asked] == [OPENAI]


@pytest.mark.parametrize(
    "said",
    [None, [], 7, {"default_generation_settings": 7}, {"default_generation_settings": {"n_ctx": "many"}}, b"{" * 100],
    ids=repr,
)
def test_a_server_that_says_nothing_of_use_is_taken_at_a_persons_word(said: Any) -> None:
    with model({"/props": said, "/v1/models": said, "/api/v0/models": said}, "openai", most=4096) as (local, chat):
        assert chat.chat(request(3000), cancelled=never).text == "yes"
        assert "raise chat.contextTokens" in ask_too_much(chat, request(5000))
        assert len(local.list_sent(OPENAI)) == 1


def test_what_a_server_says_is_read_within_bounds() -> None:
    endless = b'{"default_generation_settings": {"n_ctx": 3000}, "more": "' + b" " * 5_000_000 + b'"}'
    with model({"/props": endless}, "openai") as (_, chat):
        assert chat.chat(request(4000), cancelled=never).text == "yes"
