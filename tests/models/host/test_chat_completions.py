"""Requests for chat completions: what is no request is refused with a sentence, whatever it holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models.host.chat_completions import ChatCompletionRequest
from models.host.protocol import InvalidRequestError


def make_request(arguments: str) -> dict[str, Any]:
    """Return a request whose history has a call with these arguments."""
    call = {"id": "1", "function": {"name": "read_file", "arguments": arguments}}
    return {
        "model": "any",
        "messages": [
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": None, "tool_calls": [call]},
        ],
    }


@pytest.mark.parametrize("arguments", ["[" * 100_000, "[1]", "3", '"text"', "{", "null"])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    with pytest.raises(InvalidRequestError, match="not a chat completion request"):
        ChatCompletionRequest.read(make_request(arguments))


def test_arguments_are_read() -> None:
    request = ChatCompletionRequest.read(make_request(json.dumps({"path": "a.py"})))
    assert request.request.messages[1].calls[0].arguments == {"path": "a.py"}
    assert ChatCompletionRequest.read(make_request("")).request.messages[1].calls[0].arguments == {}
