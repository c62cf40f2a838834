"""Endpoints that answer nonsense: each is one sentence, soon, and never a trace, a lost bill or a full memory."""

from __future__ import annotations

import gzip
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from models.chat import ChatError, ChatRequest, Fault, Message, Reply, Speaker, never
from models.completion import FillRequest, Generation
from models.errors import ModelError
from models.host.connection import FixedConnection
from models.remote.completion.dialects import PlainDialect
from models.remote.completion.discovery import make_entry
from models.remote.completion.openai_completions import LONGEST
from models.remote.completion.remote_completion import RemoteModel
from models.remote.endpoint import Endpoint
from models.remote.events import LONGEST_ANSWER
from models.remote.exchange import Patience
from models.remote.http import HttpClient, HttpOptions
from models.remote.lenient_json import MOST_TOKENS
from models.remote.providers.dialect import LONGEST_NAME
from models.remote.providers.remote_chat import RemoteChat
from models.remote.refusals import LONGEST_REST_S, read_retry_after_s

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

QUESTION = ChatRequest((Message(Speaker.USER, "1 + 1?"),))
QUICK = Patience(attempts=1, first_token_s=30, idle_s=30, total_s=60)
ANSWER = {"choices": [{"delta": {"content": "two"}, "finish_reason": "stop"}]}


def events(*values: object) -> list[bytes]:
    return [b"data: " + json.dumps(value).encode() + b"\n\n" for value in values] + [b"data: [DONE]\n\n"]


