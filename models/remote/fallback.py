"""A chain of chat models: the first that answers, so that one endpoint's bad day is not a person's.

Who is left alone after failures is decided by each endpoint's own circuit breaker (`models.remote.circuit`): a resting
one says so at once and the next is asked. A request moves on only as long as nothing of an answer was shown. Start at
`FallbackChain.chat`.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.chat import ChatError, Fault, Reply, ReplyEnd, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.chat import ChatModel, ChatRequest

logger = logging.getLogger(__name__)

AGAIN_S = 600.0  # a person is told of the same change no oftener
ENDING = "The chat model was switched off; ask again."


@dataclass(frozen=True, slots=True)
class Link:
    """One of a chain.

    Attributes:
        chat: the model.
        place: where it is, for people: an address, or "this machine".
    """

    chat: ChatModel
    place: str

    @property
    def title(self) -> str:
        """Model and place."""
        return f"{self.chat.name} at {self.place}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a link does.

    Attributes:
        model: its name.
        place: where it is.
        answered: how many requests it answered, kept answers included.
        last: whether it gave the last answer.
        problem: why it did not answer when it was last asked, "" when it did.
    """

    model: str
    place: str
    answered: int
    last: bool
    problem: str


class FallbackChain:
    """Implements `models.chat.ChatModel` over several. Thread-safe."""

    def __init__(self, links: Sequence[Link], *, clock: Callable[[], float] = time.monotonic) -> None:
        """The chain of `links`, at least one; the first is the one a person wants."""
        self.links = tuple(links)
        self._clock = clock
        self._lock = threading.Lock()
        self._last = 0  # the link that answered last
        self._answered = [0] * len(self.links)
        self._problems = [""] * len(self.links)
        self._told: dict[tuple[int, int], float] = {}  # by change: when a person was told
        self._listen: Callable[[str], None] = lambda _: None
        self._closed = False

    def listen(self, told: Callable[[str], None]) -> None:
        """Have `told` called with one sentence when another link than before answers; on any thread."""
        self._listen = told

    @property
    def name(self) -> str:
        """The model that answered last; before any answer, the first."""
        return self.links[self._last].chat.name

    @property
    def context_tokens(self) -> int:
        """The window of the model that answered last; a smaller one further on is passed over for what is too long."""
        return self.links[self._last].chat.context_tokens

    def count_tokens(self, text: str) -> int:
        """By the model that counts the most: whoever answers, it fits."""
        return max(link.chat.count_tokens(text) for link in self.links)

    def standings(self) -> tuple[Standing, ...]:
        """How each link does, in order."""
        with self._lock:
            last = self._last if any(self._answered) else -1
            counted = zip(self.links, self._answered, self._problems, strict=True)
            return tuple(
                Standing(link.chat.name, link.place, answered, place == last, problem)
                for place, (link, answered, problem) in enumerate(counted)
            )

    def chat(
        self,
        request: ChatRequest,
        *,
        cancelled: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Ask one after the other; the bill is that of all of them.

        Raises:
            ChatError: none answered; the sentence says why of each, the fault is the first one's.
        """
        shown = False

        def hear(piece: str) -> None:
            nonlocal shown
            shown = True
            assert on_text is not None  # noqa: S101 (given only then)
            on_text(piece)

        failures: list[ChatError] = []
        usage = Usage()
        for place, link in enumerate(self.links):
            try:
                self._check(link, request, first=place == 0)
                reply = link.chat.chat(request, cancelled=cancelled, on_text=None if on_text is None else hear)
            except ChatError as error:
                usage += error.usage
                failures.append(error)
                self._note_failure(place, error)
                if shown or error.fault is Fault.CLOSED:
                    raise _with(error, usage) from None
                if cancelled():  # nobody wants the next one's answer
                    return Reply("", ReplyEnd.CANCELLED, usage=usage)
            else:
                self._note_answer(place, failures, reply)
                return replace(reply, usage=usage + reply.usage)
        raise self._none(failures, usage)

    def close(self) -> None:
        """Close all."""
        self._closed = True
        for link in self.links:
            link.chat.close()

    def _check(self, link: Link, request: ChatRequest, *, first: bool) -> None:
        """Whether the request fits a further link's window; the first one's own endpoint says so itself."""
        if self._closed:
            raise ChatError(ENDING, Fault.CLOSED)
        if first:
            return
        asked = sum(link.chat.count_tokens(message.text) for message in request.messages)
        if asked + request.max_tokens > link.chat.context_tokens:
            raise ChatError(
                f"The conversation is too long for {link.title}, which takes {link.chat.context_tokens:,} tokens.",
                Fault.TOO_LONG,
            )

    def _note_failure(self, place: int, error: ChatError) -> None:
        with self._lock:
            self._problems[place] = str(error)

    def _note_answer(self, place: int, failures: Sequence[ChatError], reply: Reply) -> None:
        """Keep who answered; tell a person when it is another than before, and further down."""
        if reply.end is ReplyEnd.CANCELLED:
            return
        with self._lock:
            before, self._last = self._last, place
            self._answered[place] += 1
            if not reply.cached:
                self._problems[place] = ""
            now, change = self._clock(), (before, place)
            quiet = place <= before or now - self._told.get(change, now - 2 * AGAIN_S) < AGAIN_S
            if not quiet:
                self._told[change] = now
        if place == before:
            return
        logger.info("chat answered by another", extra={"from": self.links[before].title, "to": self.links[place].title})
        if not quiet:
            self._listen(f"{self.links[place].title} answers instead of {self.links[0].chat.name}. {failures[0]}")

    def _none(self, failures: Sequence[ChatError], usage: Usage) -> ChatError:
        first = failures[0]
        if len(failures) == 1:
            return _with(first, usage)
        error = ChatError(
            f"None of the {len(failures)} chat models answered. " + " ".join(dict.fromkeys(map(str, failures))),
            first.fault,
            retry_s=min((one.retry_s for one in failures if one.retry_s is not None), default=None),
            partial=max((one.partial for one in failures), key=len),
            usage=usage,
        )
        error.said = first.said
        return error


def _with(error: ChatError, usage: Usage) -> ChatError:
    """The error with the bill of all."""
    told = ChatError(str(error), error.fault, retry_s=error.retry_s, partial=error.partial, usage=usage)
    told.said = error.said
    return told
