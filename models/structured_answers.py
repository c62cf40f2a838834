"""Answers that match a pydantic model: the request carries its JSON schema, the answer is validated.

An invalid answer is sent back once, with the reasons why it is invalid. Start at `ask_structured`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from models.chat import AnswerSchema, ChatError, Fault, Message, ReplyEnd, Speaker, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.chat import ChatModel, ChatRequest, Reply

Form = TypeVar("Form", bound=BaseModel)

MOST_PROBLEMS = 5
_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)  # reasoning that some models write before the answer


@dataclass(frozen=True, slots=True)
class Structured(Generic[Form]):
    """A validated answer.

    Attributes:
        value: the answer; None only if the caller cancelled.
        usage: tokens and requests of all attempts.
    """

    value: Form | None
    usage: Usage


def ask_structured(
    chat: ChatModel, request: ChatRequest, form: type[Form], *, cancelled: Callable[[], bool]
) -> Structured[Form]:
    """Ask `chat` for an answer that matches the pydantic model `form`, and once more if it does not; blocks.

    The schema is also added to the system message, for endpoints that ignore schemas. The value is None once
    `cancelled` returns true.

    Raises:
        ChatError: as for `chat`; WRONG_FORM if the second answer is invalid too.
    """
    request = _add_schema(request, form)
    usage, problem = Usage(), ""
    for last in (False, True):
        reply = chat.chat(request, cancelled=cancelled)
        usage += reply.usage
        if reply.end is ReplyEnd.CANCELLED:
            return Structured(None, usage)
        try:
            return Structured(form.model_validate_json(_extract_json(reply.text)), usage)
        except ValidationError as error:
            problem = _describe_problem(error, reply)
        if not last:
            request = _request_correction(request, reply, problem)
    raise ChatError(
        f"{chat.name} did not answer in the form it was asked for ({problem}); try again, or choose a model that "
        "knows JSON schemas.",
        Fault.WRONG_FORM,
        partial=reply.text,
        usage=usage,
    )


def _add_schema(request: ChatRequest, form: type[BaseModel]) -> ChatRequest:
    """Return `request` with the JSON schema of `form`, as a field and in the system message."""
    schema = form.model_json_schema()
    words = f"Answer with one JSON object of this schema and nothing else:\n{json.dumps(schema)}"
    first, *rest = request.messages
    if first.speaker is Speaker.SYSTEM:
        messages = (replace(first, text=f"{first.text}\n\n{words}"), *rest)
    else:
        messages = (Message(Speaker.SYSTEM, words), *request.messages)
    return replace(request, messages=messages, schema=AnswerSchema(form.__name__, schema))


def _request_correction(request: ChatRequest, reply: Reply, problem: str) -> ChatRequest:
    """Return `request` followed by the invalid `reply` and a message that asks for a correction of `problem`."""
    correction = f"That does not fit the schema: {problem}. Answer again with the whole JSON object and nothing else."
    said = reply.text or "(nothing)"  # some endpoints take no empty message
    return replace(
        request,
        messages=(*request.messages, Message(Speaker.ASSISTANT, said), Message(Speaker.USER, correction)),
    )


def _extract_json(text: str) -> str:
    """Return the JSON object in an answer, without reasoning, code fence or words around it.

    Returns the answer without its reasoning if there is no object in it.
    """
    text = drop_reasoning(text)
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def drop_reasoning(text: str) -> str:
    """Return an answer without the reasoning that some models write before it."""
    return _THINKING.sub("", text)


def _describe_problem(error: ValidationError, reply: Reply) -> str:
    """Return why the answer is invalid, for the model; without the invalid values."""
    if reply.end is ReplyEnd.LENGTH:
        return "it was cut off at the token budget; be shorter"
    return describe_problems(error)


def describe_problems(error: ValidationError) -> str:
    """Return at most `MOST_PROBLEMS` reasons why a value is invalid, for the model; without the invalid values."""
    wrong = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in wrong[:MOST_PROBLEMS])
