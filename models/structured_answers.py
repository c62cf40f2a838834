"""Answers by schema: a pydantic model goes out as JSON schema, what comes back is validated by it.

An answer that does not fit is sent back once with what is wrong with it. Start at `ask`.
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

MOST_COMPLAINTS = 5
_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)  # some models think aloud before they answer


@dataclass(frozen=True, slots=True)
class Structured(Generic[Form]):
    """A validated answer.

    Attributes:
        value: the answer; None only when the caller gave up.
        usage: the bill of all it took.
    """

    value: Form | None
    usage: Usage


def ask(chat: ChatModel, request: ChatRequest, form: type[Form], *, cancelled: Callable[[], bool]) -> Structured[Form]:
    """Ask for an answer of the form `form`; blocks.

    The form is also described in words at the end of the system message, for endpoints that know no schemas.

    Raises:
        ChatError: as for `chat`, and WRONG_FORM when the second answer does not fit either.
    """
    request = _with_form(request, form)
    usage, complaint = Usage(), ""
    for last in (False, True):
        reply = chat.chat(request, cancelled=cancelled)
        usage += reply.usage
        if reply.end is ReplyEnd.CANCELLED:
            return Structured(None, usage)
        try:
            return Structured(form.model_validate_json(_json(reply.text)), usage)
        except ValidationError as error:
            complaint = _complaint(error, reply)
        if not last:
            request = _corrected(request, reply, complaint)
    raise ChatError(
        f"{chat.name} did not answer in the form it was asked for ({complaint}); try again, or choose a model that "
        "knows JSON schemas.",
        Fault.WRONG_FORM,
        partial=reply.text,
        usage=usage,
    )


def _with_form(request: ChatRequest, form: type[BaseModel]) -> ChatRequest:
    schema = form.model_json_schema()
    words = f"Answer with one JSON object of this schema and nothing else:\n{json.dumps(schema)}"
    first, *rest = request.messages
    if first.speaker is Speaker.SYSTEM:
        messages = (replace(first, text=f"{first.text}\n\n{words}"), *rest)
    else:
        messages = (Message(Speaker.SYSTEM, words), *request.messages)
    return replace(request, messages=messages, schema=AnswerSchema(form.__name__, schema))


def _corrected(request: ChatRequest, reply: Reply, complaint: str) -> ChatRequest:
    correction = f"That does not fit the schema: {complaint}. Answer again with the whole JSON object and nothing else."
    said = reply.text or "(nothing)"  # some endpoints take no empty message
    return replace(
        request,
        messages=(*request.messages, Message(Speaker.ASSISTANT, said), Message(Speaker.USER, correction)),
    )


def _json(text: str) -> str:
    """The JSON object in an answer: without thoughts before it, a fence round it, or words beside it."""
    text = _THINKING.sub("", text)
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _complaint(error: ValidationError, reply: Reply) -> str:
    """What is wrong, for the model; without the values, which it knows."""
    if reply.end is ReplyEnd.LENGTH:
        return "it was cut off at the token budget; be shorter"
    wrong = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in wrong[:MOST_COMPLAINTS])
