"""Completion at somebody else's server, over real HTTP: as OpenAI's API has it and as Ollama's own."""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import replace
from operator import mul
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from models.completion import FillRequest, Generation, StopReason
from models.errors import ModelError
from models.remote.completion import openai_completions
from models.remote.completion.discovery import OLLAMA, OLLAMA_WINDOW, USUAL_WINDOW, connect_to_server, make_entry
from models.remote.http import HttpClient
from models.scripted.scripted_server import ScriptedServer
from tests.models import bundled

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST = FillRequest("a.py", "x = ", "\n")
OWNERS = ["somebody", OLLAMA]
KNOWN = "qwen2.5-coder-0.5b"


def connect_and_generate(
    server: ScriptedServer,
    request: FillRequest = REQUEST,
    *,
    known: str = "",
    alternatives: int = 1,
    stop: Callable[[str], int | None] = bundled.to_the_end,
) -> tuple[Generation, ...]:
    entry = make_entry(known or "scripted")
    with closing(connect_to_server(entry, server.url, None, named=False, known=lambda _: entry)) as model:
        return model.generate(request, stop=stop, cancelled=bundled.never, alternatives=alternatives)


@pytest.mark.parametrize("owner", OWNERS)
def test_what_a_server_says_comes_with_its_probabilities(owner: str) -> None:
    with ScriptedServer("===\nmade(1)", owner=owner) as server:
        (answer,) = connect_and_generate(server)
    assert (answer.text, answer.stop) == ("made(1)", StopReason.END)
    assert answer.log_probs == pytest.approx([math.log(0.5)] * 4)


@pytest.mark.parametrize("owner", OWNERS)
def test_alternatives_begin_with_the_next_likeliest_tokens(owner: str) -> None:
    with ScriptedServer("=== x =.\n.other\n===\nmade(1)", owner=owner) as server:
        answers = connect_and_generate(server, FillRequest("a.py", "x =", "\n"), alternatives=2)
        prompts = [sent["prompt"] for sent in server.requests]
    assert [answer.text for answer in answers] == ["made(1)", "..other"]
    assert answers[1].log_probs[0] == pytest.approx(math.log(0.25))
    assert [prompt[-4:] for prompt in prompts] == ["x =", "x =."]


@pytest.mark.parametrize("owner", OWNERS)
def test_spaces_before_the_cursor_are_left_for_the_model_to_say(owner: str) -> None:
    with ScriptedServer("===\n made(1)", owner=owner) as server:
        (answer,) = connect_and_generate(server)
        assert [sent["prompt"] for sent in server.requests] == ["x ="]
    assert answer.text == "made(1)"


@pytest.mark.parametrize("owner", OWNERS)
def test_where_it_says_something_else_it_is_asked_with_them(owner: str) -> None:
    with ScriptedServer("===\nmade(1)", owner=owner) as server:
        (answer,) = connect_and_generate(server)
        assert [sent["prompt"] for sent in server.requests] == ["x =", "x = "]
    assert answer.text == "made(1)"


@pytest.mark.parametrize("owner", OWNERS)
def test_indentation_stays_where_it_is(owner: str) -> None:
    with ScriptedServer("===\nmade(1)", owner=owner) as server:
        connect_and_generate(server, FillRequest("a.py", "def f():\n    ", "\n"))
        assert [sent["prompt"] for sent in server.requests] == ["def f():\n    "]


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize(
    ("known", "prompt"),
    [
        (KNOWN, "<|fim_prefix|>x =<|fim_suffix|>\ny<|fim_middle|>"),
        ("starcoder2-3b", "<file_sep>pkg/a.py\n<fim_prefix>x =<fim_suffix>\ny<fim_middle>"),
    ],
)
def test_a_model_that_is_known_gets_its_own_markers_and_the_path_if_it_wants_it(
    owner: str, known: str, prompt: str
) -> None:
    with ScriptedServer("===\nmade(1)", owner=owner) as server:
        connect_and_generate(server, FillRequest("pkg/a.py", "x =", "\ny"), known=known)
        (sent,) = server.requests
    assert sent["prompt"] == prompt
    assert "suffix" not in sent


def test_ollama_is_told_the_window_and_not_to_lay_out_what_is_laid_out() -> None:
    with ScriptedServer("===\nmade(1)", owner=OLLAMA) as server:
        connect_and_generate(server, known=KNOWN)
        connect_and_generate(server)
        raw, plain = server.requests[0], server.requests[-1]
    assert raw["raw"] is True
    assert raw["options"] == {
        "temperature": 0, "num_predict": REQUEST.max_tokens, "num_ctx": OLLAMA_WINDOW, "stop": ["<|endoftext|>"],
    }  # fmt: skip
    assert ("raw" in plain, plain["suffix"]) == (False, "\n")


