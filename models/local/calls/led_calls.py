"""A local model that is led to a call: the name by scoring, the JSON opened, the rest decoded, repaired and checked.

A network on CTranslate2 has no tool calls of its own, and small ones get free text wrong. So each step is opened for
it: first the choice between an answer in words and the tools' names, of which the likeliest is taken; then the JSON
object of the arguments; then a fence for each long text (`models.local.calls.call_format`). Arguments that violate the
tool's schema are asked for once more, with the problems. Start at `LedAnswer.decode`.
"""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from models.chat import ChatError, Message, Reply, ReplyEnd, Speaker, ToolCall, Usage
from models.local.calls import argument_check, call_format
from models.local.calls.call_format import ANSWER, BEGIN, CallForm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from models.chat import ChatRequest, ToolSpec
    from models.fim import Prompt
    from models.local.engine import Engine
    from models.local.greedy_decoding import Step
    from models.tokenizer import Tokenizer

MOST_ARGUMENT_TOKENS = 512
"""Tokens of the JSON object of a call."""

SHORT_CONVERSATION = 200
"""Tokens behind the instructions that are quicker computed anew for each step than kept."""

CORRECTION = "This call of {name} is not valid: {problems}. Write it again."


class _Cancelled(Exception):  # noqa: N818 (no error)
    """The caller cancelled the request."""


class _Invalid(Exception):  # noqa: N818 (no error of the program)
    """The model wrote a call that cannot be used; the message is for the model and the person."""

    def __init__(self, problems: str, written: str) -> None:
        super().__init__(problems)
        self.written = written


@dataclass(frozen=True, slots=True)
class Call:
    """The circumstances of one answer: who decodes, what was asked, and who listens.

    Attributes:
        engine: decodes.
        tokenizer: the model's.
        make_prompt: returns the prompt of a request.
        temperature: of words and arguments.
        is_cancelled: whether the caller cancelled.
        on_text: takes the pieces of an answer in words; None for nobody.
    """

    engine: Engine
    tokenizer: Tokenizer
    make_prompt: Callable[[ChatRequest], Prompt]
    temperature: float
    is_cancelled: Callable[[], bool]
    on_text: Callable[[str], None] | None


