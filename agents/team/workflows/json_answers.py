"""Answers of agents that are one JSON object: repaired, validated, asked for once more. Start at `ask_for_record`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ValidationError

from agents.team import transcript
from agents.team.events import TurnStatus
from models.chat import Message, Speaker
from models.structured_answers import describe_problems, drop_reasoning

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agents.team.events import TurnEnded

LONGEST_READ = 40_000
"""Characters of an answer that are read."""

Record = TypeVar("Record", bound=BaseModel)


def cut_to(most: int, *, needed: bool = False) -> BeforeValidator:
    """Return a validator for a model's text: hides secrets, writes it on one line, cuts it to `most` characters.

    None becomes ""; with `needed` an empty text is an error.
    """

    def clean(value: object) -> object:
        if value is not None and not isinstance(value, str):
            return value
        text = " ".join(transcript.hide_secrets(value or "").split())[:most]
        if needed and not text:
            raise ValueError("it is empty")
        return text

    return BeforeValidator(clean)


@dataclass(frozen=True, slots=True)
class RecordAnswer(Generic[Record]):
    """The answer of an agent that was asked for a record.

    Attributes:
        record: the record; None if the agent gave none.
        problem: why there is none, a sentence; "" if there is one.
        status: how the agent's last turn ended.
    """

    record: Record | None
    problem: str = ""
    status: TurnStatus = TurnStatus.DONE


async def ask_for_record(
    prompt: str, form: type[Record], run: Callable[[list[Message]], Awaitable[TurnEnded]]
) -> RecordAnswer[Record]:
    """Have an agent answer with a record; if the answer holds none, ask once more and say what is wrong with it.

    Returns no record, but why, after two such answers, or once a turn does not end as DONE (with its status).

    Args:
        prompt: the task, with a description of the JSON object.
        form: the pydantic model of the record.
        run: runs one turn of the agent with these messages.
    """
    messages, problem = [Message(Speaker.USER, prompt)], ""
    for _ in range(2):
        ended = await run(list(messages))
        if ended.status is not TurnStatus.DONE:
            return RecordAnswer(None, ended.text, ended.status)
        try:
            return RecordAnswer(parse_record(ended.text, form))
        except ValueError as error:
            problem = str(error)
        correction = f"[The program: that is not the JSON object that was asked for: {problem}. Answer with it alone.]"
        messages += [Message(Speaker.ASSISTANT, ended.text[:LONGEST_READ]), Message(Speaker.USER, correction)]
    return RecordAnswer(None, f"It answered twice without the JSON object that was asked for: {problem}.")


def parse_record(text: str, form: type[Record]) -> Record:
    """Return the record in the answer `text`, whose JSON is repaired if needed.

    Raises:
        ValueError: there is no such object; the message says what is wrong with it.
    """
    found = _load_object(drop_reasoning(text[:LONGEST_READ]))
    if found is None:
        raise ValueError("there is no JSON object in it")
    try:
        return form.model_validate(found)
    except ValidationError as error:
        raise ValueError(describe_problems(error)) from None


def _load_object(text: str) -> dict[str, Any] | None:
    """Return the first JSON object in `text`, repaired if needed; None if there is none."""
    if "{" not in text:
        return None
    text = text[text.index("{") :]
    try:
        found, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        import json_repair  # noqa: PLC0415 (only for broken answers)

        try:
            found = json_repair.loads(text)
        except (ValueError, RecursionError):
            return None
    if isinstance(found, list):  # the repair found several values
        found = next((one for one in found if isinstance(one, dict)), None)
    return found if isinstance(found, dict) else None
