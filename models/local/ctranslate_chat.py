"""The chat model that runs on CTranslate2, with prompts in the format of the catalog entry's `[chat]`.

A local network knows neither tools nor schemas by itself. With tools, it is led to a call
(`models.local.calls.led_calls`). An answer by schema begins with the opening brace of the JSON object and ends with its
closing brace. Weights are loaded by `models.local.loading`. Start at `CTranslateChat.chat`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault, Reply, ReplyEnd, Speaker, Usage
from models.fim import Prompt
from models.local.calls.call_format import ANSWER_TOOL, describe_tools, format_call
from models.local.calls.led_calls import Call, LedAnswer
from models.local.engine import FAILURES
from models.local.newest_first_lock import NewestFirstLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.catalog.catalog import ChatFormat, ModelEntry
    from models.chat import ChatRequest, Message
    from models.local.engine import Engine
    from models.local.greedy_decoding import Step
    from models.tokenizer import Tokenizer

SCHEMA = "Answer with one JSON object and nothing else. It has to fit this JSON schema:\n{schema}"

Part = tuple[str, bool]  # text of the prompt, and whether markers in it become tokens


class CTranslateChat:
    """A `models.chat.ChatModel` on CTranslate2 in this process. Thread-safe; one call computes at a time."""

    def __init__(self, entry: ModelEntry, tokenizer: Tokenizer, engine: Engine, problems: tuple[str, ...] = ()) -> None:
        if entry.chat is None:
            raise ChatError(f"The model {entry.name} does not chat; choose another one.", Fault.REFUSED)
        self.entry = entry
        self.problems = problems
        self._format: ChatFormat = entry.chat
        self._tokenizer = tokenizer
        self._engine = engine
        self._turns = NewestFirstLock()
        self._closing = False

    @property
    def name(self) -> str:
        """Name of the model in the catalog."""
        return self.entry.name

    @property
    def context_tokens(self) -> int:
        """Most tokens of conversation and answer together."""
        return self.entry.context_tokens

    def count_tokens(self, text: str) -> int:
        """Return the number of the model's tokens in `text`."""
        return self._tokenizer.count(text)

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Answer `request`; see `models.chat.ChatModel.chat`."""
        if request.tools:
            return self._answer_with_tools(request, cancelled, on_text)
        prompt = self._make_prompt(request)
        answer = _Answer(self._tokenizer, request, lambda: self._closing or cancelled(), on_text)
        with self._turns.take(answer.is_cancelled) as granted:
            if granted:
                self._decode(prompt, request, answer)
        if self._closing:
            raise ChatError("The chat model was unloaded; ask again.", Fault.CLOSED, partial=answer.text)
        usage = Usage(len(prompt.tokens), len(answer.numbers), requests=1)
        if answer.is_cancelled():
            return Reply(answer.text, ReplyEnd.CANCELLED, usage=usage, model=self.name)
        spent = len(answer.numbers) >= prompt.max_tokens and not answer.complete
        return Reply(answer.text, ReplyEnd.LENGTH if spent else ReplyEnd.END, (), usage, self.name)

    def close(self) -> None:
        """Release the weights, after a running call has ended at its next token, with a ChatError."""
        self._closing = True
        with self._turns.take(lambda: False):
            self._engine.close()

    def _answer_with_tools(
        self, request: ChatRequest, cancelled: Callable[[], bool], on_text: Callable[[str], None] | None
    ) -> Reply:
        """Answer a request that offers tools: in words, or with one valid call.

        Raises:
            ChatError: the model was closed or cannot compute.
        """

        def is_cancelled() -> bool:
            return self._closing or cancelled()

        temperature = self._choose_temperature(request)
        call = Call(self._engine, self._tokenizer, self._make_prompt, temperature, is_cancelled, on_text)
        with self._turns.take(is_cancelled) as granted:
            reply = Reply("", ReplyEnd.CANCELLED, model=self.name)
            if granted:
                try:
                    reply = LedAnswer(call, request).decode(self.name)
                except FAILURES as error:
                    if not self._closing:
                        raise self._explain_failure(error) from error
        if self._closing:
            raise ChatError("The chat model was unloaded; ask again.", Fault.CLOSED, partial=reply.text)
        return reply

    def _decode(self, prompt: Prompt, request: ChatRequest, answer: _Answer) -> None:
        """Decode the tokens that follow `prompt` and add them to `answer`.

        Raises:
            ChatError: the model cannot compute; not if it is being closed.
        """
        try:
            self._engine.sample(prompt, answer.take, temperature=self._choose_temperature(request))
        except FAILURES as error:
            if self._closing:
                return
            raise self._explain_failure(error, answer.text) from error

    def _choose_temperature(self, request: ChatRequest) -> float:
        """Return the request's temperature, else the catalog entry's."""
        settings = self.entry.settings.get("chat")
        usual = settings.temperature if settings is not None else 0.0
        return usual if request.temperature is None else request.temperature

    def _explain_failure(self, error: Exception, partial: str = "") -> ChatError:
        """Return the error for a failure of the engine, with the text that had arrived."""
        return ChatError(
            f"The model {self.name} failed while computing ({error}); choose another model if it happens again.",
            Fault.OVERLOADED,
            partial=partial,
        )

    def _make_prompt(self, request: ChatRequest) -> Prompt:
        """Return the conversation as a prompt in the model's own format.

        Raises:
            ChatError: it does not fit the model's window.
        """
        parts = list(self._format_parts(request))
        tokens = self._tokenizer.encode_parts(parts)
        room = self.context_tokens - len(tokens)
        if room < 1:
            raise ChatError(
                f"The conversation has {len(tokens)} tokens, {self.name} takes {self.context_tokens}; ask with less.",
                Fault.TOO_LONG,
            )
        settled = 0  # the instructions, which the next request probably shares
        if self._format.system:
            settled = len(self._tokenizer.encode_parts(parts[: 4 if self._format.begin else 3]))
        return Prompt(tokens, settled, min(request.max_tokens, room))

    def _format_parts(self, request: ChatRequest) -> Iterator[Part]:
        """Yield the parts of the prompt: the instructions, each message, and the opening of the answer."""
        form, instructions = self._format, _join_instructions(request)
        if form.begin:
            yield form.begin, True
        if instructions and form.system:
            yield from _fill_turn(form.system, instructions)
            instructions = ""
        for message in request.messages:
            if message.speaker is Speaker.SYSTEM:
                continue
            text = _format_message(message)
            if instructions and message.speaker is Speaker.USER:
                text, instructions = f"{instructions}\n\n{text}", ""
            yield from _fill_turn(form.assistant if message.speaker is Speaker.ASSISTANT else form.user, text)
        yield form.opening, True
        if request.schema is not None and not request.tools:
            yield "{", False


class _Answer:
    """An answer whose tokens arrive one by one."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        request: ChatRequest,
        is_cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None,
    ) -> None:
        self.is_cancelled = is_cancelled
        self.numbers: list[int] = []
        self.complete = False  # whether the JSON object of an answer by schema has ended
        self._object = request.schema is not None
        self.text = "{" if self._object else ""
        self._opening = self.text
        self._tokenizer = tokenizer
        self._on_text = on_text
        self._emitted = 0

    def take(self, step: Step) -> bool:
        """Add a token and pass on its text; return whether to stop, because the answer is complete or cancelled."""
        if self.is_cancelled():
            return True
        self.numbers.append(step.token.number)
        self.text = self._opening + self._tokenizer.decode(self.numbers)
        if self._object and "}" in step.token.text:
            self.complete = self._cut_after_object()
        self._pass_on_text()
        return self.complete

    def _cut_after_object(self) -> bool:
        """Return whether the JSON object is complete; if so, cut off the text after it."""
        try:
            _, end = json.JSONDecoder().raw_decode(self.text)
        except (ValueError, RecursionError):
            return False
        self.text = self.text[:end]
        return True

    def _pass_on_text(self) -> None:
        """Pass new text to `on_text`."""
        if self._on_text is not None and len(self.text) > self._emitted:
            self._on_text(self.text[self._emitted :])
            self._emitted = len(self.text)


def _join_instructions(request: ChatRequest) -> str:
    """Return the instructions of the prompt: the system messages, the tools, and the schema of the answer."""
    said = [message.text for message in request.messages if message.speaker is Speaker.SYSTEM]
    if request.tools:
        said.append(describe_tools([*request.tools, ANSWER_TOOL]))
    if request.schema is not None:
        said.append(SCHEMA.format(schema=json.dumps(request.schema.schema)))
    return "\n\n".join(filter(None, said))


def _format_message(message: Message) -> str:
    """Return a message's text, with tool calls and results in the tags that the model was trained on."""
    if message.speaker is Speaker.TOOL:
        return f"<tool_response>\n{message.text}\n</tool_response>"
    calls = map(format_call, message.calls)
    return "\n".join(filter(None, (message.text, *calls)))


def _fill_turn(template: str, text: str) -> Iterator[Part]:
    """Yield the parts of a turn: `template` with `text` inserted, whose markers stay plain characters."""
    before, _, after = template.partition("{text}")
    yield before, True
    yield text, False
    yield after, True
