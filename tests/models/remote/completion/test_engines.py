"""Completion at llama.cpp, vLLM, TGI and Ollama, in the forms of their own sources (`tests.models.remote.engines`)."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from models.completion import FillRequest, Generation, Snippet, StopReason
from models.errors import ModelError
from models.remote.completion.discovery import connect_to_server, make_entry
from tests.models import bundled
from tests.models.remote.engines import Said, run_engine, say_events, say_json, say_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.models.remote.engines import Engine

REQUEST = FillRequest("a.py", "def add(a, b):\n    return", "\n\nprint(add(1, 2))\n")
KNOWN, UNKNOWN = "qwen2.5-coder-0.5b", "somebody/model"
FIM = "<|fim_prefix|>def add(a, b):\n    return<|fim_suffix|>\n\nprint(add(1, 2))\n<|fim_middle|>"


# how each engine lists its model, and streams " a +" of a known likelihood


def list_llama_cpp(name: str) -> dict[str, Said]:
    meta = {"vocab_type": 2, "n_vocab": 151936, "n_ctx": 2048, "n_ctx_train": 32768, "n_embd": 896}
    data = [{"id": name, "aliases": [name], "object": "model", "created": 1, "owned_by": "llamacpp", "meta": meta}]
    return {"/v1/models": say_json({"models": [{"name": name}], "object": "list", "data": data})}


def infill(*tokens: tuple[str, float], stop_type: str = "eos", **how: Any) -> Said:
    events: list[dict[str, Any]] = []
    for place, (text, log_prob) in enumerate(tokens):
        likely = [{"id": 1, "token": text, "bytes": [], "logprob": log_prob}, {"id": 2, "token": "?", "logprob": -3.5}]
        probabilities = [{"id": 1, "token": text, "bytes": [], "logprob": log_prob, "top_logprobs": likely}]
        events.append({"index": 0, "content": text, "tokens": [1], "stop": False, "id_slot": -1})
        events[-1] |= {"tokens_predicted": place + 1, "tokens_evaluated": 23, "completion_probabilities": probabilities}
    if not how.get("holds"):
        end = {"index": 0, "content": "", "tokens": [], "id_slot": 1, "stop": True, "model": "m", "truncated": False}
        end |= {"tokens_predicted": len(tokens), "tokens_evaluated": 23, "stop_type": stop_type, "stopping_word": ""}
        events.append({**end, "timings": {"cache_n": 5, "prompt_n": 18, "predicted_n": len(tokens)}})
    return say_events(*events, done=False, **how)


def list_vllm(name: str) -> dict[str, Said]:
    card = {"id": name, "object": "model", "created": 1, "owned_by": "vllm", "root": name, "max_model_len": 4096}
    return {"/v1/models": say_json({"object": "list", "data": [card]})}


def completions(*tokens: tuple[str, float], reason: str = "stop", **how: Any) -> Said:
    events: list[dict[str, Any]] = []
    for place, (text, log_prob) in enumerate(tokens):
        told = {"text_offset": [place], "token_logprobs": [log_prob], "tokens": [text]}
        told["top_logprobs"] = [{text: log_prob, "?": -3.5}]
        last = place == len(tokens) - 1 and not how.get("holds")
        choice = {"index": 0, "text": text, "logprobs": told, "finish_reason": reason if last else None}
        events.append({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]})
    if not how.get("holds"):
        usage = {"prompt_tokens": 23, "total_tokens": 25, "completion_tokens": 2}
        events.append({"id": "cmpl-1", "object": "text_completion", "model": "m", "choices": [], "usage": usage})
    return say_events(*events, done=not how.get("holds"), **how)


def list_tgi(name: str) -> dict[str, Said]:
    info = {"model_id": name, "max_concurrent_requests": 128, "max_input_tokens": 1024, "max_total_tokens": 2048}
    info |= {"router": "text-generation-router", "version": "3.3.6-dev0"}
    data = [{"id": name, "object": "model", "created": 0, "owned_by": name}]
    return {"/v1/models": say_json({"object": "list", "data": data}), "/info": say_json(info)}


def generate_stream(*tokens: tuple[str, float], reason: str = "eos_token", **how: Any) -> Said:
    events: list[dict[str, Any]] = []
    for place, (text, log_prob) in enumerate(tokens):
        token = {"id": 7, "text": text, "logprob": log_prob, "special": False}
        event = {"index": place + 1, "token": token, "generated_text": None, "details": None}
        events.append({**event, "top_tokens": [token, {"id": 8, "text": "?", "logprob": -3.5, "special": False}]})
    if not how.get("holds"):
        details = {"finish_reason": reason, "generated_tokens": 3, "seed": None, "input_length": 23}
        if reason == "length":
            events[-1] |= {"generated_text": "".join(text for text, _ in tokens), "details": details}
        else:
            token = {"id": 0, "text": "<|endoftext|>", "logprob": -0.5, "special": True}
            events.append({"index": 9, "token": token, "generated_text": " a +", "details": details})
    return say_events(*events, done=False, space="", **how)


def list_ollama(name: str) -> dict[str, Said]:
    return {
        "/v1/models": say_json({"object": "list", "data": [{"id": name, "object": "model", "owned_by": "library"}]})
    }


def generate(*tokens: tuple[str, float], reason: str = "stop", **how: Any) -> Said:
    events: list[dict[str, Any]] = []
    for text, log_prob in tokens:
        likely = [{"token": text, "logprob": log_prob}, {"token": "?", "logprob": -3.5}]
        told = [{"token": text, "logprob": log_prob, "bytes": [97], "top_logprobs": likely}]
        events.append({"model": "m", "created_at": "2026-12-01T00:00:00Z", "response": text, "done": False})
        events[-1]["logprobs"] = told
    if not how.get("holds"):
        end = {"model": "m", "response": "", "done": True, "done_reason": reason, "total_duration": 5}
        events.append({**end, "prompt_eval_count": 23, "eval_count": 2})
    return say_lines(*events, **how)


LISTS: dict[str, Callable[[str], dict[str, Said]]] = {
    "llama.cpp": list_llama_cpp, "vllm": list_vllm, "tgi": list_tgi, "ollama": list_ollama,
}  # fmt: skip
STREAMS: dict[str, Callable[..., Said]] = {
    "llama.cpp": infill, "vllm": completions, "tgi": generate_stream, "ollama": generate,
}  # fmt: skip
PATHS = {"llama.cpp": "/infill", "vllm": "/v1/completions", "tgi": "/generate_stream", "ollama": "/api/generate"}
ENGINES = tuple(LISTS)
# which engines lay out prefix and suffix themselves
NAMES = {"llama.cpp": UNKNOWN, "vllm": KNOWN, "tgi": KNOWN, "ollama": UNKNOWN}


def complete(
    engine: Engine,
    request: FillRequest = REQUEST,
    *,
    stop: Callable[[str], int | None] = bundled.to_the_end,
    alternatives: int = 1,
    cancelled: Callable[[], bool] = bundled.never,
) -> tuple[Generation, ...]:
    with closing(connect_to_server(make_entry(""), engine.url, None, named=False)) as model:
        return model.generate(request, stop=stop, cancelled=cancelled, alternatives=alternatives)


def respond(engine: str, *said: Said, name: str = "") -> Mapping[str, Said | list[Said]]:
    return {**LISTS[engine](name or NAMES[engine]), PATHS[engine]: list(said)}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_answer_has_text_probabilities_and_counts(engine: str) -> None:
    with run_engine(respond(engine, STREAMS[engine]((" a", -0.25), (" +", -0.5)))) as server:
        (answer,) = complete(server)
    assert (answer.text, answer.stop) == (" a +", StopReason.END)
    assert answer.log_probs == pytest.approx([-0.25, -0.5])
    assert answer.prompt_tokens == 23


@pytest.mark.parametrize("engine", ENGINES)
def test_an_answer_that_spent_its_tokens_says_so(engine: str) -> None:
    reason = {"stop_type": "limit"} if engine == "llama.cpp" else {"reason": "length"}
    with run_engine(respond(engine, STREAMS[engine]((" a", -0.25), (" +", -0.5), **reason))) as server:
        (answer,) = complete(server)
    assert (answer.text, answer.stop) == (" a +", StopReason.LENGTH)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stop_rule_closes_the_connection(engine: str) -> None:
    with run_engine(respond(engine, STREAMS[engine]((" a", -0.25), ("\n", -0.5), holds=True))) as server:
        (answer,) = complete(server, stop=lambda text: 2 if "\n" in text else None)
        assert server.hung_up.wait(5)
    assert answer.text == " a"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_suggestion_begins_with_the_next_likeliest_token(engine: str) -> None:
    first, second = STREAMS[engine]((" a", -0.25), (" +", -0.5)), STREAMS[engine](("b", -0.5))
    likely = json.dumps("?")
    pieces = tuple(piece.replace(likely.encode(), b'" c"').replace(b"-3.5", b"-1.5") for piece in first.body)
    first = Said(pieces, kind=first.kind)
    with run_engine(respond(engine, first, second)) as server:
        answers = complete(server, alternatives=2)
    assert [answer.text for answer in answers] == [" a +", " cb"]


BUSY: dict[str, Said] = {
    "llama.cpp": say_json({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503),
    "vllm": say_json(
        {"error": {"message": "engine is dead", "type": "InternalServerError", "param": None, "code": 503}}, 503),
    "tgi": say_json({"error": "Model is overloaded", "error_type": "overloaded"}, 429),
    "ollama": say_json({"error": "server busy, please try again.  maximum pending requests exceeded"}, 503),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_a_busy_or_loading_engine_is_asked_again(engine: str) -> None:
    with run_engine(respond(engine, BUSY[engine], STREAMS[engine]((" a", -0.25)))) as server:
        (answer,) = complete(server)
        assert len(server.asked) == 2
    assert answer.text == " a"


TOO_LONG: dict[str, Said] = {
    "vllm": say_json(
        {"error": {"message": "This model's maximum context length is 4096 tokens. However, you requested 64 output "
         "tokens and your prompt contains at least 4097 input tokens, for a total of at least 4161 tokens. Please "
         "reduce the length of the input prompt or the number of requested output tokens.",
         "type": "BadRequestError", "param": "input_tokens", "code": 400}}, 400),
    "tgi": say_json({"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 2040 "
                     "`inputs` tokens and 64 `max_new_tokens`", "error_type": "validation"}, 422),
    "ollama": say_json({"error": "the input length exceeds the context length"}, 400),
    "llama.cpp": say_json(
        {"error": {"code": 400, "message": "request (30000 tokens) exceeds the available context size (2048 tokens), "
         "try increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 30000, "n_ctx": 2048}}, 400),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_a_prompt_that_is_too_long_is_sent_again_shorter(engine: str) -> None:
    long = FillRequest("a.py", "x = 1\n" * 20_000, "\n")
    with run_engine(respond(engine, TOO_LONG[engine], STREAMS[engine]((" a", -0.25)))) as server:
        (answer,) = complete(server, long)
        sizes = [len(json.dumps(body)) for _, body in server.asked]
    assert answer.text == " a"
    assert sizes[1] < 0.75 * sizes[0]


def test_a_prompt_that_no_window_takes_ends_with_a_sentence() -> None:
    with run_engine(respond("vllm", TOO_LONG["vllm"])) as server:
        with pytest.raises(ModelError, match="maximum context length"):
            complete(server)
        assert 2 <= len(server.asked) < 10


MISSING: dict[str, Said] = {
    "vllm": say_json(
        {"error": {"message": "The model `m` does not exist.", "type": "NotFoundError", "code": 404}}, 404),
    "ollama": say_json({"error": "model 'm' not found"}, 404),
    "llama.cpp": say_json({"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}, 404),
    "tgi": say_json({"error": "Request failed during generation: no adapter", "error_type": "generation"}, 424),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_has_no_such_model_is_quoted(engine: str) -> None:
    said = json.loads(MISSING[engine].body[0])["error"]
    message = said if isinstance(said, str) else said["message"]
    with run_engine(respond(engine, MISSING[engine])) as server, pytest.raises(ModelError) as caught:
        complete(server)
    assert message in str(caught.value)


IN_STREAM: dict[str, tuple[object, ...]] = {
    "llama.cpp": ({"error": {"code": 500, "message": "Compute error.", "type": "server_error"}},),
    "vllm": (
        {"error": {"message": "Internal server error", "type": "InternalServerError", "param": None, "code": 500}},),
    "tgi": ({"error": "Request failed during generation: CUDA out of memory", "error_type": "generation"},),
    "ollama": ({"error": "an error was encountered while running the model: unexpected EOF"},),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_in_the_stream_is_no_code(engine: str) -> None:
    say = say_lines if engine == "ollama" else say_events
    with run_engine(respond(engine, say(*IN_STREAM[engine]))) as server, pytest.raises(ModelError):
        complete(server)


def test_llama_cpp_lays_out_prefix_suffix_and_other_files() -> None:
    request = FillRequest("a.py", "x = ", "\n", snippets=(Snippet("b.py", "y = 1\n"),))
    with run_engine(respond("llama.cpp", infill((" a", -0.25)))) as server:
        complete(server, request)
        ((path, body),) = server.asked
    assert path == "/infill"
    assert (body["input_prefix"], body["input_suffix"]) == ("x =", "\n")
    assert body["input_extra"] == [{"filename": "b.py", "text": "y = 1\n"}]
    assert (body["n_predict"], body["temperature"], body["n_probs"]) == (request.max_tokens, 0, 1)


def test_llama_cpp_gets_the_markers_of_a_known_model() -> None:
    responses = {**list_llama_cpp(KNOWN), "/v1/completions": completions((" a", -0.25))}
    with run_engine(responses) as server:
        complete(server)
        ((path, body),) = server.asked
    assert (path, body["prompt"]) == ("/v1/completions", FIM)


def test_llama_cpp_without_markers_in_its_model_says_so() -> None:
    message = "Infill is not supported by this model: prefix token is missing. suffix token is missing. "
    refusal = say_json({"error": {"code": 501, "message": message, "type": "not_supported_error"}}, 501)
    with (
        run_engine(respond("llama.cpp", refusal)) as server,
        pytest.raises(ModelError, match="has no markers for text after the cursor"),
    ):
        complete(server)


def test_an_engine_that_is_loading_lists_no_model() -> None:
    with (
        run_engine({"/v1/models": BUSY["llama.cpp"]}) as server,
        pytest.raises(ModelError, match="still loading its model"),
    ):
        complete(server)


def test_vllm_gets_the_markers_of_a_known_model_and_refuses_a_suffix() -> None:
    with run_engine(respond("vllm", completions((" a", -0.25)))) as server:
        complete(server)
        ((_, body),) = server.asked
    assert (body["prompt"], body["stream_options"], body["logprobs"]) == (FIM, {"include_usage": True}, 1)
    refusal = {"message": "suffix is not currently supported", "type": "BadRequestError", "param": None, "code": 400}
    with (
        run_engine(respond("vllm", say_json({"error": refusal}, 400), name=UNKNOWN)) as server,
        pytest.raises(ModelError, match="takes no suffix"),
    ):
        complete(server)


def test_tgi_gets_its_own_fields_and_the_window_of_its_settings() -> None:
    with run_engine(respond("tgi", generate_stream((" a", -0.25)))) as server:
        with closing(connect_to_server(make_entry(""), server.url, None, named=False)) as model:
            assert model.entry.context_tokens == 2048
        complete(server)
        ((path, body),) = server.asked
    assert (path, body["inputs"]) == ("/generate_stream", FIM)
    assert body["parameters"] == {
        "max_new_tokens": REQUEST.max_tokens, "do_sample": False, "details": True, "return_full_text": False,
        "stop": ["<|endoftext|>"], "top_n_tokens": 1,
    }  # fmt: skip


def test_tgi_without_known_markers_says_so_before_anything_is_sent() -> None:
    with run_engine(respond("tgi", generate_stream((" a", -0.25)), name=UNKNOWN)) as server:
        with pytest.raises(ModelError, match="takes no suffix"):
            complete(server)
        assert server.asked == []


def test_ollama_lays_out_prefix_and_suffix_within_a_stated_window() -> None:
    with run_engine(respond("ollama", generate((" a", -0.25)))) as server:
        complete(server)
        ((path, body),) = server.asked
    assert path == "/api/generate"
    assert (body["prompt"], body["suffix"]) == (REQUEST.prefix, REQUEST.suffix)
    assert body["options"]["num_ctx"] >= 4096