class LedAnswer:
    """The answer to one request with tools. For one thread, which has the engine."""

    def __init__(self, call: Call, request: ChatRequest) -> None:
        self._call = call
        self._request = request
        self._tools = {tool.name: tool for tool in request.tools}
        self._words = ""
        self._spent = 0

    def decode(self, name: str) -> Reply:
        """Return the reply of the model `name`: words, or one call that fits its tool's schema.

        A call that is invalid even when asked for again is not returned; the text then says so.

        Raises:
            ChatError: the conversation does not fit the model's window.
            RuntimeError, ValueError, IndexError, MemoryError: the engine failed (`models.local.engine.FAILURES`).
        """
        prompt = self._call.make_prompt(self._request)
        calls: tuple[ToolCall, ...] = ()
        try:
            end = ReplyEnd.END
            chosen = self._choose_name(prompt, (ANSWER, *self._tools))
            if chosen == ANSWER:
                end = self._decode_words()
                chosen = self._choose_name(prompt, tuple(self._tools)) if end is ReplyEnd.TOOLS else ""
            if chosen:
                end, calls = self._make_call(prompt, self._tools[chosen])
        except _Cancelled:
            end = ReplyEnd.CANCELLED
        usage = Usage(len(prompt.tokens), self._spent, requests=1)
        return Reply(self._words, end, calls, usage, name)

    def _choose_name(self, prompt: Prompt, names: Sequence[str]) -> str:
        """Return the likeliest of `names` after the opening of a call.

        The search takes the likeliest beginning first, so that only beginnings that several names share are computed.

        Raises:
            _Cancelled: as for `_rank`.
        """
        before = self._encode(call_format.OPENING)
        spelled = {name: self._encode(f'{name}",') for name in names}
        waiting: list[tuple[float, tuple[str, ...]]] = [(0.0, ())]
        while True:
            cost, begun = heapq.heappop(waiting)
            left = {name: tokens for name, tokens in spelled.items() if tokens[: len(begun)] == begun}
            done = next((name for name, tokens in left.items() if tokens == begun), None)
            if done is not None:
                return done
            following = sorted({tokens[len(begun)] for tokens in left.values()})
            for token, log_prob in self._rank(prompt, (*before, *begun), following):
                heapq.heappush(waiting, (cost - log_prob, (*begun, token)))

    def _rank(self, prompt: Prompt, written: tuple[str, ...], following: Sequence[str]) -> list[tuple[str, float]]:
        """Return each of the tokens `following` with its log-probability after `written`, relative to `following`.

        Raises:
            _Cancelled: the caller cancelled, or the engine was closed.
        """
        if len(following) == 1:
            return [(following[0], 0.0)]
        if self._call.is_cancelled():
            raise _Cancelled
        by_id = {self._call.tokenizer.find_id(token): token for token in following}
        behind = replace(self._continue(prompt, written), max_tokens=1)
        _, ranking = self._call.engine.decode(
            behind, lambda _: True, ranked=len(by_id), steering=_OneOf(tuple(by_id), self._call.tokenizer)
        )
        if len(ranking) < len(by_id):  # the engine was closed meanwhile
            raise _Cancelled
        return [(by_id[number], log_prob) for number, log_prob in ranking]

    def _decode_words(self) -> ReplyEnd:
        """Decode an answer in words and pass it on; return TOOLS if a call follows (it is cut off), else END or LENGTH.

        The prompt names no tools, or small models write a call of the choice in place of an answer.
        """

        def stop(text: str) -> bool:
            words, mark, _ = text.partition(BEGIN)
            safe = words if mark else text[: len(text) - _count_partial_mark(text)]
            self._pass_on(safe)
            return bool(mark)

        prompt = self._call.make_prompt(replace(self._request, tools=(), schema=None))
        text, end = self._sample(prompt, (), prompt.max_tokens, stop)
        words, mark, _ = text.partition(BEGIN)
        self._pass_on(words)
        return ReplyEnd.TOOLS if mark else end

    def _pass_on(self, words: str) -> None:
        """Store the words so far and pass their new end on."""
        new = words[len(self._words) :]
        if new:
            self._words = words
            if self._call.on_text is not None:
                self._call.on_text(new)

    def _make_call(self, prompt: Prompt, tool: ToolSpec) -> tuple[ReplyEnd, tuple[ToolCall, ...]]:
        """Return TOOLS and a valid call of `tool`, asked for at most twice; else END, and the reason in the text."""
        problems = ""
        for last in (False, True):
            try:
                arguments = self._decode_arguments(prompt, tool, may_be_empty=last)
                return ReplyEnd.TOOLS, (ToolCall("call_0", tool.name, arguments),)
            except _Invalid as invalid:
                problems = str(invalid)
                if last:
                    break
                try:
                    prompt = self._call.make_prompt(self._make_correction(tool, invalid))
                except ChatError:  # no room in the window for a second attempt
                    break
        self._pass_on(
            f"{self._words}{' ' if self._words else ''}[No valid call of {tool.name} was written: {problems}.]"
        )
        return ReplyEnd.END, ()

    def _make_correction(self, tool: ToolSpec, invalid: _Invalid) -> ChatRequest:
        """Return the request followed by the invalid call and a message with its problems."""
        said = CORRECTION.format(name=tool.name, problems=invalid)
        messages = (Message(Speaker.ASSISTANT, invalid.written), Message(Speaker.USER, said))
        return replace(self._request, messages=(*self._request.messages, *messages))

    def _decode_arguments(self, prompt: Prompt, tool: ToolSpec, *, may_be_empty: bool) -> dict[str, Any]:
        """Decode the arguments of a call of `tool`: the JSON object, then each text after it.

        Raises:
            _Invalid: they violate the tool's schema, or were cut off; without `may_be_empty` also if all texts
                are empty. With it, each fence is opened with an empty first line, so that the model goes on.
        """
        form = CallForm.of(tool)
        head = f'{call_format.OPENING}{tool.name}", "arguments": '
        written, inline = self._decode_object(prompt, head, form.inline)
        whole = f"{head}{written}}}\n{call_format.END}"
        texts: dict[str, str] = {}
        begun = "\n" if may_be_empty else ""  # a model that left the fence empty is led past its first line
        for name in form.fenced:
            whole += f"\n{call_format.open_fence(name)}{begun}"
            text, end = self._sample(
                prompt,
                self._encode(whole),
                prompt.max_tokens - self._spent,
                lambda text: call_format.has_closed_fence(begun + text),
            )
            text = begun + text
            texts[name], closed = call_format.read_fence(text)
            if not closed and end is ReplyEnd.LENGTH:
                raise _Invalid(f"{name} was cut off at the token budget; be shorter", whole + text[:200])
            language = text.partition("\n")[0]
            whole += f"{language}\n".removeprefix(begun) + texts[name] + call_format.FENCE
        if texts and not any(texts.values()) and not may_be_empty:
            raise _Invalid(f"{' and '.join(texts)} is empty; write the text into the fence", whole)
        arguments = form.join(inline, texts)
        if problems := argument_check.find_problems(tool.parameters, arguments):
            raise _Invalid("; ".join(problems), whole)
        return arguments

    def _decode_object(self, prompt: Prompt, head: str, schema: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Decode the JSON object of the arguments after `head`; return it as written and as repaired.

        The first required argument is opened for the model. An object without any argument is not decoded.

        Raises:
            _Invalid: it is no JSON object, or was cut off.
        """
        properties = schema.get("properties") or {}
        if not properties and not schema.get("additionalProperties"):
            return "{}", {}
        first = next(iter(schema.get("required") or ()), "")
        opening = f'{{"{first}":' if first else "{"
        most = min(MOST_ARGUMENT_TOKENS, prompt.max_tokens - self._spent)
        text, end = self._sample(
            prompt, self._encode(head + opening), most, lambda text: _find_object_end(opening + text) > 0
        )
        written = opening + text
        if (complete := _find_object_end(written)) > 0:
            written = written[:complete]
        elif end is ReplyEnd.LENGTH:
            raise _Invalid("its arguments were cut off; be shorter", head + written[:200])
        elif not text.strip():  # a repair would invent empty ones
            raise _Invalid("its arguments are missing", head + written)
        found = _parse_object(written)
        if found is None:
            raise _Invalid("its arguments are no JSON object", head + written)
        return written, argument_check.repair_arguments(schema, found)

    def _sample(
        self, prompt: Prompt, written: tuple[str, ...], most: int, stop: Callable[[str], bool]
    ) -> tuple[str, ReplyEnd]:
        """Decode at most `most` tokens after `written` until `stop`, called with the text, returns true.

        Returns:
            The text, and LENGTH if it was cut off, else END.

        Raises:
            _Cancelled: the caller cancelled.
        """
        call, numbers = self._call, list[int]()
        text, stopped = "", False

        def take(step: Step) -> bool:
            nonlocal text, stopped
            if call.is_cancelled():
                return True
            numbers.append(step.token.number)
            text = call.tokenizer.decode(numbers)
            stopped = stop(text)
            return stopped

        if most < 1:
            return "", ReplyEnd.LENGTH
        behind = replace(self._continue(prompt, written), max_tokens=most)
        call.engine.sample(behind, take, temperature=call.temperature)
        self._spent += len(numbers)
        if call.is_cancelled():
            raise _Cancelled
        return text, ReplyEnd.LENGTH if len(numbers) >= most and not stopped else ReplyEnd.END

    def _continue(self, prompt: Prompt, written: tuple[str, ...]) -> Prompt:
        """Return `prompt` followed by `written`.

        The KV state of a long conversation is cached for the next step; of a short one, that of its instructions, which
        other conversations share.
        """
        before = len(prompt.tokens) - 1
        settled = before if before - prompt.settled > SHORT_CONVERSATION else prompt.settled
        return replace(prompt, tokens=(*prompt.tokens, *written), settled=settled)

    def _encode(self, text: str) -> tuple[str, ...]:
        """Return the tokens of text that is written for the model, whose marks become tokens."""
        return self._call.tokenizer.encode_parts([(text, True)])


@dataclass(frozen=True, slots=True)
class _OneOf:
    """The restriction of one token to some ids; a `models.local.greedy_decoding.Steering`."""

    ids: tuple[int, ...]
    tokenizer: Tokenizer

    def list_allowed(self) -> Sequence[int]:
        """Return the ids."""
        return self.ids

    def spell(self, number: int) -> str:
        """Return the token with the id `number`."""
        return self.tokenizer.find_token(number)


def _count_partial_mark(text: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of the tag that opens a call."""
    return next((size for size in range(len(BEGIN) - 1, 0, -1) if text.endswith(BEGIN[:size])), 0)


def _find_object_end(text: str) -> int:
    """Return the offset in `text` after the complete JSON object, else that of the tag ending a call; 0 for neither."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return max(0, text.find(call_format.END))
    return end


def _parse_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object in `text`, repaired if needed; None if there is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        import json_repair  # noqa: PLC0415 (only for broken arguments)

        try:
            found = json_repair.loads(text)
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None