@pytest.mark.parametrize(
    ("owner", "said"), [("somebody", "suffix is not currently supported"), (OLLAMA, "scripted does not support insert")]
)
def test_a_server_that_takes_no_suffix_says_so_in_a_sentence(owner: str, said: str) -> None:
    with (
        ScriptedServer(f"===\n@status 400\n{said}", owner=owner) as server,
        pytest.raises(ModelError, match="takes no suffix, and the markers of scripted are not known"),
    ):
        connect_and_generate(server)


@pytest.mark.parametrize("owner", OWNERS)
def test_a_stop_rule_closes_the_connection(owner: str) -> None:
    with ScriptedServer("===\n@token-time 0.01\n" + "word " * 1000, owner=owner) as server:
        (answer,) = connect_and_generate(server, stop=lambda text: 4 if len(text) > 4 else None)
    assert (answer.text, answer.stop) == ("word", StopReason.STOPPED)


def test_probabilities_are_read_as_llama_cpps_server_writes_them() -> None:
    told: list[Any] = []
    reader = openai_completions.Reader(lambda piece: told.append(json.loads(piece)))
    top = [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}]
    content = [{"id": 7, "token": "a", "logprob": -0.5, "top_logprobs": top}]
    reader.feed({"choices": [{"text": "a", "logprobs": {"content": content}, "finish_reason": None}]})
    reader.feed({"choices": [{"text": "", "logprobs": None, "finish_reason": "stop"}]})
    reader.close(broken=False)
    assert told == ["begin", {"ranking": [["a", -0.5], ["b", -1.5]]}, ["a", -0.5]]
    assert reader.ended


def test_the_scripted_server_makes_vectors_too() -> None:
    with ScriptedServer("===\n") as server:
        content = json.dumps({"input": ["read a file", "a file is read", "entirely different"]}).encode()
        with urlopen(Request(f"{server.url}/v1/embeddings", content)) as answer:  # noqa: S310 (our own, on loopback)
            first, second, third = (one["embedding"] for one in json.load(answer)["data"])
    assert math.hypot(*first) == pytest.approx(1)
    assert sum(map(mul, first, second)) > 0.8
    assert sum(map(mul, first, third)) < 0.3


@pytest.mark.parametrize(
    ("layout", "wanted"),
    [
        ("psm", "<fim_prefix>before<fim_suffix>after<fim_middle>"),
        ("spm", "<fim_prefix><fim_suffix>after<fim_middle>before"),
        ("suffix_first", "<fim_suffix>after<fim_prefix>before<fim_middle>"),
    ],
)
def test_a_server_that_takes_plain_prompts_gets_the_order_the_model_was_taught(layout: str, wanted: str) -> None:
    entry = bundled.entry()
    entry = replace(entry, fim=replace(entry.fim, layouts=(layout,)))
    assert openai_completions._join_parts("", "", "before", "after", entry) == wanted


@pytest.mark.parametrize("answer", [{"data": 5}, {"data": ["scripted"]}, {"data": [{}, None]}, ["scripted"]])
def test_a_list_of_models_in_another_form_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(HttpClient, "call", lambda *_, **__: answer)
    with pytest.raises(ModelError, match=r"/v1/models lists no model .*; see whether `model.host` is right"):
        connect_to_server(make_entry("scripted"), "http://127.0.0.1:9", None, named=True)


@pytest.mark.parametrize(
    ("name", "chosen"), [("b/coder", "b/coder"), ("c/coder", "a/coder"), ("Coder:latest", "a/coder")]
)
def test_a_model_of_just_the_name_comes_before_one_of_another_owner(
    monkeypatch: pytest.MonkeyPatch, name: str, chosen: str
) -> None:
    monkeypatch.setattr(HttpClient, "call", lambda *_, **__: {"data": [{"id": "a/coder"}, {"id": "b/coder"}]})
    with closing(connect_to_server(make_entry(name), "http://127.0.0.1:9", None, named=True)) as model:
        assert model.entry.name == chosen


def test_a_context_window_that_is_no_number_counts_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {"id": "scripted", "owned_by": None, "max_model_len": "many", "meta": [1]}
    monkeypatch.setattr(HttpClient, "call", lambda *_, **__: {"data": [listed]})
    with closing(connect_to_server(make_entry("scripted"), "http://127.0.0.1:9", None, named=True)) as model:
        assert model.entry.context_tokens == USUAL_WINDOW