@contextmanager
def answering(pieces: Sequence[bytes], *, pause_s: float = 0.0, **headers: str) -> Iterator[str]:
    """Yield the address of a server that answers every request with `pieces`."""

    class Nonsense(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            for name, value in {"content_type": "text/event-stream", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            try:
                for piece in pieces:
                    self.wfile.write(piece)
                    over.wait(pause_s)
            except OSError:  # who has enough closes
                pass

        def log_message(self, *_: object) -> None:
            pass

    over = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Nonsense) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


def ask(url: str, dialect: str = "openai") -> Reply:
    client = HttpClient(HttpOptions())
    chat = RemoteChat("m", Endpoint(url, client, patience=QUICK), client, dialect=dialect)
    try:
        return chat.chat(QUESTION, cancelled=never)
    finally:
        chat.close()


def complete(url: str) -> tuple[Generation, ...]:
    client = HttpClient(HttpOptions())
    entry = make_entry("m")
    model = RemoteModel(
        entry, FixedConnection(Endpoint(url, client, patience=QUICK), client), PlainDialect(entry, markers=False)
    )
    try:
        return model.generate(FillRequest("a.py", "x = ", "\n"), stop=lambda _: None, cancelled=never, alternatives=2)
    finally:
        model.close()


CALL = {"index": 0, "function": {"name": "f", "arguments": "[" * 100_000}}
NONSENSE: dict[str, list[Any]] = {
    "a call without an end": [{"choices": [{"delta": {"tool_calls": [CALL]}, "finish_reason": "tool_calls"}]}],
    "tool calls without order": [
        {"choices": [{"delta": {"tool_calls": [{"index": place}]}, "finish_reason": "stop"}]} for place in (0, "first")
    ],
}


@pytest.mark.parametrize("name", NONSENSE)
def test_what_is_no_answer_is_one_sentence(name: str) -> None:
    pieces = events(*NONSENSE[name])
    for sent in (pieces, pieces[:-1]):  # with its end mark, and without
        with answering(sent) as url, pytest.raises(ChatError) as caught:
            ask(url)
        assert caught.value.fault is Fault.MALFORMED


def test_brackets_without_an_end_are_one_sentence() -> None:
    with answering([b"data: " + b"[" * 500_000 + b"\n"]) as url, pytest.raises(ChatError, match="not JSON"):
        ask(url)


@pytest.mark.parametrize("figure", ["many", None, float("inf"), float("nan"), [], {}, True])
def test_a_bill_that_is_none_costs_no_answer(figure: object) -> None:
    for usage in (figure, {"prompt_tokens": figure, "completion_tokens": figure}):
        with answering(events({**ANSWER, "usage": usage})) as url:
            reply = ask(url)
        assert (reply.text, reply.usage.estimated) == ("two", True)


@pytest.mark.parametrize("figure", [-(10**30), 10**30, -1.5e300])
def test_a_bill_beyond_all_measure_costs_no_answer(figure: float) -> None:
    usage = {"prompt_tokens": figure, "completion_tokens": figure}
    with answering(events({**ANSWER, "usage": usage, "model": {"not": "a name"}})) as url:
        reply = ask(url)
    assert (reply.text, reply.model) == ("two", "m")
    billed = (reply.usage.prompt_tokens, reply.usage.answer_tokens, reply.usage.estimated)
    assert billed == ((MOST_TOKENS, MOST_TOKENS, False) if figure > 0 else (3, 2, True))


def test_the_name_of_a_model_has_an_end() -> None:
    with answering(events({**ANSWER, "model": "m" * 100_000})) as url:
        assert ask(url).model == "m" * LONGEST_NAME


def test_an_answer_packed_twice_is_not_unpacked() -> None:
    packed = gzip.compress(gzip.compress(bytes(1 << 28), 9), 9)
    with (
        answering([packed], content_encoding="gzip, gzip") as url,
        pytest.raises(ChatError, match="compressed") as caught,
    ):
        ask(url)
    assert caught.value.fault is Fault.MALFORMED


def test_an_answer_packed_once_is_read() -> None:
    with answering([gzip.compress(b"".join(events(ANSWER)))], content_encoding="gzip") as url:
        assert ask(url).text == "two"


def test_an_answer_packed_once_has_an_end_all_the_same() -> None:
    packed = gzip.compress(bytes(8 * LONGEST_ANSWER))
    with answering([packed], content_encoding="gzip") as url, pytest.raises(ChatError, match="more than an answer"):
        ask(url)


def test_what_comes_behind_the_end_holds_nobody_up() -> None:
    with answering(events(ANSWER) + [b"data: {}\n\n"] * 1200, pause_s=0.05) as url:
        begun = time.monotonic()
        assert ask(url).text == "two"
    assert time.monotonic() - begun < 45  # of the 60 s that it goes on for


def test_an_answer_that_comes_byte_by_byte_is_read() -> None:
    whole = json.dumps({"choices": [{"message": {"content": "two"}, "finish_reason": "stop"}]}).encode()
    with answering([bytes([byte]) for byte in whole], content_type="application/json") as url:
        assert ask(url).text == "two"
    with answering([bytes([byte]) for byte in b"".join(events(ANSWER))]) as url:
        assert ask(url).text == "two"


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("7", 7.0),
        ("-7", 0.0),
        ("nan", None),
        ("inf", None),
        ("1e300", LONGEST_REST_S),
        ("soon", None),
        ("Mon, 01 Jan 2020 00:00:00 GMT", 0.0),
        ("Mon, 01 Jan 9999 00:00:00 GMT", LONGEST_REST_S),
        ("Mon, 01 Jan 2020 00:00:00 +99999999999999", None),
    ],
)
def test_a_rest_that_is_asked_for_is_sensible(said: str, wait_s: float | None) -> None:
    assert read_retry_after_s({"retry-after": said}) == wait_s


def make_event(text: str, log_prob: object) -> dict[str, Any]:
    content = [{"token": text, "logprob": log_prob, "top_logprobs": [{"token": text, "logprob": log_prob}] * 2}]
    return {"choices": [{"text": text, "logprobs": {"content": content}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("log_prob", [float("nan"), 10**400, "likely", [1]])
def test_a_probability_that_is_none_is_one_sentence(log_prob: object) -> None:
    with answering(events(make_event("1", log_prob))) as url, pytest.raises(ModelError) as caught:
        complete(url)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("log_prob", "kept"), [(3.5, 0.0), (1e-7, 0.0), (float("-inf"), float("-inf")), (-2, -2.0)])
def test_no_probability_is_above_one(log_prob: float, kept: float) -> None:
    with answering(events(make_event("1", log_prob))) as url:
        assert complete(url)[0].log_probs == (kept,)


def test_a_continuation_without_an_end_is_left() -> None:
    piece = {"choices": [{"text": "x" * 1000}]}
    with answering(events(*[piece] * (2 * LONGEST // 1000))) as url, pytest.raises(ModelError):
        complete(url)
