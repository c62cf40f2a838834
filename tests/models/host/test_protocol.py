"""Requests and scores survive the connection unchanged; malformed requests are refused with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from models.completion import FillRequest, RankedToken, Score, Snippet
from models.host.protocol import CompletionRequest, InvalidRequestError, PlacementSettings, format_score, read_score

REQUEST = FillRequest("pkg/a.py", "def f(", "\n\nx = 1\n", (Snippet("b.py", "y = 2\n", stable=False),), 17)


@pytest.mark.parametrize(
    "form",
    [
        CompletionRequest("m", REQUEST, stream=True, log_probs=True),
        CompletionRequest("m", REQUEST, score=("one", "", "two")),
        CompletionRequest(
            "m", REQUEST, ranked=4, first=RankedToken(7, -0.5), placing=PlacementSettings("cpu", "int8", 2)
        ),
        CompletionRequest("m", FillRequest("", "", "")),
        CompletionRequest("m", FillRequest("", "x", "", budget_ms=500.0)),
    ],
)
def test_a_request_arrives_as_it_was_sent(form: CompletionRequest) -> None:
    assert CompletionRequest.read(form.make_body()) == form


def test_a_score_arrives_as_it_was_sent() -> None:
    score = Score("text", (-0.25, -1e-9), (2, 4))
    assert read_score("text", format_score(score)) == score


def test_another_programs_plain_request_is_one_too() -> None:
    form = CompletionRequest.read({"model": "m", "prompt": "x = ", "stop": "\n", "temperature": 1, "suffix": None})
    assert form == CompletionRequest("m", FillRequest("", "x = ", "", max_tokens=16), stops=("\n",))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"model": "m"}, "prompt is missing"),
        ({"model": 1, "prompt": ""}, "model is missing or not a str"),
        ({"prompt": ["a"]}, "prompt is missing or not a str"),
        ({"prompt": "", "max_tokens": 0}, "max_tokens is a whole number from 1"),
        ({"prompt": "", "max_tokens": True}, "max_tokens is a whole number"),
        ({"prompt": "", "n": 2}, "n must be 1"),
        ({"prompt": "", "echo": True}, "echo is not known"),
        ({"prompt": "", "stop": [""]}, "stop is a text"),
        ({"prompt": "", "stream": "yes"}, "stream is missing or not a bool"),
        ({"prompt": "", "starling": []}, "starling is missing or not a dict"),
        ({"prompt": "", "starling": {"snippets": [1]}}, "snippets are objects"),
        ({"prompt": "", "starling": {"snippets": [{}]}}, "text is missing"),
        ({"prompt": "", "starling": {"score": [1]}}, "score is a list of texts"),
        ({"prompt": "", "starling": {"score": ["x"] * 300}}, "there may be 256"),
        ({"prompt": "", "starling": {"first": [1]}}, "first is a token's number"),
        ({"prompt": "", "starling": {"placement": {"device": "tpu"}}}, "device is one of auto, cpu, cuda"),
    ],
)
def test_what_is_no_request_is_told_why(body: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        CompletionRequest.read(body)
