"""The choice of the role that answers a request: by `@role`, by rules about what is asked of what, by a model.

The rules look at the form of the request (an error message, a few words that go on with the last answer), not at words
of one language. Start at `choose_role`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field, create_model

from agents.ports.sessions import EntryKind
from agents.team.permissions.modes import Mode
from agents.team.role_files import ROUTER
from models import structured_answers
from models.chat import ChatRequest, Message, Speaker
from models.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.ports.sessions import Entry
    from agents.team.role_files import Role, Roles
    from models.chat import ChatModel

_NAMED = re.compile(r"\A\s*@([A-Za-z][A-Za-z0-9_-]*)(?![A-Za-z0-9_(/]|\.\w)[:,]?\s*")  # no decorator, no npm scope
ERROR_FORM = re.compile(
    r"Traceback \(most recent call last\)|^[^\S\n]*File \".*\", line \d+|"
    r"(?<![A-Za-z0-9_])[A-Z]\w*(?:Error|Exception)\s*[:：]|^(?:Uncaught )?Error: \S|"  # noqa: RUF001 (Chinese colon)
    r"^[^\S\n]*at (?:.+\(.+:\d+(?::\d+)?\)|\S+:\d+:\d+$)|^Exception in thread \"|^Caused by: |"
    r"\bpanicked at\b|^panic: |^goroutine \d+ \[|^error\[[A-Z]\d+\]: |^[^\S\n]*--> \S+:\d+:\d+|"
    r"\bSegmentation fault\b|^\S+:\d+(?::\d+)?: (?:fatal )?error: |^\S+\.go:\d+:\d+: |\bundefined reference to `|"
    r"AddressSanitizer: |\bAssertion [`'].+' failed|"
    r"^error: \S|^(?:FAILED|FAIL|--- FAIL:)\s+\S+|\bexit (?:code|status) [1-9]",
    re.MULTILINE,
)
"""Forms of the messages that programs, compilers and test runners write when something fails."""

_LONGEST = 4000
"""Characters of a request that a model reads to choose a role."""


_LAST = 600
"""Characters of the end of the last answer that this model reads, too."""

MOST_WORDS = 2
"""Words of a follow-up on an answer that asks nothing."""

MOST_LETTERS_OF_THREE = 7
"""Letters of three words ("yes do it") that are a follow-up on such an answer, too."""

MOST_WORDS_OF_REPLY = 5
"""Words of a reply to a question at the end of the last answer."""

_LONGEST_FOLLOW_UP = 60
_END = 300
"""Characters at the end of an answer in which a question may stand."""

_LEAST_SUBJECT = 4
"""Letters of a word that may be a subject, and of its stem."""

_PLAIN = re.compile(r"(?:[^\W\d_]|[\s,.!;:…'’，。！、—-])+")  # noqa: RUF001 (Chinese punctuation)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")  # noqa: RUF001 (an apostrophe)
_CODE = re.compile(r"[^\W\d_][.:][^\W\d_]|[a-z][A-Z]")
_ASKED = re.compile(r"[?？؟]")  # noqa: RUF001 (Chinese and Arabic question marks)
_WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """The last answer of a conversation, with which a request like "yes, do it" goes on: its role, and its text."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice of a role.

    Attributes:
        role: the role.
        why: why, in a few words for the person.
        request: the request without `@role`.
    """

    role: Role
    why: str
    request: str


def choose_role(  # noqa: PLR0913 (each is a part of the question)
    request: str,
    roles: Roles,
    *,
    current: str = "",
    last: LastAnswer | None = None,
    chat: ChatModel | None,
    fallback: str = ROUTER,
    cancelled: Callable[[], bool],
) -> Choice:
    """Return the role that answers `request`; blocks while a model is asked.

    Args:
        request: what the person said.
        roles: all roles.
        current: name of the role that the session was given, "" for none.
        last: the last answer of the session; None before the first one.
        chat: a model that chooses where no rule does; None for none.
        fallback: name of the role that answers where nothing else decides.
        cancelled: returns whether the request was cancelled.

    Raises:
        ValueError: the person named a role that does not exist; the message says which there are.
    """
    if named := _NAMED.match(request):
        role = roles.get(named[1].replace("-", "_"))
        if role is None:
            known = ", ".join(f"@{name}" for name in roles.by_name)
            raise ValueError(f"There is no role @{named[1]}; there are: {known}.")
        return Choice(role, "you named it", request[named.end() :] or request)
    if current and (role := roles.get(current)) is not None:
        return Choice(role, "it is the session's role", request)
    if ERROR_FORM.search(request) and (role := roles.get("debug")) is not None:
        return Choice(role, "the request has an error message", request)
    previous = roles.get(last.role) if chat is not None and last is not None else None
    goes_on = previous is not None and last is not None and is_follow_up(request, last.text, roles.by_name)
    if not goes_on and chat is not None and (role := _ask_model(request, last, roles, chat, cancelled)) is not None:
        return Choice(role, f"{chat.name} chose it by its description", request)
    if previous is not None:
        why = "it answered last, and the request goes on with that" if goes_on else "it answered last"
        return Choice(previous, why, request)
    return Choice(roles.by_name[fallback], "nothing says who else", request)


def is_follow_up(request: str, answer: str, roles: Iterable[str]) -> bool:
    """Return whether `request` only goes on with the last `answer`, and names no subject of its own.

    A question, code, a number, a word like the name of one of the `roles`, and a word of the answer are subjects; in a
    reply to a question at the end of the answer, its words are none.
    """
    text = request.strip()
    if len(text) > _LONGEST_FOLLOW_UP or not _PLAIN.fullmatch(text) or _CODE.search(text):
        return False
    words = [one.casefold() for one in _WORD.findall(text)]
    stems = {part[:_LEAST_SUBJECT] for name in roles for part in name.split("_") if len(part) >= _LEAST_SUBJECT}
    long_words = [one for one in words if len(one) >= _LEAST_SUBJECT]
    if not words or any(one[:_LEAST_SUBJECT] in stems for one in long_words):
        return False
    count = sum(map(_count_words, words))
    if _ASKED.search(answer[-_END:]):
        return count <= MOST_WORDS_OF_REPLY
    if not set(long_words).isdisjoint(one.casefold() for one in _WORD.findall(answer)):
        return False
    return count <= MOST_WORDS or (count == MOST_WORDS + 1 and sum(map(len, words)) <= MOST_LETTERS_OF_THREE)


def _count_words(word: str) -> int:
    """Return 1, or about the number of words in a `word` of a script that puts no spaces between them."""
    return (len(word) + 1) // 2 if _WITHOUT_SPACES.search(word) else 1


def _ask_model(
    request: str, last: LastAnswer | None, roles: Roles, chat: ChatModel, cancelled: Callable[[], bool]
) -> Role | None:
    """Return the role that the model chooses; None if it names none or does not answer."""
    listed = "\n".join(f"- {role.name}: {role.description}" for role in roles.by_name.values())
    form = create_model("Chosen", role=(str, Field(description="Name of the role, as listed.")), __base__=BaseModel)
    messages = (
        Message(
            Speaker.SYSTEM,
            f"Choose who of a team of agents answers a request. The roles:\n{listed}\n"
            "Choose the one whose description fits best; the orchestrator only for requests that need several roles."
            f"{_describe_last_answer(last)}",
        ),
        Message(Speaker.USER, request[:_LONGEST]),
    )
    try:
        answer = structured_answers.ask_structured(
            chat, ChatRequest(messages, max_tokens=50), form, cancelled=cancelled
        )
    except ModelError:
        return None
    named = str(getattr(answer.value, "role", "")).strip().lstrip("@")
    return roles.get(re.sub(r"[\s-]+", "_", named))


def choose_fallback(*, is_led: bool, mode: Mode) -> str:
    """Return the name of the role that answers where nothing decides.

    A led model neither chooses among roles nor delegates, so it is `coder`, or `ask` in plan mode.
    """
    if not is_led:
        return ROUTER
    return "ask" if mode is Mode.PLAN else "coder"


def find_last_answer(entries: Sequence[Entry]) -> LastAnswer | None:
    """Return the last answer of an agent among the `entries` of a session; None if there is none."""
    agents = (one for one in reversed(entries) if one.kind is EntryKind.AGENT and one.text.strip())
    return next((LastAnswer(one.by, one.text) for one in agents), None)


def _describe_last_answer(last: LastAnswer | None) -> str:
    """Return what a model is told about the conversation so far; "" before the first answer."""
    if last is None or not last.text.strip():
        return ""
    return (
        f"\nThe role {last.role} answered last; its answer ends so:\n{last.text.strip()[-_LAST:]}\n"
        f"Choose {last.role} again if the request goes on with this, as a yes or a short addition does."
    )
